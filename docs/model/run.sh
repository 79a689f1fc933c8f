#!/usr/bin/env bash
# Checks the models exhaustively: every configuration below, each without and with a search for executions that never end.
# `run.sh` runs what must hold, `run.sh whole` also the one search that takes as long as all others; `run.sh breaks` runs the deliberate breaks, each of which must be found.
# Needs spin (installed with apt-get when it is missing) and gcc; about 6 GB of memory at the most, two searches at a time.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
memory_each=2900 # MB
depth=1000000

if ! command -v spin >/dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get install -y spin || { "${as_root[@]}" apt-get update && "${as_root[@]}" apt-get install -y spin; } || {
        echo 'spin is missing and apt-get could not install it' >&2
        exit 1
    }
fi
command -v gcc >/dev/null || { echo 'gcc is missing' >&2; exit 1; }

# search <directory> <model> <how> <defines>: leaves pan's report in report; true if the search was whole, errors or not.
search() {
    local dir=$1 model=$2 how=$3 defines=$4
    local compile=(-DSAFETY) run=()
    [ "$how" = ends ] && compile=(-DNP -DNOFAIR) && run=(-l)
    mkdir -p "$dir" && cd "$dir" && cp "$here/$model.pml" . || return 1
    # Unquoted on purpose: a list of options.
    spin $defines -a "$model.pml" >generate 2>&1 || { cat generate; return 1; }
    gcc -O2 -w "${compile[@]}" -DCOLLAPSE -DMEMLIM="$memory_each" -o pan pan.c || return 1
    ./pan "${run[@]}" -n -w24 -m"$depth" >report 2>&1
    grep -q 'errors: ' report && ! grep -qE 'Search not completed|max search depth too small|out of memory|memory limit' report
}

# trail <directory> <model> <defines>: the shortest readable form of the execution that was found.
trail() {
    cd "$1" && spin $3 -t -p -g -k "$2.pml.trail" "$2.pml" 2>&1 | cut -c1-160 | tail -n 400
}

# must_hold <number> <model> <how> <defines>
must_hold() {
    local dir=$work/$1 began=$SECONDS
    search "$dir" "$2" "$3" "$4" || {
        if [ -s "$dir/$2.pml.trail" ]; then trail "$dir" "$2" "$4"; fi
        cat "$dir/report" 2>/dev/null
        echo "FAILED: $2 ($3) $4: an error, or the search was cut short; see above" >&2
        return 1
    }
    grep -q 'errors: 0' "$dir/report" || {
        trail "$dir" "$2" "$4"
        cat "$dir/report"
        echo "FAILED: $2 ($3) $4: an execution breaks the protocol; its trail is above" >&2
        return 1
    }
    printf '%-6s %-5s %-72s %11s states %4d s\n' "$2" "$3" "$4" \
        "$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$dir/report")" $((SECONDS - began))
    rm -rf "$dir"
}

# must_fail <number> <model> <how> <defines>
must_fail() {
    local dir=$work/$1 found
    search "$dir" "$2" "$3" "$4"
    if [ ! -s "$dir/$2.pml.trail" ]; then
        cat "$dir/report" 2>/dev/null
        echo "FAILED: $2 ($3) $4: the break was not noticed" >&2
        return 1
    fi
    found=$(sed -nE 's/^pan:[0-9]*: ?(.*) \(at depth.*/\1/p' "$dir/report" | cut -c1-110 | head -n 1)
    printf '%-6s %-90s %s\n' "$2" "$4" "$found"
    rm -rf "$dir"
}

# 40 million states: as long as all others together.
longest() {
    echo 'sleep safe -DPUSHES=1 -DSTOPS=0'
}

holds() {
    cat <<'LIST'
claims safe -DCRASHES=1
claims safe -DCRASHES=1 -DDISCARD
claims safe -DCRASHES=0
claims ends -DCRASHES=0
claims safe -DCRASHES=0 -DPUSHES=2 -DBATCH=2
claims safe -DPRODUCERS=1 -DCRASHES=1 -DPUSHES=3
claims safe -DPRODUCERS=1 -DCRASHES=1 -DPUSHES=2 -DBATCH=2
claims safe -DPRODUCERS=1 -DCRASHES=1 -DPUSHES=2 -DBATCH=2 -DDISCARD
claims safe -DPRODUCERS=1 -DCRASHES=1 -DROLES_CHANGE
claims safe -DPRODUCERS=1 -DCRASHES=2
claims safe -DPRODUCERS=1 -DCRASHES=2 -DDISCARD
claims safe -DPRODUCERS=1 -DCRASHES=2 -DROLES_CHANGE
claims ends -DPRODUCERS=1 -DCRASHES=1
claims safe -DCONSUMERS=1 -DCRASHES=1 -DPUSHES=2 -DBATCH=2
claims safe -DCONSUMERS=1 -DCRASHES=1 -DPUSHES=2 -DIDLERS=1
claims safe -DCONSUMERS=1 -DCRASHES=2
claims ends -DCONSUMERS=1 -DCRASHES=1
sleep safe -DPRODUCERS=1 -DPUSHES=3
sleep ends -DPRODUCERS=1
sleep safe -DPRODUCERS=1 -DCRASHES=1
sleep ends -DPRODUCERS=1 -DCRASHES=1
sleep safe -DPRODUCERS=1 -DCRASHES=1 -DNEWCOMER
sleep safe -DPRODUCERS=1 -DSTOPS=0 -DCRASHES=1 -DDEATH_ONLY_ASLEEP -DNO_SLICES
sleep safe -DPRODUCERS=1 -DSHARED
sleep safe -DCONSUMERS=1 -DSTOPS=0
sleep ends -DCONSUMERS=1 -DSTOPS=0
LIST
}

