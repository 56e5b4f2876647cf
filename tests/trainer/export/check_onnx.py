#!/usr/bin/env python3
"""Has ONNX Runtime compute the models that trainer_tests writes, and notes those that agree in onnx_models.json.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install onnx==1.23.2 onnxruntime==1.32.0
    /tmp/onnx/bin/python tests/trainer/export/check_onnx.py build/release/tests/trainer_tests
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-6  # of a probability


def stable_hash(data: bytes) -> str:
    """As base/stable_hash.hpp: FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def difference(model: Path) -> float:
    """Largest difference of a probability from the reference's."""
    onnx.checker.check_model(str(model), full_check=True)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    stem = str(model)[:-len(".onnx")]
    feed = {each.name: numpy.load(f"{stem}.{each.name}.in.npy") for each in session.get_inputs()}
    return float(numpy.abs(session.run(None, feed)[0].astype("float64") - numpy.load(stem + ".out.npy")).max())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "--gtest_filter=OnnxModels.AreThose*"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "ANNULUS_ONNX_TRIALS": folder})
        models = sorted(Path(folder).glob("*.onnx"))
        differences = {model.stem: difference(model) for model in models}
        wrong = {name: value for name, value in differences.items() if not value <= TOLERANCE}
        if wrong or not models:
            sys.exit(f"computed otherwise: {wrong}")
        table = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__,
                 "models": {model.stem: stable_hash(model.read_bytes()) for model in models}}
    path = Path(__file__).with_name("onnx_models.json")
    path.write_text(json.dumps(table, indent=1) + "\n")
    print(f"{len(models)} models agree to {max(differences.values()):.1e}: {path}")


if __name__ == "__main__":
    main()
