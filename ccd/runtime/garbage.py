"""When Python's cyclic garbage collector runs: never in the middle of traffic.

A call leaves no cyclic garbage (tests hold this), so all that a collection under traffic finds are the
objects of running calls: measured at 400 calls a second, each collection of the youngest generation took
35-80 ms and freed nothing. So the automatic collector is off; what cycles there are (tracebacks, reloads)
are collected by the housekeeping when little is alive, or when they have become too many to wait.
"""

import gc

QUIET = 200
"""Most transactions and interactions alive to call it quiet: a collection takes about a millisecond then."""
WORTH = 2_000
"""Fewer new container objects than this are not worth a collection."""
TOO_MANY = 5_000_000
"""More than this are collected whatever it costs: about 1 GB that ought not to be there."""


def settle() -> None:
    """After the start: what lives now lives on, and is looked at no more."""
    gc.disable()
    gc.collect()
    gc.freeze()


def collect_if_quiet(alive: int) -> bool:
    """Collect if it is due and does no harm; True if it was done. `alive`: what runs, as for QUIET."""
    new = gc.get_count()[0]
    if new > TOO_MANY or (new > WORTH and alive <= QUIET):
        gc.collect()
        return True
    return False
