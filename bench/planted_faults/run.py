#!/usr/bin/env python3
"""Plants faults, one line each, and reports those that the tests of their room do not see. See README.md beside it.

usage: bench/planted_faults/run.py [--check | --list | --report] [--room ROOM ...] [--only NAME ...] [options]

Each fault is compiled from a copy of its file, never in the tree: a planted source takes the place of its object in
the link of a test program, so every program has exactly one fault. A caught fault has a test that fails with it and
passes without it.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import resource
import shutil
import sys
import threading
import time

from copy_of_sources import Copy
from faults import LISTS, ROOT, Fault, check, parse
from trial import NoCompilation, Tests, Trial

VERDICTS = ("caught", "survived", "unchanged", "no compilation")


def judge(copy: Copy, tests: Tests, fault: Fault) -> dict:
    began = time.monotonic()
    trial = Trial(copy, fault)
    result = {"verdict": "survived", "by": ""}
    try:
        trial.plant()
        for program, ranks, pattern in fault.test_runs():
            if not tests.selects(program, ranks, pattern):
                raise NoCompilation(f"no test of {program} is called {pattern}")
            path = trial.program(program)
            if trial.is_unchanged():
                result["verdict"] = "unchanged"
                break
            if by := tests.catcher(path, program, ranks, pattern, trial.folder):
                result = {"verdict": "caught", "by": by}
                break
    except NoCompilation as error:
        result = {"verdict": "no compilation", "by": str(error)}
    shutil.rmtree(trial.folder, ignore_errors=True)
    return {**result, "seconds": round(time.monotonic() - began, 1), "text": fault.text()}


def known_results(store: pathlib.Path, faults: list[Fault]) -> dict:
    """What earlier runs found of the entries as they stand now."""
    stored = json.loads(store.read_text()) if store.exists() else {}
    texts = {fault.name: fault.text() for fault in faults}
    return {name: result for name, result in stored.items() if texts.get(name, result["text"]) == result["text"]}


def report(faults: list[Fault], results: dict) -> int:
    known = [(fault, results[fault.name]) for fault in faults if fault.name in results]
    count = collections.Counter(result["verdict"] for _, result in known)
    wrong = 0
    for verdict in VERDICTS[1:]:
        for fault, result in known:
            if result["verdict"] != verdict:
                continue
            excused = verdict == "survived" and fault.reason
            wrong += 0 if excused else 1
            print(f"{verdict}: {fault.name} ({fault.place}, {fault.file})"
                  f"{': ' + fault.reason if excused else ''}{': ' + result['by'] if result['by'] else ''}")
    print("\n| room | planted | caught | survived, with a reason | survived, without |\n|---|---|---|---|---|")
    for room in [*sorted({fault.room for fault, _ in known}), "all"]:
        own = [(f, r["verdict"]) for f, r in known if room in (f.room, "all")]
        survived = [fault for fault, verdict in own if verdict == "survived"]
        excused = sum(1 for fault in survived if fault.reason)
        print(f"| {room} | {len(own)} | {sum(1 for _, v in own if v == 'caught')} | {excused} | {len(survived) - excused} |")
    share = 100 * count["caught"] / max(1, len(known))
    print(f"\n{count['caught']} of {len(known)} caught ({share:.1f} %); {len(faults) - len(known)} were not planted")
    return 1 if wrong or len(known) < len(faults) else 0


def run(copy: Copy, faults: list[Fault], results: dict, options: argparse.Namespace) -> None:
    programs = sorted({program for fault in faults for program, _, _ in fault.test_runs()})
    copy.update(options.jobs, programs)
    if options.build_only:
        return
    copy.load()
    tests = Tests(copy)
    for program, ranks in sorted({(p, r) for fault in faults for p, r, _ in fault.test_runs()}):
        tests.measure(program, ranks)
    deadline = time.monotonic() + 60 * options.minutes
    store = copy.folder / "results.json"
    lock = threading.Lock()

    def work(fault: Fault) -> None:
        if time.monotonic() > deadline:
            return
        result = judge(copy, tests, fault)
        with lock:
            results[fault.name] = result
            store.write_text(json.dumps(results, indent=1))
            print(f"{result['seconds']:6.1f} s  {result['verdict']:9}  {fault.name}  {result['by'][:150]}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(work, faults))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only that each old text stands once in its file")
    parser.add_argument("--list", action="store_true", help="only the names, rooms and files")
    parser.add_argument("--report", action="store_true", help="only what the last run found")
    parser.add_argument("--build-only", action="store_true", help="only the programs without faults")
    parser.add_argument("--room", nargs="+", default=[], help="faults of these rooms: base, comm, io, rich, trainer")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these faults; patterns like 'crc*'")
    parser.add_argument("--survivors", action="store_true", help="only faults that the last run did not find caught")
    parser.add_argument("--continue", dest="goes_on", action="store_true", help="only faults without a verdict yet")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no fault later than this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults at a time (default: cores)")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build" / "planted_faults",
                        help="of the copy, its build and the results; kept, so that the next run is quick")
    options = parser.parse_args()
    faults = [fault for path in sorted(LISTS.glob("*.faults")) for fault in parse(path)]
    faults = [fault for fault in faults if (not options.room or fault.room in options.room) and
              (not options.only or any(fnmatch.fnmatchcase(fault.name, name) for name in options.only))]
    if options.list:
        for fault in faults:
            print(f"{fault.room:8} {fault.name:45} {fault.file}")
        return 0
    if (code := check(faults)) != 0 or options.check:
        return code
    copy = Copy(options.folder.resolve())
    copy.folder.mkdir(parents=True, exist_ok=True)
    store = copy.folder / "results.json"
    results = known_results(store, faults)
    if not options.report:
        chosen = [fault for fault in faults
                  if not (options.survivors and results.get(fault.name, {}).get("verdict") == "caught") and
                  not (options.goes_on and fault.name in results)]
        for fault in chosen:
            results.pop(fault.name, None)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        run(copy, chosen, results, options)
        if options.build_only:
            return 0
    return report(faults, results)


if __name__ == "__main__":
    sys.exit(main())
