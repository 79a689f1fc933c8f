#!/usr/bin/env bash
# Runs all fuzz targets on all processors until so many executions have been made altogether, and says what came of it:
#
#     fuzz/proof.sh 100000000
#
# Each target has an equal share. A tenth of that runs under the address sanitizer, the rest without it, from what the first
# have found (see tools.sh). Exit status 0: nothing was found. A target that has found something stops there; the input is
# in fuzz/artifacts, and belongs into fuzz/crashes once it is understood.
set -euo pipefail
cd "$(dirname "$0")/.."
executions=${1:?how many executions altogether}
[[ $executions =~ ^[0-9]+$ ]] || { echo "not a number of executions: $executions" >&2; exit 2; }
source fuzz/tools.sh

build address
build plain
# Rounded up, so that there are not fewer in the end.
each=$(((executions + ${#targets[@]} - 1) / ${#targets[@]}))
sanitized=$(((each + 9) / 10))
begin=$SECONDS

# What libFuzzer has written last begins with the number of executions.
done_so_far() {
    local sum=0 log count
    for log in "$results"/*.log; do
        [[ -e $log ]] || continue
        count=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#')
        sum=$((sum + ${count:-0}))
    done
    echo "$sum"
}
progress() {
    while sleep 20; do
        printf '%s  %d min  %d of %d executions\n' "$(date +%T)" $(((SECONDS - begin) / 60)) "$(done_so_far)" "$executions" >&2
    done
}
progress &
watcher=$!
trap 'kill "$watcher" $(jobs -rp) 2>/dev/null || true' EXIT

run_all address -runs="$sanitized" plain -runs="$((each - sanitized))"
status=0
table || status=$?
total=$(awk '$1 == "stat::number_of_executed_units:" { sum += $2 } END { printf "%d", sum }' "$results"/*.log)
echo "$total executions in $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s; found something: $([[ $status == 0 ]] && echo no || echo YES)"
((total >= executions)) || { echo "fewer than asked for" >&2; status=1; }
exit "$status"
