#!/usr/bin/env bash
# Says what of src/ the fuzz targets reach: the seeds, and what earlier runs have found (fuzz/corpus), are run once each.
#
# The compiler's coverage needs tools of just its version, which are not everywhere. libFuzzer counts the edges of the
# control flow in any case, and the sanitizer knows the lines that they lie in. A function that is compiled for several types is
# counted once, as the type that was reached best; a line is listed if an edge at it was taken by no type and in no target.
# (What was compiled into another function, too, may have been reached in that one.)
set -euo pipefail
cd "$(dirname "$0")/.."
source fuzz/tools.sh

build address
logs=$fuzz_target_dir/coverage
rm -rf "$logs"
mkdir -p "$logs"
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    echo "$target" >&2
    "$(program address "$target")" "fuzz/corpus/$target" "fuzz/seeds/$target" -runs=0 -print_coverage=1 -detect_leaks=0 \
        >"$logs/$target" 2>&1
done
awk -v src="$PWD/src/" -f fuzz/coverage.awk "$logs"/*
