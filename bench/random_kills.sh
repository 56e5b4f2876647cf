#!/usr/bin/env bash
# Kills a training at random moments, again and again: a random rank or mpirun itself, by SIGKILL, SIGTERM, SIGUSR1,
# or SIGSTOP that nobody lifts. Every time the same command goes on, on another number of ranks; every run that
# reaches its end must have the state hash of one that was never disturbed. Prints a table in Markdown.
#   bench/random_kills.sh [KILLS]       default: 100, 10 to 20 minutes on two cores
# Environment: BUILD (build/release), SEED (1), KEEP=1 keeps the folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills=${1:-100}
annulus=$PWD/${BUILD:-build/release}/bin/annulus
[[ -x $annulus ]] || { echo "error: $annulus is missing: build first, or say BUILD=build/..." >&2 && exit 1; }
RANDOM=${SEED:-1}
folder=$(mktemp -d)
job=
# shellcheck disable=SC2317  # called by the trap
clean() {
  if [[ -n $job ]]; then kill -9 "$job" 2>/dev/null || true; fi
  if [[ -n ${KEEP:-} ]]; then echo "kept: $folder" >&2; else rm -rf "$folder"; fi
}
trap clean EXIT
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo

# A dataset in MNIST's format: digits of counted numbers as pixels, classes in turn.
mkdir raw
make_idx() { # NAME SAMPLES
  local size
  size=$(printf '%08x' "$2" | sed 's/../\\x&/g')
  { printf '%b' "\\x00\\x00\\x08\\x03$size\\x00\\x00\\x00\\x1c\\x00\\x00\\x00\\x1c"
    seq 1 "$(($2 * 784))" | head -c "$(($2 * 784))" || true; } >"raw/$1-images-idx3-ubyte"
  { printf '%b' "\\x00\\x00\\x08\\x01$size"
    for ((i = 0; i < $2; i++)); do printf '%b' "\\x0$((i % 10))"; done; } >"raw/$1-labels-idx1-ubyte"
}
set +o pipefail # seq is cut off by head
make_idx train 3000
make_idx t10k 300
set -o pipefail
"$annulus" data import idx raw --output data.h5 >import.log 2>&1 || { cat import.log >&2 && exit 1; }
cat >net.yaml <<'YAML'
name: kills
seed: 3
epochs: 16
data: {path: data.h5}
normalisation: {kind: per_feature, rescale: 1/255}
augmentation: {width_shift_range: 0.1, rotation_range: 10}
network:
  input: [28, 28, 1]
  layers:
    - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}
    - batch_norm
    - relu
    - max_pool: 2
    - conv2d: {filters: 32, kernel: 3, padding: same, activation: relu}
    - max_pool: 2
    - flatten
    - dropout: 0.2
    - dense: {units: 10, activation: softmax}
batch: {size: 64, shards: 4}
optimizer: {kind: adam, learning_rate: 0.001}
checkpoint: {every_steps: 25}
ledger: {every_steps: 1}
YAML

