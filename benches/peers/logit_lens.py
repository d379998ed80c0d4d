"""The logit lens over a text in plain PyTorch: all layers and positions.

    pip install torch==2.15.0 transformers==5.24.0      (Python 3.11)
    python benches/peers/logit_lens.py --dtype float32

The model has the shape of Qwen2.5-Coder-0.5B and random weights, on which neither time nor memory depends. For each layer and
position: the 20 likeliest tokens with their probabilities, entropy, KL to the last layer, and cross-entropy. Logits of 64 positions
are in memory at a time. Prints one JSON object, as the program `logit_lens` of `benches` does.
"""

import argparse
import json
import resource
import time

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

CHUNK, TOP = 64, 20

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", default="float32")
parser.add_argument("--positions", type=int, default=512)
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()

config = Qwen2Config(
    vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
    num_key_value_heads=2, tie_word_embeddings=True, rope_theta=1e6, max_position_embeddings=32768,
)  # fmt: skip
torch.set_default_dtype(getattr(torch, args.dtype))
model = Qwen2ForCausalLM(config).eval()
tokens = torch.tensor([[i * 104729 % 5000 for i in range(args.positions)]])


def lens():
    hidden = []
    hooks = [layer.register_forward_hook(lambda _, __, out: hidden.append((out[0] if isinstance(out, tuple) else out)[0]))
             for layer in model.model.layers]  # fmt: skip
    model.model(tokens)
    for hook in hooks:
        hook.remove()
    found = []
    for first in range(0, args.positions, CHUNK):
        def logprobs(resid):
            logits = model.lm_head(model.model.norm(resid[first : first + CHUNK]))
            return logits.float().log_softmax(-1)

        last = logprobs(hidden[-1])
        p_last, following = last.exp(), tokens[0, first + 1 : first + CHUNK + 1]
        for resid in hidden:
            own = logprobs(resid)
            p = own.exp()
            found.append((
                p.topk(TOP), -(p * own).sum(-1), (p_last * (last - own)).sum(-1),
                -own[: len(following)].gather(1, following[:, None]),
            ))  # fmt: skip
    return found


seconds = []
with torch.no_grad():
    for _ in range(args.rounds + 1):
        started = time.perf_counter()
        lens()
        seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds[1:], "peak_memory_bytes": peak}))
