#!/usr/bin/env python3
"""Compares programs on a machine that others use too: paired runs, A B A B, judged by foreign CPU time.

usage: compare.py [options] SPEC        SPEC has one contestant a line: "label | shell command"; # starts a comment

A command prints a line of JSON; the last such line counts and --key names the figure in it. wall_s and cpu_s of the
whole command are added as keys of their own.

While a command runs, the CPU time of everybody else is measured: all busy time in /proc/stat (stolen time included)
less what the command itself used. Above --foreign-limit (a share of all cores) the run is repeated, and if it stays
disturbed it is kept, marked, and left out of the tables. The rule looks at foreign load only, never at the result.
"""
import argparse
import fnmatch
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


def busy_seconds() -> float:
    """CPU time all cores together have been busy since boot."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wait_until_quiet(limit_s: float, share: float) -> None:
    """Waits until the machine is nearly idle, at most limit_s; the measurement decides, this only saves repeats."""
    deadline = time.time() + limit_s
    while time.time() < deadline:
        before = busy_seconds()
        time.sleep(0.3)
        if busy_seconds() - before < share * 0.3 * CORES:
            return


def run(command: str, timeout_s: float) -> str:
    """Standard output of a shell command. Raises RuntimeError when it fails or takes too long."""
    process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise RuntimeError(f"still running after {timeout_s:g} s, ended") from None
    if process.returncode != 0:
        raise RuntimeError(f"ended with status {process.returncode}: {errors.strip()[-600:]}")
    return output


def last_json(output: str) -> dict:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {}


def measure(command: str, timeout_s: float) -> dict:
    busy, own, begin = busy_seconds(), children_seconds(), time.time()
    result = last_json(run(command, timeout_s))
    wall, cpu = time.time() - begin, children_seconds() - own
    foreign = max(0.0, busy_seconds() - busy - cpu) / (wall * CORES)
    return result | {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "foreign": round(foreign, 4)}


def measure_quietly(command: str, options: argparse.Namespace) -> dict:
    """The first undisturbed run, else the least disturbed one; `runs` says how many it took."""
    best: dict = {}
    for attempt in range(1, options.retries + 2):
        if options.foreign_limit < 1:
            wait_until_quiet(options.wait, options.foreign_limit)
        result = measure(command, options.timeout)
        if not best or result["foreign"] < best["foreign"]:
            best = result
        if best["foreign"] <= options.foreign_limit:
            break
    return best | {"runs": attempt, "disturbed": best["foreign"] > options.foreign_limit}


def read_spec(path: str) -> dict[str, str]:
    contestants: dict[str, str] = {}
    with open(path) as spec:
        for number, line in enumerate(spec, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            label, bar, command = (part.strip() for part in line.partition("|"))
            if not bar or label in contestants:
                sys.exit(f"{path}:{number}: expected 'label | command' with a label of its own, got '{line}'")
            contestants[label] = command
    return contestants


def spread(values: list[float]) -> str:
    digits = 2 if max(values) < 100 else 1
    return f"{statistics.median(values):10.{digits}f} [{min(values):.{digits}f} - {max(values):.{digits}f}]"


def median_of(runs: list[dict], key: str) -> float:
    values = [run[key] for run in runs if not run["disturbed"]]
    return statistics.median(values) if values else 0.0


def fastest(labels: list[str], results: dict[str, list[dict]], key: str) -> str:
    return max(labels, key=lambda label: median_of(results[label], key))


def print_tables(results: dict[str, list[dict]], key: str, base: str) -> None:
    width = max(map(len, results))
    figures = {label: {run["round"]: run[key] for run in runs if not run["disturbed"]} for label, runs in results.items()}
    print(f"\n{key}: median [min - max]")
    for label, runs in results.items():
        repeated = sum(run["runs"] - 1 for run in runs)
        values = list(figures[label].values())
        text = spread(values) if values else "every run disturbed"
        print(f"  {label:{width}} {text}  n {len(values)}, repeated {repeated}, disturbed {len(runs) - len(values)}")
    print(f"\nratio to '{base}' round by round: median [min - max]")
    for label in results:
        ratios = [value / figures[base][r] for r, value in figures[label].items() if r in figures[base]]
        if label != base and ratios:
            print(f"  {label:{width}} {spread(ratios)}  n {len(ratios)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--key", default="images_per_s", help="figure to compare (images_per_s)")
    parser.add_argument("--base", help="contestant the others are divided by (the first); of several that fit a "
                        "pattern such as 'torch*' the fastest")
    parser.add_argument("--foreign-limit", type=float, default=0.06,
                        help="share of all cores others may use (0.06); 1 or more: never repeat, e.g. for CPU time")
    parser.add_argument("--retries", type=int, default=2, help="repeats of a disturbed run (2)")
    parser.add_argument("--wait", type=float, default=6, help="seconds to wait for a quiet machine before a run (6)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds a command may take (300)")
    parser.add_argument("--output", help="append every run to this file, one JSON object a line")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    contestants = read_spec(options.spec)
    pattern = options.base or next(iter(contestants), "")
    bases = [label for label in contestants if fnmatch.fnmatchcase(label, pattern)]
    if not bases:
        sys.exit(f"{options.spec} has no contestant '{pattern}'; it has: {', '.join(contestants) or 'none'}")
    results: dict[str, list[dict]] = {label: [] for label in contestants}
    for number in range(options.rounds):
        for label, command in contestants.items():
            try:
                result = measure_quietly(command, options) | {"label": label, "round": number}
                figure = result[options.key]
            except (RuntimeError, ValueError) as error:
                sys.exit(f"'{label}' in round {number}: {error}\n  command: {command}")
            except KeyError:
                sys.exit(f"'{label}' printed no line of JSON with '{options.key}'\n  command: {command}")
            results[label].append(result)
            mark = "  disturbed" if result["disturbed"] else ""
            print(f"round {number}  {label}: {figure}  (others used {result['foreign']:.1%}){mark}", flush=True)
            if options.output:
                with open(options.output, "a") as output:
                    output.write(json.dumps(result) + "\n")
    print_tables(results, options.key, fastest(bases, results, options.key))


if __name__ == "__main__":
    main()
