"""A training step of trimtab beside TRL's GRPOTrainer: the same prompts, shapes and trained numbers, in turns, on one machine.

    pip install -r benches/peers/requirements-trl.txt
    cargo build --release -p trimtab-benches --bin train_step
    python benches/peers/trl_step.py [--shapes nano small] [--rounds 3]

Both sides train one bias per layer on frozen float32 weights with 32 completions of 128 tokens in groups of 8: TRL as
`mlp.down_proj.bias`, with generation by transformers. No completion may stop early, rewards are fair coins, and each batch is used
once. The first step of a process is not counted. What each side needs beside its steps (loading, imports) is not counted either.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "examples/assets/nano"
PROMPTS, GROUP, NEW_TOKENS = 4, 8, 128


def make_small(folder: Path) -> None:
    """A random Qwen2-style model of width 192 with 6 layers and 6/2 heads, with the bundled tokenizer."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    vocab_size = json.loads((NANO / "config.json").read_text())["vocab_size"]
    config = Qwen2Config(
        vocab_size=vocab_size, hidden_size=192, intermediate_size=512, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(NANO / name, folder / name)


def peer(model: Path, steps: int, prompts: list[str]) -> dict:
    """Runs in a process of its own."""
    import random

    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(model / "tokenizer.json"), padding_side="left")
    first = tokenizer.convert_ids_to_tokens(0)
    tokenizer.pad_token = tokenizer.eos_token = first
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    loaded.requires_grad_(False)
    for layer in loaded.model.layers:
        layer.mlp.down_proj.bias = torch.nn.Parameter(torch.zeros(loaded.config.hidden_size))
    trained = sum(p.numel() for p in loaded.parameters() if p.requires_grad)
    assert trained == loaded.config.num_hidden_layers * loaded.config.hidden_size

    ends = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.perf_counter())

    coin = random.Random(0)
    lengths = []

    def reward(completions, completion_ids, **_):
        lengths.extend(len(ids) for ids in completion_ids)
        return [coin.choice([-1.0, 1.0]) for _ in completions]

    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            output_dir=out, use_cpu=True, bf16=False, fp16=False, report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True, per_device_train_batch_size=PROMPTS * GROUP, num_generations=GROUP, max_steps=steps + 1,
            max_completion_length=NEW_TOKENS, generation_kwargs={"min_new_tokens": NEW_TOKENS}, temperature=1.0, beta=0.0,
            loss_type="dapo", learning_rate=1e-3, lr_scheduler_type="constant", num_iterations=1, gradient_checkpointing=False,
            shuffle_dataset=False, dataloader_pin_memory=False,
        )  # fmt: skip
        data = Dataset.from_list([{"prompt": prompt} for prompt in prompts])
        trainer = GRPOTrainer(loaded, reward, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[Clock()])
        trainer.train()
    assert set(lengths) == {NEW_TOKENS}, set(lengths)
    return {
        "step_seconds": [after - before for before, after in zip(ends, ends[1:])],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def last_line(command: list[str], **options) -> dict:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=["nano", "small"], default=["nano", "small"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.peer, args.steps, json.load(sys.stdin))))
        return
    print(f"{'shape':>6} {'side':>8} {'s/step':>8} {'steps/min':>10} {'tokens/s':>9} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as small:
        make_small(Path(small))
        for shape in args.shapes:
            model = {"nano": NANO, "small": Path(small)}[shape]
            sizes = ["--prompts", str(PROMPTS), "--group", str(GROUP), "--new-tokens", str(NEW_TOKENS), "--steps", str(args.steps)]
            found = {"trimtab": [], "trl": []}
            for _ in range(args.rounds):
                ours = last_line([str(ROOT / "target/release/train_step"), "--model", str(model), *sizes])
                found["trimtab"].append(ours)
                command = [sys.executable, __file__, "--peer", str(model), "--steps", str(args.steps)]
                found["trl"].append(last_line(command, input=json.dumps(ours["prompts"])))
            for side, rounds in found.items():
                seconds = statistics.median(second for one in rounds for second in one["step_seconds"])
                peak = statistics.median(one["peak_memory_bytes"] for one in rounds)
                tokens = PROMPTS * GROUP * NEW_TOKENS / seconds
                print(f"{shape:>6} {side:>8} {seconds:>8.3f} {60 / seconds:>10.1f} {tokens:>9.0f} {peak / 2**20:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
