#!/usr/bin/env bash
# Every rate of docs/rich.md in one go: the quartic and its alternatives, events simulated and reconstructed on one
# core, and both on one and two ranks (medians of three). Wants an idle machine.
#   bench/rich_speed.sh [BUILD]     default: build/release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

for name in rich_quartic_bench rich_simulation_bench rich_reconstruction_bench; do
  taskset -c 0 "$build/bench/$name" --benchmark_min_time=0.3 2>/dev/null
done

# Median of three times in seconds: median_of RANKS WORD...
median_of() {
  local ranks=$1 run start
  shift
  for run in 1 2 3; do
    if [[ $1 == simulate ]]; then rm -f "$folder/events.h5"; fi
    start=$(date +%s.%N)
    mpirun -n "$ranks" --bind-to core "$build/bin/annulus" rich "$@" >"$folder/log.$run" 2>&1 ||
      { cat "$folder/log.$run" >&2 && exit 1; }
    echo "$start $(date +%s.%N)" | awk '{print $2 - $1}'
  done | sort -n | sed -n 2p
}

# Events that a command is about; a reconstruction takes those of the simulation before it.
events_in() { if [[ $1 =~ --events\ ([0-9]+) ]]; then echo "${BASH_REMATCH[1]}"; else echo "$events"; fi; }

events=${EVENTS:-3000}
# Without images three times as many, or the start of MPI, 0.3 s, would be 5 % of it.
for work in "simulate tracks=60 images=none --events $((3 * events)) --threads 1 --output $folder/events.h5" \
  "simulate tracks=60 --events $events --threads 1 --output $folder/events.h5" \
  "reconstruct $folder/events.h5 --threads 1"; do
  read -ra words <<<"$work"
  one=$(median_of 1 "${words[@]}")
  two=$(median_of 2 "${words[@]}")
  awk -v what="${words[*]:0:3}" -v events="$(events_in "$work")" -v one="$one" -v two="$two" 'BEGIN {
    printf "%s, %d events: %.1f s on 1 rank, %.1f s on 2, %.2f times faster\n", what, events, one, two, one / two
  }'
done
