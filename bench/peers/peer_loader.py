#!/usr/bin/env python3
"""Images a second that a PyTorch DataLoader reads from an HDF5 file: no augmentation, no training; one line of JSON.

  peer_loader.py --file packed.h5 --order chunks --workers 2

samples  a random permutation of all samples, each read by its number: the way most code does it
chunks   batches of whole chunks in random order, mixed inside: one read and one unpacking each, the tuned way
"""
import argparse
import json
import time

import h5py
import numpy
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler


class Rows(Dataset):
    """One sample or one block of rows an item; every worker opens the file by itself."""

    def __init__(self, path: str, block: int):
        self.path, self.block, self.split = path, block, None
        with h5py.File(path) as file:
            self.rows = len(file["train/images"])

    def __len__(self) -> int:
        return -(-self.rows // self.block)

    def __getitem__(self, item: int):
        if self.split is None:
            self.split = h5py.File(self.path)["train"]
        if self.block == 1:
            return torch.from_numpy(self.split["images"][item]), int(self.split["labels"][item])
        rows = slice(item * self.block, (item + 1) * self.block)
        images, labels = self.split["images"][rows], self.split["labels"][rows]
        mixed = numpy.random.permutation(len(images))
        return torch.from_numpy(images[mixed]), torch.from_numpy(labels[mixed])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", required=True)
    parser.add_argument("--order", choices=("samples", "chunks"), default="samples")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.file, 1 if options.order == "samples" else options.batch)
    loader = DataLoader(rows, batch_size=options.batch if options.order == "samples" else None,
                        sampler=RandomSampler(rows), num_workers=options.workers, persistent_workers=True)
    images, begin = 0, 0.0
    while not begin or time.perf_counter() - begin < options.seconds:
        for number, (pixels, _) in enumerate(loader):
            if not begin and number == 4:  # the workers have started and filled their queues
                begin, images = time.perf_counter(), 0
            images += len(pixels)
            if begin and time.perf_counter() - begin >= options.seconds:
                break
    print(json.dumps({"benchmark": "loader", "order": options.order, "workers": options.workers,
                      "images_per_s": images / (time.perf_counter() - begin), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