breaks() {
    cat <<'LIST'
claims safe -DCRASHES=1 -DCONSUMERS=1 -DBREAK_PUSHING_AFTER_CLAIM
claims safe -DCRASHES=1 -DPRODUCERS=1 -DBREAK_POPPING_AFTER_CLAIM
claims safe -DCRASHES=1 -DCONSUMERS=1 -DBREAK_RECOVERY_ASKS_NOBODY
claims safe -DCRASHES=1 -DCONSUMERS=1 -DPUSHES=2 -DIDLERS=1 -DBREAK_GIVING_UP_KEEPS_INTENT
claims ends -DCRASHES=2 -DPRODUCERS=1 -DBREAK_RECLAIM_NAMES_NOBODY
claims safe -DCRASHES=1 -DPRODUCERS=1 -DBREAK_LINE_NOT_SETTLED
claims ends -DCRASHES=2 -DPRODUCERS=1 -DBREAK_CLAIMED_VOID_STAYS
claims safe -DCRASHES=1 -DPRODUCERS=1 -DPUSHES=3 -DBREAK_POLICIES_MIXED
claims safe -DCRASHES=1 -DPRODUCERS=1 -DBREAK_NEWCOMER_ASKS_NOBODY
claims safe -DCRASHES=2 -DPRODUCERS=1 -DBREAK_RECLAIM_WITHOUT_ATTACHMENT
claims safe -DCRASHES=2 -DPRODUCERS=1 -DBREAK_COUNTED_WHEN_ANNOUNCED
claims safe -DCRASHES=1 -DCONSUMERS=1 -DBREAK_UNCLAIMED_IS_RECOVERED
claims safe -DCRASHES=2 -DPRODUCERS=1 -DBREAK_TAKING_IS_NOT_SAID
claims safe -DCRASHES=0 -DCONSUMERS=1 -DBREAK_PUBLISHED_BEFORE_WRITTEN
sleep safe -DPRODUCERS=1 -DBREAK_NO_SECOND_LOOK
sleep safe -DPRODUCERS=1 -DBREAK_WAKES_BEFORE_PUBLISHING
sleep safe -DPRODUCERS=1 -DBREAK_NOT_PASSED_ON
sleep safe -DPRODUCERS=1 -DSHARED -DBREAK_SHARED_BIT_IS_CLEARED
sleep safe -DPRODUCERS=1 -DSHARED -DBREAK_SHARED_BIT_WAKES_ONE
sleep safe -DPRODUCERS=1 -DSTOPS=0 -DCRASHES=1 -DDEATH_ONLY_ASLEEP -DNO_SLICES -DBREAK_THE_DEAD_ARE_WOKEN
sleep safe -DPRODUCERS=1 -DSTOPS=0 -DCRASHES=1 -DDEATH_ONLY_ASLEEP -DNO_SLICES -DBREAK_AWAKE_COUNTS
sleep safe -DPRODUCERS=1 -DSTOPS=0 -DCRASHES=1 -DNO_SLICES
LIST
}

# Two at a time; the first failure ends it.
all() {
    local check=$1 number=0 model how defines status=0
    while read -r model how defines; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
            wait -n || status=1
        done
        [ "$status" = 0 ] || break
        number=$((number + 1))
        "$check" "$number" "$model" "$how" "$defines" </dev/null &
    done
    while [ -n "$(jobs -p)" ]; do
        wait -n || { [ $? = 127 ] && break; status=1; }
    done
    return "$status"
}

case ${1:-} in
'') all must_hold < <(holds) && echo 'every model holds' ;;
whole) all must_hold < <(longest; holds) && echo 'every model holds' ;;
breaks) all must_fail < <(breaks) && echo 'every break was found' ;;
*) echo "usage: $0 [whole | breaks]" >&2; exit 2 ;;
esac
