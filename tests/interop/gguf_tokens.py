"""Token ids of GGUF files: trimtab against llama.cpp, and against transformers' reading of the same file.

    cargo build --workspace --bin encode_lines
    python tests/interop/gguf_tokens.py FILE.gguf ...

Without arguments it takes the files in the folder TRIMTAB_MODELS.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from common import test_program
from lines import lines


def trimtab(path, texts):
    command = [test_program("encode_lines"), path]
    done = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def llama_cpp(path, texts):
    import llama_cpp

    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    return [model.tokenize(text.encode(), add_bos=True, special=True) for text in texts]


def transformers(path, texts):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    return [tokenizer(text).input_ids for text in texts]


def main():
    models = os.environ.get("TRIMTAB_MODELS")
    paths = [Path(path) for path in sys.argv[1:]] or sorted(Path(models).glob("*.gguf") if models else [])
    if not paths:
        print("skipped: no file given, and TRIMTAB_MODELS names no folder")
    texts = lines()
    failed = False
    for path in paths:
        ours = trimtab(path, texts)
        for name, peer in [("llama.cpp", llama_cpp), ("transformers", transformers)]:
            try:
                theirs = peer(path, texts)
            except Exception as error:
                print(f"{path.name}: {name} does not read it: {str(error)[:100]}")
                continue
            differing = [case for case in zip(texts, ours, theirs) if case[1] != case[2]]
            print(f"{path.name}: {len(differing)} of {len(texts)} lines differ from {name}")
            failed |= name == "llama.cpp" and bool(differing)
            for text, left, right in differing[:5]:
                print(f"  {text[:60]!r}\n    {left[:16]}\n    {right[:16]}")
    sys.exit(failed)


main()
