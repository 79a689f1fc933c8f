#!/usr/bin/env bash
# Runs each fuzz target for the given number of seconds (30 if none is given), from the seeds that are kept here, under
# the address sanitizer. Installs what it lacks: cargo-fuzz below target/, and a nightly toolchain where rustup can.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}

if ! command -v cargo-fuzz >/dev/null; then
    export PATH="$PWD/target/tools/bin:$PATH"
    command -v cargo-fuzz >/dev/null || cargo install --locked --root target/tools cargo-fuzz
fi

# The sanitizer is behind an unstable flag. Where no nightly can be had, the stable compiler is told to take it: the
# runtime that it links against comes with it.
toolchain=()
if rustup run nightly rustc --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal; then
    toolchain=(+nightly)
else
    export RUSTC_BOOTSTRAP=1
fi

for target in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    mkdir -p "fuzz/corpus/$name"
    cargo "${toolchain[@]}" fuzz run "$name" "fuzz/corpus/$name" "fuzz/seeds/$name" -- \
        -max_total_time="$seconds" -timeout=10 -print_final_stats=1
done
