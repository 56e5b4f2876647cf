#!/usr/bin/env bash
# Everything that docs/gpu.md wants to know of a machine with a GPU, in its order: build, doctor, tests, sanitizers,
# tables. Goes on after a failure, keeps a log of every step, and ends with a summary.
# first_run.sh [--dry-run] OUTPUT_FOLDER [CIFAR10.h5]
# first_run.sh --short [--dry-run] first|second OUTPUT_FOLDER     on a borrowed machine: short_run.sh, minutes
#   --dry-run   prints the commands, one per line, and does nothing
# Environment: BUILD (build/gpu: made if need be), JOBS (cores), STEP_LIMIT (3600: seconds that a step may take), and
# what run.sh beside this script knows (PYTHON, NETWORKS, ROUNDS, ...).
set -uo pipefail
if [[ ${1:-} == --short ]]; then exec "$(dirname "${BASH_SOURCE[0]}")/short_run.sh" "${@:2}"; fi
dry=0
if [[ ${1:-} == --dry-run ]]; then dry=1; shift; fi
if (($# < 1 || $# > 2)) || [[ $1 == -* ]]; then sed -n '2,8s/^# //p' "$0" >&2; exit 2; fi
output=$(realpath -m "$1")
dataset=${2:+$(realpath -m "$2")}
build=${BUILD:+$(realpath -m "$BUILD")}
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
build=${build:-build/gpu} jobs=${JOBS:-$(nproc)} limit=${STEP_LIMIT:-3600}
kernels=$build/tests/kernels_gpu_test
steps=$build/tests/cuda_step_gpu_test
sanitize=(compute-sanitizer --error-exitcode 1 --tool)

# A failed step does not end the others: what a first run is for is to see all of them.
summary=() failed=0 count=0
# step NAME COMMAND...
step() {
  local name=$1 log status=0 began=$SECONDS
  shift
  if ((dry)); then
    printf '%s\n' "${*@Q}"
    return
  fi
  ((++count))
  log=$output/$(printf '%02d' "$count")-$name.log
  printf '== %s: %s\n' "$name" "$*"
  timeout --kill-after 30 "$limit" "$@" </dev/null >"$log" 2>&1 || status=$?
  if ((status == 0)); then
    summary+=("ok       $name, $((SECONDS - began)) s")
  else
    ((++failed))
    case $status in
      124) summary+=("FAILURE  $name: not done after $limit s, see $log") ;;
      126 | 127) summary+=("FAILURE  $name: $1 cannot be run, see $log") ;;
      *) summary+=("FAILURE  $name: status $status after $((SECONDS - began)) s, see $log") ;;
    esac
    tail -n 5 "$log"
  fi
}

((dry)) || mkdir -p "$output" || exit 2
PATH+=:/usr/local/cuda/bin # compute-sanitizer comes with CUDA
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

step nvidia-smi nvidia-smi
if [[ ! -x $build/bin/annulus || -z ${BUILD:-} ]]; then # a build folder that was named and is there is taken as it is
  step configure cmake --preset gpu -B "$build" "-DCMAKE_CUDA_ARCHITECTURES=${CUDAARCHS:-native}"
  step build cmake --build "$build" --parallel "$jobs"
fi
step doctor "$build/bin/annulus" doctor
step gpu-tests ctest --test-dir "$build" --label-regex gpu --output-on-failure
# Graphs off, then on: if only the second fails, it is the capture.
step kernels "$kernels"
step steps "$steps"
step graphs "$build/tests/cuda_graph_gpu_test"
step memcheck "${sanitize[@]}" memcheck "$kernels"
step racecheck "${sanitize[@]}" racecheck "$kernels"
step initcheck "${sanitize[@]}" initcheck "$kernels"
step memcheck-steps "${sanitize[@]}" memcheck "$steps"
step tables bench/gpu/run.sh "$build/bin/annulus" "$output/tables" ${dataset:+"$dataset"}

((dry)) && exit 0
printf '\n'
printf '%s\n' "${summary[@]}" | tee "$output/summary.txt"
if ((failed > 0)); then
  printf '%d of %d steps failed; their logs are in %s\n' "$failed" "$count" "$output" | tee -a "$output/summary.txt"
  exit 1
fi
