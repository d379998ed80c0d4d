#!/usr/bin/env bash
# Compares the files of trimtab with the programs they are for, and writes what these programs
# compute to golden/, which tests/exports.rs and tests/contrast.rs read. Not part of CI: it needs
# the packages of requirements.txt.
#
#     pip install -r tests/interop/requirements.txt
#     pip install --no-deps repeng==0.4.0    # it asks for an older NumPy
#     tests/interop/run.sh
#
# Scripts that compare real models take them from the folder TRIMTAB_MODELS.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --workspace --examples
cargo build --release -p trimtab-tests --bins
for script in *.py; do
  [[ $script == common.py ]] && continue
  printf '\n== %s\n' "$script"
  "${PYTHON:-python3}" "$script"
done
