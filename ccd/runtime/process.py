"""What the daemon knows of its own process, and how it treats those that it starts."""

import asyncio
import os
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_mb() -> float:
    """Resident memory of this process, MB; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * _PAGE / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process of ours and await its exit."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


def give_way(pid: int, nice: int) -> None:
    """Run only where nobody else wants the core: SCHED_IDLE (sched(7)), which a call pushes aside at once.

    A low nice value alone still held calls up for some milliseconds at each hop. Where the sandbox forbids
    it, the nice value remains.
    """
    with suppress(OSError):  # it may be gone already
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def step_up() -> None:
    """Leave SCHED_IDLE: what holds a lock that others wait for must not be the last to run.

    Granted where RLIMIT_NICE allows our nice value (the unit's LimitNICE= does), else nothing changes.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
