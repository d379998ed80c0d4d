"""What the package `gguf`, transformers and llama.cpp make of real GGUF models, for tests/gguf.rs.

    python tests/interop/gguf_base.py FOLDER

FOLDER holds the models (`tests/gguf.rs` reads it from TRIMTAB_MODELS). For each, `golden/gguf_base.json` gets the SHA-256
of all dequantised tensors in the order of their names, and of a fixed text the last logits that transformers computes in
f32 from the same file. How far llama.cpp is from transformers is printed: it multiplies with activations of 8 bits.
"""

import hashlib
import json
import sys
from pathlib import Path

import gguf
import llama_cpp
import numpy
import torch
import transformers
from gguf.quants import dequantize

from common import GOLDEN, SEED

LENGTH = 40
SHOWN = 64


def hash_of(path):
    reader = gguf.GGUFReader(path)
    digest = hashlib.sha256()
    for tensor in sorted(reader.tensors, key=lambda tensor: tensor.name):
        numbers = dequantize(tensor.data, tensor.tensor_type)
        digest.update(numpy.ascontiguousarray(numbers, dtype="<f4").tobytes())
    return digest.hexdigest()


@torch.no_grad()
def transformers_logits(path, tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    )
    return model(torch.tensor([tokens])).logits[0].numpy()


def llama_cpp_logits(path, tokens):
    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=2, logits_all=True, verbose=False)
    model.eval(tokens)
    return numpy.array(model.scores[: len(tokens)])


def main():
    golden = {}
    for path in sorted(Path(sys.argv[1]).glob("*.gguf")):
        rows = next(tensor for tensor in gguf.GGUFReader(path).tensors if tensor.name == "token_embd.weight").shape[1]
        random = numpy.random.default_rng(SEED)
        tokens = [int(token) for token in random.integers(0, rows, LENGTH)]
        logits = transformers_logits(path, tokens)
        at = sorted(int(token) for token in random.choice(rows, SHOWN, replace=False))
        theirs = llama_cpp_logits(path, tokens)
        agree = (theirs.argmax(1) == logits.argmax(1)).mean()
        print(path.name, "llama.cpp differs by", abs(theirs - logits).max(), "and has the same first token at", agree)
        golden[path.stem] = {
            "sha256": hash_of(path),
            "tokens": tokens,
            "top": logits.argmax(1).tolist(),
            "at": at,
            "logits": [round(float(value), 6) for value in logits[-1][at]],
        }
    (GOLDEN / "gguf_base.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
