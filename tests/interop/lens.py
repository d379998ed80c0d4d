"""The logit lens of a factual prompt and what adds to its answer, beside plain PyTorch hooks on the same weights.

    TRIMTAB_MODELS=FOLDER python tests/interop/lens.py

FOLDER holds GGUF files; those of MODELS that it has are compared, the others left out. Both sides compute in f32. Entropy, KL, the
answer's rank and probability of every layer, and what attention, MLP and each head add to the answer's logit have to agree.
"""

import os
import sys
from pathlib import Path

from common import hold, trimtab

MODELS = ["smollm2-135m.gguf", "qwen2.5-coder-0.5b.gguf"]
PROMPT, ANSWER, AGAINST = "The capital of France is", " Paris", " London"


def peer(path):
    """Distributions by layer at every position, and the parts of the logit."""
    import torch
    import transformers

    load = dict(gguf_file=path.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, attn_implementation="eager", **load)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **load)
    tokens = tokenizer.encode(PROMPT, add_special_tokens=False)
    answer, against = (tokenizer.encode(text, add_special_tokens=False) for text in (ANSWER, AGAINST))
    assert len(answer) == len(against) == 1, "one token each"
    answer, against = answer[0], against[0]
    seen = {}

    def keep(name):
        def hook(module, args, output):
            seen[name] = (output[0] if isinstance(output, tuple) else output).detach()[0]
            seen[name + ".input"] = args[0].detach()[0] if args else None

        return hook

    for index, layer in enumerate(model.model.layers):
        layer.register_forward_hook(keep(f"resid.{index}"))
        layer.self_attn.o_proj.register_forward_hook(keep(f"attention.{index}"))
        layer.mlp.register_forward_hook(keep(f"mlp.{index}"))
    with torch.no_grad():
        final = torch.log_softmax(model(torch.tensor([tokens])).logits[0], -1)
        layers = len(model.model.layers)
        resid = seen[f"resid.{layers - 1}"][-1]
        norm = model.model.norm
        direction = (model.lm_head.weight[answer] - model.lm_head.weight[against]) * norm.weight
        direction = direction / (resid.square().mean() + norm.variance_epsilon).sqrt()
        points, parts = {}, {}
        for index, block in enumerate(model.model.layers):
            rows = torch.log_softmax(model.lm_head(norm(seen[f"resid.{index}"])), -1)
            for position, row in enumerate(rows):
                entropy = -(row.exp() * row).sum().item()
                kl = (final[position].exp() * (final[position] - row)).sum().item()
                rank = int((row > row[answer]).sum())
                points[index, position] = (entropy, kl, row[answer].exp().item(), rank)
            parts["attention", index, None] = (seen[f"attention.{index}"][-1] @ direction).item()
            parts["mlp", index, None] = (seen[f"mlp.{index}"][-1] @ direction).item()
            mixed = seen[f"attention.{index}.input"][-1]
            heads = model.config.num_attention_heads
            width = mixed.numel() // heads
            for head in range(heads):
                columns = slice(head * width, (head + 1) * width)
                added = block.self_attn.o_proj.weight[:, columns] @ mixed[columns]
                parts["head", index, head] = (added @ direction).item()
    return points, parts


def compare(path):
    points, parts = peer(path)
    found = trimtab("lens", "--model", path, "--prompt", PROMPT, "--follow", ANSWER, "--answer", ANSWER, "--against", AGAINST)
    text = found["text"]
    assert len(text["points"]) == len(points)
    errors = {"entropy": 0.0, "KL": 0.0, "probability": 0.0}
    ranks = 0
    for point in text["points"]:
        entropy, kl, probability, rank = points[point["layer"], point["position"]]
        chosen = point["chosen"][0]
        errors["entropy"] = max(errors["entropy"], abs(point["entropy"] - entropy))
        errors["KL"] = max(errors["KL"], abs(point["kl"] - kl))
        errors["probability"] = max(errors["probability"], abs(chosen["probability"] - probability))
        # Tokens that are equally likely up to rounding may change places.
        ranks += abs(chosen["rank"] - rank) > max(2, rank // 1000)
    for name, error in errors.items():
        hold(f"{path.name}: {name}", error, 2e-3 if name != "probability" else 1e-4)
    hold(f"{path.name}: ranks that differ", ranks, 0)
    worst = 0.0
    for part in text["attribution"]["attribution"]["contributions"]:
        component = part["component"]
        if component == "embedding":
            continue
        ((kind, place),) = component.items()
        worst = max(worst, abs(part["logit"] - parts[kind, place["layer"], place.get("head")]))
    hold(f"{path.name}: parts of the logit", worst, 1e-3)
    last = max(point["position"] for point in text["points"])
    ranks = [point["chosen"][0]["rank"] for point in text["points"] if point["position"] == last]
    print(f"{path.name}: rank of {ANSWER!r} by layer: {ranks}")


def main():
    folder = os.environ.get("TRIMTAB_MODELS")
    if folder is None:
        print("skipped: TRIMTAB_MODELS names no folder")
        return
    paths = [Path(folder) / name for name in MODELS]
    for path in paths:
        if path.exists():
            compare(path)
        else:
            print(f"skipped: {path} does not exist")


if __name__ == "__main__":
    sys.exit(main())
