#!/usr/bin/env bash
# Short real trainings under ThreadSanitizer: alone with two threads, and on two ranks. Their data are streamed by two
# loader threads while checkpoints are written every few steps, so that the loader, the worker pool, the checkpoint
# thread, the watchdog and the herald all work at once. Ends with 66 when a race is found, and prints it.
#   bench/thread_sanitizer.sh      after: cmake --preset tsan && cmake --build --preset tsan --target annulus
# Environment: BUILD (build/tsan).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project=$PWD
annulus=$project/${BUILD:-build/tsan}/bin/annulus
[[ -x $annulus ]] || { echo "error: $annulus is missing: cmake --preset tsan && cmake --build --preset tsan --target annulus" >&2 && exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_tcp_if_include=lo
export TSAN_OPTIONS="suppressions=$project/tests/tsan.supp history_size=4 exitcode=66"

# Points of four classes: text is enough, and the importer stores them in chunks.
awk 'BEGIN { srand(1); for (i = 0; i < 1200; i++) { for (k = 0; k < 64; k++) printf "%.3f,", rand() + i % 4; print i % 4 } }' >points.csv
"$annulus" data import table points.csv --output points.h5 --test-fraction 0.2 >import.log 2>&1 || { cat import.log >&2 && exit 1; }
cat >net.yaml <<'YAML'
name: threads
epochs: 4
data: {path: points.h5, resident_mb: 0, window_mb: 1, loader_threads: 2}
network:
  input: [64]
  layers:
    - dense: {units: 32}
    - batch_norm
    - relu
    - dropout: 0.2
    - dense: {units: 4, activation: softmax}
batch: {size: 32, shards: 4}
optimizer: {kind: adam, learning_rate: 0.001}
checkpoint: {every_steps: 5, keep_last: 2}
ledger: {every_steps: 1}
YAML
"$annulus" train net.yaml device.threads=2 --run alone
echo "alone, 2 threads: no race"
mpirun -n 2 --bind-to none --oversubscribe "$annulus" train net.yaml device.threads=1 --run ranks
echo "2 ranks: no race"
