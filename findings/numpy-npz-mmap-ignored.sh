#!/usr/bin/env bash
# np.load(FILE, mmap_mode="r") maps a .npy file, and reads the same array of an uncompressed .npz whole: the mode is
# ignored without a word.
#
# Version:  numpy 2.4.6 from PyPI, CPython of the machine.
# Input:    an array of 256 MB, saved by np.save, and by np.savez, which stores it byte for byte, uncompressed.
# Seen on 2026-11-30:
#           of a.npy, mmap_mode="r" gives numpy.memmap, and one row costs less than a megabyte of memory; of a.npz it
#           gives numpy.ndarray, and the same row costs the whole array. Any word is taken as the mode of a .npz, even
#           one that the same call refuses for a .npy. Warnings: none.
#           Output: "npy memmap small refused; npz ndarray whole accepted; warnings 0".
# Expected: the array is mapped, or the call says that it will not be: whoever asks for it has data that do not fit.
#
# Needs python3 with pip and venv, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet numpy==2.4.6

cat >seen.py <<'PY'
# Prints what np.load makes of the same array in both forms.
import subprocess
import sys
import warnings

import numpy as np

ROWS = 1 << 18  # of 1024 bytes


def resident_kb():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def grown_by_one_row(path, key):
    """Megabytes that this process grows by when one row is read, and the type of the array."""
    before = resident_kb()
    loaded = np.load(path, mmap_mode="r")
    array = loaded[key] if key else loaded
    int(array[ROWS // 2].sum())
    return (resident_kb() - before) / 1024, type(array).__name__


def takes_any_mode(path):
    try:
        np.load(path, mmap_mode="nonsense")
    except ValueError:
        return "refused"
    return "accepted"


if len(sys.argv) > 1:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        grown, kind = grown_by_one_row(sys.argv[1], "a" if sys.argv[1].endswith("z") else "")
    size = "small" if grown < 32 else "whole" if grown > 224 else f"{grown:.0f} MB"
    print(kind, size, takes_any_mode(sys.argv[1]), len(caught))
else:
    images = np.zeros((ROWS, 1024), dtype=np.uint8)
    images += np.arange(1024, dtype=np.uint8)
    np.save("a.npy", images)
    np.savez("a.npz", a=images)
    del images
    runs = [subprocess.check_output([sys.executable, __file__, path], text=True).split() for path in ("a.npy", "a.npz")]
    (kind, size, mode, said), (kind_z, size_z, mode_z, said_z) = runs
    print(f"npy {kind} {size} {mode}; npz {kind_z} {size_z} {mode_z}; warnings {int(said) + int(said_z)}")
PY
seen=$(venv/bin/python seen.py)
echo "$seen"
[[ $seen == "npy memmap small refused; npz ndarray whole accepted; warnings 0" ]]
