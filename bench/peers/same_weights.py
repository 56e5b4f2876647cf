#!/usr/bin/env python3
"""Holds configs/resnet18.yaml against torchvision's resnet18 and configs/keras_mnist.yaml against Keras' MNIST example:
trains each for some steps on random images, gives the weights of its checkpoint to the other's model, and compares
the probabilities of `annulus predict` with the model's. Ends with 1 when one differs by more than 1e-5.

    pip install torch torchvision keras h5py numpy
    KERAS_BACKEND=torch ./same_weights.py ../../build/release/bin/annulus
"""

import os
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")
import h5py
import keras
import numpy
import torch
import torchvision

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-5


def images(path, shape, classes, train, test):
    """Random pixels, each image of its own brightness."""
    random = numpy.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for group, count in (("train", train), ("test", test)):
            bright = random.integers(60, 256, (count, 1, 1, 1))
            file[group + "/images"] = (random.random((count, *shape)) * bright).astype("uint8")
            file[group + "/labels"] = random.integers(0, classes, count)
        return file["test/images"][:]


def annulus(*words):
    subprocess.run([os.path.abspath(sys.argv[1]), *words], check=True)


def run(config, folder, overrides):
    """A trained run's parameters, with the probabilities of its test images."""
    run_folder, output = os.path.join(folder, "run"), os.path.join(folder, "predictions.h5")
    data = os.path.join(folder, "data.h5")
    annulus("train", os.path.join(HERE, "../../configs", config), "--run", run_folder, "data.path=" + data, *overrides)
    checkpoint = os.path.join(run_folder, "checkpoints", "latest")
    annulus("predict", run_folder, "--checkpoint", checkpoint, "--input", data, "--output", output)
    parameters = {}
    with h5py.File(checkpoint) as file:
        file["parameters"].visititems(
            lambda name, item: parameters.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None)
    with h5py.File(output) as file:
        return parameters, file["probabilities"][:]


def resnet18(folder):
    pixels = images(os.path.join(folder, "data.h5"), (224, 224, 3), 1000, 16, 4)
    # Enough steps for the moving averages to follow: before, all probabilities are 0 or 1.
    parameters, ours = run("resnet18.yaml", folder, ["batch.size=8", "batch.shards=2", "epochs=20",
                                                     "optimizer.learning_rate=0.002"])
    model = torchvision.models.resnet18()
    state = model.state_dict()
    names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    left = set(state)
    for name, values in parameters.items():
        layer, kind = name.split("/")
        layer = layer.replace("downsample_conv", "downsample.0").replace("downsample_bn", "downsample.1")
        if layer.startswith("layer"):  # layer1_0_conv1: layer1.0.conv1
            layer = layer.replace("_", ".")
        if kind == "kernel":
            values = values.transpose(3, 2, 0, 1) if values.ndim == 4 else values.T
        key = "%s.%s" % (layer, names.get(kind, "weight" if kind == "kernel" else kind))
        assert state[key].shape == values.shape, key
        state[key] = torch.tensor(values)
        left.discard(key)
    assert all(key.endswith("num_batches_tracked") for key in left), left
    model.load_state_dict(state)
    mean, deviation = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
    x = torch.tensor(((pixels / 255 - mean) / deviation).astype("float32")).permute(0, 3, 1, 2)
    with torch.no_grad():
        theirs = torch.softmax(model.eval()(x), dim=1).numpy()
    return "torchvision's resnet18", ours, theirs


def keras_mnist(folder):
    pixels = images(os.path.join(folder, "data.h5"), (28, 28, 1), 10, 512, 64)
    parameters, ours = run("keras_mnist.yaml", folder, ["epochs=30"])
    layers = keras.layers  # as on keras.io/examples/vision/mnist_convnet
    model = keras.Sequential([
        keras.Input(shape=(28, 28, 1)), layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)), layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)), layers.Flatten(), layers.Dropout(0.5),
        layers.Dense(10, activation="softmax")])
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([parameters[layer.name + "/kernel"], parameters[layer.name + "/bias"]])
    return "Keras' MNIST example", ours, model.predict(pixels.astype("float32") / 255, verbose=0)


def main():
    different = False
    for compare in (keras_mnist, resnet18):
        with tempfile.TemporaryDirectory() as folder:
            name, ours, theirs = compare(folder)
        assert ours.shape == theirs.shape and ours.max() < 0.99, "saturated: proves nothing"
        difference = float(numpy.abs(ours - theirs).max())
        logarithms = float(numpy.abs(numpy.log(ours) - numpy.log(theirs)).max())
        print("%s: %d samples of %d probabilities, largest %.3g; largest difference %.2g, of logarithms %.2g"
              % (name, *ours.shape, ours.max(), difference, logarithms))
        different = different or not difference <= TOLERANCE
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
