#!/usr/bin/env bash
# HDF5 names h5clear as the way to open a file whose writer was killed; its plain use cuts off what was written.
#
# Versions: h5py 3.16.0 from PyPI (HDF5 2.0.0) writes and reads; h5clear 1.10.8 of Debian 12 (hdf5-tools and
#           libhdf5-103-1 1.10.8+repack1-1), unpacked in a temporary folder.
# Input:    a file of libver='latest' in SWMR mode with one dataset of images, extended and flushed 100 times to
#           1600 images; then its writer is killed, as by a job's time limit. All images lie in the file.
# Seen on 2026-11-30:
#           h5py.File: "file is already open for write (may use <h5clear file> to clear file consistency flags)".
#           `h5clear -s FILE` ends with 0, says nothing, and leaves 447 of 104895 bytes: it takes the end of the
#           file from the superblock, which SWMR does not update, and the library then cuts the file there.
#           `h5clear -s --increment=0 FILE`, whose name speaks of adding nothing, keeps all 1600 images.
#           `h5clear FILE`, as the message puts it, prints its usage, whose first example is `h5clear -s file_name`.
#           Output: "hint 104895 447 lost 104895 kept".
# Expected: a tool that an error message recommends keeps the data, or says that it is about to lose them.
#
# Needs python3 with pip and venv, PyPI, and apt-get with the packages of Debian 12.
# Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet h5py==3.16.0 numpy==2.4.6
apt-get download -qq hdf5-tools=1.10.8+repack1-1 libhdf5-103-1=1.10.8+repack1-1 \
  libhdf5-hl-100=1.10.8+repack1-1 libsz2 libaec0 2>/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" unpacked; done
libraries=$(dirname "$(find "$PWD/unpacked" -name 'libhdf5_serial.so.103*' -print -quit)")
h5clear() { LD_LIBRARY_PATH=$libraries "$place/unpacked/usr/bin/h5clear" "$@"; }

cat >killed.py <<'PY'
# Writes grow.h5 in a child that is killed before it closes the file.
import os
import signal

import h5py

if os.fork() == 0:
    file = h5py.File("grow.h5", "w", libver="latest")
    images = file.create_dataset("images", (0, 8, 8), "u1", chunks=(16, 8, 8), maxshape=(None, 8, 8))
    file.swmr_mode = True
    for turn in range(100):
        images.resize(16 * (turn + 1), 0)
        images[16 * turn :] = turn
        images.flush()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
try:
    h5py.File("grow.h5")
except OSError as error:
    print("hint" if "may use <h5clear file>" in str(error) else "no hint")
PY
cat >images.py <<'PY'
# Whether all images can be read.
import sys

import h5py

try:
    with h5py.File(sys.argv[1]) as file:
        print("kept" if (file["images"][:, 0, 0] == [i // 16 for i in range(1600)]).all() else "others")
except OSError:
    print("lost")
PY

said=$(venv/bin/python killed.py)
cp grow.h5 plain.h5
cp grow.h5 careful.h5
h5clear -s plain.h5
h5clear -s --increment=0 careful.h5
seen="$said $(stat -c %s grow.h5) $(stat -c %s plain.h5) $(venv/bin/python images.py plain.h5)"
seen+=" $(stat -c %s careful.h5) $(venv/bin/python images.py careful.h5)"
known='hint 104895 447 lost 104895 kept'
echo "seen:  $seen"
echo "known: $known"
[[ $seen == "$known" ]] || { echo "h5clear no longer does what this file says" >&2; exit 1; }
