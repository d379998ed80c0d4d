"""LoRA adapters of PEFT that are not one rank and one scale on single projections, and what PEFT computes with them.

    pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2      (Python 3.12, CPU)
    python tests/interop/peft_variants.py            makes tests/fixtures/peft_variants
    python tests/interop/peft_variants.py --check    loads the adapters in NAME/written, which trimtab wrote
                                                     (tests/peft.rs keeps them up to date), and compares the logits

The bases are those of tests/fixtures/families. Both factors of every update are random and follow from SEED. Each folder gets
adapter_config.json and adapter_model.safetensors as `save_pretrained` writes them, and expected.safetensors with `logits`
`[tokens, vocab_size]`.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

SEED = 20261128
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
HERE = FIXTURES / "peft_variants"
TOKENS = [3, 14, 15, 9, 26, 5, 35]
TOLERANCE = 1e-4
VARIANTS = {
    "phi3_fused": ("phi3", dict(r=2, lora_alpha=3, target_modules="all-linear")),
    "phi3_separate": ("phi3", dict(r=3, lora_alpha=4, target_modules=["o_proj", "down_proj"], layers_to_transform=1)),
    "patterns": (
        "qwen3",
        dict(
            r=2,
            lora_alpha=3,
            target_modules=r".*\.(q_proj|v_proj|down_proj)",
            rank_pattern={"q_proj": 5, r".*\.layers\.1\..*down_proj": 1},
            alpha_pattern={"self_attn.v_proj": 7},
        ),
    ),
    "rslora_patterns": (
        "llama",
        dict(
            r=4,
            lora_alpha=6,
            use_rslora=True,
            target_modules="all-linear",
            exclude_modules=["v_proj"],
            rank_pattern={"layers.2.mlp.up_proj": 1},
        ),
    ),
}  # fmt: skip


def base(family: str):
    return AutoModelForCausalLM.from_pretrained(
        FIXTURES / "families" / family, attn_implementation="eager", dtype=torch.float32
    ).eval()


@torch.no_grad()
def logits(model) -> torch.Tensor:
    return model(input_ids=torch.tensor([TOKENS])).logits[0].float().contiguous()


@torch.no_grad()
def make(name: str) -> None:
    family, settings = VARIANTS[name]
    model = get_peft_model(base(family), LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    generator = torch.Generator().manual_seed(SEED)
    for parameter_name, parameter in sorted(model.named_parameters()):
        if "lora_" in parameter_name:
            parameter.normal_(std=0.2, generator=generator)
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        config = json.loads((Path(saved) / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = family  # a path of this machine otherwise
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()  # a set, in random order
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
        shutil.copy(Path(saved) / "adapter_model.safetensors", folder)
    save_file({"logits": logits(model)}, folder / "expected.safetensors")
    moved = (logits(model) - logits(base(family))).abs().max().item()
    print(f"{name}: made; the adapter moves logits by up to {moved:.3f}")


def check(name: str) -> bool:
    family, _ = VARIANTS[name]
    ours = PeftModel.from_pretrained(base(family), HERE / name / "written").eval()
    expected = load_file(HERE / name / "expected.safetensors")["logits"]
    difference = (logits(ours) - expected).abs().max().item()
    print(f"{name}: largest difference of a logit under the adapter that trimtab wrote: {difference:.2e}")
    return difference < TOLERANCE


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if all([check(name) for name in VARIANTS]) else 1)
    for variant in VARIANTS:
        make(variant)
