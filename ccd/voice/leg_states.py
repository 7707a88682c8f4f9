"""States of an audio leg as a table.

    ARRIVED ──ring──▶ ARRIVED ──answer──▶ ANSWERED ──acked──▶ UP ──over──▶ ENDED      a call that came in
    DIALLING ──ring──▶ RINGING ──accepted──▶ UP ──over──▶ ENDED                       a call that we make

`GONE` is the state between our release and the far end's consent: the core has been told that the leg
ended; only SIP still tidies up (an ACK to await before BYE, a 200 that crossed our CANCEL).
"""

from enum import StrEnum

from ccd.errors import IllegalMove


class LegState(StrEnum):
    """Where an audio leg stands."""

    ARRIVED = "arrived"
    ANSWERED = "answered"
    """Our 200 is out, the ACK is awaited."""
    DIALLING = "dialling"
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


class LegMove(StrEnum):
    """What changes the state of a leg."""

    RING = "ring"
    ANSWER = "answer"
    ACKED = "acked"
    ACCEPTED = "accepted"
    OVER = "over"


LEG_MOVES: dict[tuple[LegState, LegMove], LegState] = {
    (LegState.ARRIVED, LegMove.RING): LegState.ARRIVED,
    (LegState.ARRIVED, LegMove.ANSWER): LegState.ANSWERED,
    (LegState.ANSWERED, LegMove.ACKED): LegState.UP,
    (LegState.DIALLING, LegMove.RING): LegState.RINGING,
    (LegState.RINGING, LegMove.RING): LegState.RINGING,
    (LegState.DIALLING, LegMove.ACCEPTED): LegState.UP,
    (LegState.RINGING, LegMove.ACCEPTED): LegState.UP,
    **{(state, LegMove.OVER): LegState.GONE for state in LegState if state is not LegState.GONE},
}


def moved(state: LegState, move: LegMove, leg: str) -> LegState:
    """The next state, or `IllegalMove`."""
    target = LEG_MOVES.get((state, move))
    if target is None:
        raise IllegalMove("voice.leg", f"leg {leg}: {move} is not allowed in {state}")
    return target
