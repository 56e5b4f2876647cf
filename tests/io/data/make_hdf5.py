"""Makes the HDF5 files of this folder that only newer or other libraries write; tests read the files, not this.

    python3 -m venv venv && venv/bin/pip install h5py==3.16.0 hdf5plugin==7.1.0
    venv/bin/python tests/io/data/make_hdf5.py tests/io/data

lzf.hdf5 by h5py's own filter (with shuffle, and a last chunk that is not full), zstd.hdf5 by a plugin, latest.hdf5 in the
newest form of HDF5 2 beside a dataset in an old one, pending.hdf5 by a writer that was killed before it closed its file.
"""
import os
import signal
import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

folder = Path(sys.argv[1])
images = (np.arange(7 * 4 * 5 * 2) % 11).astype("uint8").reshape(7, 4, 5, 2)
labels = np.arange(7) % 3


def write(name, group="train", **options):
    with h5py.File(folder / name, "w", track_order=False) as file:
        file.create_dataset(f"{group}/images", data=images, chunks=(3, 4, 5, 2), **options)
        file[f"{group}/labels"] = labels


write("lzf.hdf5", compression="lzf", shuffle=True)
write("zstd.hdf5", **hdf5plugin.Zstd())
with h5py.File(folder / "latest.hdf5", "w", libver="latest") as file:
    file["train/images"], file["train/labels"] = images, labels
    file.create_dataset("train/packed", data=images, chunks=(3, 4, 5, 2), compression="gzip")
    file["train/mask"] = labels > 1

child = os.fork()
if child == 0:
    with h5py.File(folder / "pending.hdf5", "w", libver="latest") as file:
        file.create_dataset("train/images", data=images, chunks=(3, 4, 5, 2), maxshape=(None, 4, 5, 2))
        file.create_dataset("train/labels", data=labels, chunks=(7,), maxshape=(None,))
        file.swmr_mode = True
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
