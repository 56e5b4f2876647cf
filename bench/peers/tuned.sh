#!/usr/bin/env bash
# Runs a command in the environment in which PyTorch trains fastest on CPUs: tuned.sh THREADS COMMAND...
#   - glibc's malloc keeps what was freed and takes huge pages; as shipped, big tensors go back to the system at every
#     step and each page is faulted in again
#   - OpenBLAS built for OpenMP (Debian: libopenblas0-openmp): the pthreads one fights with PyTorch's OpenMP team for
#     the cores. PyTorch from PyPI brings MKL and is not touched by this
#   - threads stay on their cores
set -euo pipefail
threads=$1
shift

keep=$((8 << 30)) top_pad=$((256 << 20)) openblas=/usr/lib/$(uname -m)-linux-gnu/openblas-openmp
export GLIBC_TUNABLES=glibc.malloc.mmap_threshold=$keep:glibc.malloc.trim_threshold=$keep:glibc.malloc.top_pad=$top_pad:glibc.malloc.hugetlb=1
export OMP_NUM_THREADS=$threads
if ((threads > 1)); then export OMP_PROC_BIND=true; fi
if [[ -d $openblas ]]; then
  export LD_LIBRARY_PATH=$openblas${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
  echo "tuned.sh: no $openblas (apt-get install libopenblas0-openmp); Debian's PyTorch will be slower with threads" >&2
fi
exec "$@"
