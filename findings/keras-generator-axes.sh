#!/usr/bin/env bash
# Keras' ImageDataGenerator has rows and columns exchanged: width_shift_range moves an image up and down.
#
# Versions: keras 3.15.1 on jax 0.10.2 with numpy 2.4.6 and scipy 1.17.1, pinned from PyPI in a virtual environment in a
#           temporary folder. Its documentation: width_shift_range is a "fraction of total width".
# Input:    float32 images of one channel, channels last, in the default configuration.
# Seen on 2026-11-30:
#           width_shift_range=[2] moves a pixel by two rows and no columns, height_shift_range=[2] by two columns and
#           no rows; a rectangle of 20 x 40 pixels turned by 180 degrees loses the square in its middle, because the
#           centre of the turn has height and width exchanged, too; one of 20 x 20 keeps it.
#           Output: "3.15.1 rows columns 0 4", the last two the pixels of the square that are left.
# Expected: columns, rows, and a square that is turned into itself: 4 4.
#
# Needs python3 with venv, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1

cat >"$place/axes.py" <<'PY'
import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator


def moved_along(**option):
    """Which index of a single bright pixel changes over many random shifts."""
    pixel = np.zeros((9, 9, 1), np.float32)
    pixel[4, 4, 0] = 1
    generator = ImageDataGenerator(fill_mode="constant", **option)
    places = [np.argwhere(generator.random_transform(pixel.copy()) > 0.5)[0][:2] for _ in range(50)]
    rows, columns = np.ptp(places, axis=0)
    return "rows" if rows and not columns else "columns" if columns and not rows else "both"


def left_of_the_square(height, width):
    """Pixels of a centred 2 x 2 square that are still there after half a turn."""
    image = np.zeros((height, width, 1), np.float32)
    image[height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1] = 1
    turned = ImageDataGenerator(fill_mode="constant").apply_transform(image, {"theta": 180})
    return int((turned > 0.5).sum())


print(keras.__version__, moved_along(width_shift_range=[2]), moved_along(height_shift_range=[2]),
      left_of_the_square(20, 40), left_of_the_square(20, 20))
PY

seen=$(KERAS_BACKEND=jax "$place/venv/bin/python" "$place/axes.py")
echo "$seen"
[[ $seen == "3.15.1 rows columns 0 4" ]] || {
  echo "This is not what was seen before: 3.15.1 rows columns 0 4" >&2
  exit 1
}
