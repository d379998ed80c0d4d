"""Loading, prompt reading and decoding: trimtab beside Hugging Face transformers, in turns, on one machine.

    pip install -r tests/fixtures/nano/requirements.txt
    cargo build --release -p trimtab-benches --bin throughput
    python benches/peers/transformers_speed.py [--batches 1 16 32] [--rounds 3] [--model DIR]

Makes a checkpoint with random weights in the shape of Qwen2.5-0.5B (float32, 2 GB, in a temporary folder unless --model names
one), then measures each side `rounds` times, alternating, and prints medians. Both decode greedily without a stop token, every
prompt different, one process a measurement. A decoding rate is that of the tokens after the first.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_checkpoint(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=32768, rope_theta=1e6, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(folder / "tokenizer.json"))


def peer(model: Path, batch: int, prompt_len: int, new_tokens: int, dtype: str) -> dict:
    """Runs in a process of its own."""
    import resource

    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    started = time.perf_counter()
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype), local_files_only=True).eval()
    load_seconds = time.perf_counter() - started
    input_ids = torch.tensor([[(row * 7919 + i * 104729) % 5000 for i in range(prompt_len)] for row in range(batch)])

    @torch.no_grad()
    def seconds(count: int, rows: int = batch) -> float:
        loaded.generation_config = GenerationConfig(do_sample=False, max_new_tokens=count, use_cache=True, pad_token_id=0)
        started = time.perf_counter()
        loaded.generate(input_ids[:rows], attention_mask=torch.ones_like(input_ids[:rows]))
        return time.perf_counter() - started

    seconds(1, rows=1)  # warm-up
    prefill = seconds(1)
    decode = seconds(1 + new_tokens) - prefill
    return {
        "load_seconds": load_seconds,
        "prefill_tokens_per_second": batch * prompt_len / prefill,
        "decode_tokens_per_second": batch * new_tokens / decode,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure(side: str, model: Path, batch: int, args: argparse.Namespace) -> dict:
    sizes = ["--model", str(model), "--prompt-len", str(args.prompt_len), "--new-tokens", str(args.new_tokens)]
    if side == "trimtab":
        command = [str(ROOT / "target/release/throughput"), *sizes, "--batch", str(batch)]
    else:
        command = [sys.executable, __file__, *sizes, "--peer", side, "--batches", str(batch)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt-len", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.model, args.batches[0], args.prompt_len, args.new_tokens, args.peer)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        model = args.model or Path(temporary)
        if not (model / "config.json").exists():
            make_checkpoint(model)
        sides = ["trimtab", "float32"]
        print(f"{'batch':>5} {'side':>10} {'load s':>8} {'prefill/s':>10} {'decode/s':>9} {'peak MiB':>9}")
        for batch in args.batches:
            found = {side: [] for side in sides}
            for _ in range(args.rounds):
                for side in sides:
                    found[side].append(measure(side, model, batch, args))
            for side, rounds in found.items():
                median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                print(
                    f"{batch:>5} {side:>10} {median['load_seconds']:>8.2f} {median['prefill_tokens_per_second']:>10.1f} "
                    f"{median['decode_tokens_per_second']:>9.1f} {median['peak_memory_bytes'] / 2**20:>9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
