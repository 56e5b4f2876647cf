#!/usr/bin/env bash
# Runs a config in debug mode on this machine: small subset, NaN looked for after every layer, the replicas' states
# compared after every step; then shows every rank's log.
#   jobs/debug.sh CONFIG [--ranks N] [--gdb R] [--sanitize] [--inject FAULT] [key=value ...]
#
#   --gdb R         rank R runs under gdb: at its prompt on a terminal, else until it ends or crashes, with a backtrace
#                   of every thread. The watchdog is off, so that nobody ends the ranks that wait for this one.
#   --sanitize      the build with AddressSanitizer and UndefinedBehaviorSanitizer (build/asan) instead of build/debug
#   --inject FAULT  a fault on purpose, as for `annulus train`, e.g. rank=1,step=3,kind=segfault
#   ANNULUS_PROGRAM a program that is there already, instead of building one
#   ANNULUS_RUN     run directory (runs/debug-NAME-TIME)
started_in=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  fail "usage: jobs/debug.sh CONFIG [--ranks N] [--gdb R] [--sanitize] [--inject FAULT] [key=value ...]; $1"
}

config='' ranks=2 gdb_rank='' preset=debug words=()
while (($#)); do
  case $1 in
    --ranks)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage "--ranks needs a number, got '${2:-}'"
      ranks=$2
      shift
      ;;
    --gdb)
      [[ ${2:-} =~ ^(0|[1-9][0-9]{0,5})$ ]] || usage "--gdb needs the number of a rank, got '${2:-}'"
      gdb_rank=$2
      shift
      ;;
    --inject)
      [[ -n ${2:-} ]] || usage "--inject needs a fault"
      words+=(--inject "$2")
      shift
      ;;
    --sanitize) preset=asan ;;
    -*) usage "there is no option '$1'" ;;
    *=*) words+=("$1") ;;
    *)
      [[ -z $config ]] || usage "one config at a time, got '$config' and '$1'"
      config=$1
      ;;
  esac
  shift
done
[[ -n $config ]] || usage "no config given, e.g. configs/cifar10.yaml"
# A path as seen from where the script was started counts first.
if [[ $config != /* && -f $started_in/$config ]]; then config=$started_in/$config; fi
[[ -f $config ]] || usage "there is no file '$config'"
if [[ -n $gdb_rank ]]; then
  ((gdb_rank < ranks)) || usage "--gdb $gdb_rank: there are ranks 0 to $((ranks - 1)) (--ranks $ranks)"
  command -v gdb >/dev/null || fail "there is no gdb. Install it: apt-get install gdb"
fi

# The words that start the ranks, one of them under gdb.
command=()
make_command() {
  command=("$program" train "$config" "${words[@]}" --debug --run "$run")
  [[ -n $gdb_rank ]] || return 0
  # Ranks that wait for one that a person looks at are not lost.
  if "$program" train "$config" --print-config | grep -q '^watchdog\.enabled '; then
    command+=(watchdog.enabled=false)
  fi
  # Signals by which the program is asked to stop are not for gdb.
  local gdb=(gdb -quiet -return-child-result -ex 'set pagination off' -ex 'set confirm off'
    -ex 'handle SIGUSR1 SIGUSR2 SIGTERM SIGCONT nostop noprint pass')
  local mpirun_options=()
  if [[ -t 0 && -t 1 ]]; then
    mpirun_options=(--stdin "$gdb_rank") # mpirun hands the keyboard to one rank only
    say "rank $gdb_rank is under gdb: 'run' starts it, the others wait for it; Ctrl-C ends the job"
  else
    gdb+=(-batch -ex run -ex 'thread apply all backtrace')
    say "rank $gdb_rank runs under gdb, without a terminal: it shows where it crashes"
  fi
  gdb+=(--args)
  # shellcheck disable=SC2016  # every rank's shell expands it
  command=("${mpirun_options[@]}" bash -c 'rank=$1 skip=$2; shift 2
    if [[ $OMPI_COMM_WORLD_RANK == "$rank" ]]; then exec "$@"; fi
    exec "${@:skip+1}"' - "$gdb_rank" "${#gdb[@]}" "${gdb[@]}" "${command[@]}")
}

run=${ANNULUS_RUN:-runs/debug-$(basename "${config%.*}")-$(date +%Y%m%d-%H%M%S)}
if [[ -n ${ANNULUS_PROGRAM:-} ]]; then
  program=$ANNULUS_PROGRAM
else
  jobs/install.sh
  build "$preset" annulus
  program=build/$preset/bin/annulus
fi
# Open MPI keeps some memory to the end on purpose; everything else a sanitizer finds ends the rank.
if [[ $preset == asan ]]; then
  export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
fi
say "debug $config on $ranks rank(s) with $program into $run"
make_command
status=0
start_ranks "$ranks" "${command[@]}" || status=$?
for log in "$run"/logs/rank-*.log "$run"/crash/*.json; do
  [[ -f $log ]] || continue
  printf -- '--- %s ---\n' "$log"
  cat "$log"
done
if ((status == 0)); then
  say "nothing found: no NaN or Inf behind any layer, and all replicas equal after every step"
fi
say "ended with status $status; everything is in $run"
exit "$status"
