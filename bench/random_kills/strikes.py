"""What happens to a training: the kinds of strike, how often each is chosen, and when it can be made."""
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from job import Job, send


def kill_a_rank(job: Job, chance: random.Random, number: int = signal.SIGKILL) -> bool:
    ranks = list(job.rank_processes().values())
    return bool(ranks) and send(chance.choice(ranks), number)


def kill_several_ranks(job: Job, chance: random.Random) -> bool:
    ranks = list(job.rank_processes().values())
    if len(ranks) < 2:
        return False
    victims = chance.sample(ranks, chance.randint(2, len(ranks)))
    return any([send(victim, signal.SIGKILL) for victim in victims])


def kill_rank_0_while_it_saves(job: Job, chance: random.Random) -> bool:
    rank_0 = job.rank_processes().get(0)
    checkpoints = job.run / "checkpoints"
    deadline = time.monotonic() + 5
    while rank_0 and job.is_running() and time.monotonic() < deadline:
        if any(name.endswith(".h5.partial") for name in (os.listdir(checkpoints) if checkpoints.exists() else [])):
            time.sleep(chance.choice((0, 0, 0.001, 0.003)))
            return send(rank_0, signal.SIGKILL)
    return False


def kill_a_reader(job: Job, chance: random.Random) -> bool:
    readers = job.reader_processes()
    return bool(readers) and send(chance.choice(readers), signal.SIGKILL)


def kill_everything(job: Job, chance: random.Random) -> bool:
    victims = [job.mpirun.pid, *job.rank_processes().values(), *job.reader_processes()]
    chance.shuffle(victims)
    return any([send(victim, signal.SIGKILL) for victim in victims])


def stop_a_rank(job: Job, chance: random.Random) -> bool:
    made = kill_a_rank(job, chance, signal.SIGSTOP)
    if made:
        time.sleep(2)
        send(job.mpirun.pid, signal.SIGKILL)
    return made


class WentOff(Exception):
    """A job ended that should have gone on."""


def replace_the_data(job: Job, chance: random.Random) -> bool:
    """A copy takes the place of the file that the ranks have open; they read on, and the next start reads the copy."""
    if not job.is_running() or job.went_on_from() is None:
        return False
    for name in ("resident.h5", "streamed.h5"):
        shutil.copy(job.folder / name, job.folder / "copy.h5")
        os.rename(job.folder / "copy.h5", job.folder / name)
    time.sleep(0.3)
    if not job.is_running():
        if job.mpirun.returncode != 0:
            raise WentOff(f"the data set was replaced by a copy, and the job ended with code {job.mpirun.returncode}")
        return False
    return kill_a_rank(job, chance)


def to_a_rank(number: int) -> Callable:
    return lambda job, chance: kill_a_rank(job, chance, number)


def to_mpirun(number: int) -> Callable:
    return lambda job, chance: job.is_running() and send(job.mpirun.pid, number)


class Kind(NamedTuple):
    name: str
    weight: int
    make: Callable  # (job, chance) -> whether there was something to strike
    loses_nothing: bool = False  # a running training writes a checkpoint first
    leaves: bool = False  # Open MPI's files stay, as docs/reliability.md says


KINDS = [
    Kind("SIGKILL to a rank", 14, kill_a_rank),
    Kind("SIGKILL to several ranks at once", 12, kill_several_ranks),
    Kind("SIGKILL to rank 0 while it saves", 14, kill_rank_0_while_it_saves),
    Kind("SIGKILL to a process that reads HDF5", 12, kill_a_reader),
    Kind("SIGKILL to mpirun", 8, to_mpirun(signal.SIGKILL), leaves=True),
    Kind("SIGKILL to mpirun and all ranks", 6, kill_everything, leaves=True),
    Kind("SIGTERM to a rank", 5, to_a_rank(signal.SIGTERM), loses_nothing=True),
    Kind("SIGUSR1 to a rank", 4, to_a_rank(signal.SIGUSR1), loses_nothing=True),
    Kind("SIGHUP to a rank", 4, to_a_rank(signal.SIGHUP), loses_nothing=True),
    Kind("SIGTERM to mpirun", 5, to_mpirun(signal.SIGTERM)),
    Kind("SIGUSR1 to mpirun", 4, to_mpirun(signal.SIGUSR1), loses_nothing=True),
    Kind("SIGHUP to mpirun", 4, to_mpirun(signal.SIGHUP)),
    Kind("SIGSTOP to a rank, SIGKILL to mpirun 2 s later", 3, stop_a_rank, leaves=True),
    Kind("data set replaced, SIGKILL to a rank 0.3 s later", 7, replace_the_data),
]


def choose(chance: random.Random) -> Kind:
    return chance.choices(KINDS, [kind.weight for kind in KINDS])[0]
