"""The daemon on a machine whose clock is what a file says: `python -m tests.loopback.wandering_daemon`.

All else is as users have it: its process, sockets, ledger and tasks. The kernel's clock cannot be set for
one process, so the clock's own module is given another `time`, ahead by the seconds in the file that
`CCD_TEST_AHEAD` names. And what is looked at each minute is looked at twice a second, since a test cannot
wait for hours: no other constant is touched.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ccd import __main__, clock, daemon
from ccd.runtime import upkeep


def main() -> int:
    ahead = Path(os.environ["CCD_TEST_AHEAD"])
    modules: Any = (clock, upkeep, daemon)
    of_clock, of_upkeep, of_daemon = modules
    of_clock.time = SimpleNamespace(
        time=lambda: time.time() + float(ahead.read_text() or 0.0),
        monotonic=time.monotonic,
        process_time=time.process_time,
    )
    of_upkeep.LOOK_S = of_daemon.HOUSEKEEPING_S = 0.5
    of_upkeep.FIRST_DELETION_S = of_upkeep.DELETIONS_S = 1.0
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
