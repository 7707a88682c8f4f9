"""The daemon, but every state counts as too large to be packed while facts wait."""

import sys

from ccd import __main__, daemon
from ccd.runtime import packing, snapshot
from ccd.runtime.packing import Packed


def _refuse(_ledger: object, packed: Packed) -> None:
    raise AssertionError(f"a state in {len(packed.parts)} parts was packed in the daemon")


if __name__ == "__main__":
    snapshot.MOST_HELD = 1  # type: ignore[misc]  # 8 MB of customers take long to come together
    packing.ITEMS = 4  # type: ignore[misc]  # what is not large is counted at the end only
    daemon._save_snapshot = _refuse
    sys.exit(__main__.main())
