#!/usr/bin/env bash
# Fails if a line of code, comment or Markdown has more than 100 columns. Rows of tables and the
# addresses of links do not count. Fixtures and assets are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

long=$(
  git ls-files '*.rs' '*.css' '*.md' '*.toml' '*.sh' '*.yml' .ci/run |
    grep -Ev '(^|/)(fixtures|assets)/' |
    while read -r file; do
      [[ $file == *.md ]] && table='^\s*\|' || table='^$'
      sed -E "s/$table.*//; s/\]\([^)]*\)/]/g; s#https?://[^ )>\"]*##g" "$file" |
        { grep -nE '^.{101,}' || true; } |
        sed "s|^\([0-9]*\):.*|$file:\1|"
    done
)
if [[ -n $long ]]; then
  printf '%s\n' "$long"
  echo "$(wc -l <<<"$long") lines have more than 100 columns" >&2
  exit 1
fi
