#!/usr/bin/env bash
# Fault drills: makes one fault after another in a small training on this machine (or this cluster), and prints what
# became of it: how soon the job was over, what it said, its exit code, and whether the run went on from its last
# checkpoint to the very same bits as one without a fault. Ends with a status other than 0 when a drill fails.
#   jobs/drill.sh [--ranks N] [KIND ...]          default: 2 ranks, all kinds
#
#   ANNULUS_START   how ranks are started, e.g. 'srun -K1 -N2 -n2 --mpi=pmix'; default: mpirun on this machine
#   ANNULUS_DRILL   folder to work in, on a file system that all ranks see; default: a new one in /tmp, removed
#   ANNULUS_PROGRAM the program; default: build/release/bin/annulus, built when missing
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

all_kinds=(kill stop hang segfault exception nan slow full-disk corrupt-checkpoint truncated-data lost-peer-during-save)
ranks=2 kinds=()
while (($#)); do
  case $1 in
    --ranks)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || fail "--ranks needs a number, got '${2:-}'"
      ranks=$2
      shift
      ;;
    *)
      [[ " ${all_kinds[*]} " == *" $1 "* ]] || fail "'$1' is not a kind of fault; there are: ${all_kinds[*]}"
      kinds+=("$1")
      ;;
  esac
  shift
done
((${#kinds[@]})) || kinds=("${all_kinds[@]}")
program=${ANNULUS_PROGRAM:-$program}
[[ -x $program ]] || build release annulus
program=$(realpath "$program")

if [[ -n ${ANNULUS_DRILL:-} ]]; then
  folder=$ANNULUS_DRILL
  mkdir -p "$folder"
else
  folder=$(mktemp -d /tmp/annulus-drill-XXXXXX)
  trap 'rm -rf "$folder"' EXIT
fi

# The drill's own data and training: checkpoints often, limits short. On CPUs, whatever else the site has.
say "drills in $folder"
"$program" rich simulate tracks=10 --events 60 --seed 5 --output "$folder/data.h5" >"$folder/simulate.log" 2>&1 ||
  { cat "$folder/simulate.log" >&2 && fail "no data to train on"; }
step=30 # after which a fault is made
words=(train configs/rich.yaml "data.path=$folder/data.h5" batch.size=8 "batch.shards=$ranks" epochs=2
  checkpoint.every_steps=8 watchdog.least_seconds=3 watchdog.silence_seconds=5 "device.kind=${ANNULUS_DEVICE:-cpu}")

# start LOG WORD...: the training, by whatever starts ranks here; nothing may run for longer than five minutes.
start() {
  local log=$1
  shift
  if [[ -n ${ANNULUS_START:-} ]]; then
    # shellcheck disable=SC2086  # words of a command line
    timeout --kill-after=10 300 $ANNULUS_START "$program" "$@" >"$log" 2>&1
  else
    # mpirun's default: a second for the others after a death, in which they can say what happened.
    OMPI_MCA_odls_base_sigkill_timeout=1 MPIEXEC_TIMEOUT=300 start_ranks "$ranks" "$program" "$@" >"$log" 2>&1
  fi
}

# dead RANK: what the others say of it. When a rank alone has died, nobody says anything but the launcher.
dead() { if ((ranks > 1)); then echo "rank $1 .*(is dead|gone silent)"; fi; }

# expect KIND: which rank to strike, the exit codes that are right, what the message must say (the rank by name where
# one is to blame), and seconds from the fault to the end. A launcher ends with a killed rank's own code. A rank on
# another host that is stopped is as silent as one whose host is lost.
expect() {
  local last=$((ranks - 1))
  case $1 in
    kill) rank=$last codes='71 137' message=$(dead $last) limit=10 ;;
    stop) rank=$last codes='71' message="rank $last .*(been stopped|gone silent)" limit=15 ;;
    hang) rank=$last codes='70' message="rank $last " limit=15 ;;
    segfault) rank=$last codes='71 139' message="rank $last.*SIGSEGV" limit=10 ;;
    exception) rank=$last codes='1' message='injected exception' limit=10 ;;
    nan) rank=$last codes='1' message="not finite.*rank $last" limit=10 ;;
    slow) rank=$last codes='0' message="rank $last .*holds" limit=90 ;;
    full-disk) rank=0 codes='1' message='(was not|cannot be) written.*(resume auto|start again)' limit=10 ;;
    corrupt-checkpoint) rank=0 codes='71 137' message=$(dead 0) limit=10 ;;
    truncated-data) rank=0 codes='65' message='truncated' limit=10 ;;
    lost-peer-during-save) rank=$last codes='71 137' message=$(dead $last) limit=10 ;;
  esac
}

