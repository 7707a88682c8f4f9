"""What people set for a while when something is on fire: notices, and queues closed by hand."""

import msgspec


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Said to each new caller, once, as soon as the call is answered and before the flow begins."""

    notice: str
    """Its id: `n1`."""
    by: str
    since: float
    until: float
    """At that instant it is no longer said."""
    text: str = ""
    """What is said, by the speech engine; on a text leg it is written."""
    prompt: str = ""
    """Or a recorded prompt by name; texts have none."""
    numbers: tuple[str, ...] = ()
    """Only who dialled one of these; none: any."""
    flows: tuple[str, ...] = ()
    """Only whose call is answered by one of these flows; none: any."""
    language: str = ""
    """Language that it is said in; empty: that of the configuration."""


class Closure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A queue closed by hand: as if its calendar were closed."""

    by: str
    since: float
    until: float | None = None
    """When it opens again by itself, as far as its calendar lets it; None: when it is opened by hand."""
    reason: str = ""
    text: str = ""
    """Said to who is sent away for it, by the speech engine; on a text leg it is written."""
    prompt: str = ""
    """Or a recorded prompt."""

    def holds(self, now: float) -> bool:
        """Whether it keeps the queue closed at `now`."""
        return self.since <= now and (self.until is None or now < self.until)

    def why(self) -> str:
        """In words: `by ccctl:ann: fire alarm`."""
        return f"by {self.by}: {self.reason}" if self.reason else f"by {self.by}"
