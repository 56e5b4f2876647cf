"""Writes optimizer_reference.hpp: parameters after four steps of PyTorch's optimizers, in double.

Run by hand when a case changes:  python optimizer_reference.py > optimizer_reference.hpp   (PyTorch 2.x, CPU)
"""
import torch


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of arXiv:2302.06675."""

    def __init__(self, params, lr, betas):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = beta1 * m + (1 - beta1) * p.grad
                safe = (c.abs() > 1e-4) | ((m == 0) & (p.grad == 0))
                assert safe.all()  # or rounding would decide the sign
                p -= group["lr"] * (c.sign() + group["weight_decay"] * p)
                self.state[p]["m"] = beta2 * m + (1 - beta2) * p.grad


KERNEL, BIAS, STEPS, SAMPLES, RATE = 6, 2, 4, 4, 0.05

CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=RATE),
    "momentum": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9),
    "nesterov_decay": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.9, 0.999), eps=1e-7),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.8, 0.99), eps=1e-7),
    "adamw_decay": lambda p: torch.optim.AdamW(p, lr=RATE, betas=(0.9, 0.999), eps=1e-7, weight_decay=0),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, eps=1e-7),
    "rmsprop_momentum_decay": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.8, eps=0.01, momentum=0.9),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, eps=0.01, centered=True),
    "rmsprop_centered_momentum_decay":
        lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.8, eps=0.01, momentum=0.5, centered=True),
    "lion": lambda p: Lion(p, lr=RATE, betas=(0.9, 0.99)),
    "lion_decay": lambda p: Lion(p, lr=RATE, betas=(0.6, 0.7)),
    "momentum_clipped": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9),
}


def start(i):
    return (i * 5 % 8 - 3) / 4


def gradient(step, i):
    """Sum over the samples of the step."""
    return (i * 7 + step * 5) % 11 - 4


def run(name):
    values = [torch.tensor([start(i) for i in range(KERNEL)], dtype=torch.float64),
              torch.tensor([start(KERNEL + i) for i in range(BIAS)], dtype=torch.float64)]
    parameters = [torch.nn.Parameter(v) for v in values]
    decay = 0.1 if name.endswith("decay") else 0.0
    groups = [{"params": parameters[:1], "weight_decay": decay}, {"params": parameters[1:], "weight_decay": 0.0}]
    optimizer = CASES[name](groups)
    for step in range(STEPS):
        sums = [gradient(step, i) for i in range(KERNEL + BIAS)]
        parameters[0].grad = torch.tensor(sums[:KERNEL], dtype=torch.float64) / SAMPLES
        parameters[1].grad = torch.tensor(sums[KERNEL:], dtype=torch.float64) / SAMPLES
        if name.endswith("clipped"):
            torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
    return torch.cat([p.detach() for p in parameters]).tolist()


print("// Made by optimizer_reference.py with PyTorch; do not edit.")
print("#pragma once\n\n#include <array>\n\nnamespace annulus::trainer::reference {\n")
for case in CASES:
    print(f"inline constexpr std::array<double, {KERNEL + BIAS}> {case} = {{")
    print("    " + ",\n    ".join(repr(v) for v in run(case)) + "};")
print("\n}  // namespace annulus::trainer::reference")
