#!/usr/bin/env bash
# Packages every crate as for publication, then builds and runs two small projects that depend on
# the unpacked packages: one on the grader alone, one on the facade and the hub.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$PWD/examples/assets/nano
target=$PWD/target

mapfile -t packages < <(printf -- '-p\n%s\n' $(basename -a crates/*))
cargo package "${packages[@]}" --no-verify --allow-dirty --quiet --target-dir "$target"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/crates"
patches=
for manifest in crates/*/Cargo.toml; do
  name=$(basename "$(dirname "$manifest")")
  tar -xzf "$target"/package/"$name"-[0-9]*.crate -C "$work/crates"
  folder=$(echo "$work/crates/$name"-[0-9]*)
  for file in README.md LICENSE-MIT LICENSE-APACHE; do
    test -s "$folder/$file" || { echo "the package $name has no $file" >&2; exit 1; }
  done
  patches+="$name = { path = \"$folder\" }"$'\n'
done

# project NAME DEPENDENCY...: a project whose main.rs comes from standard input, built and run
project() {
  local name=$1
  shift
  mkdir -p "$work/$name/src"
  cat >"$work/$name/src/main.rs"
  cp Cargo.lock "$work/$name"
  {
    printf '[package]\nname = "%s"\nedition = "2024"\n\n[dependencies]\n' "$name"
    printf '%s = "0.1"\n' "$@"
    printf '\n[profile.dev]\ndebug = false\n\n[patch.crates-io]\n%s' "$patches"
  } >"$work/$name/Cargo.toml"
  local started=$SECONDS
  cargo build --quiet --manifest-path "$work/$name/Cargo.toml" --target-dir "$target/consumer-$name"
  echo "$name: built in $((SECONDS - started)) s"
  (cd "$work/$name" && "$target/consumer-$name/debug/$name" "$model")
}

project grades-an-answer trimtab-grader <<'RUST'
fn main() {
    use trimtab_grader::{Rules, grade};
    let grade = grade("12", r"So she has $\boxed{12}$ apples.", &Rules::DEFAULT);
    println!("{:?}", grade.verdict);
    assert!(grade.verdict.is_correct());
}
RUST

project generates-text trimtab trimtab-hub <<'RUST'
use trimtab::{Device, Precision, Pretrained, Request, Sampling, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    trimtab_hub::install();
    let folder = std::env::args().nth(1).expect("the folder of a model");
    let base = Pretrained::load(folder.as_ref(), Precision::F32, &Device::flex())?;
    let prompt = base.tokenizer.encode("Problem: What is 6 * 7?\nAnswer:")?;
    let request = Request { prompt: &prompt, index: 0, samples: 1 };
    let sampling = Sampling { max_new_tokens: 8, ..Sampling::default() };
    let completions = generate(&base.model, &[request], &sampling, Default::default())?;
    println!("{:?}", completions[0][0].tokens.len());
    assert!(!completions[0][0].tokens.is_empty());
    Ok(())
}
RUST
