"""The gradient of a training step alone, without sampling: trimtab beside PyTorch, in turns, on one machine.

    pip install -r benches/peers/requirements-trl.txt
    cargo build --release --workspace
    python benches/peers/training_step.py [--rounds 5]

32 texts of 128 tokens through a random Qwen2-style model of width 192 with 6 layers and 6/2 heads: the log-probabilities of all tokens
but the first, and their gradient with respect to one vector a layer, weights frozen. Each measurement is a process and the median of five
steps; medians of the rounds are printed. trimtab runs four groups of 8, each behind its first token.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from engine_speed import training_step
from trl_step import ROOT, last_line, make_small

ROWS, LENGTH, GROUP = 32, 128, 8


def peer(model: Path) -> dict:
    """Runs in a process of its own."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True).eval()
    return {"training_tokens_per_second": ROWS * LENGTH / statistics.median(training_step(loaded, ROWS, LENGTH) for _ in range(5))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.peer)))
        return
    with tempfile.TemporaryDirectory() as model:
        make_small(Path(model))
        ours = [str(ROOT / "target/release/throughput"), "--model", model, "--batch", "1", "--prompt-len", "8", "--new-tokens", "1"]
        ours += ["--train-rows", str(ROWS), "--train-len", str(LENGTH), "--train-group", str(GROUP)]
        sides = {
            "trimtab bf16": [*ours, "--dtype", "bf16"],
            "trimtab f32": [*ours, "--dtype", "f32"],
            "PyTorch f32": [sys.executable, __file__, "--peer", model],
        }
        found = {side: [] for side in sides}
        for _ in range(args.rounds):
            for side, command in sides.items():
                found[side].append(last_line(command)["training_tokens_per_second"])
    for side, rates in found.items():
        rate = statistics.median(rates)
        print(f"{side:>14} {rate:>8.0f} tokens/s {ROWS * LENGTH / rate:>7.3f} s")


if __name__ == "__main__":
    main()
