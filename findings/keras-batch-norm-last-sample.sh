#!/usr/bin/env bash
# A last batch of one sample halves Keras' moving variance, right before every validation.
#
# Versions: keras 3.15.1 on jax 0.10.0 with numpy 2.4.6, pinned from PyPI, in a virtual environment in a temporary
#           folder.
# Input:    128 and 129 rows of 4 standard normal numbers, fitted with batch_size=128 for 60 epochs by a network of
#           BatchNormalization(momentum=0.9) and a dense layer.
# Seen on 2026-11-30:
#           128 rows: the moving variance is that of the data (ratio 1.00). 129 rows: every epoch ends in a batch of one
#           row, whose variance is 0, and which weighs as much as the batch of 128 before it: the ratio settles at
#           0.9 * 0.1 / (1 - 0.9 * 0.9) = 0.47, and validation and inference scale everything up by 1.45. fit() says
#           nothing. (PyTorch 2.15.0's BatchNorm1d refuses one row: "Expected more than 1 value per channel when
#           training".)
#           Output: "128 1.00 129 0.47".
# Expected: an error or a warning as for other input that cannot be learned from, or averages weighted by samples.
#
# Needs python3 with venv and pip, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check keras==3.15.1 jax==0.10.0 numpy==2.4.6

cat >fit.py <<'PYTHON'
# Prints rows and moving variance over true variance.
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy

for rows in (128, 129):
    keras.utils.set_random_seed(1)
    x = numpy.random.default_rng(1).normal(size=(rows, 4)).astype("float32")
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((4,)), norm, keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    model.fit(x, x[:, :1], batch_size=128, epochs=60, verbose=0)
    ratio = numpy.mean(numpy.asarray(norm.moving_variance) / x.var(axis=0))
    print(rows, f"{ratio:.2f}")
PYTHON

seen=$(environment/bin/python fit.py 2>/dev/null | tr '\n' ' ')
known='128 1.00 129 0.47 '
echo "seen:  $seen"
echo "known: $known"
[[ $seen == "$known" ]] || { echo "Keras' moving variance no longer does what this file says" >&2; exit 1; }
