#!/usr/bin/env bash
# Pillow overlooks the transparent colour (tRNS) of a PNG whose samples have 2, 4 or 16 bits.
#
# Versions: Pillow 13.0.0 and pypng 0.20220715.0, pinned from PyPI, in a temporary folder.
# Input:    pictures of one row and two pixels, written by pypng, of which tRNS makes the second one transparent: grey
#           of 1, 2, 4, 8 and 16 bits, RGB of 8 and 16 bits. The specification (PNG 3, 11.3.1.1) gives tRNS in the
#           depth of the samples, and wants all of it compared.
# Seen on 2026-11-30:
#           convert("RGBA") finds the transparent pixel at 1 and 8 bits alone. At 2, 4 and 16 bits it compares the
#           value of the file with samples that were spread or cut to 8 bits, and the picture comes out opaque without
#           a warning: laid on a ground it shows another colour there. pypng's own reader finds all of them.
#           Output, of each file the alpha of the second pixel by Pillow, then by pypng:
#           "L1 0 0 L2 255 0 L4 255 0 L8 0 0 L16 255 0 RGB8 0 0 RGB16 255 0".
# Expected: 0 everywhere.
#
# Needs python3 with venv, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv environment
environment/bin/pip install --quiet pillow==13.0.0 pypng==0.20220715.0

cat >pictures.py <<'PYTHON'
import io

import png
from PIL import Image

words = []
for channels, depth in ((1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (3, 8), (3, 16)):
    opaque, clear = [0] * channels, [(2**depth - 1) * 7 // 10 or 1] * channels
    file = io.BytesIO()
    key = clear[0] if channels == 1 else tuple(clear)
    png.Writer(2, 1, greyscale=channels == 1, bitdepth=depth, transparent=key).write(file, [opaque + clear])
    alpha = Image.open(io.BytesIO(file.getvalue())).convert("RGBA").getchannel("A").tobytes()
    other = list(png.Reader(bytes=file.getvalue()).asRGBA()[2])[0]
    assert alpha[0] == 255 and other[3] > 0, "the first pixel is opaque"
    words.append(f"{'L' if channels == 1 else 'RGB'}{depth} {alpha[1]} {other[7]}")
print(*words)
PYTHON

seen=$(environment/bin/python pictures.py)
known='L1 0 0 L2 255 0 L4 255 0 L8 0 0 L16 255 0 RGB8 0 0 RGB16 255 0'
echo "seen:  $seen"
echo "known: $known"
[[ $seen == "$known" ]] || { echo "Pillow no longer does what this file says" >&2; exit 1; }
