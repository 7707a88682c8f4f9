"""What the daemon knows of its own process."""

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_mb() -> float:
    """Resident memory of this process, MB; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * _PAGE / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0
