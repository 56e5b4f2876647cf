"""A copy of the sources with a build of its own, and what that build knows: commands, includes and links."""
import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading

from faults import ROOT, Fault


def call(command: list[str], cwd: pathlib.Path, log: pathlib.Path) -> None:
    """Runs a command that has to succeed."""
    with log.open("w") as output:
        code = subprocess.run(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if code != 0:
        sys.exit(f"error: {shlex.join(command)} failed with {code}:\n{log.read_text()[-4000:]}")


class Copy:
    """A copy of the sources with a build of its own, in which nothing is ever planted."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.source = folder, folder / "source"
        self.build = self.source / "build" / "release"
        self.launcher = [ccache] if (ccache := shutil.which("ccache")) else []

    def update(self, jobs: int, programs: list[str]) -> None:
        self._copy_sources()
        if not (self.build / "build.ninja").exists():
            print("configuring a build of its own", flush=True)
            launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={self.launcher[0]}"] if self.launcher else []
            call(["cmake", "--preset", "release", "-G", "Ninja", "-DWITH_BENCHMARKS=OFF", *launcher], self.source,
                 self.folder / "configure.log")
        print(f"building {len(programs)} test programs without faults (the first time takes minutes)", flush=True)
        call(["ninja", f"-j{jobs}", *programs], self.build, self.folder / "build.log")

    def _copy_sources(self) -> None:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout
        wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
        for name in wanted:
            target = self.source / name
            if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
                os.utime(target)
        for path in self.source.rglob("*"):
            name = path.relative_to(self.source)
            if name.parts[0] != "build" and path.is_file() and str(name) not in wanted:
                path.unlink()

    def load(self) -> None:
        """Reads how objects are compiled, what they include, and how programs are linked."""
        commands = json.loads((self.build / "compile_commands.json").read_text())
        self.commands = {}
        for entry in commands:
            words = shlex.split(entry["command"])
            self.commands[words[words.index("-o") + 1]] = (words, os.path.relpath(entry["file"], self.source))
        self.objects = collections.defaultdict(set)   # by file: what has to be compiled again
        depends = subprocess.run(["ninja", "-t", "deps"], cwd=self.build, capture_output=True, text=True,
                                 check=True).stdout
        target = ""
        for line in depends.splitlines():
            if line.startswith("    "):
                path = os.path.relpath(os.path.normpath(self.build / line.strip()), self.source)
                self.objects[path].add(target)
            else:
                target = line.split(":")[0]
        self.links: dict[str, list[str]] = {}
        self.members: dict[str, set[str]] = {}
        self.lock = threading.Lock()

    def link(self, program: str) -> list[str]:
        """The words that link a program, and as a side effect which objects are in it."""
        with self.lock:
            if program in self.links:
                return self.links[program]
            said = subprocess.run(["ninja", "-t", "commands", program], cwd=self.build, capture_output=True,
                                  text=True, check=True).stdout.strip().splitlines()[-1]
            words = shlex.split(said.removeprefix(": && ").removesuffix(" && :"))
            linker_map = self.folder / f"{program}.map"
            subprocess.run([*words[:words.index("-o")], "-o", os.devnull, *words[words.index("-o") + 2:],
                            f"-Wl,-Map={linker_map}"], cwd=self.build, capture_output=True, check=True)
            used = set(re.findall(r"lib(\w+)\.a\((\S+?\.o)\)", linker_map.read_text(errors="replace")))
            members = {word for word in words if word.endswith(".o")}
            for target in self.commands:
                folder = re.match(r"(?:.*/)?CMakeFiles/(\w+)\.dir/", target)
                if folder and (folder[1], os.path.basename(target)) in used:
                    members.add(target)
            self.links[program], self.members[program] = words, members
            return words

    def targets(self, fault: Fault, program: str) -> list[str]:
        """Objects of a program that a fault changes: one for a source, all that include it for a header."""
        self.link(program)
        if not fault.file.endswith(".hpp"):
            return [target for target, (_, file) in self.commands.items() if file == fault.file]
        return sorted(self.objects[fault.file] & self.members[program] & self.commands.keys())
