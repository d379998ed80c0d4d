#!/usr/bin/env bash
# Holds the files of trimtab to the programs that they are for, and writes what these programs compute to golden/, which
# tests/exports.rs and tests/contrast.rs read. Not part of CI: it needs the packages of requirements.txt.
#
#     pip install -r tests/interop/requirements.txt      (repeng asks for an older NumPy: pip install --no-deps repeng==0.4.0)
#     tests/interop/run.sh
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --workspace --examples
for script in *.py; do
  [[ $script == common.py ]] && continue
  printf '\n== %s\n' "$script"
  "${PYTHON:-python3}" "$script"
done
