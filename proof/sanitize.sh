#!/usr/bin/env bash
# Runs tests under a sanitizer: `proof/sanitize.sh address` or `proof/sanitize.sh thread`. Needs a nightly toolchain.
#
# The standard library comes compiled without the sanitizer; where its source is installed (`rustup component add rust-src --toolchain nightly`)
# it is built with it, and nothing is suppressed. Where it is not, `tsan.suppressions` names what ThreadSanitizer reports of the
# library's own parts, with the reason of each.
#
# ThreadSanitizer knows no fences. What it judges is therefore ordered by atomics alone: all data. The flag of a sleeper is ordered by fences
# and carries none. And it knows no second address of the same memory: two handles that have each mapped a segment for themselves look like strangers to
# it. So the tests over heap memory come first (`tests/heap`), where all handles share addresses; the library's own follow, of which `spsc::pair` and clones do.
#
# Not run under either: `tests/processes`, `tests/mpmc_processes`, `tests/bytes_processes`, `tests/segment` and `tests/environment`. They fork, kill and
# single-step, limit memory and filter system calls: a sanitizer's runtime reserves terabytes, has threads and files of its own, and does not
# survive a fork of a process with threads. In single test programs what forks is left out by name.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizer=${1:-}
case $sanitizer in
address | thread) ;;
*) echo "usage: $0 address | thread" >&2; exit 2 ;;
esac

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/sanitize-$sanitizer
export RUSTFLAGS="-Zsanitizer=$sanitizer"
build=(--target "$host")
suppressions=
if [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ]; then
    build+=(-Zbuild-std)
else
    # Otherwise rustc refuses to link against a library that was compiled without.
    RUSTFLAGS+=" -Cunsafe-allow-abi-mismatch=sanitizer"
    suppressions=suppressions=$PWD/proof/tsan.suppressions
fi
# The first report ends the program, so that a test of that name has failed.
export TSAN_OPTIONS="halt_on_error=1 $suppressions"
# A segment that is leaked is found by other tests; what a test forgets on purpose is no fault.
export ASAN_OPTIONS="detect_leaks=0"

run() {
    echo "=== $*"
    cargo +nightly test "${build[@]}" "$@"
}

run -p rondel-proof --test heap
# What forks in the middle of a program with threads, for the reason above.
forks=(--skip forked:: --skip gate::tests --skip liveness::registry)
run -p rondel --lib -- "${forks[@]}"
run -p rondel --test spsc_model --test mpmc_model --test bytes_model
run -p rondel --test mpmc --test bytes -- "${forks[@]}"
echo "no report of the $sanitizer sanitizer"
