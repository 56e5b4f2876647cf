# shellcheck shell=bash
# Steps with a limit each and one deadline for all, for scripts that are to say as much as they can on a machine that
# is soon given back. A summary, rewritten after each step, can be read alone; logs are joined to few files.
#
# A caller sets: output (folder), budget (seconds for all), dry (1: only print the commands), title; it may add lines
# that stand above the steps by `headline`. Nothing that a step does ends the others.
title=${title:?} output=${output:?} budget=${budget:?} dry=${dry:?}
headlines=() lines=() failed=0 without_gpu=0 skipped=0 count=0
have_gpu=${have_gpu:-1} # 0: steps that fail for want of a driver are counted apart
logs=LOGS
if ! ((dry)); then
  logs=$(mktemp -d)
  trap 'rm -rf "$logs"' EXIT
fi

headline() { headlines+=("$*"); }

# A log, shortened in its middle to two megabytes: a machine gives back only so much.
shortened() {
  local most=1000000
  if (($(stat -c %s "$1") <= 2 * most)); then cat "$1"; return; fi
  head -c "$most" "$1"
  printf '\n... left out: %d bytes ...\n' $(($(stat -c %s "$1") - 2 * most))
  tail -c "$most" "$1"
}

indented() { cut -c 1-220 | sed 's/^/           | /'; }
# What a log of a step that went well has to say: one line, and what doctor has to say of the GPU and against the rest.
note_of() {
  local log=$1
  {
    [[ $file == reasons ]] || sed -nE 's/.*"images_per_s": ?([0-9]+).*/\1 images\/s/p' "$log" | tail -n 1
    sed -nE 's/.*"kernels": ?(\{.*\}\}).*/\1/p' "$log" | tail -n 1
    sed -nE 's/^\[  PASSED  \] //p; s/^=+ ((ERROR|RACECHECK) SUMMARY.*)/\1/p; s/^RESULT: //p' "$log"
    grep '^{"gpu"' "$log"
  } | paste -sd' ' | sed 's/^\(.\)/: \1/'
  grep -E '^ok +(CUDA|GPU) |^(warning|FAILURE) ' "$log" | indented
}
# The same of one that did not: failed tests and the beginning of what the first said, or the test that was running,
# or the last lines.
reason_of() {
  local log=$1
  if grep -q '^\[  FAILED  \]' "$log"; then
    sed -nE 's/^\[  FAILED  \] ([^ ,]+)( \(|, where|$).*/\1/p' "$log" | awk '!seen[$0]++' | head -n 12 | paste -sd' '
    grep -A 5 -m 1 -E ': Failure$' "$log"
  else
    tail -n 1000 "$log" | grep '^\[ ' | tail -n 1 | grep '^\[ RUN'
    grep -A 6 -m 1 -E '^=+ (Invalid|Error: |Program hit|Uninitialized|Potential)' "$log" # compute-sanitizer's first
    grep -v '^ *$' "$log" | tail -n 4
  fi | indented
}

write_summary() {
  {
    printf '%s, %s\n' "$title" "$(date -u '+%Y-%m-%d %H:%M UTC')"
    ((${#headlines[@]} == 0)) || printf '%s\n' "${headlines[@]}"
    printf '\n'
    ((${#lines[@]} == 0)) || printf '%s\n' "${lines[@]}"
    printf '\n%s\n' "$1"
  } >"$output/summary.txt"
}

# skip NAME WHY...
skip() {
  local name=$1
  shift
  ((dry)) && return
  ((++skipped))
  lines+=("skipped  $name: $*")
  printf '%s\n' "${lines[-1]}"
}

# wait_for PROCESS SECONDS: false when it is still there then; a driver that hangs lets nobody kill its programs.
wait_for() {
  local end=$((SECONDS + $2))
  while kill -0 "$1" 2>/dev/null; do
    ((SECONDS <= end)) || return 1
    sleep 0.05
  done
}

# step FILE NAME LIMIT COMMAND...: its log goes to the end of FILE.log. Begun while half of its limit is left.
step() {
  local file=$1 name=$2 limit=$3 log status=0 began=$SECONDS left=$((budget - SECONDS)) process word reason
  shift 3
  if ((dry)); then
    printf '%s\n' "${*@Q}"
    return
  fi
  if ((2 * left < limit)); then
    skip "$name" "$((left > 0 ? left : 0)) s of $budget are left, and it may need $limit"
    return
  fi
  ((limit <= left)) || limit=$left
  ((++count))
  log=$logs/log
  timeout --kill-after 3 "$limit" "$@" </dev/null >"$log" 2>&1 &
  process=$!
  if wait_for "$process" $((limit + 6)); then wait "$process" || status=$?; else status=137; fi
  # A driver that is there and too old is no lack of one.
  local lack='no NVIDIA driver|driver version is insufficient|no CUDA-capable device|nvidia-smi.: No such file'
  case $status in
    0) word=ok ;;
    124 | 137)
      word=FAILED
      lines+=("FAILED   $name: not done after $limit s")
      ;;
    *)
      word=FAILED
      if ((!have_gpu)) && grep -qE "$lack" "$log"; then word='no GPU'; fi
      lines+=("$(printf '%-8s' "$word") $name: status $status after $((SECONDS - began)) s") ;;
  esac
  if [[ $word == ok ]]; then
    lines+=("ok       $name, $((SECONDS - began)) s$(note_of "$log")")
  elif [[ $word == 'no GPU' ]]; then
    ((++without_gpu))
  else
    ((++failed))
    reason=$(reason_of "$log")
    lines[-1]+=${reason:+$'\n'$reason}
  fi
  printf '%s\n' "${lines[-1]}"
  { printf '===== %s (status %d): %s\n' "$name" "$status" "$*"; shortened "$log"; printf '\n'; } >>"$output/$file.log"
  cp "$log" "$logs/$name.log"
  write_summary "Not finished: this is where it stood after $SECONDS of $budget s."
}

# finish: the last line of the summary; false unless everything went well.
finish() {
  local all="$count steps in $SECONDS of $budget s: $failed failed, $skipped skipped"
  ((have_gpu)) || all+=", $without_gpu failed for want of a GPU and its driver alone"
  write_summary "$all."
  printf '\n%s.\nThe summary is %s\n' "$all" "$output/summary.txt"
  ((failed + skipped + without_gpu == 0))
}
