"""The learning curve of trimtab beside that of TRL's GRPOTrainer: one model, the same problems, group size, cap and rate.

    pip install -r benches/peers/requirements-trl.txt
    cargo build --release -p trimtab-benches --bin training_curve
    python benches/peers/trl_curve.py [--seeds 3] [--steps 15]

Both sides train one bias per layer of the bundled model (TRL as `mlp.down_proj.bias`) on nano-gsm in float32: 32 prompts x 16 completions
of at most 96 tokens, temperature 1, advantages minus the group's mean, a mean over tokens, AdamW at a constant rate, gradients of at most
norm 1. TRL samples with its own random numbers, so curves agree only up to noise: the script prints the mean and the standard error of
each step over the seeds, and how many of them the two sides are apart.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "examples/assets/nano"
PROMPTS, GROUP, NEW_TOKENS = 32, 16, 96
BOX = re.compile(r"\\boxed\{([^{}]*)\}")


def is_right(text: str, answer: str) -> bool:
    """Every answer of nano-gsm is a whole number."""
    boxes = BOX.findall(text)
    return bool(boxes) and boxes[-1].strip() == answer.strip()


def peer(steps: int, seed: int, rate: float, problems: list[dict]) -> dict:
    """Runs in a process of its own."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(NANO / "tokenizer.json"), padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token = tokenizer.convert_ids_to_tokens(0)
    model = AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32, local_files_only=True)
    model.requires_grad_(False)
    for layer in model.model.layers:
        layer.mlp.down_proj.bias = torch.nn.Parameter(torch.zeros(model.config.hidden_size))

    accuracies, lengths = [], []

    def reward(completions, completion_ids, answer, **_):
        right = [is_right(text, gold) for text, gold in zip(completions, answer)]
        accuracies.append(sum(right) / len(right))
        lengths.append(sum(map(len, completion_ids)) / len(right))
        return [1.0 if one else -1.0 for one in right]

    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            output_dir=out, use_cpu=True, bf16=False, fp16=False, report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True, per_device_train_batch_size=PROMPTS * GROUP, num_generations=GROUP, max_steps=steps, seed=seed,
            max_completion_length=NEW_TOKENS, temperature=1.0, top_k=0, top_p=1.0, beta=0.0, loss_type="dapo", scale_rewards="none",
            learning_rate=rate, lr_scheduler_type="constant", adam_beta2=0.999, weight_decay=0.0, max_grad_norm=1.0, num_iterations=1,
            gradient_checkpointing=False, shuffle_dataset=False, dataloader_pin_memory=False, mask_truncated_completions=False,
        )  # fmt: skip
        trainer = GRPOTrainer(model, reward, args=config, train_dataset=Dataset.from_list(problems), processing_class=tokenizer)
        trainer.train()
    return {"accuracy": accuracies, "length": lengths}


def last_line(command: list[str], **options) -> dict:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--peer", type=int, metavar="SEED", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer is not None:
        print(json.dumps(peer(args.steps, args.peer, args.learning_rate, json.load(sys.stdin))))
        return
    common = ["--steps", str(args.steps), "--learning-rate", str(args.learning_rate)]
    ours, theirs = [], []
    for seed in range(args.seeds):
        ours.append(last_line([str(ROOT / "target/release/training_curve"), "--seed", str(seed), *common]))
        command = [sys.executable, __file__, "--peer", str(seed), *common]
        theirs.append(last_line(command, input=json.dumps(ours[-1]["problems"])))
    print(f"{'step':>5} {'trimtab':>16} {'TRL':>16} {'apart':>6}")
    for step in range(args.steps):
        sides = [[100 * run["accuracy"][step] for run in runs] for runs in (ours, theirs)]
        means = [statistics.mean(side) for side in sides]
        errors = [statistics.stdev(side) / math.sqrt(len(side)) if len(side) > 1 else math.nan for side in sides]
        apart = (means[0] - means[1]) / math.hypot(*errors)
        print(f"{step + 1:>5} {means[0]:>8.1f} ± {errors[0]:<5.1f} {means[1]:>8.1f} ± {errors[1]:<5.1f} {apart:>6.1f}")
    lengths = [statistics.mean(run["length"][-1] for run in runs) for runs in (ours, theirs)]
    print(f"mean length in the last step: {lengths[0]:.1f} and {lengths[1]:.1f} tokens")


if __name__ == "__main__":
    main()
