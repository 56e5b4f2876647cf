"""One start of the training, its processes, and what it leaves when it has ended."""
import os
import pathlib
import re
import signal
import subprocess
import time

import workplace

SECONDS_TO_END = 60  # after a strike; a stopped rank is waited for by the watchdog
SECONDS_TO_GO = 10   # for processes to be gone once mpirun has ended


def read(path: pathlib.Path | str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def processes() -> list[int]:
    """All but this one: the PID namespace has no others."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def remaining() -> list[int]:
    """Processes that are there once mpirun has ended. Orphans have become children of this process, which has to bury
    them; only then all their threads have let go of memory."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass
    return processes()


class Job:
    def __init__(self, folder: pathlib.Path, variant: str, run: str, ranks: int, clock: str = ""):
        self.folder, self.run, self.ranks = folder, folder / run, ranks
        self.log = folder / f"{run}.log"
        self.stale = set(self.partial_files())
        words = ["mpirun", "-n", str(ranks)]
        if clock:
            # The times of files stay what they are, as they do when a clock is set.
            extra = {"LD_PRELOAD": str(workplace.FAKETIME), "FAKETIME": clock, "NO_FAKE_STAT": "1",
                     "DONT_FAKE_MONOTONIC": "1"}
            words += [word for key, value in extra.items() for word in ("-x", f"{key}={value}")]
        words += [str(folder / "annulus"), "train", f"{variant}.yaml", "--run", run]
        with self.log.open("wb") as output:
            self.mpirun = subprocess.Popen(words, cwd=folder, env=workplace.environment(), stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def said(self) -> str:
        return read(self.log).decode(errors="replace")

    def went_on_from(self) -> int | None:
        """The step that this start has gone on from; nothing before it trains."""
        said = re.search(r"resumed in .* after step (\d+)|(started in) ", self.said())
        return None if said is None else int(said[1] or 0)

    def is_running(self) -> bool:
        return self.mpirun.poll() is None

    def rank_processes(self) -> dict[int, int]:
        """rank -> process"""
        found = {}
        for process in processes():
            if b"\0train\0" in read(f"/proc/{process}/cmdline"):
                rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", read(f"/proc/{process}/environ"))
                if rank:
                    found[int(rank[1])] = process
        return found

    @staticmethod
    def reader_processes() -> list[int]:
        return [process for process in processes() if b"\0--read-hdf5\0" in read(f"/proc/{process}/cmdline")]

    def partial_files(self) -> list[tuple[str, int, int]]:
        found = []
        for path in self.run.rglob("*.partial"):
            try:
                status = path.lstat()
                found.append((str(path), status.st_ino, status.st_mtime_ns))
            except OSError:
                pass
        return found

    def stale_files(self) -> list[str]:
        """Files that an earlier start was still writing, and that are there although this one has gone on."""
        return [name for name, *_ in self.stale.intersection(self.partial_files())]

    def end(self) -> tuple[int, list[str]]:
        """Waits for the end. @return mpirun's exit code (-1: it had to be killed) and processes that stayed"""
        try:
            code = self.mpirun.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            code = -1
        deadline = time.monotonic() + SECONDS_TO_GO
        while code != -1 and remaining() and time.monotonic() < deadline:
            time.sleep(0.02)
        stayed = [read(f"/proc/{process}/cmdline").replace(b"\0", b" ").decode() for process in processes()]
        if code == -1:
            send(self.mpirun.pid, signal.SIGKILL)
            self.mpirun.wait()
        while left := remaining():
            for process in left:
                send(process, signal.SIGKILL)
            time.sleep(0.05)
        return code, stayed


def send(process: int, number: int) -> bool:
    try:
        os.kill(process, number)
        return True
    except ProcessLookupError:
        return False


def leftovers() -> list[str]:
    """What lies in /dev/shm and /tmp, and System V segments; all of it is the program's and Open MPI's."""
    found = [f"/dev/shm/{name}" for name in os.listdir("/dev/shm") if "faketime_" not in name]
    found += [f"/tmp/{name}" for name in os.listdir("/tmp")]
    segments = read("/proc/sysvipc/shm").decode().splitlines()[1:]
    return found + [f"System V segment {line.split()[1]}" for line in segments]


def clear_leftovers() -> None:
    subprocess.run("rm -rf /dev/shm/* /tmp/*; ipcrm --all=shm", shell=True, check=True)
