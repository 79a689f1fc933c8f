#!/usr/bin/env bash
# Makes fuzz/seeds anew: of the seeds and of what runs have found (fuzz/corpus), as few inputs as reach the same edges, which is
# what libFuzzer calls a set cover. Named by what they hold.
set -euo pipefail
cd "$(dirname "$0")/.."
source fuzz/tools.sh

kind=${KIND:-address}
[[ -n ${NO_BUILD:-} ]] || build "$kind"
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    merged=$(mktemp -d)
    trap 'rm -rf "$merged"' EXIT
    # Edges, and not how often: otherwise ten times as many are kept.
    "$(program "$kind" "$target")" -set_cover_merge=1 -use_counters=0 -detect_leaks=0 -max_len=300 \
        "$merged" "fuzz/seeds/$target" "fuzz/corpus/$target" >/dev/null 2>&1
    rm -f "fuzz/seeds/$target"/*
    for input in "$merged"/*; do
        mv "$input" "fuzz/seeds/$target/$(sha256sum "$input" | cut -c1-12)"
    done
    rm -rf "$merged"
    printf '%-14s %4d inputs, %6d bytes\n' "$target" "$(find "fuzz/seeds/$target" -type f | wc -l)" \
        "$(cat "fuzz/seeds/$target"/* | wc -c)"
done
