#!/usr/bin/env bash
# A run that is stopped by SIGTERM and resumed, against one that nobody disturbed: equal to the bit, or where not.
# resume_check.sh PROGRAM FOLDER CONFIG [key=value ...]
#   FOLDER  gets the run directories `undisturbed` and `resumed`; earlier ones there are removed
# Give it enough epochs to be stopped within; the signal comes after the first one.
set -uo pipefail
if (($# < 3)) || [[ $1 == -* ]]; then sed -n '2,5s/^# //p' "$0" >&2; exit 2; fi
program=$1 folder=$2
shift 2
fail() { printf 'resume_check.sh: %s\n' "$*" >&2; exit 1; }
last_step() { grep -o '"step": *[0-9]*' "$folder/resumed/metrics.jsonl" | grep -o '[0-9]*$' | sort -n | tail -n 1; }

mkdir -p "$folder" || exit 2
rm -rf "$folder"/{undisturbed,resumed}
"$program" train "$@" --run "$folder/undisturbed" || fail "the undisturbed run ended with status $?"

"$program" train "$@" --run "$folder/resumed" &
process=$!
trap 'kill "$process" 2>/dev/null' EXIT
until grep -qs '"kind": *"epoch"' "$folder/resumed/metrics.jsonl"; do
  kill -0 "$process" 2>/dev/null || { wait "$process"; fail "the run ended with status $? before its first epoch did"; }
  sleep 0.01
done
sleep 0.02 # into the next epoch
kill -TERM "$process"
status=0
wait "$process" || status=$?
trap - EXIT
stopped=$(last_step)
case $status in
  75) ;;
  0) fail "the run was done before the signal came. Give it more epochs." ;;
  *) fail "the stopped run ended with status $status instead of 75" ;;
esac
"$program" train "$@" --run "$folder/resumed" || fail "the resumed run ended with status $?"
"$program" diff-runs "$folder/undisturbed" "$folder/resumed" || fail "the runs differ (above); stopped at step $stopped"
echo "RESULT: stopped at step $stopped, resumed, equal to an undisturbed run at step $(last_step)"
