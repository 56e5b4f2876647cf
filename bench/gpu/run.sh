#!/usr/bin/env bash
# The tables of docs/gpu.md: annulus against PyTorch, eager and compiled, in turns on one GPU.
# run.sh PROGRAM OUTPUT_FOLDER [CIFAR10.h5]
#   PROGRAM     bin/annulus of a build with CUDA (cmake --preset gpu)
#   CIFAR10.h5  also measures the time to 0.79 test accuracy (annulus data import cifar10 makes it)
# Environment: PYTHON (python3 with torch, CUDA), ROUNDS (3), SECONDS_EACH (3), NETWORKS ("lenet5 cifar10 rich alexnet
# vgg16"), PRECISION (bfloat16).
set -euo pipefail
if (($# < 2)); then sed -n '2,7s/^# //p' "$0" >&2; exit 2; fi
program=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
dataset=${3:+$(realpath "$3")}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
configs=$(realpath "$here/../../configs")
python=${PYTHON:-python3} rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-3} precision=${PRECISION:-bfloat16}
networks=${NETWORKS:-lenet5 cifar10 rich alexnet vgg16}

"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || {
  echo "bench/gpu: $python has no torch that sees a GPU. Set PYTHON to one (pip install torch)." >&2; exit 2; }
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export PYTHONUNBUFFERED=1

nvidia-smi >"$output/nvidia-smi.txt"
"$program" doctor >"$output/doctor.txt" || true  # a part that is missing there need not be needed here
"$python" "$here/peer_gpu.py" --ceilings | tee "$output/ceilings.json"

config_of() { if [[ $1 == rich ]]; then echo "$configs/rich_lecture.yaml"; else echo "$configs/$1.yaml"; fi; }
batches_of() { if [[ $1 == vgg16 ]]; then echo 32 64 128 256; else echo 128 512 2048; fi; }
# annulus_line NETWORK BATCH SHARDS [key=value ...]: random images; augmentation as configured.
annulus_line() {
  echo "$program bench step $(config_of "$1") --synthetic --warmup 20 --seconds $seconds batch.size=$2" \
    "batch.shards=$3 device.kind=cuda device.precision=$precision ${*:4}"
}
peer_line() {
  echo "$python $here/peer_gpu.py --network $1 --batch $2 --precision $precision --seconds $seconds ${*:3}"
}

for network in $networks; do
  "$program" summary "$(config_of "$network")" --json >"$output/$network-summary.json"
  for batch in $(batches_of "$network"); do
    name=$network-$batch
    {
      echo "torch-compiled | $(peer_line "$network" "$batch" --compile)"
      echo "torch-eager | $(peer_line "$network" "$batch")"
      echo "annulus | $(annulus_line "$network" "$batch" 1)" # the whole batch in one pass, as the peers do it
      echo "annulus-no-graph | $(annulus_line "$network" "$batch" 1 device.graph=false)"
      echo "annulus-streamed | $(annulus_line "$network" "$batch" 1 data.gpu_mb=0)"
      echo "annulus-4-shards | $(annulus_line "$network" "$batch" 4)"
    } >"$output/$name.txt"
    echo "== $network, batch $batch, $precision"
    # A batch that does not fit this GPU ends its own comparison, not the table.
    "$here/../peers/compare.py" --rounds "$rounds" --timeout 900 --foreign-limit 9 --output "$output/$name.jsonl" \
      "$output/$name.txt" || echo "left out: $name" | tee -a "$output/left_out.txt"
  done
done

# Gaps between what the GPU does, where NVIDIA's profiler is installed.
if command -v nsys >/dev/null; then
  for network in $networks; do
    batch=$(batches_of "$network" | cut -d' ' -f1)
    for way in annulus torch; do
      line=$(if [[ $way == annulus ]]; then annulus_line "$network" "$batch" 1; else
        peer_line "$network" "$batch" --compile; fi)
      # shellcheck disable=SC2086  # a command line
      nsys profile --force-overwrite true --trace cuda --cuda-graph-trace node --output "$output/$way-$network" $line \
        >"$output/$way-$network.nsys.log" 2>&1 &&
        nsys export --force-overwrite true --type sqlite --output "$output/$way-$network.sqlite" \
          "$output/$way-$network.nsys-rep" >/dev/null || echo "nsys failed: $output/$way-$network.nsys.log"
    done
  done
fi

gpus=$(nvidia-smi --list-gpus | wc -l)
if ((gpus > 1)); then
  mpirun -n "$gpus" --bind-to none "$program" bench allreduce | tee "$output/allreduce.txt"
  for reduction in fast tree; do
    mpirun -n "$gpus" --bind-to none "$program" bench step "$configs/vgg16.yaml" --synthetic device.kind=cuda \
      batch.size=$((64 * gpus)) batch.shards="$gpus" device.precision="$precision" reduction="$reduction" \
      --warmup 20 --seconds "$seconds" | tee "$output/reduction-$reduction.json"
  done
fi

if [[ -n $dataset ]]; then
  rm -rf "$output/run-cifar10"
  "$program" train "$configs/cifar10.yaml" "data.path=$dataset" device.kind=cuda "device.precision=$precision" \
    batch.shards=1 --run "$output/run-cifar10" --resume none
fi
"$python" "$here/table.py" "$output" | tee "$output/table.md"
