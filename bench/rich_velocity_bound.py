#!/usr/bin/env python3
"""How well could a network do that does not know the momentum? An upper bound, from truth, for the controls of docs/rich.md.

usage: rich_velocity_bound.py EVENTS.h5        (a file of `annulus rich simulate`; needs h5py, numpy and torch)

A ring gives the velocity alone. But an image of hits about a track holds hints of the momentum beside it: the crowd of
hits around grows towards the beam, where momenta are higher (polar angle), and a measured direction that is off by the
momentum's multiple scattering bends the ring into a wave (direction errors). For each set of hints a small network is
given these quantities themselves: angles of both rings smeared as the mean over their photons, numbers of photons,
acceptance. What it reaches on validation and test tracks no image network without momentum should surpass; one that
does has seen the momentum, or the truth.
"""
import sys

import h5py
import numpy
import torch

MASSES = numpy.array([0.000511, 0.10566, 0.13957, 0.49368, 0.93827, 1.8756])  # GeV/c2, by species
SATURATED = (2 * 1.409e-3, 2 * 4.66e-4)  # square of the saturated angle, 2 (n - 1)
PHOTON_SIGMA = (0.80e-3, 0.47e-3)  # rad, a photon's angle without track errors
EPOCHS, BATCH = 60, 1024


def quantities(file: h5py.File) -> dict[str, numpy.ndarray]:
    tracks = {name: column[:] for name, column in file["tracks"].items()}
    velocity = (MASSES[tracks["species"]] / tracks["true_momentum"]) ** 2
    random = numpy.random.default_rng(0)
    angles = []
    for rich in range(2):
        photons = tracks["photons"][:, rich]
        ring = numpy.sqrt(numpy.maximum(SATURATED[rich] - velocity, 0))
        smeared = ring + random.normal(size=ring.size) * PHOTON_SIGMA[rich] / numpy.sqrt(numpy.maximum(photons, 1))
        angles.append(numpy.where(photons > 0, smeared, 0))
    slopes = tracks["state"][:, :, 2:]
    wrong = numpy.hypot(*numpy.moveaxis(slopes - tracks["true_state"][:, :, 2:], 2, 0))
    return {
        "velocity": numpy.column_stack([*angles, tracks["photons"], tracks["inside"]]),
        "polar angle": numpy.log(numpy.hypot(*slopes[:, 0].T) + 1e-4)[:, None],
        "direction errors": numpy.log(wrong + 1e-5),
        "momentum": numpy.log(tracks["true_momentum"])[:, None],
    }


def accuracy(inputs: numpy.ndarray, species: numpy.ndarray, train: numpy.ndarray, held_out: numpy.ndarray) -> float:
    torch.manual_seed(0)
    x = torch.tensor(inputs, dtype=torch.float32)
    x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-9)
    y = torch.tensor(species.astype(numpy.int64))
    layers = [torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(64, len(MASSES)))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    rows = torch.tensor(train)
    for _ in range(EPOCHS):
        for batch in rows[torch.randperm(len(rows))].split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
    with torch.no_grad():
        return (network(x[held_out]).argmax(1) == y[held_out]).float().mean().item()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with h5py.File(sys.argv[1]) as file:
        known = quantities(file)
        species = file["tracks/species"][:]
        rows = {split: file[f"{split}/track"][:].astype(numpy.int64) for split in ("train", "validation", "test")}
    held_out = numpy.concatenate([rows["validation"], rows["test"]])
    for hints in ([], ["polar angle"], ["direction errors"], ["polar angle", "direction errors"], ["momentum"]):
        inputs = numpy.concatenate([known[name] for name in ["velocity", *hints]], axis=1)
        print(f"{accuracy(inputs, species, rows['train'], held_out):.3f}  {' + '.join(['velocity', *hints])}", flush=True)


if __name__ == "__main__":
    main()
