"""What the scripts of this folder share: tiny checkpoints with a tokenizer, seeded vectors, the programs of trimtab."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = HERE / "golden"
FIXTURES = ROOT / "tests" / "fixtures"
SEED = 20261124


def trimtab(program, *flags):
    """The JSON object that a program prints; models run in f32, as they do in the programs compared with."""
    command = [ROOT / "target" / "release" / "examples" / program, *map(str, flags), "--dtype", "f32", "--json"]
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{program} {flags}: {done.stderr}")
    return json.loads(done.stdout)


def test_program(name):
    """The newest build of a program of tests/bin."""
    built = [ROOT / "target" / profile / name for profile in ["release", "debug"]]
    return max((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime)


def checkpoint(fixture, folder):
    """A copy of a fixture with a tokenizer of one word for each token: w0, w1, ..."""
    folder.mkdir()
    for name in ["config.json", "model.safetensors"]:
        shutil.copy(FIXTURES / fixture / name, folder / name)
    vocab_size = json.loads((folder / "config.json").read_text())["vocab_size"]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {f"w{i}": i for i in range(vocab_size)}},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "w0", "pad_token": "w0"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def steering(config, scale=0.3):
    """Vectors `[num_hidden_layers, hidden_size]`, normal with standard deviation `scale`."""
    generator = numpy.random.default_rng(SEED)
    shape = [config["num_hidden_layers"], config["hidden_size"]]
    return (scale * generator.standard_normal(shape)).astype(numpy.float32)


def text_of(tokens):
    return " ".join(f"w{token}" for token in tokens)


def largest_difference(left, right):
    assert left.shape == right.shape, (left.shape, right.shape)
    return float(numpy.abs(left.astype(numpy.float64) - right.astype(numpy.float64)).max())


def hold(name, difference, most):
    print(f"{name}: {difference:.2e} (at most {most:.0e})")
    assert difference <= most, name
