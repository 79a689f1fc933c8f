#!/usr/bin/env bash
# Runs each fuzz target for the given number of seconds (30 if none is given), from the seeds that are kept here, under
# the address sanitizer: as many at a time as there are processors. Fails if one of them has found something.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
source fuzz/tools.sh

build address
limited() { run address "$1" -max_total_time="$seconds"; }
run_all limited
table
