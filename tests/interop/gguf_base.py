"""What the package `gguf`, transformers and llama.cpp make of real GGUF models, for tests/gguf.rs.

    python tests/interop/gguf_base.py FOLDER

FOLDER holds the models (`tests/gguf.rs` reads it from TRIMTAB_MODELS). For each, `golden/gguf_base.json` gets the SHA-256
of all dequantised tensors in the order of their names, and of a fixed text the last logits that transformers computes in
f32 from the same file. How far llama.cpp is from transformers is printed, with the file and with its weights in F32: with
packed weights it rounds activations to 8 bits.
"""

import hashlib
import json
import sys
import tempfile
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


def unpack(path, out):
    """The same model in F32."""
    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(out, architecture)
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        inner = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        writer.add_tensor(tensor.name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp_logits(path, tokens):
    f32 = llama_cpp.GGML_TYPE_F32
    model = llama_cpp.Llama(
        str(path), n_ctx=64, n_threads=2, logits_all=True, verbose=False, type_k=f32, type_v=f32, flash_attn=False
    )
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
        with tempfile.TemporaryDirectory() as folder:
            unpack(path, Path(folder) / path.name)
            for what, file in [("packed", path), ("in F32", Path(folder) / path.name)]:
                theirs = llama_cpp_logits(file, tokens)
                agree = (theirs.argmax(1) == logits.argmax(1)).mean()
                print(path.name, what, "llama.cpp differs by", abs(theirs - logits).max(), "same first token:", agree)
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
