#!/usr/bin/env python3
"""Strikes a training at random moments, again and again, and lets the same command go on. See README.md beside it.

usage: bench/random_kills/run.py [KILLS] [--seed N] [--program PATH] [--folder FOLDER]
"""
import argparse
import collections
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import comparison
import strikes
import workplace
from job import Job, clear_leftovers, leftovers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCTOR_LOOKS = 10  # so often `annulus doctor` has to name what a SIGKILL of mpirun has left


class Campaign:
    def __init__(self, folder: pathlib.Path, program: pathlib.Path, seed: int):
        self.folder, self.program, self.chance = folder, program, random.Random(seed)
        self.undisturbed: dict[str, comparison.Undisturbed] = {}
        self.tried: collections.Counter = collections.Counter()
        self.lost: dict[str, list[int]] = collections.defaultdict(list)
        self.counts: collections.Counter = collections.Counter()
        self.faults: list[str] = []
        self.pending: strikes.Kind | None = None  # a strike after which the run has not gone on yet

    def measure_undisturbed(self) -> None:
        for variant in workplace.VARIANTS:
            job = Job(self.folder, variant, f"whole-{variant}", 1)
            code, _ = job.end()
            if code != 0:
                sys.exit(f"error: the undisturbed run fails:\n{job.said()}")
            self.undisturbed[variant] = comparison.Undisturbed(self.program, job.run)
            print(f"undisturbed {variant}: {self.undisturbed[variant].steps} steps", flush=True)

    def fault(self, job: Job, text: str) -> None:
        """Keeps what can tell how it came about."""
        self.faults.append(text)
        print(f"FAULT {len(self.faults)}: {job.run.name}: {text}", flush=True)
        kept = self.folder / "faults" / str(len(self.faults))
        shutil.copytree(job.run, kept / job.run.name, symlinks=True, dirs_exist_ok=True)
        shutil.copy(job.log, kept)

    def start(self, variant: str, run: str) -> Job:
        clock = ""
        if workplace.FAKETIME.exists() and self.chance.random() < 0.5:
            clock = f"{self.chance.randint(-3 * 86400, 3 * 86400):+d}"
            self.counts["starts at another clock"] += 1
        self.counts["starts"] += 1
        return Job(self.folder, variant, run, self.chance.choice((1, 2, 4)), clock)

    def wait_for_the_moment(self, job: Job) -> None:
        """Most strikes meet a training that has gone on, some its start."""
        if self.chance.random() < 0.1:
            time.sleep(self.chance.uniform(0.05, 0.8))
            return
        while job.is_running() and job.went_on_from() is None:
            time.sleep(0.005)
        time.sleep(self.chance.uniform(0, 1.2))

    def strike(self, job: Job) -> strikes.Kind | None:
        while job.is_running():
            kind = strikes.choose(self.chance)
            had_gone_on = job.went_on_from()
            if had_gone_on is not None and (stale := job.stale_files()):
                self.fault(job, f"files of an earlier start stay: {stale}")
            try:
                if kind.make(job, self.chance):
                    self.tried[kind.name] += 1
                    if had_gone_on is None:  # nothing of its own to lose; the strike before is still to be paid for
                        self.lost[kind.name].append(0)
                    else:
                        self.account(job, had_gone_on)
                        self.pending = kind
                    return kind
            except strikes.WentOff as error:
                self.fault(job, str(error))
        return None

    def account(self, job: Job, gone_on_from: int | None) -> None:
        """What the strike before cost, now that the run has gone on."""
        if gone_on_from is None or self.pending is None:
            return
        kind = self.pending
        lost = self.reached - gone_on_from
        self.lost[kind.name].append(lost)
        if lost > 0 and kind.loses_nothing:
            self.fault(job, f"{kind.name} has cost {lost} steps")
        if "skipped a checkpoint" in job.said():
            self.fault(job, "a damaged checkpoint was met")
        self.pending = None

    def inspect(self, job: Job, kind: strikes.Kind | None) -> None:
        """What is left of a job that has ended."""
        left = leftovers()
        if left and (kind is None or not kind.leaves or any("System V" in name or "/annulus" in name for name in left)):
            self.fault(job, f"left behind after {kind.name if kind else 'an end in peace'}: {left}")
        elif left:
            self.counts["times that mpirun's files stayed"] += 1
            if self.counts["looks of doctor"] < DOCTOR_LOOKS:
                self.counts["looks of doctor"] += 1
                said = subprocess.run([self.program, "doctor"], capture_output=True, text=True, check=False).stdout
                if unnamed := [name for name in left if name not in said]:
                    self.fault(job, f"`annulus doctor` does not name {unnamed}")
        clear_leftovers()

    def one_start(self, variant: str, run: str, in_peace: bool = False) -> bool:
        """@return whether the run has come to its end"""
        job = self.start(variant, run)
        kind = None
        if not in_peace:
            self.wait_for_the_moment(job)
            kind = self.strike(job)
        code, stayed = job.end()
        if code == -1:
            self.fault(job, f"{kind.name if kind else 'no strike'}: not over after 60 s")
        elif stayed:
            self.fault(job, f"{kind.name if kind else 'no strike'}: processes stay: {stayed}")
        self.inspect(job, kind)
        if kind is None:
            self.account(job, job.went_on_from())
        went_on, self.reached = job.went_on_from(), comparison.steps_of(job.run)
        print(f"{time.strftime('%H:%M:%S')} {sum(self.tried.values()):4} {run} {job.ranks} ranks: from {went_on} to step "
              f"{self.reached}, {kind.name if kind else 'not struck'}, code {code}", flush=True)
        if code == 0:
            return True
        if kind is None:
            self.fault(job, f"ended by itself with code {code}")
            if len(self.faults) > 20:
                sys.exit("error: that is enough")
        return False

    def whole_run(self, number: int, kills: int) -> None:
        """Until a run ends, or there have been enough strikes: then it may end in peace."""
        variant = self.chance.choice(list(workplace.VARIANTS))
        run, self.reached, self.pending = f"run{number}-{variant}", 0, None
        while not self.one_start(variant, run, in_peace=sum(self.tried.values()) >= kills):
            pass
        self.counts["runs"] += 1
        self.counts["steps"] += self.undisturbed[variant].steps
        job_run = self.folder / run
        found = self.undisturbed[variant].faults(job_run)
        for text in found:
            self.faults.append(f"{run}: {text}")
            print(f"FAULT {len(self.faults)}: {run}: {text}", flush=True)
        if not found:
            self.counts["equal"] += 1
            shutil.rmtree(job_run)
            (self.folder / f"{run}.log").unlink()

    def report(self, minutes: float) -> int:
        print("\n| strike | times | steps lost, median | at most |\n|---|---|---|---|")
        for name in [*sorted(self.tried), "all"]:
            lost = self.lost[name] if name != "all" else [steps for each in self.lost.values() for steps in each]
            times = self.tried[name] if name != "all" else sum(self.tried.values())
            print(f"| {name} | {times} | {round(statistics.median(lost)) if lost else '-'} | {max(lost, default='-')} |")
        counts = self.counts
        print(f"\n{counts['runs']} runs, {counts['starts']} starts on 1, 2 or 4 ranks, {counts['starts at another clock']} of "
              f"them at another clock: {counts['equal']} runs ended as the undisturbed one. After "
              f"{counts['times that mpirun' + chr(39) + 's files stayed']} strikes Open MPI's files stayed. "
              f"{len(self.faults)} faults. {minutes:.0f} minutes.")
        for text in self.faults:
            print(f"fault: {text}")
        return 1 if self.faults or counts["equal"] < counts["runs"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", nargs="?", type=int, default=100, help="strikes that are made (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of what is struck, when and how")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "annulus")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build" / "random_kills",
                        help="emptied first; keeps what tells of faults")
    options = parser.parse_args()
    if not options.program.exists():
        parser.error(f"{options.program} is missing: build it first, or name another one with --program")
    if not workplace.FAKETIME.exists():
        print("skipped: no start at another clock (apt-get install faketime)", flush=True)
    folder = options.folder.resolve()
    if folder.is_relative_to("/tmp") or folder.is_relative_to("/dev/shm"):
        parser.error(f"--folder {folder}: the jobs get a /tmp and a /dev/shm of their own; name a folder elsewhere")
    if not workplace.inside():
        shutil.rmtree(folder, ignore_errors=True)
        workplace.furnish(folder, options.program.resolve())
        workplace.enter_namespaces()
    began = time.monotonic()
    workplace.own_folders()
    campaign = Campaign(folder, folder / "annulus", options.seed)
    campaign.measure_undisturbed()
    number = 0
    while sum(campaign.tried.values()) < options.kills:
        number += 1
        campaign.whole_run(number, options.kills)
    return campaign.report((time.monotonic() - began) / 60)


if __name__ == "__main__":
    sys.exit(main())
