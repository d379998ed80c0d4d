"""Loading, prompt reading, decoding and a training step: trimtab beside its peers, in turns.

    pip install -r tests/interop/requirements.txt
    cargo build --release -p trimtab-benches --bin throughput
    python benches/peers/engine_speed.py [--batches 1 16] [--rounds 3] [--model DIR|FILE.gguf]
        [--sides bf16 torch-bfloat16 ...] [--train-rows 0]

Makes a checkpoint with random weights in the shape of Qwen2.5-0.5B (float32, 2 GB, in a temporary
folder unless --model names one). All sides read a GGUF file as it is: llama.cpp multiplies its
blocks, transformers unpacks them. Then measures each side `rounds` times, alternating, and prints
medians. All decode greedily without a stop token, every prompt different, one process a
measurement. A decoding rate is that of the tokens after the first. A training step is the
log-probabilities of all tokens but the first of 4 (--train-rows) texts of 160 and their gradient
with respect to one vector a layer, weights frozen; trimtab's texts share their first token.
TRIMTAB_ISA=avx2 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 measures processors without
AVX-512.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_checkpoint(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=32768, rope_theta=1e6, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(folder / "tokenizer.json"))


def peer(model: Path, batch: int, prompt_len: int, new_tokens: int, dtype: str, train_rows: int) -> dict:
    """Runs in a process of its own."""
    import resource

    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    started = time.perf_counter()
    where = {"pretrained_model_name_or_path": model}
    if model.is_file():
        where = {"pretrained_model_name_or_path": model.parent, "gguf_file": model.name}
    options = {"dtype": getattr(torch, dtype), "local_files_only": True}
    loaded = AutoModelForCausalLM.from_pretrained(**where, **options).eval()
    load_seconds = time.perf_counter() - started
    input_ids = torch.tensor([[(row * 7919 + i * 104729) % 5000 for i in range(prompt_len)] for row in range(batch)])

    @torch.no_grad()
    def seconds(count: int) -> float:
        loaded.generation_config = GenerationConfig(do_sample=False, max_new_tokens=count, use_cache=True, pad_token_id=0)
        started = time.perf_counter()
        loaded.generate(input_ids, attention_mask=torch.ones_like(input_ids))
        return time.perf_counter() - started

    seconds(1)  # warm-up
    prefill = seconds(1)
    decode = seconds(1 + new_tokens) - prefill
    return {
        "load_seconds": load_seconds,
        "prefill_tokens_per_second": batch * prompt_len / prefill,
        "decode_tokens_per_second": batch * new_tokens / decode,
        "training_tokens_per_second": 160 * train_rows / statistics.median(training_step(loaded, train_rows) for _ in range(3)),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def training_step(loaded, rows: int, length: int = 160) -> float:
    import torch

    if rows == 0:
        return float("nan")
    words = min(loaded.config.vocab_size, 5000)
    texts = torch.tensor([[(row * 7919 + i * 104729) % words for i in range(length)] for row in range(rows)])
    loaded.requires_grad_(False)
    vectors, hooks = [], []
    for layer in loaded.model.layers:
        vector = torch.zeros(loaded.config.hidden_size, dtype=loaded.dtype, requires_grad=True)
        vectors.append(vector)
        steer = lambda module, inputs, output, vector=vector: output + vector  # noqa: E731
        hooks.append(layer.register_forward_hook(steer))
    started = time.perf_counter()
    logprobs = loaded(input_ids=texts, use_cache=False).logits[:, :-1].float().log_softmax(-1)
    logprobs.gather(-1, texts[:, 1:, None]).sum().neg().backward()
    seconds = time.perf_counter() - started
    assert all(vector.grad is not None for vector in vectors)
    for hook in hooks:
        hook.remove()
    return seconds


def llama_cpp(model: Path, batch: int, prompt_len: int, new_tokens: int) -> dict:
    """Runs in a process of its own; `model` is a GGUF file."""
    import resource

    import llama_cpp
    import numpy as np

    started = time.perf_counter()
    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), llama_cpp.llama_model_default_params())
    load_seconds = time.perf_counter() - started
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_seq_max = batch * (prompt_len + new_tokens + 64), batch
    params.n_batch = params.n_ubatch = 512
    params.n_threads = params.n_threads_batch = 2
    context = llama_cpp.llama_init_from_model(loaded, params)
    vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(loaded))

    def decode(tokens: list[tuple[int, int, int, bool]]) -> None:
        for start in range(0, len(tokens), 512):
            part = tokens[start : start + 512]
            given = llama_cpp.llama_batch_init(len(part), 0, 1)
            given.n_tokens = len(part)
            for i, (token, position, row, wanted) in enumerate(part):
                given.token[i], given.pos[i], given.n_seq_id[i], given.seq_id[i][0] = token, position, 1, row
                given.logits[i] = wanted
            assert llama_cpp.llama_decode(context, given) == 0
            llama_cpp.llama_batch_free(given)

    def best(index: int) -> int:
        return int(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, index), shape=(vocab_size,)).argmax())

    def run() -> tuple[float, float]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        started = time.perf_counter()
        for row in range(batch):
            prompt = [((row * 7919 + i * 104729) % 5000, i, row, i == prompt_len - 1) for i in range(prompt_len)]
            decode(prompt)
        next_tokens = [best(-1)] * batch
        prefill = time.perf_counter() - started
        for step in range(new_tokens):
            decode([(next_tokens[row], prompt_len + step, row, True) for row in range(batch)])
            next_tokens = [best(row) for row in range(batch)]
        return prefill, time.perf_counter() - started - prefill

    run()  # warm-up
    prefill, decoding = run()
    return {
        "load_seconds": load_seconds,
        "prefill_tokens_per_second": batch * prompt_len / prefill,
        "decode_tokens_per_second": batch * new_tokens / decoding,
        "training_tokens_per_second": float("nan"),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def write_gguf(model: Path, path: Path) -> None:
    """The checkpoint in bfloat16 as convert_hf_to_gguf.py would write it: vectors stay float32."""
    import gguf
    import torch
    from safetensors.torch import load_file

    config = json.loads((model / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config.get("rope_theta", 1e6))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"w{i}" for i in range(config["vocab_size"])])
    writer.add_token_scores([0.0] * config["vocab_size"])
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * config["vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config["num_hidden_layers"])
    for name, tensor in load_file(model / "model.safetensors").items():
        name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor.float().numpy())
        else:
            words = tensor.to(torch.bfloat16).view(torch.uint8).numpy()
            writer.add_tensor(name, words, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def measure(side: str, model: Path, batch: int, args: argparse.Namespace) -> dict:
    sizes = ["--model", str(model), "--prompt-len", str(args.prompt_len), "--new-tokens", str(args.new_tokens)]
    sizes += ["--train-rows", str(args.train_rows)]
    if side in ("bf16", "f32", "q8", "q4", "file"):
        command = [str(ROOT / "target/release/throughput"), *sizes, "--batch", str(batch), "--dtype", side]
    else:
        command = [sys.executable, __file__, *sizes, "--peer", side, "--batches", str(batch)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--sides", nargs="+", default=["bf16", "f32", "torch-bfloat16", "torch-float32", "llama.cpp"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt-len", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--train-rows", type=int, default=4, help="texts of a training step; 0 for none")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        sizes = args.batches[0], args.prompt_len, args.new_tokens
        if args.peer == "llama.cpp":
            gguf = args.model if args.model.is_file() else args.model / "model.bf16.gguf"
            print(json.dumps(llama_cpp(gguf, *sizes)))
        else:
            print(json.dumps(peer(args.model, *sizes, args.peer.removeprefix("torch-"), args.train_rows)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        model = args.model or Path(temporary)
        if not model.is_file() and not (model / "config.json").exists():
            make_checkpoint(model)
        gguf = model / "model.bf16.gguf"
        if "llama.cpp" in args.sides and not model.is_file() and not gguf.exists():
            write_gguf(model, gguf)
        sides = args.sides
        print(f"{'batch':>5} {'side':>15} {'load s':>8} {'prefill/s':>10} {'decode/s':>9} {'train/s':>8} {'peak MiB':>9}")
        for batch in args.batches:
            found = {side: [] for side in sides}
            for _ in range(args.rounds):
                for side in sides:
                    found[side].append(measure(side, model, batch, args))
            for side, rounds in found.items():
                median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                print(
                    f"{batch:>5} {side:>15} {median['load_seconds']:>8.2f} {median['prefill_tokens_per_second']:>10.1f} "
                    f"{median['decode_tokens_per_second']:>9.1f} {median['training_tokens_per_second']:>8.1f} {median['peak_memory_bytes'] / 2**20:>9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
