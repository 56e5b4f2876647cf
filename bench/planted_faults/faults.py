"""The lists of faults: what stands in them, and whether it still fits the sources."""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = pathlib.Path(__file__).resolve().parent


class Fault:
    """One entry of a list: what is planted where, and which tests should see it."""

    def __init__(self, name: str, place: str):
        self.name, self.place = name, place
        self.file, self.reason = "", ""
        self.runs: list[str] = []    # "[PROGRAM [RANKS]] FILTER"
        self.old: list[str] = []
        self.new: list[str] = []

    @property
    def room(self) -> str:
        return self.file.split("/")[0]

    def texts(self) -> tuple[str, str]:
        return "\n".join(self.old), "\n".join(self.new)

    def text(self) -> str:
        """What a verdict depends on, beside the sources."""
        return "\n".join([self.file, *self.runs, "-", *self.old, "+", *self.new])

    def test_runs(self) -> list[tuple[str, int, str]]:
        """(program, ranks, filter) of each run; the whole program of the room comes last."""
        runs = []
        for text in self.runs:
            words = text.split()
            program = words[0] if len(words) > 1 else f"{self.room}_tests"
            runs.append((program, int(words[1]) if len(words) > 2 else 0, words[-1]))
        whole = (f"{self.room}_tests", 0, "*")
        return runs if whole in runs else [*runs, whole]


def parse(path: pathlib.Path) -> list[Fault]:
    faults = []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        place = f"{path.relative_to(ROOT)}:{number}"
        if match := re.fullmatch(r"\[([\w-]+)\]", line):
            faults.append(Fault(match[1], place))
        elif not line or line.startswith("#"):
            continue
        elif not faults:
            sys.exit(f"error: {place}: a fault begins with its name in brackets, not with '{line}'")
        elif line[0] in "-+":
            (faults[-1].old if line[0] == "-" else faults[-1].new).append(line[2:])
        elif line.startswith("file: "):
            faults[-1].file = line[6:]
        elif line.startswith("tests: "):
            faults[-1].runs.append(line[7:])
        elif line.startswith("reason: "):
            faults[-1].reason = line[8:]
        else:
            sys.exit(f"error: {place}: '{line}' is no line of a list; it takes file:, tests:, reason:, - and +")
    return faults


def mistake_in(fault: Fault) -> str:
    """What is wrong with an entry; "" for nothing."""
    path = ROOT / fault.file
    if not path.is_file():
        return f"there is no file '{fault.file}'"
    old, new = fault.texts()
    count = path.read_text().count(old) if old else 0
    if count != 1:
        return f"its old text stands {count} times in {fault.file}, not once: {old!r}"
    return "its old and new text are the same" if old == new else ""


def check(faults: list[Fault]) -> int:
    mistakes = [f"{fault.place}: {fault.name}: {mistake}" for fault in faults if (mistake := mistake_in(fault))]
    names = collections.Counter(fault.name for fault in faults)
    mistakes += [f"{name}: {count} faults have this name" for name, count in names.items() if count > 1]
    for mistake in mistakes:
        print(f"error: {mistake}", file=sys.stderr)
    print(f"{len(faults)} faults, {len(mistakes)} of them stale or wrong")
    return 1 if mistakes else 0