# Seconds from the moment the fault was made, as the log has it, until now.
since_fault() {
  local made
  made=$(sed -nE 's/.*injected fault: .* at ([0-9.]+) s.*/\1/p' "$1" | head -n 1)
  if [[ -n $made ]]; then awk -v made="$made" -v now="$EPOCHREALTIME" 'BEGIN {printf "%.1f", now - made}'; fi
}

say "the same training without a fault, to compare with"
start "$folder/whole.log" "${words[@]}" --run "$folder/whole" || { cat "$folder/whole.log" >&2 && fail "it does not even run"; }

table="$folder/table.md" failed=0 skipped=0
printf '| fault | over after | exit code | says | resumed bit for bit |\n|---|---|---|---|---|\n' >"$table"
for kind in "${kinds[@]}"; do
  if ((ranks == 1)) && [[ $kind == stop || $kind == slow ]]; then
    say "$kind is skipped: it takes a second rank to notice it"
    printf '| %s | | | skipped: it takes a second rank to notice it | |\n' "$kind" >>"$table"
    skipped=$((skipped + 1))
    continue
  fi
  expect "$kind"
  say "$kind on rank $rank"
  run=$folder/$kind log=$folder/$kind.log status=0 wrong=()
  start "$log" "${words[@]}" --run "$run" --inject "rank=$rank,step=$step,kind=$kind" || status=$?
  took=$(since_fault "$log")
  [[ " $codes " == *" $status "* ]] || wrong+=("exit code $status instead of ${codes// / or }")
  said=''
  [[ -z $message ]] || said=$(grep -v 'injected fault:' "$log" | grep -m 1 -E "$message") || wrong+=("does not say /$message/")
  if [[ -z $took ]]; then
    wrong+=("the fault was never made")
  elif awk -v took="$took" -v limit="$limit" 'BEGIN {exit !(took > limit)}'; then
    wrong+=("over only after $took s")
  fi
  sleep 1 # launchers leave dead processes to the system for a moment
  left=$(pgrep -f -c -- "--run $run " || true)
  ((left == 0)) || wrong+=("$left process(es) left behind")
  resumed=no
  if start "$log.resumed" "${words[@]}" --run "$run" && "$program" diff-runs "$folder/whole" "$run" >"$log.diff" 2>&1; then
    resumed=yes
  else
    wrong+=("the resumed run differs from one without a fault")
  fi
  [[ $kind != corrupt-checkpoint ]] || grep -q 'skipped a checkpoint' "$log.resumed" || wrong+=("the bad checkpoint was not skipped")
  printf '| %s | %s s | %s | %s | %s |\n' "$kind" "${took:-?}" "$status" "$(cut -c 1-160 <<<"${said//|//}")" "$resumed" >>"$table"
  ((${#wrong[@]} == 0)) && continue
  failed=$((failed + 1))
  printf 'FAILED: %s\n' "${wrong[@]}"
  printf -- '--- %s ---\n' "$log"
  tail -n 40 "$log"
done

cat "$table"
((failed == 0)) || fail "$failed of ${#kinds[@]} drills failed, see above"
passed=$((${#kinds[@]} - skipped))
((passed > 0)) || fail "no drill was left to run"
if ((skipped == 0)); then say "all $passed drills passed"; else say "$passed drills passed, $skipped skipped"; fi
