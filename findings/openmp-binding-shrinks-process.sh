#!/usr/bin/env bash
# With OMP_PROC_BIND=true, loading a library is enough to bind a process, and all that it starts, to one core.
#
# Versions: scikit-learn 1.7.2 and joblib 1.5.2 from PyPI, pinned, with the libgomp that the wheel of scikit-learn
#           brings along. libgomp 12.2.0 of Debian 12, which oneDNN loads, does the same.
# Input:    OMP_PROC_BIND=true or OMP_PLACES=cores, as modules of many clusters set them for OpenMP programs; a
#           program that imports scikit-learn and shares its work out by processes or threads that are not OpenMP's.
# Seen on 2026-11-30, on two cores:
#           libgomp reads these variables when it is loaded, and binds the thread that loads it to the first place,
#           although no parallel region was ever entered. Threads and processes inherit that: the import leaves one
#           core of two, a child process has one as well, and joblib counts one, so that n_jobs=-1 is 1.
#           Output: "2 1 1 1" with either variable and "2 2 2 2" without: cores before the import, after it, of a
#           child process, and joblib's count.
# Expected: an import leaves the affinity of the process alone; the wishes are for the threads of parallel regions.
#
# Needs two cores, python3 with pip, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv python
python/bin/pip install --quiet scikit-learn==1.7.2 joblib==1.5.2

cat >cores.py <<'PYTHON'
"""Cores before the import, after it, of a child process, and as joblib counts them."""
import os
import subprocess
import sys

COUNT = "import os; print(len(os.sched_getaffinity(0)))"
before = len(os.sched_getaffinity(0))
import sklearn.cluster  # noqa: E402, F401
import joblib  # noqa: E402

child = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True).stdout.strip()
print(before, len(os.sched_getaffinity(0)), child, joblib.cpu_count())
PYTHON

unset OMP_PROC_BIND OMP_PLACES GOMP_CPU_AFFINITY
cores=$(nproc)
((cores > 1)) || { echo "needs two cores" >&2; exit 2; }
free=$(python/bin/python cores.py)
bound=$(OMP_PROC_BIND=true python/bin/python cores.py)
placed=$(OMP_PLACES=cores python/bin/python cores.py)
printf 'without: %s\nOMP_PROC_BIND=true: %s\nOMP_PLACES=cores: %s\n' "$free" "$bound" "$placed"
[[ $free == "$cores $cores $cores $cores" && $bound == "$cores 1 1 1" && $placed == "$bound" ]]
