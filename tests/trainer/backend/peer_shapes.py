"""Two small networks whose windows do not divide their input, in PyTorch and Keras, for a test to replay.

    pip install torch keras numpy && KERAS_BACKEND=torch python peer_shapes.py > peer_shapes.json

Every number both sides need is given by value(), so nothing is stored but results. Tensors are in Keras' order:
images (n, H, W, C), kernels (kh, kw, in, out), dense kernels (in, out), flatten in H, W, C order.

"resnet": ResNet's beginning and a block of stride 2 as torchvision's resnet18 has them, on 30 x 28 x 3: conv 7x7
stride 2 padding 3, batch norm, relu, max pool 3x3 stride 2 padding 1, then conv 3x3 stride 2 padding 1, batch norm,
relu, conv 3x3 padding 1, batch norm, beside conv 1x1 stride 2, batch norm; add, relu, global average pool, dense.
"keras": the pattern of keras.io's MNIST example on 13 x 14 x 1: conv 3x3 relu, max pool 2x2, twice; flatten, dense.

Each has "probabilities" of the samples in inference, and of the training mode the mean cross entropy "loss" with
labels sample % classes, and its "gradients": the norm of each, and every 29th value. Everything in float64.
"""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy
import torch

keras.config.set_floatx("float64")
torch.set_default_dtype(torch.float64)
SAMPLES, CLASSES, EVERY = 3, 4, 29
IMAGES = 50  # stream of the images; parameters are numbered from 0


def value(stream, index):
    """As in ../loop/pytorch_ten_steps.py: in [-1, 1], a multiple of 2^-15."""
    x = (stream * 0x9E3779B9 + index * 0x85EBCA6B + 1) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x ^= x >> 16
    return (x >> 16) / 32768.0 - 1.0


def tensor(stream, extents, scale=1.0, offset=0.0):
    """Element i in row-major order is float32(scale) * value(stream, i) + float32(offset), in float32."""
    count = int(numpy.prod(extents))
    values = numpy.array([value(stream, i) for i in range(count)], numpy.float32)
    return (values * numpy.float32(scale) + numpy.float32(offset)).astype(numpy.float64).reshape(extents)


class Parameters:
    """Numbered in the order of the layers: kernels, then biases or gamma, beta, moving mean and variance."""

    def __init__(self):
        self.stream = 0
        self.trained = {}

    def take(self, name, extents, scale=1.0, offset=0.0, trained=True):
        values = torch.tensor(tensor(self.stream, extents, scale, offset), requires_grad=trained)
        self.stream += 1
        if trained:
            self.trained[name] = values
        return values

    def kernel(self, layer, extents):
        fan_in = int(numpy.prod(extents[:-1]))
        return self.take(layer + "/kernel", extents, (3.0 / fan_in) ** 0.5)


def convolution(parameters, name, x, filters, kernel, stride=1, padding=0):
    weights = parameters.kernel(name, (kernel, kernel, x.shape[1], filters))
    return torch.nn.functional.conv2d(x, weights.permute(3, 2, 0, 1), stride=stride, padding=padding)


def batch_norm(parameters, name, x, training):
    channels = x.shape[1]
    gamma = parameters.take(name + "/gamma", (channels,), 0.5, 1.0)
    beta = parameters.take(name + "/beta", (channels,), 0.5)
    mean = parameters.take(name, (channels,), 0.5, trained=False)
    variance = parameters.take(name, (channels,), 0.5, 1.0, trained=False)
    return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, training, eps=1e-5)


def resnet(training):
    parameters = Parameters()
    x = torch.tensor(tensor(IMAGES, (SAMPLES, 30, 28, 3))).permute(0, 3, 1, 2)
    x = convolution(parameters, "conv1", x, 16, 7, stride=2, padding=3)
    x = torch.relu(batch_norm(parameters, "bn1", x, training))
    x = torch.nn.functional.max_pool2d(x, 3, stride=2, padding=1)
    y = convolution(parameters, "conv2", x, 20, 3, stride=2, padding=1)
    y = torch.relu(batch_norm(parameters, "bn2", y, training))
    y = convolution(parameters, "conv3", y, 20, 3, padding=1)
    y = batch_norm(parameters, "bn3", y, training)
    x = convolution(parameters, "downsample", x, 20, 1, stride=2)
    x = torch.relu(y + batch_norm(parameters, "bn4", x, training))
    x = x.mean(dim=(2, 3)) @ parameters.kernel("dense", (20, CLASSES))
    return x + parameters.take("dense/bias", (CLASSES,), 0.5), parameters.trained


def keras_mnist():
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((13, 14, 1)), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(CLASSES)])
    parameters = Parameters()
    for layer in model.layers:
        weights = []
        for variable in layer.weights:
            if len(variable.shape) > 1:
                weights.append(parameters.kernel(layer.name, tuple(variable.shape)))
            else:
                weights.append(parameters.take(layer.name + "/bias", tuple(variable.shape), 0.5))
        layer.set_weights([w.detach().numpy() for w in weights])
    trained = {}
    for layer in model.layers:
        for variable, kind in zip(layer.weights, ("kernel", "bias")):
            trained[layer.name + "/" + kind] = variable.value
    return model(torch.tensor(tensor(IMAGES, (SAMPLES, 13, 14, 1)))), trained


def results(inference, training, trained):
    labels = torch.arange(SAMPLES) % CLASSES
    loss = torch.nn.functional.cross_entropy(training, labels)
    loss.backward()
    rounded = lambda values: [float("%.9g" % v) for v in values.detach().numpy().ravel()]
    gradients = {name: {"norm": values.grad.norm().item(), "values": rounded(values.grad)[::EVERY]}
                 for name, values in trained.items()}
    return {"probabilities": rounded(torch.softmax(inference, dim=1)), "loss": loss.item(), "gradients": gradients}


def main():
    training, trained = resnet(True)
    outcome = {"torch": torch.__version__.split("+")[0], "keras": keras.__version__,
               "resnet": results(resnet(False)[0], training, trained)}
    logits, trained = keras_mnist()
    outcome["keras_mnist"] = results(logits, logits, trained)
    json.dump(outcome, sys.stdout)
    print()


main()
