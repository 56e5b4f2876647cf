#!/usr/bin/env bash
# Loading UCX undoes nohup: a SIGHUP that was ignored gets a handler, before main() where a program is linked with it.
#
# Versions: libucx-cu12 1.18.1 from PyPI, pinned. Debian 13's libucx0 1.18.1 does the same, and its Open MPI 5.0.7 links it
#           into libmpi, so that every MPI program there has the handler; Debian 12's Open MPI 4.1.4 loads it in MPI_Init.
# Input:    a program that was started with SIGHUP ignored, as nohup does, and that loads libucs.so.0.
# Seen on 2026-11-30:
#           The constructor of libucs puts a handler onto SIGHUP, which switches its debugging output on, without a look
#           at what was there. A program that keeps to what it finds at its start (an ignored signal stays ignored)
#           then finds no ignored signal, and its own handler for SIGHUP undoes nohup.
#           Output: "1 0" as it is and "1 1" with UCX_DEBUG_SIGNO=0: whether SIGHUP is ignored before and after loading.
# Expected: a signal that is ignored when the process begins stays ignored, as for programs in POSIX shells.
#
# Needs python3 with pip, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv python
python/bin/pip install --quiet libucx-cu12==1.18.1

cat >hangup.py <<'PYTHON'
"""Whether SIGHUP is ignored before libucs is loaded, and after."""
import ctypes
import glob
import re
import sys


def ignored():
    """The kernel's own word for it."""
    mask = re.search(r"SigIgn:\s*(\w+)", open("/proc/self/status").read()).group(1)
    return int(mask, 16) & 1


before = ignored()
ctypes.CDLL(glob.glob(sys.prefix + "/lib/python3*/site-packages/libucx/lib/libucs.so.0")[0])
print(before, ignored())
PYTHON

trap '' HUP # what nohup does
seen="$(python/bin/python hangup.py) $(UCX_DEBUG_SIGNO=0 python/bin/python hangup.py)"
echo "$seen"
[[ $seen == '1 0 1 1' ]]
