"""A day as it comes to a centre from outside: customers with their patience and their work, agents with
their hours. Frozen values, the same for every configuration that is tried on them.

A day is read from a ledger (`ledger_day`) or made from a description (`made_day`), and played through the
real engines by `rehearsal`. Nothing in it says who serves whom, or how long anybody waits: that is what the
rules do.
"""

from collections.abc import Iterable

import msgspec

from ccd.model import facts
from ccd.model.nouns import Availability, ChannelClass


class Stage(msgspec.Struct, frozen=True):
    """One conversation that an interaction needs; after it, it is sent on to the next stage's queue."""

    queue: str
    """Where it waits for this one. The first stage's queue is taken when its flow cannot be followed."""
    talk_s: float
    wrap_up_s: float | None = None
    """After so long the agent says that the wrap-up is over; None: takes all the time that the rules give."""


class Arrival(msgspec.Struct, frozen=True):
    """One interaction, from the customer's side."""

    id: str
    """As the source numbers it: of the ledger, or 1, 2, 3…"""
    at: float
    channel: str
    channel_class: ChannelClass
    origin: str
    target: str
    flow: str = ""
    """Flow that its channel asks for; else `target` is looked up among the numbers."""
    direct: bool = False
    """Straight into the first stage's queue: the day was described by queues."""
    keys: tuple[str, ...] = ()
    """What the customer presses, one key a menu."""
    stages: tuple[Stage, ...] = ()
    """Empty: hung up before it came to a queue."""
    patience_s: float | None = None
    """Leaves after so long in queues without a conversation; None: never."""
    leaves_flow_s: float | None = None
    """Leaves so long after its arrival unless it is in a queue by then; None: never."""
    answer_s: float = 2.0
    """How long it rings at an agent who takes it."""


class Presence(msgspec.Struct, frozen=True):
    """What an agent declares at an instant."""

    at: float
    agent: str
    availability: Availability
    reason: str = ""


class Reach(msgspec.Struct, frozen=True):
    """From an instant on, an agent's phones answer, or none does."""

    at: float
    agent: str
    reachable: bool


class Order(msgspec.Struct, frozen=True):
    """What somebody at the console did to the whole centre: a profile turned on or off."""

    at: float
    fact: facts.ProfileSet


class Day(msgspec.Struct, frozen=True):
    """Everything that comes from outside between two instants (epoch seconds)."""

    name: str
    """`2026-11-24`."""
    begins_at: float
    """When figures begin."""
    ends_at: float
    """When the agents who are still there leave; conversations under way go on to their end."""
    arrivals: tuple[Arrival, ...]
    """By time."""
    presences: tuple[Presence, ...]
    """By time."""
    reaches: tuple[Reach, ...] = ()
    """By time. An agent who is not in it has a phone that answers from the first login on."""
    orders: tuple[Order, ...] = ()
    """By time. A profile that a configuration does not have stays off in it."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out in making the day, in words."""


def with_hours(day: Day, agents: Iterable[str], spans: Iterable[tuple[float, float]]) -> Day:
    """The day with other hours for `agents`: ready in each span (begins, ends), else logged out; their phones
    answer."""
    named, hours = dict.fromkeys(agents), list(spans)
    kept = [each for each in day.presences if each.agent not in named]
    for agent in named:
        for begins_at, ends_at in hours:
            kept.append(Presence(begins_at, agent, Availability.READY))
            kept.append(Presence(ends_at, agent, Availability.LOGGED_OUT))
    return msgspec.structs.replace(
        day,
        presences=tuple(sorted(kept, key=lambda each: each.at)),
        reaches=tuple(each for each in day.reaches if each.agent not in named),
    )
