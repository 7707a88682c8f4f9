"""Session timers (RFC 4028): how long a call lasts unless it is refreshed, by whom, and when it is over.

A re-INVITE or an UPDATE, each with a 2xx, refreshes a session. Who refreshes does so at half of the agreed
time; who does not takes the far end for gone a while before its end. Sans-IO: `agree` with what each
2xx says, `expire(now)` tells what is to be done, times are seconds on the caller's clock.

    OFF ──agree──▶ OURS ──due──▶ ASKING ──agree──▶ OURS      we refresh
    OFF ──agree──▶ THEIRS ──due──▶ OVER                       the far end should have
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

import msgspec

from ccd.errors import IllegalMove
from ccd.sip.message import Message, Request, Response

TAG = "timer"
"""The option tag."""
SHORTEST_S = 90
"""What Min-SE is where nobody says so, and the least that it may be (§4)."""
SOONEST_S = 4
"""An interval that breaks the rule is heeded down to this, where we refresh: less would be a flood."""
BEFORE_S = 32.0
"""So long before its end a session counts as over, or a third of its time if that is less (§10)."""

_interval = re.compile(r"[ \t]*([0-9]{1,9})[ \t]*(?:;(.*))?", re.DOTALL).fullmatch
_refresher = re.compile(r"(?:^|;)[ \t]*refresher[ \t]*=[ \t]*(uac|uas)[ \t]*(?:;|$)", re.IGNORECASE).search

Headers = tuple[tuple[str, str], ...]


class Policy(msgspec.Struct, frozen=True):
    """What we want ourselves."""

    wanted_s: int = 1800
    """Asked for; 0: we do not ask, but agree when the far end does."""
    least_s: int = SHORTEST_S
    """Less is refused with 422."""


class Asked(msgspec.Struct, frozen=True):
    """A Session-Expires header."""

    seconds: int
    refresher: str = ""
    """`uac` or `uas` of that transaction; empty: left to the other side."""


class Agreed(msgspec.Struct, frozen=True):
    """What both ends know after a 2xx."""

    seconds: int
    ours: bool
    """We refresh."""

    def first_due(self, now: float) -> float:
        """When there is something to be done first, if it was agreed on at `now`: a refresh, or the end."""
        seconds = float(self.seconds)
        return now + seconds / 2 if self.ours else now + seconds - min(BEFORE_S, seconds / 3)


@lru_cache(maxsize=64)
def read_interval(value: str | None) -> Asked | None:
    """A Session-Expires value; None where there is none that can be read."""
    found = _interval(value) if value else None
    if found is None:
        return None
    who = _refresher(found[2]) if found[2] else None
    return Asked(int(found[1]), who[1].lower() if who else "")


def read_least(message: Message, default: int = SHORTEST_S) -> int:
    """Min-SE of a message."""
    found = read_interval(message.get("Min-SE"))
    return found.seconds if found is not None else default


def supports(message: Message) -> bool:
    """Whether the sender knows session timers."""
    tags = message.get_all("Supported") + message.get_all("Require")
    return bool(tags) and names_option(tags)


def names_option(tags: Iterable[str]) -> bool:
    return any(tag.strip().lower() == TAG for tag in tags)


def too_small(request: Request, policy: Policy) -> bool:
    """Whether a request must get 422 with our Min-SE (§9); one that would not understand that never."""
    value = request.get("Session-Expires")
    asked = read_interval(value) if value else None
    return asked is not None and asked.seconds < policy.least_s and supports(request)


def answer(request: Request, policy: Policy, standing: Agreed | None) -> tuple[Agreed | None, Headers]:
    """What we agree to in a 2xx of ours (§9), and the headers that say so. `standing`: agreed before.

    Nobody says who refreshes: as before, else we do, because then we are sure to learn that nobody is there.
    """
    knows, asked = supports(request), read_interval(request.get("Session-Expires"))
    if asked is not None:
        seconds = asked.seconds
        if policy.wanted_s:
            bearable = standing.seconds if standing is not None else read_least(request, policy.least_s)
            seconds = min(seconds, max(policy.wanted_s, bearable))
    elif standing is not None:
        seconds = standing.seconds
    elif policy.wanted_s:
        seconds = max(policy.wanted_s, read_least(request, 0))  # §9: never below its Min-SE
    else:
        return None, ()
    if not knows:
        ours = True  # the far end cannot (table 2), nor did it ask: a proxy did
    elif asked is not None and asked.refresher:
        ours = asked.refresher == "uas"
    else:
        ours = standing.ours if standing is not None else True
    agreed = Agreed(max(seconds, policy.least_s), ours)  # one that does not know of 422 asked for too little
    said = ("Session-Expires", f"{agreed.seconds};refresher={'uas' if ours else 'uac'}")
    return agreed, (("Require", TAG), said) if knows else (said,)


def ask(policy: Policy, standing: Agreed | None = None, least_s: int = 0) -> Headers:
    """Headers of an INVITE or UPDATE of ours (§7.1, §7.4).

    `standing`: what it refreshes; `least_s`: the Min-SE of a 422.
    """
    headers = [("Supported", TAG)]
    if standing is not None:
        role = "uac" if standing.ours else "uas"
        headers.append(("Session-Expires", f"{max(standing.seconds, least_s)};refresher={role}"))
    elif policy.wanted_s:
        headers.append(("Session-Expires", str(max(policy.wanted_s, least_s))))
    if least_s:
        headers.append(("Min-SE", str(least_s)))
    return tuple(headers)


def hear(request: Request, response: Response, policy: Policy) -> Agreed | None:
    """What a 2xx to a request of ours means (§7.2).

    Without Session-Expires the far end knows nothing of it: what we asked for counts, and we refresh.
    """
    said = read_interval(response.get("Session-Expires"))
    if said is None:
        asked = read_interval(request.get("Session-Expires"))
        return Agreed(max(asked.seconds, SOONEST_S), True) if asked is not None else None
    if said.refresher == "uas":
        return Agreed(max(said.seconds, policy.least_s), False)  # be patient with who sets itself too little
    return Agreed(max(said.seconds, SOONEST_S), True)


class Standing(StrEnum):
    """Where a session stands."""

    OFF = "off"
    OURS = "ours"
    ASKING = "asking"
    """A refresh of ours is under way."""
    THEIRS = "theirs"
    OVER = "over"


_OFF, _OURS, _ASKING = Standing.OFF, Standing.OURS, Standing.ASKING
_THEIRS, _OVER = Standing.THEIRS, Standing.OVER
"""A member taken out of its enum costs 600 instructions."""


class Turn(StrEnum):
    """What happens to a session."""

    AGREED_OURS = "agreed that we refresh"
    AGREED_THEIRS = "agreed that they refresh"
    AGREED_NOTHING = "agreed on no time"
    DUE = "due"
    ENDED = "at its end"
    PUT_OFF = "put off"


_AGREED_OURS, _AGREED_THEIRS = Turn.AGREED_OURS, Turn.AGREED_THEIRS

S, T = Standing, Turn
MOVES: dict[tuple[Standing, Turn], Standing] = {
    **{(each, T.AGREED_OURS): S.OURS for each in S if each is not S.OVER},
    **{(each, T.AGREED_THEIRS): S.THEIRS for each in S if each is not S.OVER},
    **{(each, T.AGREED_NOTHING): S.OFF for each in S if each is not S.OVER},
    (S.OURS, T.DUE): S.ASKING,
    (S.OURS, T.ENDED): S.OVER,
    (S.ASKING, T.ENDED): S.OVER,
    (S.THEIRS, T.ENDED): S.OVER,
    (S.ASKING, T.PUT_OFF): S.OURS,
}


class Step(StrEnum):
    """What is to be done now."""

    NOTHING = "nothing"
    REFRESH = "refresh"
    END = "end"


class SessionTimer:
    """The time of one session. Nothing is due before the first `agree`."""

    __slots__ = ("_asks", "_ends", "agreed", "state")

    def __init__(self) -> None:
        self.state = _OFF
        self.agreed: Agreed | None = None
        self._asks = 0.0
        """When we refresh, where we do."""
        self._ends = 0.0

    def agree(self, agreed: Agreed | None, now: float) -> None:
        """A 2xx said so, of whichever side: the time begins anew. Nothing happens to one that is over."""
        if self.state is _OVER:
            return
        self.agreed = agreed
        if agreed is None:
            self._move(Turn.AGREED_NOTHING)
            return
        self._move(_AGREED_OURS if agreed.ours else _AGREED_THEIRS)
        seconds = float(agreed.seconds)
        self._asks = now + seconds / 2
        self._ends = now + seconds
        if not agreed.ours:
            self._ends -= min(BEFORE_S, seconds / 3)

    def put_off(self, now: float, wait_s: float, *, alive: bool) -> None:
        """The refresh did not come about: try again after `wait_s`.

        `alive`: the far end answered, if only to refuse: so it is there, and the time begins anew.
        """
        if self.state is not _ASKING or self.agreed is None:
            return
        self._move(Turn.PUT_OFF)
        self._asks = now + wait_s
        if alive:
            self._ends = now + self.agreed.seconds

    def next_deadline(self) -> float | None:
        """When `expire` has something to do; None: never."""
        if self.state is _OURS:
            return min(self._asks, self._ends)
        return self._ends if self.state is _ASKING or self.state is _THEIRS else None

    def expire(self, now: float) -> Step:
        """What is due at `now`."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return Step.NOTHING
        if now >= self._ends:
            self._move(Turn.ENDED)
            return Step.END
        self._move(Turn.DUE)
        return Step.REFRESH

    def _move(self, turn: Turn) -> None:
        target = MOVES.get((self.state, turn))
        if target is None:
            raise IllegalMove(
                "sip-session", f"SIP session: {turn.value} cannot happen when it is {self.state.value}"
            )
        self.state = target
