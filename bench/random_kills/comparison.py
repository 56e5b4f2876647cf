"""What a run that has ended must have in common with one that nobody disturbed: everything but times."""
import csv
import fnmatch
import json
import os
import pathlib
import subprocess

# Of a start, not of the run: how long it took, and what it had to read, which after an interruption is more or less.
TIMES = ("time", "images_per_second", "seconds", "read_bytes", "chunks_unpacked")
# Files whose names differ between starts; every other name must be the undisturbed run's.
FREE_NAMES = ("events.out.tfevents.*", "heartbeats/rank-?.json", "logs/rank-?.log*", "crash/*", "checkpoints/step-*.h5")
ONCE = "stopped early: "  # the only event that a run has once, however often it is started


def without_times(record: dict) -> dict:
    return {key: value for key, value in record.items() if key not in TIMES}


def metrics(run: pathlib.Path) -> list[dict]:
    """Steps, epochs and validations in their order; of events the one that a run has once."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [without_times(record) for record in records
            if record["kind"] != "event" or record["text"].startswith(ONCE)]


def table(run: pathlib.Path) -> list[dict]:
    with (run / "metrics.csv").open() as file:
        return [without_times(row) for row in csv.DictReader(file)]


def names(run: pathlib.Path) -> set[str]:
    found = {str(path.relative_to(run)) for path in run.rglob("*")}
    return {name for name in found if not any(fnmatch.fnmatchcase(name, free) for free in FREE_NAMES)}


def evaluation(program: pathlib.Path, run: pathlib.Path) -> str:
    """What the best checkpoint gives on the test split."""
    done = subprocess.run([program, "evaluate", run.name, "--json"], cwd=run.parent, capture_output=True, text=True,
                          check=False)
    found = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}
    return json.dumps({key: value for key, value in found.items() if key not in ("run", "checkpoint", *TIMES)})


def first_difference(wanted: list, found: list, what: str) -> list[str]:
    if wanted == found:
        return []
    for i, (one, other) in enumerate(zip(wanted, found)):
        if one != other:
            return [f"{what}: line {i + 1} is {str(other)[:200]} instead of {str(one)[:200]}"]
    return [f"{what}: {len(found)} lines instead of {len(wanted)}"]


class Undisturbed:
    def __init__(self, program: pathlib.Path, run: pathlib.Path):
        self.program, self.run = program, run
        self.ledger = (run / "ledger.jsonl").read_text().splitlines()
        self.steps = len(self.ledger)
        self.evaluation = evaluation(program, run)
        if not any("stopped early" in str(record) for record in metrics(run)):
            raise SystemExit(f"error: {run} was to end by early stopping and did not: these figures prove too little")

    def faults(self, run: pathlib.Path) -> list[str]:
        """Every way in which the run differs: nothing when all is well."""
        found = first_difference(self.ledger, (run / "ledger.jsonl").read_text().splitlines(), "ledger.jsonl")
        found += first_difference(metrics(self.run), metrics(run), "metrics.jsonl")
        found += first_difference(table(self.run), table(run), "metrics.csv")
        for link in ("best", "latest"):
            wanted, is_now = (os.readlink(each / "checkpoints" / link) for each in (self.run, run))
            if wanted != is_now:
                found.append(f"{link} is {is_now} instead of {wanted}")
        if names(run) != names(self.run):
            found.append(f"files: {sorted(names(run) ^ names(self.run))}")
        if len(list(run.glob("checkpoints/step-*"))) > len(list(self.run.glob("checkpoints/step-*"))):
            found.append("more checkpoints than in the undisturbed run")
        if (now := evaluation(self.program, run)) != self.evaluation:
            found.append(f"the best model gives {now} instead of {self.evaluation}")
        return found


def steps_of(run: pathlib.Path) -> int:
    """Step of the last whole line of a ledger that may be cut anywhere; 0 without one."""
    try:
        lines = (run / "ledger.jsonl").read_text(errors="replace").split("\n")[:-1]
        return json.loads(lines[-1])["step"] if lines else 0
    except (OSError, ValueError):
        return 0
