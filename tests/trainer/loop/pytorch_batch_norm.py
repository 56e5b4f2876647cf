"""Trains a network with a batch norm for ten steps in PyTorch and stores what came out, for a test to replay.

    pip install torch numpy && python pytorch_batch_norm.py > pytorch_batch_norm.json

BatchNorm2d normalises the batch of 16 as a whole, on one device: what batch_norm with `statistics: step` has to
give however the batch is cut into shards. Values and data are those of pytorch_ten_steps.py; so are optimizer and
orders of elements.

Network, input 8x8x3: conv2d 3x3 same 6 without bias, batch norm (momentum 0.9, epsilon 0.001), relu, max_pool 2x2,
flatten, dense 5 softmax. Everything in float64.

The file: "losses" of each step before its update; "parameters" after the last one, by layer/name, in Keras' order.
Of the moving variance PyTorch keeps the unbiased form; the file has the biased one, which Keras and Annulus keep.
"""

import json
import sys

import torch

from pytorch_ten_steps import BATCH, DECAY, MOMENTUM, RATE, STEPS, batch, tensor

NORM_MOMENTUM = 0.9
# name, extents in Keras' order, scale and offset of the initial values
PARAMETERS = [
    ("conv2d/kernel", (3, 3, 3, 6), 0.30, 0.0),
    ("batch_normalization/gamma", (6,), 0.5, 1.0), ("batch_normalization/beta", (6,), 0.5, 0.0),
    ("dense/kernel", (96, 5), 0.30, 0.0), ("dense/bias", (5,), 0.1, 0.0),
]


def logits(parameters, mean, variance, images):
    kernel, gamma, beta, dense, bias = parameters
    x = torch.nn.functional.conv2d(images.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), padding=1)
    x = torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=1 - NORM_MOMENTUM,
                                       eps=1e-3)
    x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
    return x.permute(0, 2, 3, 1).reshape(BATCH, -1) @ dense + bias


def main():
    parameters = [(tensor(i, extents, scale) + offset).requires_grad_()
                  for i, (_, extents, scale, offset) in enumerate(PARAMETERS)]
    decayed = [p for p in parameters if p.dim() > 1]
    others = [p for p in parameters if p.dim() == 1]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}],
                                lr=RATE, momentum=MOMENTUM)
    mean, variance = torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    losses = []
    for step in range(STEPS):
        images, labels = batch(step)
        loss = torch.nn.functional.cross_entropy(logits(parameters, mean, variance, images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    values = BATCH * 8 * 8
    first = NORM_MOMENTUM ** STEPS  # what is left of the initial 1
    biased = first + (variance - first) * (values - 1) / values
    named = {name: p.detach().flatten().tolist() for (name, _, _, _), p in zip(PARAMETERS, parameters)}
    named["batch_normalization/moving_mean"] = mean.tolist()
    named["batch_normalization/moving_variance"] = biased.tolist()
    result = {"torch": torch.__version__.split("+")[0], "losses": [round(x, 10) for x in losses],
              "parameters": {name: [round(x, 9) for x in values] for name, values in named.items()}}
    json.dump(result, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


main()
