#!/usr/bin/env bash
# Installs, builds and runs the whole suite: the unit tests under sanitizers first, then everything with the
# optimised build, so that ctest's own summary stands last. Ends with a status other than 0 when anything failed.
#   jobs/test.sh [--fast]       --fast: without sanitizers and without tests labelled slow
#
# Where CUDA is, the optimised build is the GPU preset, which has the same tests and more: what needs CUDA to compile runs
# on an emulation, and on a GPU where there is one.
#
#   ANNULUS_CUDA             0 = without the GPU preset, 1 = with it; default: when nvcc is found
#   ANNULUS_SKIP_SANITIZERS  1 = optimised build only
#   ANNULUS_SANITIZERS       presets to run the unit tests under (asan); "asan tsan" for both
#   ANNULUS_TEST_DATA        folder with cifar10/ and mnist/; tests on real photographs skip visibly without it
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

sanitizers=${ANNULUS_SANITIZERS-asan} exclude=()
case $* in
  '') ;;
  --fast) sanitizers='' exclude=(--label-exclude slow) ;;
  *) fail "usage: jobs/test.sh [--fast], got '$*'" ;;
esac
if [[ ${ANNULUS_SKIP_SANITIZERS:-0} != 0 ]]; then sanitizers=''; fi

find_test_data() {
  local place
  for place in ../shared/data data; do
    if [[ -d $place/cifar10 || -d $place/mnist ]]; then
      (cd "$place" && pwd)
      return
    fi
  done
}

# run_tests PRESET WORD...: runs ctest, and shows which tests took longest before its closing lines, in which it says
# itself how long those of each label took.
run_tests() {
  local preset=$1 line times=()
  shift
  ctest --preset "$preset" --parallel "$(build_jobs)" "$@" | while IFS= read -r line; do
    if [[ $line =~ Test\ +\#[0-9]+:\ ([^ ]+)\ .*\ ([0-9.]+)\ sec ]]; then
      times+=("${BASH_REMATCH[2]} ${BASH_REMATCH[1]}")
    elif [[ $line =~ ^[0-9]+%\ tests\ passed ]]; then
      printf 'The ten slowest tests, in seconds:\n'
      printf '%s\n' "${times[@]}" | sort -rn | sed -n '1,10s/^/    /p'
      printf '\n'
    fi
    printf '%s\n' "$line"
  done
}

# The unit tests of the rooms; programs under mpirun and whole runs take too long with a sanitizer.
test_with_sanitizer() {
  local preset=$1 room targets=()
  for room in base comm io rich trainer; do
    # As in tests/CMakeLists.txt: a room has a program of unit tests when it has such a file.
    [[ -z $(find "tests/$room" -name '*_test.cpp' ! -name '*_mpi_test.cpp') ]] || targets+=("${room}_tests")
  done
  if [[ $preset == asan ]]; then targets+=(fuzz_targets); fi  # a short run of each
  build "$preset" "${targets[@]}"
  run_tests "$preset" --tests-regex '^(base|comm|io|rich|trainer|fuzz)[.]' --label-exclude 'mpi|slow'
}

has_nvcc() { command -v nvcc >/dev/null || [[ -x /usr/local/cuda/bin/nvcc ]]; }

# The kernels are compiled for the GPU that is here, elsewhere for a single architecture, as every further one compiles
# them again.
cuda_architecture() { if nvidia-smi >/dev/null 2>&1; then echo native; else echo 90-real; fi; }

jobs/install.sh
jobs/install.sh tests || say "going on without: tests that need these packages skip"
# Nothing below may wait for an answer.
exec </dev/null
test_data=${ANNULUS_TEST_DATA:-$(find_test_data)}
if [[ -n $test_data ]]; then export ANNULUS_TEST_DATA=$test_data; fi
say "test data: ${test_data:-none, tests that need real photographs will skip}"

failed=''
for preset in $sanitizers; do
  test_with_sanitizer "$preset" || failed+=" $preset"
done
[[ -z $failed ]] || say "tests failed under:$failed (see above); going on with the optimised build"

optimised=release
if [[ ${ANNULUS_CUDA:-} == 1 ]] || { [[ ${ANNULUS_CUDA:-} != 0 ]] && has_nvcc; }; then
  optimised=gpu
  CUDAARCHS=${CUDAARCHS:-$(cuda_architecture)}
  export CUDAARCHS
else
  say "CUDA's compiler is not here: the GPU preset is not built (ANNULUS_CUDA=1 insists)"
fi
build "$optimised"
status=0
run_tests "$optimised" "${exclude[@]}" || status=$?
if [[ -n $failed ]]; then
  fail "the tests above this suite's failed under:$failed"
fi
exit "$status"
