#!/usr/bin/env bash
# Runs a config in debug mode on this machine: small subset, checks after every layer, replicas compared each step;
# then shows every rank's log.
#   jobs/debug.sh CONFIG [--ranks N] [key=value ...]
started_in=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() { fail "usage: jobs/debug.sh CONFIG [--ranks N] [key=value ...]; $1"; }

config='' ranks=2 overrides=()
while (($#)); do
  case $1 in
    --ranks)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage "--ranks needs a number, got '${2:-}'"
      ranks=$2
      shift
      ;;
    -*) usage "there is no option '$1'" ;;
    *=*) overrides+=("$1") ;;
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

run=runs/debug-$(basename "${config%.*}")-$(date +%Y%m%d-%H%M%S)
jobs/install.sh
build debug annulus
say "debug $config on $ranks rank(s) into $run"
status=0
start_ranks "$ranks" build/debug/bin/annulus train "$config" "${overrides[@]}" --debug --run "$run" || status=$?
for log in "$run"/logs/rank-*.log; do
  [[ -f $log ]] || continue
  printf -- '--- %s ---\n' "$log"
  cat "$log"
done
say "ended with status $status; everything is in $run"
exit "$status"
