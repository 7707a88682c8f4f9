"""Provisional responses that cannot get lost (RFC 3262): RSeq and RAck, both sides, one INVITE each.

Sans-IO. Who answers keeps a `Sender`: one response at a time, sent again at T1, 2*T1, 4*T1 … until its PRACK
comes, for 64*T1 at most. Who called keeps a `Receiver`: in each early dialog the numbers come in order, and
what comes out of it is not to be heard. Times are seconds on the caller's clock.

    QUIET ──sent──▶ WAITING ──acknowledged──▶ QUIET
                    WAITING ──in vain──▶ OVER        QUIET, WAITING ──final──▶ OVER
"""

import re
from enum import Enum
from typing import NamedTuple

from ccd.errors import IllegalMove
from ccd.sip.message import Message, Request, Response

TAG = "100rel"
"""The option tag."""
MOST_FORKS = 16
"""Early dialogs of one INVITE that are told apart; a peer that makes up tags must not fill the memory."""
MOST_RSEQ = 2**32 - 1
FIRST_RSEQ_BELOW = 2**31
"""The first number is chosen below this (§3), so that it can be counted up for long."""

_rack = re.compile(r"[ \t]*([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+([A-Za-z0-9.!%*_+`'~-]+)[ \t]*").fullmatch
_rseq = re.compile(r"[ \t]*([0-9]{1,10})[ \t]*").fullmatch


class Rack(NamedTuple):
    """What a PRACK acknowledges."""

    rseq: int
    cseq: int
    """Number in the CSeq of the request that was answered."""
    method: str


def read_rack(value: str | None) -> Rack | None:
    """A RAck value (§7.2); None where there is none that can be read."""
    found = _rack(value) if value else None
    if found is None:
        return None
    return Rack(int(found[1]), int(found[2]), found[3])


def rack(response: Response, rseq: int) -> str:
    """The RAck that acknowledges a response."""
    cseq = response.cseq
    return f"{rseq} {cseq.number} {cseq.method}"


def rseq_of(response: Response) -> int | None:
    """The number of a response that wants a PRACK: `Require: 100rel` and RSeq; None for all others."""
    if not 100 < response.status < 200 or not required(response):
        return None
    found = _rseq(response.get("RSeq") or "")
    number = int(found[1]) if found is not None else 0
    return number if 0 < number <= MOST_RSEQ else None


def required(message: Message) -> bool:
    """Whether the sender requires 100rel."""
    return message.get("Require") is not None and _names(message.get_all("Require"))


def supports(request: Request) -> bool:
    """Whether the sender knows 100rel."""
    return required(request) or _names(request.get_all("Supported"))


def _names(tags: list[str]) -> bool:
    return any(tag.strip().lower() == TAG for tag in tags)


class Standing(Enum):
    """Where a sender stands."""

    QUIET = "quiet"
    """All that was sent is acknowledged."""
    WAITING = "waiting"
    OVER = "over"
    """The INVITE has its final response."""


class Turn(Enum):
    """What happens to a sender."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    IN_VAIN = "in vain"
    FINAL = "final"


S, T = Standing, Turn
MOVES: dict[tuple[Standing, Turn], Standing] = {
    (S.QUIET, T.SENT): S.WAITING,
    (S.WAITING, T.ACKNOWLEDGED): S.QUIET,
    (S.WAITING, T.IN_VAIN): S.OVER,
    (S.QUIET, T.FINAL): S.OVER,
    (S.WAITING, T.FINAL): S.OVER,
    # §3: a PRACK for what was not acknowledged before the final response is still to be answered.
    (S.OVER, T.ACKNOWLEDGED): S.OVER,
    (S.OVER, T.FINAL): S.OVER,
}


class Step(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    RESEND = "resend"
    GIVE_UP = "give up"
    """64*T1 without a PRACK: the INVITE is to be refused with a 5xx."""


class Sender:
    """The reliable provisional responses to one INVITE of theirs."""

    __slots__ = ("_again", "_cseq", "_ends", "_interval", "_rseq", "_t1", "described", "state")

    def __init__(self, cseq: int, first: int, t1: float = 0.5) -> None:
        """`cseq`: number of the INVITE's CSeq; `first`: the first RSeq, by chance (1 to 2**31 - 1)."""
        self._cseq = cseq
        self._rseq = first - 1
        self._t1 = t1
        self._interval = t1
        self._again = self._ends = 0.0
        self.described = False
        """The response that waits for its PRACK carries SDP."""
        self.state = Standing.QUIET

    @property
    def waiting(self) -> bool:
        """A response is not acknowledged yet: there must be no second one (§3)."""
        return self.state is Standing.WAITING

    @property
    def may_accept(self) -> bool:
        """A 2xx has to wait while SDP is not acknowledged (§3)."""
        return not (self.waiting and self.described)

    def send(self, now: float, *, described: bool) -> int:
        """One more response goes out; the number for its RSeq. `described`: it carries SDP."""
        self._move(Turn.SENT)
        self._rseq += 1
        self.described = described
        self._interval = self._t1
        self._again, self._ends = now + self._t1, now + 64 * self._t1
        return self._rseq

    def acknowledge(self, said: Rack | None) -> bool:
        """Whether a PRACK is for the response that waits; False: answer it 481."""
        if said != (self._rseq, self._cseq, "INVITE") or not self._again:
            return False
        self._move(Turn.ACKNOWLEDGED)
        self._again = 0.0
        return True

    def finish(self) -> None:
        """The INVITE has its final response: nothing is repeated any more."""
        self._move(Turn.FINAL)

    def next_deadline(self) -> float | None:
        """When `expire` has something to do; None: never."""
        return min(self._again, self._ends) if self.waiting else None

    def expire(self, now: float) -> Step:
        """What is due at `now`."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return Step.NOTHING
        if now >= self._ends:
            self._move(Turn.IN_VAIN)
            return Step.GIVE_UP
        self._interval *= 2
        self._again = now + self._interval
        return Step.RESEND

    def _move(self, turn: Turn) -> None:
        target = MOVES.get((self.state, turn))
        if target is None:
            raise IllegalMove(
                "sip-reliable",
                f"SIP provisional response: {turn.value} cannot happen when it is {self.state.value}",
            )
        self.state = target


class Heard(Enum):
    """What a provisional response is to who called."""

    PLAIN = "plain"
    """Not a reliable one: to be heard, not to be acknowledged."""
    NEXT = "next"
    """To be heard and acknowledged."""
    AGAIN = "again"
    """A copy: its PRACK is under way, or was (the transaction of the PRACK repeats that)."""
    AHEAD = "ahead"
    """One before it is missing, or there are too many forks: it will come again."""


class Receiver:
    """The reliable provisional responses to one INVITE of ours, of each that it was forked to."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        """To-tag → the last number that came in order."""

    def hear(self, response: Response) -> tuple[Heard, int]:
        """Judge a response of 101 to 199; its RSeq, 0 for a plain one."""
        rseq = rseq_of(response)
        if rseq is None:
            return Heard.PLAIN, 0
        tag = response.to_tag or ""
        last = self._seen.get(tag)
        if last is None and len(self._seen) >= MOST_FORKS:
            return Heard.AHEAD, rseq
        if last is not None and rseq != last + 1:
            return (Heard.AGAIN if rseq <= last else Heard.AHEAD), rseq
        self._seen[tag] = rseq
        return Heard.NEXT, rseq
