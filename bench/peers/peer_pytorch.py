#!/usr/bin/env python3
"""Trains one of the project's networks with PyTorch and prints its speed as one line of JSON.

A step is forward, loss, backward and SGD with momentum, with batches from any of data.py's sources. `--batch` is per
process; images_per_s is the sum over processes, images_per_cpu_s divides by the CPU time of all of them.
"""
import argparse
import json
import os
import resource
import tempfile
import time

STARTED = time.time()

import torch  # noqa: E402  (the import is part of the start-up that is reported)
import torch.distributed as distributed
from torch import nn

import data
import networks

IMPORT_S = time.time() - STARTED
WARM_UP_STEPS = 6  # a number, not a time: ranks must make equally many


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=networks.NETWORKS, default="cifar10")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1, help="threads of a process")
    parser.add_argument("--processes", type=int, default=1, help="more than 1: DistributedDataParallel over gloo")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true", help="torch.compile (PyTorch 2, needs g++)")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--source", choices=data.SOURCES, default="tensors")
    parser.add_argument("--file", help="dataset for --source resident, memory, hdf5; random images without")
    parser.add_argument("--augment", choices=data.AUGMENTATIONS, default="none")
    parser.add_argument("--workers", type=int, default=0, help="DataLoader workers of a process")
    parser.add_argument("--metrics", action="store_true", help="loss and accuracy of every step, as a trainer shows them")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure")
    return parser.parse_args()


class Trainer:
    def __init__(self, options: argparse.Namespace, rank: int):
        torch.manual_seed(rank)
        network = networks.NETWORKS[options.network]()
        self.options = options
        self.format = torch.channels_last if options.channels_last else torch.contiguous_format
        module = network.module.to(memory_format=self.format).train()
        self.parameters = sum(parameter.numel() for parameter in module.parameters())
        assert self.parameters == networks.PARAMETERS[options.network]
        if options.processes > 1:
            module = nn.parallel.DistributedDataParallel(module)
        self.module = torch.compile(module) if options.compile else module
        self.optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
        self.batches = data.batches(data.DataOptions(
            options.source, options.file, options.augment, options.workers, options.batch, network.image,
            network.classes, rank, options.processes))
        self.loss_sum, self.correct = 0.0, 0

    def step(self) -> torch.Tensor:
        images, labels = next(self.batches)
        images = images.contiguous(memory_format=self.format)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.options.bf16):
            logits = self.module(images)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        self.optimizer.step()
        if self.options.metrics:
            self.loss_sum += loss.item()
            self.correct += int((logits.argmax(1) == labels).sum())
        return loss


def cpu_seconds() -> float:
    """CPU time of this process and of its DataLoader workers while they live."""
    total = time.process_time()
    for child in open(f"/proc/self/task/{os.getpid()}/children").read().split():
        with open(f"/proc/{child}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def agree(value: float, operation, processes: int) -> float:
    """The sum or maximum of a number over all processes."""
    if processes == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64)
    distributed.all_reduce(tensor, operation)
    return tensor.item()


def measure(options: argparse.Namespace, rank: int) -> dict:
    trainer = Trainer(options, rank)
    trainer.step()
    first_step_s = time.time() - STARTED
    for _ in range(WARM_UP_STEPS):
        trainer.step()
    begin = time.time()
    for _ in range(WARM_UP_STEPS):
        trainer.step()
    slowest = agree(time.time() - begin, distributed.ReduceOp.MAX, options.processes)
    steps = max(5, int(options.seconds / slowest * WARM_UP_STEPS))

    begin, begin_cpu = time.time(), cpu_seconds()
    for _ in range(steps):
        loss = trainer.step()
    wall = agree(time.time() - begin, distributed.ReduceOp.MAX, options.processes)
    cpu = agree(cpu_seconds() - begin_cpu, distributed.ReduceOp.SUM, options.processes)
    images = steps * options.batch * options.processes
    return {
        "peer": "pytorch", "version": torch.__version__, **vars(options), "parameters": trainer.parameters,
        "steps": steps, "images_per_s": round(images / wall, 1), "images_per_cpu_s": round(images / cpu, 1),
        "import_s": round(IMPORT_S, 3), "first_step_s": round(first_step_s, 3), "loss": round(loss.item(), 4),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def run_rank(rank: int, options: argparse.Namespace, meeting: str) -> None:
    torch.set_num_threads(options.threads)
    if options.processes > 1:
        # One core a rank, as a launcher would bind them; without it two ranks may share one.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[(rank * options.threads + i) % len(cores)] for i in range(options.threads)})
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=options.processes)
    result = measure(options, rank)
    if rank == 0:
        print(json.dumps(result), flush=True)
    if options.processes > 1:
        distributed.barrier()
        # PyTorch 2.15 often aborts while it takes gloo down ("terminate called without an active exception"), after
        # everything is measured and printed: leave without taking down.
        os._exit(0)


def main() -> None:
    options = parse_arguments()
    if options.processes == 1:
        run_rank(0, options, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(run_rank, args=(options, os.path.join(folder, "meeting")), nprocs=options.processes)


if __name__ == "__main__":
    main()
