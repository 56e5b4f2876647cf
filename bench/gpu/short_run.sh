#!/usr/bin/env bash
# The first run of first_run.sh in a short form, for a machine that is borrowed for minutes: nothing is built, the most
# telling steps come first, each has a limit, and what no longer fits is skipped and said.
# short_run.sh [--dry-run] first|second OUTPUT_FOLDER
#   first   doctor, the tests on the GPU, why cuDNN and cuBLASLt refused what they refused, speed in three precisions
#   second  memcheck and racecheck of chosen tests, PyTorch's figures, a run stopped and resumed, two ranks on the GPU
#   --dry-run   prints the commands, one per line, and does nothing
# Environment: BUDGET (300 or 240 s for everything), BUILD (a build folder; in an unpacked archive of pack.sh the
# archive itself), PYTHON (python3), AGAIN (tests of the first call, e.g. "steps graphs", to begin the second with).
# OUTPUT_FOLDER gets at most 8 files; summary.txt can be read alone.
set -uo pipefail
dry=0
if [[ ${1:-} == --dry-run ]]; then dry=1; shift; fi
if (($# != 2)) || [[ $1 != first && $1 != second ]]; then sed -n '2,11s/^# //p' "$0" >&2; exit 2; fi
call=$1 output=$(realpath -m "$2") build=${BUILD:+$(realpath -m "$BUILD")}
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
if [[ $call == first ]]; then budget=${BUDGET:-300}; else budget=${BUDGET:-240}; fi
title="Annulus on a borrowed machine, $call call"
python=${PYTHON:-python3}
if [[ -f MANIFEST ]]; then build=. on=(./run); else build=${build:-build/carry} on=(); fi
annulus=$build/bin/annulus tests=$build/tests
PATH+=:/usr/local/cuda/bin:/usr/local/nvidia/bin # compute-sanitizer comes with CUDA, in containers nvidia-smi apart
export NCCL_DEBUG=${NCCL_DEBUG:-WARN}
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
if ! ((dry)); then
  mkdir -p "$output" || exit 2
  rm -f "$output"/{machine,tests,reasons,speed,sanitizers,runs,peers}.log "$output"/{summary.txt,libraries_said.tar.gz}
fi
# shellcheck source=bench/gpu/steps.sh
source bench/gpu/steps.sh

# gtest NAME LIMIT PROGRAM [launcher ...]
gtest() {
  if ! ((dry)) && [[ ! -e $tests/$3 ]]; then
    skip "$1" "this build has no $3"
  else
    step tests "$1" "$2" "${on[@]}" "${@:4}" "$tests/$3"
  fi
}
ranks=(mpirun --bind-to none --oversubscribe -n)
# The tests of the first call by name; the second can ask for some AGAIN.
test_step() {
  case $1 in
    kernels) gtest "$1" 45 kernels_gpu_test ;;
    cuda) gtest "$1" 15 cuda_gpu_test ;;
    model) gtest "$1" 100 device_model_gpu_test ;; # cuDNN and cuBLASLt in three precisions: the heart
    steps) gtest "$1" 40 cuda_step_gpu_test ;;
    graphs) gtest "$1" 40 cuda_graph_gpu_test ;; # if only this one fails, it is the capture
    gradients) gtest "$1" 30 gradient_check_gpu_test ;;
    nccl) gtest "$1" 30 nccl_gpu_test ;; # one rank: NCCL as the program calls it
    reducer-1) gtest "$1" 20 device_reducer_gpu_mpi_test "${ranks[@]}" 1 ;;
    reducer-2) gtest "$1" 25 device_reducer_gpu_mpi_test "${ranks[@]}" 2 ;; # on one GPU: sums by way of host memory
    *) skip "$1" "is not a test of the first call" ;;
  esac
}

config_of() { if [[ $1 == rich ]]; then echo configs/rich_lecture.yaml; else echo "configs/$1.yaml"; fi; }
batch_of() { case $1 in vgg16) echo 64 ;; alexnet) echo 128 ;; *) echo 512 ;; esac; }
networks='vgg16 alexnet cifar10 lenet5 rich'
# bench NETWORK PRECISION SECONDS WARM_UP [key=value ...]: the words of a measurement on random images.
bench() {
  words=("$annulus" bench step "$(config_of "$1")" --synthetic --seconds "$3" --warmup "$4" device.kind=cuda
    "device.precision=$2" "batch.size=$(batch_of "$1")" batch.shards=1 "${@:5}")
}

about_the_machine() {
  local smi gpu
  smi=$(command -v nvidia-smi || echo nvidia-smi)
  gpu=$(timeout 10 "$smi" --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null) || gpu=''
  [[ -n $gpu ]] || have_gpu=0
  headline "GPU        ${gpu:-none, or no driver: a rehearsal, in which whatever needs one fails for that reason}"
  headline "processor  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"
  headline "program    $("${on[@]}" "$annulus" --version 2>&1 | head -n 1)"
}

