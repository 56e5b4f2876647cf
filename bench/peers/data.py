"""Where the PyTorch peer's batches come from, slowest to fastest for PyTorch.

hdf5      DataLoader over an HDF5 file, read and augmented image by image, as user code does it
memory    the same over a uint8 array in memory
resident  uint8 array in memory, a batch gathered and augmented at once: the tuned way
tensors   four prepared float batches, no loading at all: the bare step
"""
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SOURCES = ("tensors", "resident", "memory", "hdf5")
CROP_PADDING = 4
SYNTHETIC_IMAGES = 10_000  # PyTorch's speed does not depend on the pixels


@dataclass(frozen=True)
class Affine:
    """Random transformations: each value uniform between minus and plus what is given; flips in half the cases."""
    rotation_degrees: float
    shift: float  # fraction of width and height
    zoom: float = 0.0


AFFINES = {
    "affine": Affine(rotation_degrees=15.0, shift=0.1, zoom=0.1),
    "cifar10": Affine(rotation_degrees=5.0, shift=0.1),  # as in configs/cifar10.yaml, which fills with the border too
}
AUGMENTATIONS = ("none", "crop", *AFFINES)


@dataclass(frozen=True)
class DataOptions:
    source: str
    file: str | None
    augment: str
    workers: int
    batch: int
    image: tuple[int, int, int]  # C, H, W
    classes: int
    rank: int = 0
    ranks: int = 1


def random_crop(padded: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Crops and flips each of (N, H + 8, W + 8, C) by itself, in one gather."""
    n, (height, width) = len(padded), size
    dy, dx = torch.randint(0, 2 * CROP_PADDING + 1, (2, n, 1))
    rows = dy + torch.arange(height)
    columns = torch.where(torch.rand(n, 1) < 0.5, dx + torch.arange(width), dx + torch.arange(width - 1, -1, -1))
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def random_affine(images: torch.Tensor, ranges: Affine) -> torch.Tensor:
    """Rotates, shifts, zooms and flips each of (N, C, H, W) by itself; bilinear, the border continued."""
    n = len(images)
    angle = torch.deg2rad(torch.empty(n).uniform_(-ranges.rotation_degrees, ranges.rotation_degrees))
    flip = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    # affine_grid's coordinates go from -1 to 1: a shift by a fraction of the width is twice that.
    shift = 2 * torch.empty(2, n).uniform_(-ranges.shift, ranges.shift)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    if ranges.zoom:
        zoom = torch.empty(n).uniform_(1 - ranges.zoom, 1 + ranges.zoom)
        cosine, sine = zoom * cosine, zoom * sine
    rows = torch.stack((cosine * flip, -sine, shift[0], sine * flip, cosine, shift[1]), 1)
    grid = F.affine_grid(rows.view(n, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def to_batch(pixels: torch.Tensor, augment: str) -> torch.Tensor:
    """uint8 (N, H, W, C), padded for "crop", to float (N, C, H, W) in channels-last memory, in [-1, 1]."""
    if augment == "crop":
        n, height, width, _ = pixels.shape
        pixels = random_crop(pixels, (height - 2 * CROP_PADDING, width - 2 * CROP_PADDING))
    images = pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return random_affine(images, AFFINES[augment]) if augment in AFFINES else images


def pad(pixels: torch.Tensor) -> torch.Tensor:
    return F.pad(pixels, (0, 0, CROP_PADDING, CROP_PADDING, CROP_PADDING, CROP_PADDING))


def load_arrays(options: DataOptions) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Images (N, H, W, C) uint8 and labels (N) of the training split, or random ones when no file is given."""
    if options.file:
        import h5py

        with h5py.File(options.file, "r") as file:
            return file["train/images"][:], file["train/labels"][:].astype(numpy.int64)
    generator = numpy.random.default_rng(1)
    channels, height, width = options.image
    images = generator.integers(0, 256, (SYNTHETIC_IMAGES, height, width, channels), numpy.uint8)
    return images, generator.integers(0, options.classes, SYNTHETIC_IMAGES)


def write_hdf5(images: numpy.ndarray, labels: numpy.ndarray, folder: str) -> str:
    import h5py

    path = str(Path(folder) / "peer.h5")
    with h5py.File(path, "w") as file:
        file["train/images"], file["train/labels"] = images, labels
    return path


class ImagesInMemory(Dataset):
    def __init__(self, images: numpy.ndarray, labels: numpy.ndarray, augment: str):
        self.images, self.labels, self.augment = torch.from_numpy(images), labels, augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pixels = self.images[index][None]
        pixels = pad(pixels) if self.augment == "crop" else pixels
        return to_batch(pixels, self.augment)[0], int(self.labels[index])


class ImagesInFile(Dataset):
    """Opens the file on first use, so that each worker has a handle of its own."""

    def __init__(self, path: str, count: int, augment: str):
        self.path, self.count, self.augment, self.group = path, count, augment, None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self.group is None:
            import h5py

            self.group = h5py.File(self.path, "r")["train"]
        pixels = torch.from_numpy(self.group["images"][index])[None]
        pixels = pad(pixels) if self.augment == "crop" else pixels
        return to_batch(pixels, self.augment)[0], int(self.group["labels"][index])


def prepared(options: DataOptions) -> Iterator:
    batches = [(torch.rand(options.batch, *options.image), torch.randint(0, options.classes, (options.batch,)))
               for _ in range(4)]
    while True:
        yield from batches


def resident(options: DataOptions) -> Iterator:
    images, labels = (torch.from_numpy(array) for array in load_arrays(options))
    if options.augment == "crop":
        images = pad(images)
    while True:
        order = torch.randperm(len(labels))[options.rank::options.ranks]
        for chosen in order[:len(order) // options.batch * options.batch].split(options.batch):
            yield to_batch(images[chosen], options.augment), labels[chosen]


def from_loader(options: DataOptions) -> Iterator:
    images, labels = load_arrays(options)
    with tempfile.TemporaryDirectory() as folder:
        if options.source == "memory":
            dataset: Dataset = ImagesInMemory(images, labels, options.augment)
        else:
            path = options.file or write_hdf5(images, labels, folder)
            dataset = ImagesInFile(path, len(labels), options.augment)
            del images
        sampler = None
        if options.ranks > 1:
            sampler = torch.utils.data.DistributedSampler(dataset, options.ranks, options.rank)
        loader = DataLoader(dataset, options.batch, shuffle=sampler is None, sampler=sampler, drop_last=True,
                            num_workers=options.workers, persistent_workers=options.workers > 0)
        while True:
            yield from loader


def batches(options: DataOptions) -> Iterator:
    """Endless (images (N, C, H, W) float, labels (N) int64)."""
    makers = {"tensors": prepared, "resident": resident}
    return makers.get(options.source, from_loader)(options)
