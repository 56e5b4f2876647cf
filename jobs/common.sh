# shellcheck shell=bash
# What the scripts of this folder share: where the project is, how they speak, how they build and start ranks.
# Sourced, never run.
set -euo pipefail

# All of them work from the root of the project, wherever they were started.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ccache then finds in one build folder what another has compiled, precompiled headers included.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD}

# The program that quickstarts build and run.
program=build/release/bin/annulus

say() { printf '==> %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Cores this process may use, fewer when memory is short: one compiler takes up to 1.5 GB.
build_jobs() {
  local cores memory_kb
  cores=$(nproc)
  memory_kb=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
  local fitting=$((memory_kb / 1500000))
  ((fitting >= 1)) || fitting=1
  echo $((cores < fitting ? cores : fitting))
}

# Passes on the build tool's "[12/80]" only: each on a terminal, every tenth part elsewhere, so that a long build
# is never silent and its log stays out of the way.
show_progress() {
  local line tenth last=-1
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    if [[ -t 1 ]]; then
      printf '\r    %s of %s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
      last=0
      continue
    fi
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    if ((tenth != last)); then printf '    %s of %s\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"; fi
    last=$tenth
  done
  if [[ -t 1 ]] && ((last == 0)); then printf '\n'; fi
}

# run_logged LOG COMMAND...: everything the command prints goes to LOG; when it fails, the end of LOG is shown.
run_logged() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" </dev/null 2>&1 | tee "$log" | show_progress || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    printf -- '--- last lines of %s ---\n' "$log" >&2
    tail -n 60 "$log" >&2
    fail "'$*' ended with status $status; the whole log is $log"
  fi
}

# build PRESET [TARGET...]: configures and builds build/PRESET.
build() {
  local preset=$1 target log=build/$1.log
  shift
  local targets=()
  for target in "$@"; do targets+=(--target "$target"); done
  say "configure and build '$preset'${*:+ ($*)} on $(build_jobs) core(s), log in $log"
  # The presets leave the build tool open; a folder that exists keeps the one it was made with.
  export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
  run_logged "$log.configure" cmake --preset "$preset"
  run_logged "$log" cmake --build --preset "$preset" --parallel "$(build_jobs)" "${targets[@]}"
}

# start_ranks N COMMAND...: N ranks on this machine.
start_ranks() {
  local ranks=$1
  shift
  # mpirun refuses root unless told twice. Whoever runs these scripts as root, as in most containers, has decided.
  if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
  # One machine: loopback only, so that no firewall or VPN comes between the ranks.
  export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
  # Unbound, because mpirun would pin a rank and all its threads to one core. Oversubscribing is allowed, because a
  # machine may have fewer cores than ranks. Quiet, where mpirun can be (Open MPI 5 cannot): the program says what went
  # wrong; mpirun's paragraph about it would bury that.
  OMPI_MCA_orte_execute_quiet=1 mpirun -np "$ranks" --bind-to none --oversubscribe "$@"
}

# train_on RANKS RUN CONFIG WORD...: trains into a run directory, going on where it stopped; ends the script, with a
# sentence about what to do, when the training did not end by itself.
train_on() {
  local ranks=$1 run=$2 config=$3 status=0
  shift 3
  start_ranks "$ranks" "$program" train "$config" "$@" --run "$run" --resume auto || status=$?
  case $status in
    0) return ;;
    75) say "stopped on request, the state is saved; the same command goes on from there" ;;
    137) say "training was killed (out of memory?); the same command goes on from the last checkpoint" ;;
    *) say "training ended with status $status, see above and $run/logs" ;;
  esac
  exit "$status"
}
