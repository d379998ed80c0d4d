"""repeng reads our control vectors and we read its; its directions, scikit-learn's and ours are the same.

repeng 0.4.0 names a type that NumPy 2 dropped, so it is given back before the import.
"""

import json
import tempfile
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

numpy.float_ = numpy.float64
import repeng  # noqa: E402
from repeng.extract import batched_get_hiddens, read_representations  # noqa: E402

from common import GOLDEN, SEED, checkpoint, hold, text_of, trimtab  # noqa: E402

PAIRS = 8


def prompts(vocab_size):
    """Pairs that end in two words of one kind or of the other, behind a random beginning."""
    generator = numpy.random.default_rng(SEED)
    pairs = []
    for _ in range(PAIRS):
        beginning = generator.integers(3, vocab_size, generator.integers(2, 9)).tolist()
        kinds = [generator.integers(3, 20, 2).tolist(), generator.integers(40, 57, 2).tolist()]
        pairs.append([beginning + kind for kind in kinds])
    return pairs


def cosine(left, right):
    return float(left @ right / numpy.linalg.norm(left) / numpy.linalg.norm(right))


def extracted(source, pairs, method, folder):
    trimtab("extract", "--model", source, "--pairs", pairs, "--method", method, "--out", folder / f"{method}.safetensors")
    return load_file(folder / f"{method}.safetensors")["resid_post"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = checkpoint("tiny_qwen2", folder / "source")
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager")
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        tokens = prompts(model.config.vocab_size)
        layers = list(range(model.config.num_hidden_layers))
        entries = [repeng.DatasetEntry(text_of(positive), text_of(negative)) for positive, negative in tokens]
        lines = [json.dumps({"positive": entry.positive, "negative": entry.negative}) for entry in entries]
        (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")
        texts = [text for entry in entries for text in (entry.positive, entry.negative)]
        with torch.no_grad():
            hidden = batched_get_hiddens(model, tokenizer, texts, layers, 4)
            # The last layer of transformers' hidden_states comes behind the final norm; ours before it.
            last = []
            hook = model.model.layers[-1].register_forward_hook(
                lambda _m, _i, out: last.append((out[0] if isinstance(out, tuple) else out)[0, -1].numpy())
            )
            for text in texts:
                model(**tokenizer(text, return_tensors="pt"))
            hook.remove()
            hidden[layers[-1]] = numpy.vstack(last)
            golden = {"mean_difference": [], "logistic": []}
            for method in ["pca_diff", "pca_center"]:
                found = read_representations(
                    model, tokenizer, entries, layers, method=method,
                    transform_hiddens=lambda _: {layer: rows.copy() for layer, rows in hidden.items()},
                )  # fmt: skip
                golden[method] = [found[layer] for layer in layers]
        for layer in layers:
            rows = hidden[layer].astype(numpy.float64)
            golden["mean_difference"].append((rows[::2] - rows[1::2]).mean(axis=0))
            regression = LogisticRegression(C=1.0, tol=1e-12, max_iter=100_000)
            regression.fit(rows, [1, 0] * PAIRS)
            golden["logistic"].append(regression.coef_[0])
        golden = {method: numpy.array(rows, dtype=numpy.float32) for method, rows in golden.items()}
        norms = numpy.linalg.norm(golden["mean_difference"], axis=1)
        for method, expected in golden.items():
            ours = extracted(source, folder / "pairs.jsonl", method, folder)
            for layer in layers:
                hold(f"{method}, layer {layer}: 1 - cosine", 1.0 - cosine(ours[layer], expected[layer]), 1e-5)
                hold(f"{method}, layer {layer}: norm", abs(numpy.linalg.norm(ours[layer]) / norms[layer] - 1.0), 1e-4)

        # repeng -> trimtab: layer 0 cannot be in the file.
        theirs = repeng.ControlVector(model_type="qwen2", directions={n: golden["pca_diff"][n] for n in layers[1:]})
        theirs.export_gguf(folder / "repeng.gguf")
        trimtab("export", "--model", source, "--vectors", folder / "repeng.gguf", "--to", "safetensors", "--out", folder / "read.safetensors")
        read = load_file(folder / "read.safetensors")["resid_post"]
        assert not read[0].any() and (read[1:] == golden["pca_diff"][1:]).all()
        # trimtab -> repeng
        trimtab("export", "--model", source, "--vectors", folder / "read.safetensors", "--to", "gguf", "--out", folder / "ours.gguf")
        assert repeng.ControlVector.import_gguf(folder / "ours.gguf") == theirs
        print("control vectors go from repeng to trimtab and back unchanged")

        folder_out = GOLDEN / "repeng"
        folder_out.mkdir(parents=True, exist_ok=True)
        (folder_out / "control_vector.gguf").write_bytes((folder / "repeng.gguf").read_bytes())
        save_file(golden, folder_out / "directions.safetensors")
        (folder_out / "prompts.json").write_text(json.dumps(tokens) + "\n")
        (folder_out / "directions.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
