"""transformers loads the merged checkpoints of the tiny Llama, Qwen2 and Mistral and computes what trimtab computes."""

import json
import tempfile
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file

from common import GOLDEN, SEED, checkpoint, hold, largest_difference, steering, trimtab

# The window of the tiny Mistral is 13 tokens; a merged checkpoint has none, so its texts are not longer.
CASES = {
    "tiny_qwen2": ("tiny_qwen2", 23, []),
    "llama": ("families/llama", 29, []),
    "llama_linear": ("families/llama_linear", 29, []),
    "mistral": ("families/mistral", 13, ["--limit-context"]),
}
REFUSED = [f"families/{name}" for name in [
    "qwen2", "mistral", "qwen3", "olmo2", "gemma3", "phi3", "olmo3", "gemma2", "ministral3", "mistral3", "qwen3_vl",
]]  # fmt: skip


@torch.no_grad()
def logits(folder, tokens, vectors=None):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    if vectors is not None:
        for layer, vector in zip(model.model.layers, torch.from_numpy(vectors)):
            layer.register_forward_hook(lambda _m, _i, out, v=vector: (out[0] + v, *out[1:]) if isinstance(out, tuple) else out + v)
    return model, model(torch.tensor([tokens])).logits[0].numpy()


def main():
    golden = {}
    for name, (fixture, length, flags) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            source = checkpoint(fixture, folder / "source")
            config = json.loads((source / "config.json").read_text())
            vectors = steering(config)
            numpy.save(folder / "vectors.npy", vectors)
            report = trimtab("export", "--model", source, "--vectors", folder / "vectors.npy", "--to", "hf",
                             "--out", folder / "merged", *flags)  # fmt: skip
            tokens = numpy.random.default_rng(SEED).integers(3, config["vocab_size"], length).tolist()
            trimtab("activations", "--model", source, "--vectors", folder / "vectors.npy", "--tokens",
                    ",".join(map(str, tokens)), "--out", folder / "ours.safetensors")  # fmt: skip
            ours = load_file(folder / "ours.safetensors")["logits"]
            merged, theirs = logits(folder / "merged", tokens)
            assert type(merged).__name__ == "LlamaForCausalLM" and merged.config.mlp_bias
            _, hooked = logits(source, tokens, vectors)
            hold(f"{name}: transformers with the merged checkpoint, and trimtab", largest_difference(theirs, ours), 1e-4)
            hold(f"{name}: transformers with a hook, and trimtab", largest_difference(hooked, ours), 1e-4)
            print(f"{name}: export itself found {report['max_logit_difference']:.2e}")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "merged")
            assert tokenizer("w3 w5").input_ids == [3, 5]
            golden[f"{name}.vectors"] = vectors
            golden[f"{name}.tokens"] = numpy.array(tokens, dtype=numpy.int64)
            golden[f"{name}.logits"] = theirs
    for fixture in REFUSED:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            source = checkpoint(fixture, folder / "source")
            numpy.save(folder / "vectors.npy", steering(json.loads((source / "config.json").read_text())))
            try:
                trimtab("export", "--model", source, "--vectors", folder / "vectors.npy", "--to", "hf", "--out", folder / "merged")
            except RuntimeError as error:
                print(f"{fixture} is refused:", str(error).split("Error: ")[-1].strip())
            else:
                raise AssertionError(fixture)
            assert not (folder / "merged").exists()
    GOLDEN.mkdir(exist_ok=True)
    save_file(golden, GOLDEN / "merged_checkpoint.safetensors")


if __name__ == "__main__":
    main()
