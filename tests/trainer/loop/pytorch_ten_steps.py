"""Trains a small network for ten steps in PyTorch and stores what came out, for a test to replay.

    pip install torch numpy && python pytorch_ten_steps.py > pytorch_ten_steps.json

Every number both sides need is given by value(), so nothing is stored but results. All tensors are written in
Keras' order: images (n, H, W, C), kernels (kh, kw, in, out), dense kernels (in, out), flatten in H, W, C order.

Network, input 8x8x3: conv2d 3x3 same 6, relu, max_pool 2x2, conv2d 3x3 same 8, relu, max_pool 2x2, flatten,
dense 12 relu, dense 5 softmax. Loss: mean cross entropy of a batch of 16. SGD: rate 0.1, momentum 0.9, no
Nesterov, L2 weight decay 0.01 on kernels only. Everything in float64, so that the file holds no rounding of
PyTorch's own; a float replay stays within 1e-6.

The file: "losses" and "correct" (samples whose largest logit is at their label) of each step, before its update;
"first_pixels", the first eight values of step 0's images, to check value() in another language; "parameters"
after the last step, by layer/name: extents, sum, sum of squares, and all values in row-major Keras order.
"""

import json
import sys

import numpy
import torch

BATCH, STEPS, CLASSES = 16, 10, 5
RATE, MOMENTUM, DECAY = 0.1, 0.9, 0.01
# name, extents in Keras' order, scale of the initial values
PARAMETERS = [
    ("conv2d/kernel", (3, 3, 3, 6), 0.30), ("conv2d/bias", (6,), 0.1),
    ("conv2d_1/kernel", (3, 3, 6, 8), 0.25), ("conv2d_1/bias", (8,), 0.1),
    ("dense/kernel", (32, 12), 0.30), ("dense/bias", (12,), 0.1),
    ("dense_1/kernel", (12, 5), 0.50), ("dense_1/bias", (5,), 0.1),
]


def value(stream, index):
    """In [-1, 1], a multiple of 2^-15, so exact in float32: 32-bit integer arithmetic (a multiply-and-xor mix).
    Streams 0..7 are the parameters, 100 + step the images of a step."""
    x = (stream * 0x9E3779B9 + index * 0x85EBCA6B + 1) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x ^= x >> 16
    return (x >> 16) / 32768.0 - 1.0


def tensor(stream, extents, scale=1.0):
    """Element i in row-major order is float32(scale) * value(stream, i), rounded to float32."""
    count = int(numpy.prod(extents))
    values = numpy.array([value(stream, i) for i in range(count)], numpy.float32) * numpy.float32(scale)
    return torch.tensor(values.astype(numpy.float64)).reshape(extents)


def batch(step):
    """Images and labels of a step; the label of sample i is (3 i + step) mod 5, and brightens channel label % 3
    by 0.5, so that there is something to learn."""
    images = tensor(100 + step, (BATCH, 8, 8, 3))
    labels = torch.tensor([(3 * i + step) % CLASSES for i in range(BATCH)])
    for i, label in enumerate(labels.tolist()):
        images[i, :, :, label % 3] += 0.5
    return images, labels


def logits(parameters, images):
    p = dict(zip([name for name, _, _ in PARAMETERS], parameters))
    x = images.permute(0, 3, 1, 2)
    for layer in ("conv2d", "conv2d_1"):
        kernel = p[layer + "/kernel"].permute(3, 2, 0, 1)
        x = torch.nn.functional.conv2d(x, kernel, p[layer + "/bias"], padding=1)
        x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
    x = x.permute(0, 2, 3, 1).reshape(BATCH, -1)
    x = torch.relu(x @ p["dense/kernel"] + p["dense/bias"])
    return x @ p["dense_1/kernel"] + p["dense_1/bias"]


def main():
    parameters = [tensor(i, extents, scale).requires_grad_() for i, (_, extents, scale) in enumerate(PARAMETERS)]
    kernels = [p for p in parameters if p.dim() > 1]
    biases = [p for p in parameters if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [{"params": kernels, "weight_decay": DECAY}, {"params": biases, "weight_decay": 0.0}],
        lr=RATE, momentum=MOMENTUM, nesterov=False)
    losses, correct = [], []
    for step in range(STEPS):
        images, labels = batch(step)
        output = logits(parameters, images)
        loss = torch.nn.functional.cross_entropy(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        correct.append(int((output.argmax(1) == labels).sum()))
    result = {
        "torch": torch.__version__.split("+")[0],
        "losses": [round(x, 10) for x in losses],
        "correct": correct,
        "first_pixels": [round(x, 10) for x in batch(0)[0].flatten()[:8].tolist()],
        "parameters": {
            name: {"extents": list(extents), "sum": round(p.sum().item(), 10),
                   "squares": round((p * p).sum().item(), 10),
                   "values": [round(x, 9) for x in p.flatten().tolist()]}
            for (name, extents, _), p in zip(PARAMETERS, parameters)
        },
    }
    json.dump(result, sys.stdout, indent=None, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
