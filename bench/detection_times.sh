#!/usr/bin/env bash
# How soon a job is over after a fault: goes through the fault drills several times and prints median and worst of each
# kind. Options of the drills, such as --ranks, and their environment work here as well.
#   bench/detection_times.sh [RUNS [DRILL-OPTION ...]]     default: 5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=${1:-5}
shift || true
[[ $runs =~ ^[1-9][0-9]*$ ]] || { echo "usage: bench/detection_times.sh [RUNS [DRILL-OPTION ...]], got '$runs'" >&2 && exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for ((run = 1; run <= runs; run++)); do
  echo "run $run of $runs" >&2
  jobs/drill.sh "$@" >"$log.run" 2>&1 || failed=$((failed + 1))
  cat "$log.run" >>"$log"
done
rm -f "$log.run"
# Rows of the drills' tables: | kind | 2.0 s | code | says | yes |
echo '| fault | runs | over after, median | at most | exit codes | resumed bit for bit |'
echo '|---|---|---|---|---|---|'
awk -F ' *[|] *' '/^[|] [a-z-]+ [|] [0-9.?]+ s [|]/ {print $2, $3 + 0, $4, $NF == "" ? $(NF - 1) : $NF}' "$log" | sort -k1,1 -k2,2n | awk '
  function out() {
    if (n) printf "| %s | %d | %.1f s | %.1f s | %s | %d of %d |\n", kind, n, v[int((n + 1) / 2)], v[n], codes, yes, n
  }
  $1 != kind {out(); kind = $1; n = yes = 0; codes = ""}
  {v[++n] = $2; yes += $4 == "yes"; if (index(" " codes " ", " " $3 " ") == 0) codes = codes (codes == "" ? "" : " ") $3}
  END {out()}'
if ((failed)); then
  grep -A 3 'FAILED' "$log" >&2 || true
  echo "$failed of $runs runs had drills that failed" >&2
  exit 1
fi