hash_of() { sed -n '$s/.*"state":"\([0-9a-f]*\)".*/\1/p' "$1/ledger.jsonl"; }
# Step of the last whole line of a ledger; 0 without one.
last_step() { sed -n 's/^{"step":\([0-9]*\),.*}$/\1/p' "$1/ledger.jsonl" 2>/dev/null | tail -n 1 | grep . || echo 0; }
# Processes below one, that one left out.
below() {
  local children child
  read -ra children <<<"$(cat /proc/"$1"/task/*/children 2>/dev/null | tr '\n' ' ')"
  for child in "${children[@]}"; do echo "$child" && below "$child"; done
}
is_there() { # a zombie is not
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  [[ ${stat##*) } != Z* ]]
}
# Waits until none of the processes is there. $1: tenths of a second
wait_gone() {
  local left=$1 process
  shift
  for process in "$@"; do
    while is_there "$process"; do
      ((left-- > 0)) || return 1
      sleep 0.1
    done
  done
}

began=$(date +%s)
mpirun -n 1 --bind-to none "$annulus" train net.yaml --run whole >whole.log 2>&1 || { tail whole.log >&2 && exit 1; }
steps=$(last_step whole)
wanted=$(hash_of whole)
echo "undisturbed: $steps steps in $(($(date +%s) - began)) s, state $wanted" >&2

declare -A tried=() lost=()
killed=0 round=1 finished=0 equal=0 left_behind=0 skipped=0
before=0  # the step that the run had reached when it was interrupted
pending= # the kind of an interruption after which the run has not gone on yet
start() { # on a random number of ranks
  local ranks=$((1 << RANDOM % 3))
  mpirun -n "$ranks" --bind-to none --oversubscribe "$annulus" train net.yaml --run "run$round" >log 2>&1 &
  job=$!
}
has_gone_on() { grep -q 'resumed in\|started in' log; }
# What the pending interruption cost: the run has gone on.
account() {
  [[ -n $pending ]] || return 0
  local from
  from=$(sed -n 's/.*resumed in .* after step \([0-9]*\).*/\1/p' log | head -n 1)
  lost[$pending]+=" $((before - ${from:-0}))"
  echo "run $round: $pending at step $before, gone on from step ${from:-0}" >&2
  if grep -q 'skipped a checkpoint' log; then skipped=$((skipped + 1)); fi
  pending=
}

strike() { # $1: ranks of the job
  local ranks=("$@") victim
  victim=${ranks[RANDOM % ${#ranks[@]}]}
  case $((RANDOM % 7)) in
    0 | 1) kind="SIGKILL to a rank" && kill -KILL "$victim" 2>/dev/null ;;
    2) kind="SIGKILL to mpirun" && kill -KILL "$job" 2>/dev/null ;;
    3) kind="SIGTERM to mpirun" && kill -TERM "$job" 2>/dev/null ;;
    4) kind="SIGTERM to a rank" && kill -TERM "$victim" 2>/dev/null ;;
    5) kind="SIGUSR1 to mpirun" && kill -USR1 "$job" 2>/dev/null ;;
    *)
      kind="SIGSTOP to a rank, SIGKILL to mpirun 2 s later"
      kill -STOP "$victim" 2>/dev/null && sleep 2 && kill -KILL "$job" 2>/dev/null
      ;;
  esac || true
}

while ((killed < kills)); do
  start
  moment=$((RANDOM % 4500 + 200)) # ms: from the start of the processes to the middle of the run
  sleep "$((moment / 1000)).$(printf '%03d' $((moment % 1000)))"
  mapfile -t family < <(below "$job")
  ranks=()
  for process in "${family[@]}"; do
    if [[ $(cat "/proc/$process/comm" 2>/dev/null) == annulus ]]; then ranks+=("$process"); fi
  done
  if is_there "$job" && ((${#ranks[@]} > 0)); then
    going_on=1
    has_gone_on || going_on=0
    if ((going_on)); then account; fi
    strike "${ranks[@]}"
    tried[$kind]=$((${tried[$kind]:-0} + 1))
    if ((going_on)); then pending=$kind; else lost[$kind]+=" 0"; fi # hit before its first step: nothing to lose
    killed=$((killed + 1))
  fi
  code=0
  { wait "$job" || code=$?; } 2>/dev/null
  job=
  if ! wait_gone 100 "${family[@]}"; then
    left_behind=$((left_behind + 1))
    for process in "${ranks[@]}"; do if is_there "$process"; then kill -9 "$process" 2>/dev/null || true; fi; done
    wait_gone 50 "${family[@]}" || { echo "error: processes stay: ${family[*]}" >&2 && exit 1; }
  fi
  reached=$(last_step "run$round")
  if ((code != 0 || reached != steps)); then
    before=$reached
  else # it was through before it was hit
    account
    finished=$((finished + 1))
    if [[ $(hash_of "run$round") == "$wanted" ]]; then equal=$((equal + 1)); fi
    round=$((round + 1)) before=0 pending=
  fi
done
# The last run may end in peace.
if [[ -d run$round ]]; then
  mpirun -n 2 --bind-to none --oversubscribe "$annulus" train net.yaml --run "run$round" >log 2>&1 || { cat log >&2 && exit 1; }
  account
  finished=$((finished + 1))
  if [[ $(hash_of "run$round") == "$wanted" ]]; then equal=$((equal + 1)); fi
fi

median_max() { # of the words given
  tr ' ' '\n' <<<"$*" | grep . | sort -n | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)] " | " v[NR]; else print "- | -"}'
}
echo "| interruption | times | steps lost, median | at most |"
echo "|---|---|---|---|"
for kind in "${!tried[@]}"; do
  echo "| $kind | ${tried[$kind]} | $(median_max "${lost[$kind]:-}") |"
done | sort
echo "| all | $killed | $(median_max "${lost[@]:-}") |"
echo
echo "$finished runs of $steps steps, interrupted $killed times and gone on with 1, 2 or 4 ranks (a checkpoint every" \
  "25 steps): $equal ended bit-exactly as the undisturbed run. Damaged checkpoints met: $skipped. Jobs that left a" \
  "process behind for 10 s: $left_behind. $((($(date +%s) - began) / 60)) minutes."
((equal == finished))
