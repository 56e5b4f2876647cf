"""One fault at a time: its objects, the programs with it, and what their tests say."""
import fnmatch
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from copy_of_sources import Copy
from faults import Fault


class NoCompilation(Exception):
    pass


class Trial:
    """One fault in a folder of its own: its objects, its programs and what the tests say."""

    def __init__(self, copy: Copy, fault: Fault):
        self.copy, self.fault = copy, fault
        self.folder = copy.folder / "faults" / fault.name
        self.sources, self.compiled = self.folder / "sources", {}

    def plant(self) -> None:
        old, new = self.fault.texts()
        text = (self.copy.source / self.fault.file).read_text()
        shutil.rmtree(self.folder, ignore_errors=True)
        planted = self.sources / self.fault.file
        planted.parent.mkdir(parents=True)
        planted.write_text(text.replace(old, new))

    def compile(self, target: str) -> pathlib.Path:
        if target in self.compiled:
            return self.compiled[target]
        words, file = self.copy.commands[target]
        output = self.folder / "objects" / target
        output.parent.mkdir(parents=True, exist_ok=True)
        words = list(words)
        words[words.index("-o") + 1] = str(output)
        if file == self.fault.file:
            words[words.index("-c") + 1] = str(self.sources / file)
        first = next(i for i, word in enumerate(words) if word.startswith("-I"))
        words[first:first] = [f"-I{self.sources}", f"-fmacro-prefix-map={self.sources}={self.copy.source}"]
        # Without ccache: it would not see that a header now comes from another folder.
        done = subprocess.run(words, cwd=self.copy.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoCompilation(done.stderr[:2000])
        self.compiled[target] = output
        return output

    def program(self, name: str) -> pathlib.Path:
        """The program with the fault in it."""
        link = list(self.copy.link(name))
        planted = {target: str(self.compile(target)) for target in self.copy.targets(self.fault, name)}
        own = {target for target in planted if target in link}
        link = [planted[word] if word in own else word for word in link]
        at = link.index("-o")
        output = self.folder / name
        # An object in front of the libraries is taken in place of theirs.
        words = [*link[:at], *(path for target, path in planted.items() if target not in own), "-o", str(output),
                 *link[at + 2:]]
        done = subprocess.run(words, cwd=self.copy.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoCompilation(done.stderr[:2000])
        return output

    def is_unchanged(self) -> bool:
        return bool(self.compiled) and all(path.read_bytes() == (self.copy.build / target).read_bytes()
                                           for target, path in self.compiled.items())


class Tests:
    """Runs test programs, and knows which of their tests pass without a fault and how long they take."""

    def __init__(self, copy: Copy):
        self.copy, self.seconds, self.broken = copy, {}, {}
        self.store = copy.folder / "without_faults.json"
        self.known = json.loads(self.store.read_text()) if self.store.exists() else {}

    def measure(self, program: str, ranks: int) -> None:
        """Runs a program without a fault, once as long as it stays the same."""
        key = f"{program} {ranks}"
        words = self.copy.link(program)
        path = self.copy.build / words[words.index("-o") + 1]
        built = path.stat().st_mtime_ns
        if self.known.get(key, {}).get("built") != built:
            self._run_without_fault(path, key, ranks)
            self.known[key] = {"built": built, "seconds": self.seconds[key], "broken": sorted(self.broken[key])}
            self.store.write_text(json.dumps(self.known, indent=1))
        self.seconds[key], self.broken[key] = self.known[key]["seconds"], set(self.known[key]["broken"])

    def _run_without_fault(self, path: pathlib.Path, key: str, ranks: int) -> None:
        code, said, _ = self.start(path, ranks, "*", 900, self.copy.folder / "clean")
        self.seconds[key] = {name: int(ms) / 1000 for name, ms in re.findall(r"^\[ +OK \] (\S+) \((\d+) ms\)", said, re.M)}
        self.broken[key] = set(failed_tests(said))
        if code != 0 or self.broken[key]:
            print(f"warning: {key}: fails without a fault: {sorted(self.broken[key])} (exit code {code})", flush=True)

    def limit(self, program: str, ranks: int, pattern: str) -> float:
        """A run that takes ten times as long as without a fault, and a minute, does not end."""
        return 60 + 10 * sum(s for name, s in self.seconds[f"{program} {ranks}"].items() if matches(name, pattern))

    def selects(self, program: str, ranks: int, pattern: str) -> bool:
        return any(matches(name, pattern) for name in self.seconds[f"{program} {ranks}"])

    def catcher(self, path: pathlib.Path, program: str, ranks: int, pattern: str, folder: pathlib.Path) -> str:
        """The first test that fails with the fault alone; "" when all pass."""
        limit = self.limit(program, ranks, pattern)
        code, said, ended = self.start(path, ranks, pattern, limit, folder)
        failed = [name for name in failed_tests(said) if name not in self.broken[f"{program} {ranks}"]]
        if failed:
            return failed[0] + (f" and {len(failed) - 1} more" if len(failed) > 1 else "")
        if ended and (code == 0 or self.broken[f"{program} {ranks}"] & set(failed_tests(said))):
            return ""
        running = re.findall(r"^\[ RUN +\] (\S+)", said, re.M)
        what = f"exit code {code}" if ended else f"not over after {limit:.0f} s"
        return f"{running[-1] if running else program} ({what})"

    @staticmethod
    def start(path: pathlib.Path, ranks: int, pattern: str, limit: float, folder: pathlib.Path):
        """(exit code, what it said, whether it ended by itself) of a test program."""
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        words = [str(path), f"--gtest_filter={pattern}", "--gtest_color=no"]
        if ranks > 0:
            words = ["mpirun", "-n", str(ranks), "--bind-to", "none", *words]
        environment = {**os.environ, "TEST_TMPDIR": f"{temporary}/", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl_tcp_if_include": "lo",
                       "OMPI_MCA_oob_tcp_if_include": "lo", "OMPI_MCA_rmaps_base_oversubscribe": "1",
                       "OMPI_MCA_mpi_yield_when_idle": "1", "OMP_NUM_THREADS": "1",
                       "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
        log = folder / "tests.log"
        with log.open("wb") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       env=environment, cwd=temporary, start_new_session=True)
            try:
                code, ended = process.wait(limit), True
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code, ended = process.wait(), False
        shutil.rmtree(temporary, ignore_errors=True)
        return code, log.read_text(errors="replace"), ended


def failed_tests(said: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", said, re.M)))


def matches(name: str, pattern: str) -> bool:
    """GoogleTest's rule: any of the patterns before a '-', none of those behind it."""
    wanted, _, unwanted = pattern.partition("-")
    any_of = lambda patterns: any(fnmatch.fnmatchcase(name, each) for each in patterns.split(":") if each)
    return any_of(wanted or "*") and not any_of(unwanted)
