#!/usr/bin/env bash
# Checks the format (.clang-format) and the allow-list of clang-tidy (.clang-tidy), both at zero findings.
#   jobs/lint.sh            files that differ from the last commit
#   jobs/lint.sh COMMIT     files that differ from this one, e.g. origin/main before a push
#   jobs/lint.sh --all      every file; clang-tidy takes about 8 s a file and core
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for tool in clang-format clang-tidy; do
  command -v "$tool" >/dev/null || fail "there is no $tool. Install it: apt-get install clang-format clang-tidy"
done

# Prints the files that a pattern of git matches among those to check.
list() {
  case $since in
    --all) git ls-files --cached --others --exclude-standard -- "$@" ;;
    *)
      git diff --name-only --diff-filter=d "$since" -- "$@"
      git ls-files --others --exclude-standard -- "$@"
      ;;
  esac
}

# What clang-tidy compiles to see a file: a source itself, a header through its own source or one that includes it.
unit_of() {
  local file=$1 includers
  if [[ $file != *.hpp ]]; then
    echo "$file"
  elif [[ -f ${file%.hpp}.cpp ]]; then
    echo "${file%.hpp}.cpp"
  else
    mapfile -t includers < <(git grep --untracked --files-with-matches --fixed-strings "\"$file\"" -- '*.cpp')
    if ((${#includers[@]} > 0)); then echo "${includers[0]}"; fi
  fi
}

# Only what this build compiles: sources for hardware that it leaves out have no command to go by. Reads sorted names.
only_compiled() {
  comm -12 - <(sed -n "s|^ *\"file\": \"$PWD/\(.*\)\",\{0,1\}$|\1|p" build/lint/compile_commands.json | sort -u)
}

tidy() {
  local said status=0
  said=$(clang-tidy --quiet -p build/lint "$1" 2>&1) || status=$?
  printf '    %s\n' "$1"
  sed '/^[0-9]* warnings\{0,1\} generated/d' <<<"$said"
  return "$status"
}
export -f tidy

(($# <= 1)) || fail "usage: jobs/lint.sh [--all | COMMIT], got '$*'"
since=${1:-HEAD}
[[ $since == --all ]] || git rev-parse --quiet --verify "$since^{commit}" >/dev/null ||
  fail "'$since' names no commit; usage: jobs/lint.sh [--all | COMMIT]"
status=0

mapfile -t formatted < <(list '*.cpp' '*.hpp' '*.cu' '*.cuh')
say "clang-format on ${#formatted[@]} file(s)"
((${#formatted[@]} == 0)) || clang-format --dry-run --Werror "${formatted[@]}" || status=1

export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
# Without precompiled headers, which GCC makes and clang-tidy cannot read: so a header that a source forgets is missed.
run_logged build/lint.log.configure cmake --preset release -B build/lint -DWITH_WERROR=OFF \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON
# Headers that are generated.
run_logged build/lint.log cmake --build build/lint --target event_proto
[[ -s build/lint/compile_commands.json ]] || fail "CMake wrote no build/lint/compile_commands.json to go by"
mapfile -t units < <(list '*.cpp' '*.hpp' | while read -r file; do unit_of "$file"; done | sort -u | only_compiled)
say "clang-tidy on ${#units[@]} source(s)"
if ((${#units[@]} > 0)); then
  # shellcheck disable=SC2016  # the inner shell expands it
  printf '%s\0' "${units[@]}" | xargs -0 -P "$(build_jobs)" -I{} bash -c 'tidy "$1"' - {} || status=1
fi
((status == 0)) || fail "there are findings, see above. clang-format -i FILES mends the format."
say "nothing found"
