#!/usr/bin/env bash
# For how long training stands still at a checkpoint of 44 MB (3.6 million weights and Adam's two moments), beside the
# length of a step: on 2 ranks, a checkpoint every 5 steps. Prints medians and worst values in ms.
#   bench/checkpoint_stall.sh [CHECKPOINTS]     default: 60. Environment: BUILD (build/release)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
checkpoints=${1:-60}
annulus=$PWD/${BUILD:-build/release}/bin/annulus
[[ -x $annulus ]] || { echo "error: $annulus is missing: build first, or say BUILD=build/..." >&2 && exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

# The lecture's network with a wider dense layer; tracks for ten steps an epoch.
sed 's/units: 128/units: 288/' configs/rich_lecture.yaml >"$folder/net.yaml"
"$annulus" rich simulate tracks=30 --events 62 --seed 1 --output "$folder/data.h5" >"$folder/log" 2>&1
train() { # RUN WORD...
  local run=$1
  shift
  mpirun -n 2 --bind-to core "$annulus" train "$folder/net.yaml" "data.path=$folder/data.h5" --run "$folder/$run" "$@" \
    >"$folder/log" 2>&1 || { cat "$folder/log" >&2 && exit 1; }
}
train saving checkpoint.every_steps=5 "epochs=$((checkpoints / 2))"
train plain checkpoint.every_epochs=1000 "epochs=$((checkpoints / 2))"

# ROW FILE PATTERN: median and worst of the numbers that a pattern finds
row() {
  sed -nE "s/$3/\\1/p" "$folder/$2" | sort -n |
    awk -v row="$1" '{v[NR] = $1} END {printf "| %s | %.1f | %.1f | %d |\n", row, v[int((NR + 1) / 2)], v[NR], NR}'
}
# An epoch's line in the metrics: images per second, of steps of 128.
steps_of() { sed -nE 's/.*"kind":"epoch".*"images_per_second":([0-9.]+).*/\1/p' "$folder/$1/metrics.jsonl" | awk '{print 128000 / $1}'; }
steps_of plain >"$folder/plain.ms"
steps_of saving >"$folder/saving.ms"
echo '| ms | median | worst | of |'
echo '|---|---|---|---|'
row 'training stands still for a checkpoint' saving/logs/rank-0.log '.*stood still for ([0-9.]+) ms.*'
row 'a step, mean of an epoch, no checkpoint in it' plain.ms '(.*)'
row 'the same with two checkpoints, written meanwhile' saving.ms '(.*)'
grep -m 1 -o 'checkpoint of step .*' "$folder/saving/logs/rank-0.log"
