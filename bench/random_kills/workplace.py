"""Where the kills happen: namespaces of their own, so that every process, every file of /tmp and /dev/shm and every
System V segment that is left is left by the program; the data sets; the configurations."""
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys

INSIDE = "RANDOM_KILLS_INSIDE"
SIDE, TRAIN, TEST = 24, 2400, 200
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")

CONFIG = """
seed: 3
epochs: 60
normalisation: {kind: per_feature, rescale: 1/255}
augmentation: {width_shift_range: 0.1, rotation_range: 10}
network:
  input: [24, 24, 1]
  layers:
    - conv2d: {filters: 16, kernel: 5, padding: same, bias: false}
    - batch_norm: {momentum: 0.9}
    - relu
    - max_pool: 2
    - conv2d: {filters: 32, kernel: 3, padding: same, activation: relu}
    - max_pool: 2
    - flatten
    - dropout: 0.2
    - dense: {units: 10, activation: softmax}
batch: {size: 64, shards: 4}
checkpoint: {every_steps: 15, keep_last: 2}
early_stopping: {patience: 3, minimum_improvement: 0.005}
ledger: {every_steps: 1}
"""
# In memory with a split for validation; streamed through the process that reads HDF5, a part of every class held out.
VARIANTS = {
    "resident": "data: {path: resident.h5}\noptimizer: {kind: adam, learning_rate: 0.0006}\n",
    "streamed": "data: {path: streamed.h5, resident_mb: 0, window_mb: 1, validation_fraction: 0.2}\n"
                "optimizer: {kind: sgd, learning_rate: 0.003, momentum: 0.9}\n",
}


def inside() -> bool:
    return INSIDE in os.environ


def own_folders() -> None:
    """Inside: where Open MPI and the program put what they share."""
    for folder in ("/tmp", "/dev/shm"):
        subprocess.run(["mount", "-t", "tmpfs", "random-kills", folder], check=True)


def enter_namespaces() -> None:
    """Starts this script anew inside; does not return."""
    words = ["unshare", "--mount", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    if subprocess.run([*words, "true"], check=False).returncode != 0:
        sys.exit("error: no namespaces of its own for this script (see above): start it as root, or let users make them")
    os.execvpe(words[0], [*words, sys.executable, "-u", *sys.argv], {**os.environ, INSIDE: "1"})


def environment() -> dict[str, str]:
    return {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "OMPI_MCA_hwloc_base_binding_policy": "none", "OMPI_MCA_btl_tcp_if_include": "lo",
            "OMPI_MCA_oob_tcp_if_include": "lo", "TMPDIR": "/tmp"}


def make_images(folder: pathlib.Path) -> None:
    """Ten patterns, moved a little, under so much noise and with so many wrong labels that no epoch is the last word."""
    chance = random.Random(5)
    patterns = [[chance.uniform(98, 158) for _ in range(SIDE * SIDE)] for _ in range(10)]
    folder.mkdir()
    for name, count in (("train", TRAIN), ("t10k", TEST)):
        pixels, labels = bytearray(), bytearray()
        for i in range(count):
            shift = chance.randrange(3) * SIDE + chance.randrange(3)
            pattern = patterns[i % 10]
            pattern = pattern[shift:] + pattern[:shift]
            pixels += bytes(max(0, min(255, int(value + chance.gauss(0, 60)))) for value in pattern)
            labels.append(i % 10 if chance.random() < 0.9 else chance.randrange(10))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, SIDE, SIDE) + pixels)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + labels)


def furnish(folder: pathlib.Path, program: pathlib.Path) -> pathlib.Path:
    """Copies the program (a build may replace it, and the folder of this one may be hidden inside), makes data and
    configurations. @return the copy"""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "annulus"
    shutil.copy(program, copy)
    if not (folder / "raw").exists():
        make_images(folder / "raw")
    for name, words in (("resident", ["--validation-fraction", "0.2"]), ("streamed", ["--deflate", "4"])):
        subprocess.run([copy, "data", "import", "idx", "raw", "--output", f"{name}.h5", "--replace", *words],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for name, text in VARIANTS.items():
        (folder / f"{name}.yaml").write_text(f"name: {name}{CONFIG}{text}")
    return copy
