"""A LoRA adapter of PEFT on the tiny Qwen2 checkpoint, what PEFT computes with it, and whether PEFT reads ours.

    pip install torch==2.9.1 transformers==4.57.6 peft==0.18.0 accelerate==1.12.0      (Python 3.11, CPU)
    python tests/interop/peft_lora.py            makes tests/fixtures/peft_lora
    python tests/interop/peft_lora.py --check    loads the adapter in tests/fixtures/peft_lora/written, which trimtab wrote
                                                 (tests/peft.rs keeps it up to date), and compares the logits

Rank 3, alpha 5, all seven projections of layers 0 and 2, both factors random; everything follows from SEED. Writes
adapter_config.json and adapter_model.safetensors as `save_pretrained` does, expected.json (token ids) and
expected.safetensors: `logits` `[tokens, vocab_size]`, and `logits_rslora` of the same factors with rank-stabilised scaling.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import Qwen2ForCausalLM

SEED = 20251124
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
HERE = FIXTURES / "peft_lora"
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TOKENS = [3, 14, 15, 9, 26, 5, 35, 88, 79, 32, 38]
TOLERANCE = 1e-4


def base() -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM.from_pretrained(FIXTURES / "tiny_qwen2", attn_implementation="eager").eval()


@torch.no_grad()
def logits(model) -> torch.Tensor:
    return model(input_ids=torch.tensor([TOKENS])).logits[0].float().contiguous()


@torch.no_grad()
def adapted(use_rslora: bool) -> PeftModel:
    config = LoraConfig(
        r=3,
        lora_alpha=5,
        target_modules=PROJECTIONS,
        layers_to_transform=[0, 2],
        use_rslora=use_rslora,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base(), config).eval()
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in sorted(model.named_parameters()):
        if "lora_" in name:
            parameter.normal_(std=0.2, generator=generator)
    return model


def make() -> None:
    model = adapted(use_rslora=False)
    plain = logits(model)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = "tiny_qwen2"  # a path of this machine otherwise
        config["target_modules"] = sorted(config["target_modules"])  # a set, in random order
        HERE.mkdir(exist_ok=True)
        (HERE / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
        shutil.copy(Path(folder) / "adapter_model.safetensors", HERE)
    expected = {"logits": plain, "logits_rslora": logits(adapted(use_rslora=True))}
    save_file(expected, HERE / "expected.safetensors")
    (HERE / "expected.json").write_text(json.dumps({"token_ids": TOKENS}) + "\n")
    moved = (plain - logits(base())).abs().max().item()
    print(f"made; the adapter moves logits by up to {moved:.3f}")


def check() -> None:
    ours = PeftModel.from_pretrained(base(), HERE / "written").eval()
    expected = load_file(HERE / "expected.safetensors")["logits"]
    difference = (logits(ours) - expected).abs().max().item()
    print(f"largest difference of a logit under the adapter that trimtab wrote: {difference:.2e}")
    if not difference < TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    check() if "--check" in sys.argv else make()
