#!/usr/bin/env bash
# Fuzzes every target for SECONDS (600), one after another, with libFuzzer where Clang is (packages clang and
# libclang-rt-*-dev) and with the driver of this folder under the sanitizers elsewhere. Inputs that are findings stay in
# build/fuzz-work/TARGET-*; ends with a status other than 0 when there is one.
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/common.sh"

seconds=${1:-600}
shift || true
[[ $seconds =~ ^[0-9]+$ ]] || fail "usage: tests/fuzz/run.sh [SECONDS [TARGET...]], got '$seconds'"
targets=("$@")
((${#targets[@]} > 0)) || targets=(config dataset checkpoint events state run answer import)

preset=asan
if command -v clang++ >/dev/null; then preset=fuzz; fi
build "$preset" fuzz_targets
programs=$PWD/build/$preset/tests/fuzz
work=$PWD/build/fuzz-work
"$programs/fuzz_seeds" "$work/seeds"
# The HDF5 library leaks a few bytes with every file that it gives up.
export ASAN_OPTIONS=detect_leaks=0:max_allocation_size_mb=2000 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

failed=''
for target in "${targets[@]}"; do
  folders=()
  for folder in "$PWD/tests/fuzz/corpus/$target" "$work/seeds/$target"; do
    if [[ -d $folder ]]; then folders+=("$folder"); fi
  done
  if [[ $target == config ]]; then folders+=("$PWD/configs"); fi
  mkdir -p "$work/$target"  # libFuzzer writes what it learns into the first folder
  say "fuzz $target for $seconds s, log in build/fuzz-work/$target.log"
  options=("-max_total_time=$seconds")
  if [[ $preset == fuzz ]]; then
    options+=(-timeout=25 -rss_limit_mb=0 -malloc_limit_mb=2000 -print_final_stats=1 "-artifact_prefix=$work/$target-")
  fi
  if ! (cd "$work" && "$programs/fuzz_$target" "${options[@]}" "$work/$target" "${folders[@]}") >"$work/$target.log" 2>&1
  then
    failed+=" $target"
  fi
  grep -E '^(finding|SUMMARY|read by a child|stat::number_of_executed_units|[0-9]+ inputs)' "$work/$target.log" || true
done
[[ -z $failed ]] || fail "findings in:$failed"
