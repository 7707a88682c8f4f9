"""When something that is set for a while is to end: how verbs take it, and what they refuse."""

from math import isfinite

from ccd.errors import Refused

LONGEST_S = 366 * 86_400.0
"""What is to last longer is nothing for a while, it is the configuration."""


def end_of(noun: str, until: float | None, for_s: float | None, now: float) -> float | None:
    """The end, from an end or a length; None when neither is given. Raises `Refused` with `NOUN.until`."""
    if until is not None and for_s is not None:
        raise Refused(f"{noun}.until", "both an end and a length are given — give one of them")
    end = now + for_s if for_s is not None else until
    if end is None:
        return None
    if not isfinite(end) or end > now + LONGEST_S:
        raise Refused(f"{noun}.until", "it would be on for over a year — write it into the configuration")
    if end <= now:
        raise Refused(f"{noun}.until", "the end has passed already — name a time to come")
    return end
