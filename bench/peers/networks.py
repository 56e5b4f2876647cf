"""The networks of configs/cifar10.yaml and configs/rich_lecture.yaml as PyTorch modules, with logits as output."""
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Network:
    module: nn.Module
    image: tuple[int, int, int]  # C, H, W
    classes: int


def cifar10() -> Network:
    module = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(), nn.Linear(256, 10))
    return Network(module, (3, 32, 32), 10)


def rich() -> Network:
    module = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 6))
    return Network(module, (1, 32, 32), 6)


NETWORKS = {"cifar10": cifar10, "rich": rich}
PARAMETERS = {"cifar10": 1_070_794, "rich": 1_625_350}
