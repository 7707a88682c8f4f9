"""Where an interaction goes next: what overflow, closing and a full voicemail lead to."""

from ccd.model.frozen import Frozen


class Share(Frozen, frozen=True):
    """One of the targets among which a queue shares out who leaves it: exactly one of the four is set."""

    pct: int
    """So many in a hundred; what all the shares leave of the hundred stays in the line."""
    queue: str = ""
    flow: str = ""
    agent: str = ""
    address: str = ""
    """Outside number in E.164."""


class Target(Frozen, frozen=True):
    """Where an interaction goes next: exactly one is set (all empty: hang up)."""

    queue: str = ""
    flow: str = ""
    agent: str = ""
    address: str = ""
    """Outside number in E.164."""
    voicemail: str = ""
    """Leave a message for this queue."""
    share: tuple[Share, ...] = ()
    """Or to several of these by percentage: tables of `pct` and one of the four above."""


def way_of(target: Target | Share) -> str:
    """Where a target leads, `queue NAME`; several with their percentages; empty: nowhere."""
    ways = {"queue": target.queue, "flow": target.flow, "agent": target.agent, "address": target.address}
    words = [f"{way} {name}" for way, name in ways.items() if name]
    if isinstance(target, Target):
        words += [f"voicemail {target.voicemail}"] if target.voicemail else []
        words += [f"{share.pct} % {way_of(share)}" for share in target.share]
    return ", ".join(words)
