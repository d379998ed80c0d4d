#!/usr/bin/env bash
# Makes the figures of docs/gallery.md anew, in docs/gallery/.
#
#     TRIMTAB_MODELS=FOLDER scripts/gallery.sh
#
# FOLDER holds qwen2.5-coder-0.5b.gguf and smollm2-135m.gguf. Takes ten minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

qwen=$TRIMTAB_MODELS/qwen2.5-coder-0.5b.gguf
smollm=$TRIMTAB_MODELS/smollm2-135m.gguf
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cargo build --release -p trimtab-examples --examples
bin=$(realpath "${CARGO_TARGET_DIR:-target}")/release/examples
keep() { cp "$out/figures/$1.svg" "docs/gallery/$2.svg"; }

# A fact: where the answer appears, what says it, and what carries it.
"$bin/lens" --model "$qwen" --dtype bf16 --prompt "The capital of France is" --top 3 \
  --answer " Paris" --against " Rome" --corrupted "The capital of Italy is" --figures "$out/figures"
keep logit-lens fact-logit-lens
keep attribution fact-attribution
keep patching fact-patching

# Early layers with and without a tuned lens, trained on the pages of this project.
for page in docs/*.md; do
  cat "$page"
  echo
done >"$out/texts.txt"
"$bin/tune_lens" --model "$smollm" --dtype bf16 --texts "$out/texts.txt" --steps 40 \
  --tokens-per-step 256 --learning-rate 0.3 --out "$out/tuned.safetensors"
text="The moon goes around the earth once a month, and the earth goes around the sun once a year."
"$bin/lens" --model "$smollm" --prompt "$text" --figures "$out/figures"
keep curves plain-curves
"$bin/lens" --model "$smollm" --prompt "$text" --tuned "$out/tuned.safetensors" \
  --figures "$out/figures"
keep curves tuned-curves

# A direction of mood, at a quarter of its length.
"$bin/extract" --model "$smollm" --pairs docs/gallery/pairs.jsonl --read-at mean \
  --layers 12,13,14 --strength 0.25 --out "$out/mood.safetensors"
"$bin/lens" --model "$smollm" --chat --vectors "$out/mood.safetensors" --top 8 \
  --prompts docs/gallery/prompts.txt --figures "$out/figures"
keep vectors-unembedding mood-unembedding
keep vectors-last_layer mood-last-layer

# Trained vectors: three seeds on the bundled model.
for seed in 0 1 2; do
  "$bin/train" --seed "$seed" --set keep_checkpoints=1000 --out "$out/seed-$seed"
done
problems=$PWD/docs/gallery/problems.txt
# In the folder, so that the figure names the seeds.
(cd "$out" && "$bin/lens" --vectors seed-0/steering.safetensors --run seed-0 --top 8 \
  --compare seed-1/steering.safetensors --compare seed-2/steering.safetensors \
  --prompts "$problems" --figures figures)
keep trajectory seeds-trajectory
keep comparison seeds-comparison
keep persistence seeds-persistence
