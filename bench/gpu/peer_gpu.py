#!/usr/bin/env python3
"""Trains one of the project's networks with PyTorch on a GPU and prints its speed as one line of JSON.

A step is forward, loss, backward and SGD with momentum on prepared batches that lie on the GPU: no loading and no
augmentation, which annulus does in the same figure. --ceilings measures what the GPU can do at all.
"""
import argparse
import json
import time

import torch
from torch import nn

WARM_UP_STEPS = 20  # torch.compile tries its kernels out in the first ones


def lenet5() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def cifar10() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(), nn.Linear(256, 10))


def rich() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 6))


def alexnet() -> nn.Module:
    norm = dict(size=5, alpha=5 * 0.0001, beta=0.75, k=2)  # PyTorch divides alpha by size
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 1000))


def vgg16() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for filters in block:
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(4096, 1000))


NETWORKS = {  # module, image (C, H, W), classes
    "lenet5": (lenet5, (1, 32, 32), 10),
    "cifar10": (cifar10, (3, 32, 32), 10),
    "rich": (rich, (1, 32, 32), 6),
    "alexnet": (alexnet, (3, 227, 227), 1000),
    "vgg16": (vgg16, (3, 224, 224), 1000),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="cifar10")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=("float32", "tf32", "bfloat16"), default="bfloat16")
    parser.add_argument("--compile", action="store_true", help='torch.compile(mode="max-autotune")')
    parser.add_argument("--metrics", action="store_true", help="read the loss of every step, as a trainer shows it")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--ceilings", action="store_true", help="matrix rate and copy bandwidth instead of a network")
    return parser.parse_args()


class Trainer:
    def __init__(self, options: argparse.Namespace):
        torch.manual_seed(1)
        make, image, classes = NETWORKS[options.network]
        self.options = options
        module = make().cuda().to(memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, fused=True)
        self.batches = [(torch.randn(options.batch, *image, device="cuda").to(memory_format=torch.channels_last),
                         torch.randint(classes, (options.batch,), device="cuda")) for _ in range(4)]
        self.loss_of = torch.compile(self.forward, mode="max-autotune") if options.compile else self.forward
        self.module, self.steps, self.loss_sum = module, 0, 0.0

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.options.precision == "bfloat16"):
            logits = self.module(images)
        return nn.functional.cross_entropy(logits.float(), labels)

    def step(self) -> torch.Tensor:
        images, labels = self.batches[self.steps % len(self.batches)]
        self.steps += 1
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_of(images, labels)
        loss.backward()
        self.optimizer.step()
        if self.options.metrics:
            self.loss_sum += loss.item()
        return loss


def seconds_of(work, times: int) -> float:
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def measure(options: argparse.Namespace) -> dict:
    trainer = Trainer(options)
    first = seconds_of(trainer.step, 1)
    seconds_of(trainer.step, WARM_UP_STEPS)
    steps = max(10, int(options.seconds / seconds_of(trainer.step, 10) * 10))
    wall = seconds_of(trainer.step, steps)
    return {"peer": "pytorch", "version": torch.__version__, **vars(options), "steps": steps,
            "images_per_s": round(steps * options.batch / wall, 1), "step_us": round(wall / steps * 1e6, 1),
            "first_step_s": round(first, 2), "peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20)}


def best_rate(work, amount: float) -> float:
    """Amount per second of the fastest of five runs."""
    seconds_of(work, 3)
    return amount / min(seconds_of(work, 20) / 20 for _ in range(5))


def ceilings() -> dict:
    size = 8192
    results = {"gpu": torch.cuda.get_device_name(), "version": torch.__version__}
    for name, dtype, tf32 in (("bfloat16", torch.bfloat16, False), ("tf32", torch.float32, True),
                              ("float32", torch.float32, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        one, other = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
        out = torch.empty_like(one)
        rate = best_rate(lambda: torch.mm(one, other, out=out), 2 * size**3)
        results[f"matrix_tflops_{name}"] = round(rate / 1e12, 1)
    bytes_copied = 1 << 30
    source = torch.empty(bytes_copied, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    results["copy_gb_per_s"] = round(best_rate(lambda: target.copy_(source), 2 * bytes_copied) / 1e9, 1)
    host = torch.empty(bytes_copied, dtype=torch.uint8, pin_memory=True)
    results["host_to_gpu_gb_per_s"] = round(
        best_rate(lambda: target.copy_(host, non_blocking=True), bytes_copied) / 1e9, 1)
    return results


def main() -> None:
    options = parse_arguments()
    torch.backends.cudnn.benchmark = True
    tf32 = options.precision != "float32"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    print(json.dumps(ceilings() if options.ceilings else measure(options)), flush=True)


if __name__ == "__main__":
    main()
