"""llama.cpp takes the control vectors and merged models that trimtab writes, and its greedy tokens equal ours.

`gguf` writes tiny models as `convert_hf_to_gguf.py` would: `qwen2` as it is, `llama` with the rows of queries and keys
permuted. The file of a control vector is read here as `common_control_vector_load` reads it (that part of llama.cpp is in its
programs and not in the library), and handed to the library.
"""

import ctypes
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy
from safetensors.numpy import load_file

from common import GOLDEN, ROOT, SEED, checkpoint, hold, largest_difference, steering, text_of, trimtab

NEW_TOKENS = 12
MODULES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def convert(source, path, quantised=False):
    """The checkpoint as a GGUF model, F32 or with its matrices in Q8_0."""
    config = json.loads((source / "config.json").read_text())
    tensors = load_file(source / "model.safetensors")
    architecture = "qwen2" if config["model_type"] == "qwen2" else "llama"
    writer = gguf.GGUFWriter(path, architecture)
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("llama")
    words = [f"w{token}" for token in range(config["vocab_size"])]
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * len(words))
    scaling = config.get("rope_scaling")
    if scaling and scaling.get("rope_type", scaling.get("type")) == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    for name, tensor in tensors.items():
        tensor = tensor.astype(numpy.float32)
        if architecture == "llama" and "self_attn.q_proj" in name:
            tensor = permute(tensor, heads)
        if architecture == "llama" and "self_attn.k_proj" in name:
            tensor = permute(tensor, key_heads)
        if quantised and tensor.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(gguf_name(name), tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permute(rows, heads):
    """From halves to neighbours, as the conversion script of llama.cpp."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def gguf_name(name):
    outer = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in outer:
        return outer[name]
    if name == "lm_head.weight":
        return "output.weight"
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    module, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{MODULES[module]}.{kind}"


def control_vector(path, width):
    """The buffer that llama.cpp's programs make of a file: `direction.N` at `width * (N - 1)`."""
    reader = gguf.GGUFReader(path)
    directions = {}
    for tensor in reader.tensors:
        layer = int(tensor.name.removeprefix("direction."))
        assert tensor.name.startswith("direction.") and layer >= 1 and tensor.data.dtype == numpy.float32
        assert tensor.data.shape == (width,)
        directions[layer] = tensor.data
    buffer = numpy.zeros(width * max(directions), dtype=numpy.float32)
    for layer, direction in directions.items():
        buffer[width * (layer - 1) : width * layer] += direction
    return buffer


def run(path, prompt, vectors=None):
    """Greedy tokens behind the prompt, and the logits at its last token."""
    llama = llama_cpp.Llama(str(path), n_ctx=64, n_batch=64, logits_all=True, verbose=False, n_threads=1,
                            type_k=0, type_v=0, flash_attn=False)  # fmt: skip
    if vectors is not None:
        width, layers = llama.n_embd(), llama_cpp.llama_model_n_layer(llama.model)
        buffer = control_vector(vectors, width)
        data = buffer.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        done = llama_cpp.llama_set_adapter_cvec(llama.ctx, data, buffer.size, width, 1, layers)
        assert done == 0, done
    tokens, first = [], None
    llama.eval(prompt)
    for _ in range(NEW_TOKENS):
        logits = llama.scores[llama.n_tokens - 1].copy()
        first = logits if first is None else first
        tokens.append(int(logits.argmax()))
        llama.eval(tokens[-1:])
    llama.close()
    return tokens, first


def ours(source, vectors, prompt, folder):
    """What `run` gives, of trimtab."""
    generated = trimtab("generate", "--model", source, "--vectors", vectors, "--prompt", text_of(prompt),
                        "--temperature", 0, "--max-new-tokens", NEW_TOKENS)  # fmt: skip
    trimtab("activations", "--model", source, "--vectors", vectors, "--tokens", ",".join(map(str, prompt)),
            "--out", folder / "ours.safetensors")  # fmt: skip
    return generated["token_ids"], load_file(folder / "ours.safetensors")["logits"][-1]


def tiny(name, fixture, golden):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = checkpoint(fixture, folder / "source")
        config = json.loads((source / "config.json").read_text())
        config.pop("eos_token_id", None)  # greedy tokens go on behind it, in llama.cpp as here
        (source / "config.json").write_text(json.dumps(config))
        prompt = numpy.random.default_rng(SEED).integers(3, config["vocab_size"], 9).tolist()
        convert(source, folder / "base.gguf")
        vectors = steering(config, scale=1.5)
        numpy.save(folder / "all.npy", vectors)
        trimtab("export", "--model", source, "--vectors", folder / "all.npy", "--to", "gguf", "--drop-layer-0",
                "--out", folder / "vectors.gguf")  # fmt: skip
        numpy.save(golden / f"{name}.npy", vectors)
        (golden / f"{name}.control_vector.gguf").write_bytes((folder / "vectors.gguf").read_bytes())
        mine, my_logits = ours(source, folder / "vectors.gguf", prompt, folder)
        theirs, their_logits = run(folder / "base.gguf", prompt, folder / "vectors.gguf")
        unsteered, _ = run(folder / "base.gguf", prompt)
        assert unsteered != theirs, "the vectors change nothing"
        assert theirs == mine, (theirs, mine)
        hold(f"{name}: llama.cpp with the control vector", largest_difference(their_logits, my_logits), 1e-4)
        report = trimtab("export", "--model", source, "--vectors", folder / "all.npy", "--to", "gguf-merged",
                         "--gguf", folder / "base.gguf", "--out", folder / "merged.gguf")  # fmt: skip
        assert report["checked"] == "logits"
        merged_mine, my_logits = ours(source, folder / "all.npy", prompt, folder)
        merged, their_logits = run(folder / "merged.gguf", prompt)
        assert merged == merged_mine, (merged, merged_mine)
        hold(f"{name}: llama.cpp with the merged model", largest_difference(their_logits, my_logits), 1e-4)
        if name == "tiny_qwen2":
            (golden / "tiny_qwen2.gguf").write_bytes((folder / "base.gguf").read_bytes())
        merged_sha256 = hashlib.sha256((folder / "merged.gguf").read_bytes()).hexdigest()
        return {"merged_sha256": merged_sha256, "prompt": prompt, "greedy_with_control_vector": theirs, "greedy_merged": merged}


def quantised():
    """The bundled model in Q8_0: a control vector and a merged model of another architecture compute the same."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = ROOT / "examples" / "assets" / "nano"
        config = json.loads((source / "config.json").read_text())
        convert(source, folder / "base.gguf", quantised=True)
        vectors = steering(config, scale=2.0)
        vectors[0] = 0.0
        numpy.save(folder / "vectors.npy", vectors)
        trimtab("export", "--vectors", folder / "vectors.npy", "--to", "gguf", "--out", folder / "vectors.gguf")
        report = trimtab("export", "--vectors", folder / "vectors.npy", "--to", "gguf-merged",
                         "--gguf", folder / "base.gguf", "--out", folder / "merged.gguf")  # fmt: skip
        assert report["checked"] == "tensors"
        prompt = list(range(5, 25))
        steered, expected = run(folder / "base.gguf", prompt, folder / "vectors.gguf")
        merged, found = run(folder / "merged.gguf", prompt)
        unsteered, _ = run(folder / "base.gguf", prompt)
        assert merged == steered != unsteered, (merged, steered, unsteered)
        hold("nano in Q8_0: merged model and control vector in llama.cpp", largest_difference(expected, found), 1e-4)


def main():
    sizes = {int(kind): list(size) for kind, size in gguf.constants.GGML_QUANT_SIZES.items()}
    golden = GOLDEN / "llama_cpp"
    golden.mkdir(parents=True, exist_ok=True)
    record = {"quant_sizes": sizes, "llama_cpp_python": llama_cpp.__version__}
    record["tiny_qwen2"] = tiny("tiny_qwen2", "tiny_qwen2", golden)
    record["llama_linear"] = tiny("llama_linear", "families/llama_linear", golden)
    quantised()
    (golden / "expected.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
