#!/usr/bin/env bash
# Shared libraries that these files need, beside the C library's own and NVIDIA's: one path a line.
# closure.sh PROGRAM_OR_LIBRARY...
# Fails when one is found nowhere, and says who wants it.
set -uo pipefail
if (($# == 0)) || [[ $1 == -* ]]; then sed -n '2,4s/^# //p' "$0" >&2; exit 2; fi

# shellcheck source=bench/gpu/library_names.sh
source "$(dirname "${BASH_SOURCE[0]}")/library_names.sh"

status=0 paths=()
for file; do
  # A file that needs nothing ("statically linked") is none to complain about.
  while read -r name arrow path _; do
    [[ $arrow == '=>' ]] || continue
    [[ ! ${name##*/} =~ ^($c_library|$nvidia)\.so ]] || continue
    if [[ $path == /* ]]; then
      paths+=("$path")
    else
      echo "closure.sh: $file needs $name, which is not found here. Install its package, then start again." >&2
      status=1
    fi
  done < <(ldd "$file" 2>/dev/null)
done
((${#paths[@]} == 0)) || printf '%s\n' "${paths[@]}" | sort -u
exit "$status"
