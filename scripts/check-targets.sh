#!/usr/bin/env bash
# Compiles the libraries for other systems. None of them needs a C compiler for the target; the hub
# client and the programs do, and CI builds them where they run.
set -euo pipefail
cd "$(dirname "$0")/.."

rustup target add x86_64-pc-windows-gnu aarch64-unknown-linux-gnu wasm32-unknown-unknown
for target in x86_64-pc-windows-gnu aarch64-unknown-linux-gnu; do
  cargo check --target "$target" -p trimtab
done
# Models run on systems with files and threads.
cargo check --target wasm32-unknown-unknown -p trimtab-grader -p trimtab-tasks
