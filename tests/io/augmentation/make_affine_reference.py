#!/usr/bin/env python3
"""Writes affine_reference.hpp: images that numpy and scipy.ndimage make by the formula of Keras' ImageDataGenerator, with rows and
columns as its documentation names them (keras 2.9 to 3.15.1 swap the axes).

Needs numpy and scipy (made with numpy 2.4.6, scipy 1.17.1); the test suite does not run this.
Usage: make_affine_reference.py > affine_reference.hpp
"""
import textwrap

import numpy as np
from scipy import ndimage

HEIGHT, WIDTH, CHANNELS = 7, 6, 3
# rotation, shift of rows, shift of columns, shear, zoom of rows, zoom of columns, fill mode
CASES = [
    (0, 0.5, -1.25, 0, 1, 1, "nearest"),
    (20, 0, 0, 0, 1, 1, "nearest"),
    (0, 0, 0, 30, 1, 1, "nearest"),
    (0, 0, 0, 0, 0.8, 1.3, "nearest"),
    (-35, 1.5, -0.75, 10, 1.2, 0.9, "nearest"),
    (-35, 1.5, -0.75, 10, 1.2, 0.9, "constant"),
    (-35, 1.5, -0.75, 10, 1.2, 0.9, "reflect"),
    (-35, 1.5, -0.75, 10, 1.2, 0.9, "wrap"),
    (170, 9, -8, 0, 2.5, 3, "reflect"),
    (170, 9, -8, 0, 2.5, 3, "wrap"),
]
CONSTANT = 12.0


def keras_matrix(theta, tx, ty, shear, zx, zy):
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([zx, zy, 1])
    x, y = HEIGHT / 2 - 0.5, WIDTH / 2 - 0.5
    offset = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    reset = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    return offset @ rotation @ shift @ shearing @ zoom @ reset


def image():
    """Smooth in each channel, so that a small error in position is a small error in value."""
    row, column, channel = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(CHANNELS), indexing="ij")
    return (128 + 90 * np.sin(0.9 * row + 0.5 * channel) * np.cos(0.7 * column - 0.4 * channel)).astype(np.uint8)


def transform(source, case):
    matrix = keras_matrix(*case[:6])
    mode = {"wrap": "grid-wrap"}.get(case[6], case[6])
    planes = [
        ndimage.affine_transform(source[..., c].astype(np.float64), matrix[:2, :2], matrix[:2, 2], order=1,
                                 mode=mode, cval=CONSTANT)
        for c in range(CHANNELS)
    ]
    return np.stack(planes, axis=-1)


def numbers(values, form):
    text = ", ".join(form % v for v in np.ravel(values))
    return textwrap.fill(text, 108, subsequent_indent="      ")


def main():
    source = image()
    print("// Made by make_affine_reference.py: what scipy.ndimage.affine_transform makes of a small image. Do not edit.")
    print("// clang-format off")
    print("#pragma once\n\n#include <array>\n\n#include \"io/augmentation/plan.hpp\"\n")
    print("namespace annulus::io::reference {\n")
    print(f"inline constexpr SampleShape kShape{{{HEIGHT}, {WIDTH}, {CHANNELS}}};")
    print(f"inline constexpr float kConstant = {CONSTANT}f;")
    print(f"inline constexpr std::array<std::uint8_t, {source.size}> kImage{{{numbers(source, '%d')}}};\n")
    print(f"struct Case {{\n  AffineParameters parameters;\n  FillMode mode = FillMode::nearest;\n  std::array<float, {source.size}> result{{}};\n}};\n")
    print(f"inline constexpr std::array<Case, {len(CASES)}> kCases{{{{")
    for case in CASES:
        print(f"    {{{{{numbers(case[:6], '%g')}}}, FillMode::{case[6]},")
        print(f"     {{{numbers(transform(source, case), '%.2ff')}}}}},")
    print("}};\n\n}  // namespace annulus::io::reference")


main()
