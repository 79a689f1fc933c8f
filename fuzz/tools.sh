# What the scripts share: to be sourced, at the root of the repository.
#
# Two kinds of programs are built, both with coverage counters and debug assertions: "address", with the address sanitizer,
# and "plain", without, which are about twice as fast and see of a stray access what the walls around the mappings show, and
# no more. `CARGO_TARGET_DIR` is respected.

tools=$PWD/target/tools/bin
fuzz_target_dir=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
results=$fuzz_target_dir/results
mapfile -t targets < <(basename -s .rs fuzz/fuzz_targets/*.rs)
jobs_at_once=${JOBS:-$(nproc)}

# Installs what is lacking: cargo-fuzz below target/, and a nightly toolchain where rustup can.
if ! command -v cargo-fuzz >/dev/null; then
    export PATH="$tools:$PATH"
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

# build KIND: all targets at once, for they are one library and little else.
build() {
    local flags=(--sanitizer address)
    # Every comparison as a call of its own costs a fifth of the time; the first have made the corpus with it.
    [[ $1 == plain ]] && flags=(--sanitizer none --no-trace-compares)
    CARGO_TARGET_DIR=$fuzz_target_dir/$1 cargo "${toolchain[@]}" fuzz build "${flags[@]}" --features libfuzzer
}

# program KIND TARGET: where it is.
program() {
    find "$fuzz_target_dir/$1" -path "*/release/$2" -type f -print -quit
}

# run KIND TARGET LIMIT: from its seeds and what was found before. LIMIT is libFuzzer's: -max_total_time=… or -runs=….
run() {
    local kind=$1 target=$2 limit=$3 log=$results/$2.$1.log most_bytes=300
    # An operation takes two bytes there, and more of them are more of the same.
    [[ $target == model* ]] && most_bytes=128
    [[ $target == protocol* ]] && most_bytes=64
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target" "$results"
    local status=0
    # A leak is looked for at the end only: at each input it costs more than the input.
    "$(program "$kind" "$target")" "fuzz/corpus/$target" "fuzz/seeds/$target" "$limit" -timeout=10 -max_len="$most_bytes" \
        -detect_leaks=0 -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target/" >"$log" 2>&1 || status=$?
    echo "$status" >"$results/$target.$kind.status"
}

# run_all FUNCTION: calls it for every target, several at a time, in the order that `targets` has.
running=()
run_all() {
    local target
    rm -rf "$results"
    mkdir -p "$results"
    for target in "${targets[@]}"; do
        while still_running && ((${#running[@]} >= jobs_at_once)); do sleep 0.2; done
        # Each in a process group of its own, so that all of it can be ended.
        set -m
        "$1" "$target" &
        set +m
        running+=($!)
    done
    wait "${running[@]}" || true
    running=()
}

# Keeps in mind only those that have not ended.
still_running() {
    local pid left=()
    for pid in "${running[@]}"; do
        if kill -0 "$pid" 2>/dev/null; then left+=("$pid"); fi
    done
    running=("${left[@]}")
}

# What was begun ends with the script, however that ends.
end_all() {
    local pid
    for pid in "${running[@]}"; do
        kill -- "-$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

number() { awk -v key="stat::$2:" '$1 == key { value = $2 } END { print value + 0 }' "$1"; }

# table: what became of each target; false if anything was found.
table() {
    local target kind log found=0 status
    printf '%-14s %-8s %12s %9s %15s  %s\n' target build executions 'a second' 'edges' crashes
    for target in "${targets[@]}"; do
        for log in "$results/$target".*.log; do
            kind=$(basename "$log" .log)
            kind=${kind##*.}
            status=$(cat "$results/$target.$kind.status" 2>/dev/null || echo 1)
            local edges all
            edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -d' ' -f2 || true)
            all=$(grep -oE '\([0-9]+ inline 8-bit counters\)' "$log" | grep -oE '[0-9]+' | head -n 1 || true)
            printf '%-14s %-8s %12d %9d %15s  %s\n' "$target" "$kind" "$(number "$log" number_of_executed_units)" \
                "$(number "$log" average_exec_per_sec)" "${edges:-0}/${all:-0}" "$([[ $status == 0 ]] && echo 0 || echo 1)"
            if [[ $status != 0 ]]; then
                found=1
                # Where it is kept, and how it failed.
                grep -E 'panicked at|SUMMARY|Test unit written' "$log" | sed 's/^/    /' || tail -n 3 "$log"
            fi
        done
    done
    return $found
}
