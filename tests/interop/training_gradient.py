"""The loss of a training step and its gradient with respect to the vectors, beside PyTorch's.

    TRIMTAB_MODELS=FOLDER python tests/interop/training_gradient.py

FOLDER holds GGUF files; those of MODELS that it has are compared, the others left out. PyTorch
computes in f32. Two groups of completions come with advantages, whose sum is not zero: otherwise
the loss would be a difference of sums that nearly cancel. On the side of PyTorch, transformers
reads the same file, hooks add one vector to the output of each layer, and autograd differentiates
the mean over all tokens of `-advantage * log p(token)`. A mistake of the objective, of the hook
or of a layer's backward pass shows in the loss, in the norm of the gradient or in its direction
at a layer.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy

from common import hold, steering, test_program

MODELS = ["smollm2-135m.gguf", "qwen2.5-coder-0.5b.gguf"]
# Of the loss and the norm, and of 1 - cosine, about three times what was measured.
TOLERANCES = {"f32": (1e-4, 1e-6), "bf16": (1.5e-2, 1e-3), "q8": (2e-2, 2.5e-2)}
GROUPS = [
    (
        "Question: Tom has 3 boxes with 4 pens each. He gives 5 pens away. "
        "How many pens are left?\nAnswer:",
        [
            (" There are 3 * 4 = 12 pens. 12 - 5 = 7 are left. The answer is \\boxed{7}.", 1.5),
            (" 3 + 4 - 5 = 2, so \\boxed{2}", -0.25),
            (" I do not know how many pens Tom has, because the boxes are closed.", -0.5),
        ],
    ),
    (
        "Question: A train takes 2 hours for 150 km. How fast is it?\nAnswer:",
        [
            (" 150 / 2 = 75, so it runs at \\boxed{75} km/h.", 1.0),
            (" def speed(): return 300", -0.25),
        ],
    ),
]


def peer(path, groups, vectors):
    """Loss and gradient by PyTorch."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    model.requires_grad_(False)
    vectors = torch.tensor(vectors, requires_grad=True)

    def steer(layer):
        def hook(_module, _inputs, output):
            if isinstance(output, tuple):
                return (output[0] + vectors[layer], *output[1:])
            return output + vectors[layer]

        return hook

    for layer, module in enumerate(model.model.layers):
        module.register_forward_hook(steer(layer))
    total, tokens = 0.0, sum(len(tokens) for group in groups for tokens in group["completions"])
    for group in groups:
        prompt = group["prompt"]
        for completion, advantage in zip(group["completions"], group["advantages"]):
            logits = model(torch.tensor([prompt + completion]), use_cache=False).logits[0]
            logprobs = torch.log_softmax(logits[len(prompt) - 1 : -1].float(), dim=-1)
            chosen = logprobs.gather(1, torch.tensor(completion)[:, None])
            loss = -advantage * chosen.sum() / tokens
            loss.backward()
            total += loss.item()
    return total, vectors.grad.numpy().astype(numpy.float64)


def ours(path, groups, vectors, dtype):
    batch = json.dumps({"vectors": vectors.tolist(), "groups": groups})
    command = [test_program("batch_gradient"), path, dtype]
    done = subprocess.run(command, input=batch, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    return result["loss"], numpy.array(result["gradient"])


def compare(path):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    config = transformers.AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    groups = [
        {
            "prompt": encode(prompt),
            "completions": [encode(text) for text, _ in completions],
            "advantages": [advantage for _, advantage in completions],
        }
        for prompt, completions in GROUPS
    ]
    shape = {key: getattr(config, key) for key in ["num_hidden_layers", "hidden_size"]}
    vectors = steering(shape, scale=0.02)
    expected_loss, expected = peer(path, groups, vectors)
    cosine = lambda a, b: float((a * b).sum() / numpy.linalg.norm(a) / numpy.linalg.norm(b))
    for dtype, (tolerance, cosine_tolerance) in TOLERANCES.items():
        loss, gradient = ours(path, groups, vectors, dtype)
        norms = numpy.linalg.norm(gradient), numpy.linalg.norm(expected)
        layers = [cosine(*pair) for pair in zip(gradient, expected)]
        print(f"{path.name}, {dtype}: loss {loss:.6f} and {expected_loss:.6f}")
        print(f"norm of the gradient {norms[0]:.4e} and {norms[1]:.4e}")
        hold("loss, relative", abs(loss / expected_loss - 1), tolerance)
        hold("norm of the gradient, relative", abs(norms[0] / norms[1] - 1), tolerance)
        hold("1 - cosine of all layers", 1 - cosine(gradient, expected), cosine_tolerance)
        worst = numpy.argmin(layers)
        hold(f"1 - cosine of the worst layer ({worst})", 1 - layers[worst], cosine_tolerance)


def main():
    if not os.environ.get("TRIMTAB_MODELS"):
        print("left out: TRIMTAB_MODELS names no folder of models")
        return
    needed = ["torch", "transformers", "gguf"]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        print("left out:", " and ".join(missing), "not installed here")
        return
    for name in MODELS:
        path = Path(os.environ["TRIMTAB_MODELS"]) / name
        compare(path) if path.exists() else print(f"left out: {name} is not in TRIMTAB_MODELS")


if __name__ == "__main__":
    sys.exit(main())
