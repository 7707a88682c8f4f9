"""Where an interaction stands in the engine, and the one table of its moves.

    WAITING ──OFFER──▶ OFFERED ──ACCEPT──▶ ACCEPTED ──BRIDGE──▶ CONNECTED ──FINISH──▶ (gone)
     │   ▲
    REST WAKE      a callback whose time to be tried has not come
     ▼   │
    RESTING

An absent pair is a bug of the caller and raises `IllegalMove`.
"""

from enum import StrEnum

from ccd.errors import IllegalMove


class Phase(StrEnum):
    """Where an interaction stands."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    """The agent answered; not yet bridged."""
    CONNECTED = "connected"
    RESTING = "resting"
    """To be called back, but not yet: it keeps its place and is offered to nobody."""
    GONE = "gone"
    """No longer the engine's; never stored."""


class Event(StrEnum):
    """What can happen to it."""

    OFFER = "offer"
    ACCEPT = "accept"
    MISS = "miss"
    """The offer ended without a conversation; the place is kept."""
    BRIDGE = "bridge"
    LEAVE = "leave"
    OVERFLOW = "overflow"
    HAND_OVER = "hand_over"
    """The conversation goes on with another agent."""
    FINISH = "finish"
    REST = "rest"
    WAKE = "wake"


MOVES: dict[tuple[Phase, Event], Phase] = {
    (Phase.WAITING, Event.OFFER): Phase.OFFERED,
    (Phase.WAITING, Event.LEAVE): Phase.GONE,
    (Phase.WAITING, Event.OVERFLOW): Phase.GONE,
    (Phase.WAITING, Event.REST): Phase.RESTING,
    (Phase.RESTING, Event.WAKE): Phase.WAITING,
    (Phase.RESTING, Event.LEAVE): Phase.GONE,
    (Phase.RESTING, Event.OVERFLOW): Phase.GONE,
    (Phase.OFFERED, Event.ACCEPT): Phase.ACCEPTED,
    (Phase.OFFERED, Event.MISS): Phase.WAITING,
    (Phase.OFFERED, Event.LEAVE): Phase.GONE,
    (Phase.ACCEPTED, Event.BRIDGE): Phase.CONNECTED,
    (Phase.ACCEPTED, Event.MISS): Phase.WAITING,
    (Phase.ACCEPTED, Event.LEAVE): Phase.GONE,
    (Phase.CONNECTED, Event.HAND_OVER): Phase.CONNECTED,
    (Phase.CONNECTED, Event.FINISH): Phase.GONE,
}


_AFTER: dict[Event, dict[Phase, Phase]] = {
    event: {phase: after for (phase, each), after in MOVES.items() if each is event} for event in Event
}
"""The same table, to be asked without a pair being made."""


def next_phase(phase: Phase, event: Event, interaction: str) -> Phase:
    """The phase after `event`; raises `IllegalMove` for a pair that the table does not have."""
    after = _AFTER[event].get(phase)
    if after is None:
        raise IllegalMove(
            "routing_move", f"interaction {interaction} is {phase.value}: '{event.value}' is not possible"
        )
    return after
