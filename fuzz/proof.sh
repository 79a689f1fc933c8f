#!/usr/bin/env bash
# Runs all fuzz targets on all processors until so many executions have been made altogether, and says what came of it:
#
#     fuzz/proof.sh 100000000
#
# The targets that run the protocols over heap memory (protocol…) share nine tenths evenly, the others, which are ten to thirty times slower, one
# tenth. A tenth of each share runs under the address sanitizer, the rest without it, from what the first have found (see tools.sh).
# Exit status 0: nothing was found, and all were made. A run that has found something stops there; the input is in
# fuzz/artifacts, and belongs into fuzz/crashes once it is understood.
set -euo pipefail
cd "$(dirname "$0")/.."
executions=${1:?how many executions altogether}
[[ $executions =~ ^[0-9]+$ ]] || { echo "not a number of executions: $executions" >&2; exit 2; }
source fuzz/tools.sh

build address
build plain
# Those that take longest come first, so that no processor is left with one of them in the end.
targets=(protocol_mpmc protocol_bytes protocol
    $(printf '%s\n' "${targets[@]}" | grep -v '^protocol' | sort -t_ -k1,1r))
many=3
few=$((${#targets[@]} - many))
share_of() {
    # Rounded up, so that there are not fewer in the end.
    if [[ $1 == protocol* ]]; then
        echo $(((executions * 9 + 10 * many - 1) / (10 * many)))
    else
        echo $(((executions + 10 * few - 1) / (10 * few)))
    fi
}
share() {
    local all sanitized
    all=$(share_of "$1")
    sanitized=$(((all + 9) / 10))
    run address "$1" -runs="$sanitized"
    run plain "$1" -runs="$((all - sanitized))"
}
begin=$SECONDS

# What libFuzzer has written last begins with the number of executions.
done_so_far() {
    local sum=0 log count
    for log in "$results"/*.log; do
        [[ -e $log ]] || continue
        count=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#' || true)
        sum=$((sum + ${count:-0}))
    done
    echo "$sum"
}
progress() {
    while sleep 20; do
        printf '%s  %d min  %d of %d executions\n' "$(date +%T)" $(((SECONDS - begin) / 60)) "$(done_so_far)" "$executions" >&2
    done
}
# It is ended with the others, should the script end before.
set -m
progress &
set +m
watcher=$!
trap 'kill -- "-$watcher" 2>/dev/null || true; end_all' EXIT

run_all share
kill -- "-$watcher"
status=0
table || status=$?
total=$(awk '$1 == "stat::number_of_executed_units:" { sum += $2 } END { printf "%d", sum }' "$results"/*.log)
echo "$total executions in $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s; found something: $([[ $status == 0 ]] && echo no || echo YES)"
((total >= executions)) || { echo "fewer than asked for" >&2; status=1; }
exit "$status"
