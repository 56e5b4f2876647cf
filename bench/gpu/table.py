#!/usr/bin/env python3
"""Makes one Markdown table of what run.sh has measured. usage: table.py OUTPUT_FOLDER"""
import json
import sqlite3
import statistics
import sys
from pathlib import Path

ACCURACY = 0.79


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def medians(path: Path) -> dict[str, float]:
    """Images a second by contestant."""
    figures: dict[str, list[float]] = {}
    for run in lines_of(path):
        figures.setdefault(run["label"], []).append(run["images_per_s"])
    return {label: statistics.median(values) for label, values in figures.items()}


def training_flops(folder: Path, network: str) -> float:
    """Of one image: forward, and twice that backward."""
    summary = json.loads((folder / f"{network}-summary.json").read_text())
    total = summary.get("total", summary)
    return 3.0 * float(total["flops"])


def speed_table(folder: Path, ceilings: dict) -> list[str]:
    rows = ["| network | batch | annulus | compiled | eager | / compiled | / eager | no graph | streamed | 4 shards "
            "| of matrix rate |", "|" + "---|" * 11]
    for path in sorted(folder.glob("*-*.jsonl"), key=lambda p: (p.stem.split("-")[0], int(p.stem.split("-")[1]))):
        network, batch = path.stem.split("-")
        speed = medians(path)
        if "annulus" not in speed:
            continue
        rate = speed["annulus"] * training_flops(folder, network) / 1e12 / ceilings["matrix_tflops_bfloat16"]
        ratio = {peer: speed["annulus"] / speed[peer] for peer in ("torch-compiled", "torch-eager") if peer in speed}
        cells = [f"{speed.get(label, float('nan')):.0f}" for label in ("annulus", "torch-compiled", "torch-eager")]
        cells += [f"{ratio.get(peer, float('nan')):.2f}" for peer in ("torch-compiled", "torch-eager")]
        cells += [f"{speed.get(f'annulus-{way}', float('nan')):.0f}" for way in ("no-graph", "streamed", "4-shards")]
        rows.append(f"| {network} | {batch} | " + " | ".join(cells) + f" | {rate:.1%} |")
    return rows


def busy_share(path: Path) -> tuple[float, float]:
    """Share of time in which the GPU does something, and gaps of a microsecond and more per millisecond, over the
    second half of a profile."""
    with sqlite3.connect(path) as profile:
        tables = {name for (name,) in profile.execute("select name from sqlite_master where type = 'table'")}
        spans: list[tuple[int, int]] = []
        for kind in ("KERNEL", "MEMCPY", "MEMSET"):
            table = f"CUPTI_ACTIVITY_KIND_{kind}"
            if table in tables:
                spans += profile.execute(f"select start, end from {table}").fetchall()
    spans.sort()
    begin, end = (spans[0][0] + spans[-1][1]) // 2, max(stop for _, stop in spans)
    covered, reached, gaps = 0, begin, 0
    for start, stop in spans:
        if stop <= reached:
            continue
        gaps += start - reached >= 1000
        covered += stop - max(start, reached)
        reached = stop
    return covered / (end - begin), gaps / ((end - begin) / 1e6)


def gap_table(folder: Path) -> list[str]:
    profiles = sorted(folder.glob("*.sqlite"))
    if not profiles:
        return []
    rows = ["", "| program and network | GPU busy | gaps of 1 us and more a ms |", "|---|---|---|"]
    for path in profiles:
        busy, gaps = busy_share(path)
        rows.append(f"| {path.stem} | {busy:.1%} | {gaps:.1f} |")
    return rows


def time_to_accuracy(folder: Path) -> list[str]:
    metrics = folder / "run-cifar10" / "metrics.jsonl"
    if not metrics.exists():
        return []
    seconds = 0.0
    best = 0.0
    for row in lines_of(metrics):
        if row.get("kind") != "epoch":
            continue
        seconds += row["seconds"]
        best = max(best, row.get("validation_accuracy", 0.0))
        if best >= ACCURACY:
            return ["", f"CIFAR-10: accuracy {best:.4f} after {seconds:.1f} s of training and validation."]
    return ["", f"CIFAR-10: {ACCURACY} not reached in {seconds:.1f} s; best {best:.4f}."]


def main() -> None:
    folder = Path(sys.argv[1])
    ceilings = lines_of(folder / "ceilings.json")[0]
    print(", ".join(f"{key} {value}" for key, value in ceilings.items()) + "\n")
    for row in speed_table(folder, ceilings) + gap_table(folder) + time_to_accuracy(folder):
        print(row)
    for name in ("reduction-fast", "reduction-tree"):
        if (folder / f"{name}.json").exists():
            print(f"\n{name}: {lines_of(folder / f'{name}.json')[-1]['images_per_s']:.0f} images/s")
    if (folder / "left_out.txt").exists():
        print("\n" + (folder / "left_out.txt").read_text().strip())


if __name__ == "__main__":
    main()