# Why a plan was refused is in the libraries' own logs, at the start of a few steps without graphs.
reasons() {
  local network precision name
  for network in vgg16 alexnet; do
    for precision in bfloat16 float32; do
      name=reasons-$network-$precision
      bench "$network" "$precision" 0.01 1 device.graph=false
      step reasons "$name" 25 env CUDNN_LOGLEVEL_DBG=2 "CUDNN_LOGDEST_DBG=$logs/cudnn-$network-$precision.txt" \
        CUBLASLT_LOG_LEVEL=2 "CUBLASLT_LOG_FILE=$logs/cublaslt-$network-$precision.txt" "${on[@]}" "${words[@]}"
    done
  done
  ((dry)) && return
  said=("$logs"/cudnn-* "$logs"/cublaslt-*)
  [[ -e ${said[0]} ]] || return
  tar -C "$logs" -czf "$output/libraries_said.tar.gz" "${said[@]##*/}" 2>/dev/null
  {
    echo '===== what cuDNN and cuBLASLt said, without times and addresses; first how often'
    grep -hiE 'warn|reason|error|not_supported' "${said[@]}" | sed -E 's/^[ewiEWI]! *//; s/0x[0-9a-f]+/0x/g;
      s/\[?[0-9-]{8,10}[ T][0-9:.]+\]?//g; s/(time|process|thread|pid|stream)[=: ]+[^ ;,]*//gi; s/ +/ /g' |
      sort | uniq -c | sort -rn | head -n 60
  } >>"$output/reasons.log"
}

speed() {
  local network precision
  for precision in bfloat16 tf32 float32; do
    for network in $networks; do
      bench "$network" "$precision" 2 10
      step speed "$network-$precision" 25 "${on[@]}" "${words[@]}"
    done
    if [[ $precision == bfloat16 ]]; then
      bench cifar10 bfloat16 2 10 device.graph=false
      step speed cifar10-bfloat16-no-graph 25 "${on[@]}" "${words[@]}"
    fi
  done
}

first_call() {
  step machine nvidia-smi 10 nvidia-smi
  step machine lscpu 5 lscpu
  # shellcheck disable=SC2016  # the inner shell expands it
  step machine libraries 15 "${on[@]}" bash -c 'lost=$(ldd "$@" 2>&1 | grep "not found" | sort -u)
    if [[ -n $lost ]]; then echo "$lost"; exit 1; fi
    echo "RESULT: all libraries are found"' ldd "$annulus" "$tests"/*_gpu_*test
  step machine doctor 25 "${on[@]}" "$annulus" doctor
  # Libraries older than those of the build are refused; beside PyTorch there may be newer ones than the system's.
  if [[ -z ${ANNULUS_CUDA_LIBRARIES:-} ]] && grep -qs 'program was built with' "$logs/doctor.log"; then
    export ANNULUS_CUDA_LIBRARIES=python
    headline "libraries  the system's do not fit (doctor); those of $python's packages are tried from then on"
    step machine doctor-again 25 "${on[@]}" "$annulus" doctor
  fi
  local name
  for name in kernels cuda model steps graphs gradients nccl reducer-1 reducer-2; do test_step "$name"; done
  reasons
  speed
}

sanitizer() {
  local name=$1 limit=$2 tool=$3
  if ! ((dry)) && ! command -v compute-sanitizer >/dev/null; then
    skip "$name" "there is no compute-sanitizer here"
  else
    step sanitizers "$name" "$limit" "${on[@]}" compute-sanitizer --error-exitcode 1 --tool "$tool" \
      "$tests/$4" "${@:5}"
  fi
}

# Small steps and many epochs, so that there is something to be stopped in; the rate suits so few of them.
small=(configs/cifar10.yaml device.kind=cuda data.limit=1280 optimizer.learning_rate=0.005)
runs() {
  step runs resume 50 "${on[@]}" bench/gpu/resume_check.sh "$annulus" "$logs/runs" "${small[@]}" epochs=40
  # One rank and two on the same GPU, whose sums go through the host: the same bits.
  # shellcheck disable=SC2016  # the inner shell expands it
  step runs two-ranks 50 "${on[@]}" bash -c 'set -e; program=$1 folder=$2; shift 2
    "$program" train "$@" --run "$folder/one" --resume none
    mpirun -n 2 --bind-to none --oversubscribe "$program" train "$@" --run "$folder/two" --resume none
    "$program" diff-runs "$folder/one" "$folder/two"
    echo "RESULT: one rank and two give the same bits"' \
    two-ranks "$annulus" "$logs" "${small[@]}" epochs=2 device.gpu_sharing=allow
}

peers() {
  if ! ((dry)) && ! "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    skip peers "$python has no torch that sees a GPU; set PYTHON to one that has"
    return
  fi
  step peers ceilings 40 "$python" bench/gpu/peer_gpu.py --ceilings
  local network
  for network in $networks; do
    step peers "torch-eager-$network" 25 "$python" bench/gpu/peer_gpu.py --network "$network" \
      --batch "$(batch_of "$network")" --precision bfloat16 --seconds 2
  done
}

second_call() {
  local name
  step machine nvidia-smi 10 nvidia-smi
  for name in ${AGAIN:-}; do test_step "$name"; done
  sanitizer memcheck-steps 45 memcheck cuda_step_gpu_test '--gtest_filter=CudaStepDebug*'
  sanitizer racecheck-kernels 40 racecheck kernels_gpu_test '--gtest_filter=*ColumnSums*:*Loss*'
  runs
  peers
  sanitizer memcheck-kernels 60 memcheck kernels_gpu_test
}

((dry)) || about_the_machine
"${call}_call"
((dry)) && exit 0
plain=$(grep -lE 'plain kernel' "$logs"/*.log 2>/dev/null | wc -l)
((plain == 0)) || lines+=("NOTE     a plain kernel is mentioned in the logs of $plain steps: grep 'plain kernel'")
finish
