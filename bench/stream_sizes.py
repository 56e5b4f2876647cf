#!/usr/bin/env python3
"""Whether streaming costs the same for a data set of any size: one epoch each over 1, 4, 16 and 64 times a file.

The images of FILE (group `train`, at least one chunk of 128) are packed once and written again and again, so that files
differ in nothing but their number. Prints a table: images, file, time a sample, bytes read over bytes stored, and the
resident memory of a rank and of its reading process at their highest. Needs h5py.

    bench/stream_sizes.py data/cifar10.h5 --program build/release/bin/annulus --ranks 2
"""
import argparse
import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import h5py
import numpy

CHUNK = 128
CONFIG = """
name: stream
data: {{path: {path}, resident_mb: 0, window_mb: {window}, validation: none}}
normalisation: {{kind: none, rescale: 1/255}}
network: {{input: {shape}, layers: [flatten, {{dense: {{units: {classes}, activation: softmax}}}}]}}
batch: {{size: 256, shards: 4}}
optimizer: {{learning_rate: 1e-6}}
ledger: {{every_steps: 0}}
"""


def write_repeated(source: str, target: Path, times: int, gzip: int) -> tuple[list[int], int]:
    """Writes `times` copies of the whole chunks of source:train. Returns the shape of an image and the classes."""
    with h5py.File(source) as file, h5py.File(target, "w") as out:
        images, labels = file["train/images"], file["train/labels"]
        rows = len(images) // CHUNK * CHUNK
        classes = int(labels[:rows].max()) + 1
        packing = {"compression": "gzip", "compression_opts": gzip} if gzip else {}
        out.attrs["schema"] = "annulus-dataset-1"
        out.attrs["classes"] = [f"class {k}" for k in range(classes)]
        copy = out.create_dataset("train/images", (rows * times, *images.shape[1:]), images.dtype,
                                  chunks=(CHUNK, *images.shape[1:]), **packing)
        out.create_dataset("train/labels", data=numpy.tile(labels[:rows].astype("int32"), times))
        for first in range(0, rows, CHUNK):
            copy[first:first + CHUNK] = images[first:first + CHUNK]
            mask, packed = copy.id.read_direct_chunk((first, *[0] * (copy.ndim - 1)))
            for k in range(1, times):
                copy.id.write_direct_chunk((k * rows + first, *[0] * (copy.ndim - 1)), packed, mask)
        return list(images.shape[1:]), classes


def highest_memory(seen: dict[int, tuple[str, float]], job: int) -> None:
    """Notes the highest resident memory so far, in MB, of the ranks of a job and of their children."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    ranks = [process for process, parent in parents.items() if parent == job]
    readers = [process for process, parent in parents.items() if parent in ranks]
    for kind, processes in (("rank", ranks), ("reader", readers)):
        for process in processes:
            with contextlib.suppress(OSError, StopIteration):
                status = Path(f"/proc/{process}/status").read_text().splitlines()
                peak = next(float(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
                seen[process] = (kind, peak)


def train(program: str, ranks: int, folder: Path) -> tuple[dict, dict[str, float]]:
    """Trains one epoch there. Returns the epoch's line of the metrics, and the highest memory by kind of process."""
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = ["mpirun", "-n", str(ranks), program, "train", "config.yaml", "--run", "run"]
    seen: dict[int, tuple[str, float]] = {}
    with open(folder / "log", "w") as log, subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as job:
        while job.poll() is None:
            highest_memory(seen, job.pid)
            time.sleep(0.05)
    if job.returncode != 0:
        raise SystemExit((folder / "log").read_text())
    lines = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    epoch = [line for line in lines if "read_bytes" in line][-1]
    return epoch, {kind: max(mb for other, mb in seen.values() if other == kind) for kind, _ in seen.values()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="dataset file with a group `train` of uint8 images")
    parser.add_argument("--program", default="build/release/bin/annulus")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--gzip", type=int, default=0, help="level; 0 = stored as they are")
    parser.add_argument("--window-mb", type=int, default=64)
    parser.add_argument("--folder", default=None, help="for the files; a temporary one unless given")
    options = parser.parse_args()
    program = str(Path(options.program).resolve())
    print("| times | images | GB stored | us a sample | read / stored | MB of a rank | MB of its reader |")
    print("|---|---|---|---|---|---|---|")
    for times in options.times:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name).resolve()
            path = folder / "data.h5"
            shape, classes = write_repeated(options.file, path, times, options.gzip)
            with h5py.File(path) as file:
                images = len(file["train/images"])
                stored = file["train/images"].id.get_storage_size()
            config = CONFIG.format(path=path, window=options.window_mb, shape=shape, classes=classes)
            (folder / "config.yaml").write_text(config)
            epoch, memory = train(program, options.ranks, folder)
            print(f"| {times} | {images} | {stored / 1e9:.2f} | {epoch['seconds'] / images * 1e6:.2f} "
                  f"| {epoch['read_bytes'] / stored:.3f} | {memory['rank']:.0f} | {memory['reader']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
