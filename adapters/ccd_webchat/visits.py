"""The visitors of one web chat and their legs; knows no socket, time is an argument.

A visit begins with `hello`, becomes a leg with its first text, and outlives broken connections: the
visitor's token, known only to him, leads back to it. The leg's id is made from a hash of the token,
so that ids in logs and records let nobody take over a conversation, and a visitor is found again
after a restart of ours although nothing but the leg's id was kept.

A text of the visitor is acknowledged only when the core asks (it is durable then); the same id again
is the same text. A text of ours is delivered when it was written to his connection; those that were
not, and those after the last one that he has seen, are written again when he comes back.
"""

import hashlib
from collections import Counter
from typing import Any, Protocol

from ccd.channels.links import WrongTokens, digest
from ccd.channels.port import Post
from ccd.ids import Chance
from ccd.model.facts import (
    LegAnswered,
    LegArrived,
    LegEnded,
    TextDelivered,
    TextFailed,
    TextReceived,
)
from ccd.model.nouns import Cause, ChannelClass, LegKind
from ccd_webchat.frames import Hello, Text, encode
from ccd_webchat.settings import WebchatSettings

KEPT_TEXTS = 200
"""Most texts of ours kept a visit for one who comes back."""
KEPT_IDS = 256
"""Most ids of the visitor's texts remembered, and most texts that wait for their acknowledgement."""
KEPT_ENDS = 1000
"""Most ended legs remembered, to tell a visitor who comes back late."""
HELLO_S = 10.0
"""A connection must say hello in this time."""
FIRST_TEXT_S = 900.0
"""A visitor who said hello and writes nothing holds a place no longer than this."""
MOST_FAULTS = 20
"""A connection that sends more wrong frames than this is closed."""

GOING_AWAY, POLICY, TRY_LATER, ELSEWHERE = 1001, 1008, 1013, 4001
"""Close codes of RFC 6455 §7.4.1, the IANA registry (1013), and one of our own."""


class Line(Protocol):
    """One connection, as the visits see it."""

    def put(self, frame: str, message: str = "") -> None:
        """Write a frame soon; `message`: id of the text in it, to be reported by `Visits.written`."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close after what was put is written. Idempotent."""
        ...


class Visit:
    """One visitor."""

    __slots__ = (
        "address",
        "answered",
        "arrived",
        "budget",
        "budget_at",
        "by_link",
        "faults",
        "leg",
        "line",
        "name",
        "position",
        "taken",
        "texts",
    )

    def __init__(self, leg: str, name: str, budget: float, now: float) -> None:
        self.leg = leg
        self.name = name
        self.line: Line | None = None
        self.address = ""
        """Where he came from, as wrong links are counted."""
        self.arrived = False
        self.by_link = False
        self.answered = False
        self.position = 0
        self.taken: dict[str, bool] = {}
        """Id of a text of the visitor → acknowledged."""
        self.texts: dict[str, tuple[str, bool]] = {}
        """Id of a text of ours → (the frame, written to a connection)."""
        self.budget = budget
        """Texts that he may write at once."""
        self.budget_at = now
        self.faults = 0


class Visits:
    """All visitors of one channel."""

    def __init__(self, name: str, settings: WebchatSettings, chance: Chance) -> None:
        self.name = name
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.post: Post | None = None
        self.draining = False
        self._chance = chance
        self._wrong_links = WrongTokens()
        self._visits: dict[str, Visit] = {}
        self._lines: dict[Line, Visit] = {}
        self._away: dict[str, float] = {}
        """Leg → when its visitor's time to come back is over, in this order."""
        self._ended: dict[str, Cause] = {}

    # -- the visitor -------------------------------------------------------------------------------

    def hello(self, line: Line, frame: Hello, now: float, address: str = "") -> None:
        """A connection says who it is: a new visitor, or one who comes back.

        `address`: where it comes from, as far as that is known (`ccd_webchat.addresses`).
        """
        if line in self._lines:
            self.fault(line, "this connection has said hello already")
            return
        leg = self._leg(frame.token) if frame.token else ""
        visit = self._visits.get(leg)
        if visit is not None:
            self._come_back(visit, line, frame)
            return
        if leg in self._ended:
            line.put(encode("ended", cause=self._ended[leg]))
        problem = self._refusal(now)
        if not problem and frame.link and self._wrong_links.full(address, now):
            self.counts["refused_links"] += 1
            problem = "too many links that are not valid were opened, please try again in a minute"
        if problem:
            self.counts["refused"] += 1
            line.put(encode("fault", problem=problem))
            line.close(TRY_LATER, "try again later")
            return
        token = self._chance.token(26)
        visit = Visit(self._leg(token), _printable(frame.name), self.settings.messages_per_min, now)
        self._visits[visit.leg] = visit
        self._lines[line] = visit
        visit.line = line
        line.put(encode("welcome", token=token, resumed=False))
        if frame.link:
            self.counts["links"] += 1
            visit.by_link, visit.address = True, address
            self._arrive(visit, digest(frame.link))

    def text(self, line: Line, frame: Text, now: float) -> None:
        """The visitor writes; his first text makes the leg."""
        visit = self._lines.get(line)
        if visit is None:
            self.fault(line, "say hello first", frame.id)
            return
        if frame.id in visit.taken:
            self.counts["repeated"] += 1
            if visit.taken[frame.id]:
                line.put(encode("ack", id=frame.id))
            return
        problem = self._objection(visit, frame.text, now)
        if problem:
            self.fault(line, problem, frame.id)
            return
        visit.taken[frame.id] = False
        if not visit.arrived:
            self._arrive(visit)
        self._tell(TextReceived(visit.leg, frame.text.translate(_CONTROLS), frame.id))

    def bye(self, line: Line) -> None:
        """The visitor ends the conversation."""
        visit = self._lines.get(line)
        if visit is None:
            self.fault(line, "say hello first")
            return
        self._end(visit, Cause.NORMAL if visit.answered else Cause.CANCELLED, remote=True)

    def gone(self, line: Line, now: float) -> None:
        """A connection is closed; its visitor may come back. Idempotent."""
        visit = self._lines.pop(line, None)
        if visit is None or visit.line is not line:
            return
        visit.line = None
        if visit.arrived:
            self._away[visit.leg] = now + self.settings.resume_s
        else:
            del self._visits[visit.leg]

    def written(self, line: Line, message: str) -> None:
        """The text `message` was written to the connection."""
        visit = self._lines.get(line)
        if visit is not None and message in visit.texts:
            frame, before = visit.texts[message]
            visit.texts[message] = (frame, True)
            if not before:
                self._tell(TextDelivered(visit.leg, message))

    def fault(self, line: Line, problem: str, text: str = "") -> None:
        """Tell a connection what was wrong with its frame; too many, and it is closed."""
        self.counts["faults"] += 1
        visit = self._lines.get(line)
        line.put(encode("fault", problem=problem, **({"id": text} if text else {})))
        if visit is not None:
            visit.faults += 1
        if visit is None or visit.faults > MOST_FAULTS:
            line.close(POLICY, "too many wrong frames" if visit is not None else "no hello")

    # -- the core -----------------------------------------------------------------------------------

    def answer(self, leg: str) -> None:
        """The conversation is taken."""
        visit = self._visits.get(leg)
        if visit is not None and visit.arrived and not visit.answered:
            visit.answered = True
            visit.position = 0
            self._show(visit, encode("answered"))
            self._tell(LegAnswered(leg))

    def release(self, leg: str, cause: Cause, now: float = 0.0) -> None:
        """End a leg. Idempotent."""
        visit = self._visits.get(leg)
        if visit is not None and visit.arrived:
            if visit.by_link and cause is Cause.FORBIDDEN:
                self.counts["wrong_links"] += 1
                self._wrong_links.count(visit.address, now)
            self._end(visit, cause, remote=False)

    def send(self, leg: str, message: str, text: str) -> None:
        """A text to the visitor; kept when he is away. The same `message` again is not sent again."""
        visit = self._visits.get(leg)
        if visit is None or not visit.arrived:
            self._tell(TextFailed(leg, message, Cause.VANISHED))
            return
        if message in visit.texts:
            return
        if len(visit.texts) >= KEPT_TEXTS:
            oldest = next(iter(visit.texts))
            _, written = visit.texts.pop(oldest)
            if not written:
                self._tell(TextFailed(leg, oldest, Cause.LAPSED))
        frame = encode("text", id=message, text=text, **{"from": "agent"})
        visit.texts[message] = (frame, False)
        if visit.line is not None:
            visit.line.put(frame, message)

    def acknowledge(self, leg: str, message: str) -> None:
        """The visitor's text is durable."""
        visit = self._visits.get(leg)
        if visit is None:
            return
        visit.taken[message] = True
        self._show(visit, encode("ack", id=message))
        if len(visit.taken) > KEPT_IDS:
            del visit.taken[next(known for known, done in visit.taken.items() if done)]

    def tell_position(self, leg: str, position: int, wait_min: int = 0) -> None:
        """The visitor's place in the queue and expected wait in minutes; 0: that is not told."""
        visit = self._visits.get(leg)
        told = {"position": position, "wait_min": wait_min}
        if visit is None or not visit.arrived or not (wait_min or (position and position != visit.position)):
            return
        visit.position = position
        self._show(visit, encode("position", **{name: value for name, value in told.items() if value}))

    def resume(self, legs: list[str], now: float) -> None:
        """Take back legs of the former process; each waits for its visitor."""
        for leg in legs:
            if leg.startswith(f"{self.name}:") and leg not in self._visits:
                visit = self._visits[leg] = Visit(leg, "", self.settings.messages_per_min, now)
                visit.arrived = True
                self._away[leg] = now + self.settings.resume_s

    def patience(self, line: Line) -> float | None:
        """How long, in seconds, its next frame may take; None: as long as it answers pings."""
        visit = self._lines.get(line)
        if visit is None:
            return HELLO_S
        return None if visit.arrived else FIRST_TEXT_S

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        return next(iter(self._away.values()), None)

    def expire(self, now: float) -> None:
        """End the visits of those who did not come back in time."""
        for leg, due in list(self._away.items()):
            if due > now:
                return
            visit = self._visits[leg]
            cause = Cause.NORMAL if visit.answered else Cause.CANCELLED
            note = (
                f"the connection broke and the visitor did not come back within {self.settings.resume_s:g} s"
            )
            self._end(visit, cause, remote=True, note=note)

    def close(self) -> None:
        """Send everybody away to come back later; no facts."""
        self.post = None
        for line in list(self._lines):
            line.close(GOING_AWAY, "the chat restarts, come back")
        self._lines.clear()
        self._visits.clear()
        self._away.clear()

    def report(self) -> list[dict[str, Any]]:
        """The visitors, for `ccctl`."""
        return [
            {
                "leg": visit.leg,
                "name": visit.name,
                "connected": visit.line is not None,
                "arrived": visit.arrived,
                "answered": visit.answered,
                "unacknowledged": sum(not done for done in visit.taken.values()),
                "undelivered": sum(not written for _, written in visit.texts.values()),
            }
            for visit in self._visits.values()
        ]

    # -- pieces ---------------------------------------------------------------------------------------

    def _arrive(self, visit: Visit, continues: str = "") -> None:
        """The conversation begins."""
        visit.arrived = True
        self._tell(
            LegArrived(
                visit.leg,
                self.name,
                ChannelClass.LIVE_TEXT,
                LegKind.TEXT,
                origin=f"visitor-{visit.leg[len(self.name) + 1 :][:8]}",
                target=self.settings.target,
                display=visit.name,
                flow=self.settings.flow,
                continues=continues,
            )
        )

    def _come_back(self, visit: Visit, line: Line, frame: Hello) -> None:
        if visit.line is not None:
            self._lines.pop(visit.line, None)
            visit.line.close(ELSEWHERE, "the conversation goes on in another window")
        self._away.pop(visit.leg, None)
        visit.line = line
        visit.faults = 0
        self._lines[line] = visit
        self.counts["resumed"] += 1
        line.put(encode("welcome", token=frame.token, resumed=True))
        if visit.answered:
            line.put(encode("answered"))
        elif visit.position:
            line.put(encode("position", position=visit.position))
        seen = frame.after in visit.texts
        for message, (text, written) in visit.texts.items():
            if not written or (frame.after and not seen):
                line.put(text, message)
            seen = seen and message != frame.after

    def _refusal(self, now: float) -> str:
        """Why no new visitor is taken now; empty when one is."""
        if self.draining:
            return "we take no new conversations at the moment, please try again later"
        if len(self._visits) >= self.settings.max_visitors and not self._make_room(now):
            return "all places in the chat are taken, please try again in a few minutes"
        return ""

    def _make_room(self, now: float) -> bool:
        """When all places are taken, the oldest visitor who said hello but never wrote gives up his."""
        for visit in self._visits.values():
            if not visit.arrived and visit.line is not None and now - visit.budget_at >= HELLO_S:
                self.counts["silent"] += 1
                line = visit.line
                del self._visits[visit.leg], self._lines[line]
                line.close(TRY_LATER, "wrote nothing, and others wait")
                return True
        return False

    def _objection(self, visit: Visit, text: str, now: float) -> str:
        """Why a text is not taken; empty when it is."""
        settings = self.settings
        if not text.translate(_CONTROLS).strip():
            return "the text is empty"
        if len(text.encode()) > settings.max_message_bytes:
            return f"the text is too long: at most {settings.max_message_bytes} bytes"
        if not visit.arrived and self.draining:
            return "we take no new conversations at the moment, please try again later"
        rate = settings.messages_per_min
        visit.budget = min(float(rate), visit.budget + (now - visit.budget_at) * rate / 60.0)
        visit.budget_at = now
        if visit.budget < 1:
            return f"too many texts: at most {rate} a minute; send this one again in a moment"
        if sum(not done for done in visit.taken.values()) >= KEPT_IDS:
            return "your former texts are not stored yet; send this one again in a moment"
        visit.budget -= 1
        return ""

    def _end(self, visit: Visit, cause: Cause, *, remote: bool, note: str = "") -> None:
        """The one place where a visit ends."""
        del self._visits[visit.leg]
        self._away.pop(visit.leg, None)
        if visit.line is not None:
            self._lines.pop(visit.line, None)
            visit.line.put(encode("ended", cause=cause))
            visit.line.close(1000, "the conversation has ended")
        if not visit.arrived:
            return
        self._ended[visit.leg] = cause
        if len(self._ended) > KEPT_ENDS:
            del self._ended[next(iter(self._ended))]
        for message, (_, written) in visit.texts.items():
            if not written:
                self._tell(TextFailed(visit.leg, message, Cause.VANISHED))
        self._tell(LegEnded(visit.leg, cause, remote=remote, note=note))

    def _show(self, visit: Visit, frame: str) -> None:
        if visit.line is not None:
            visit.line.put(frame)

    def _tell(self, fact: Any) -> None:
        if self.post is not None:
            self.post(fact)

    def _leg(self, token: str) -> str:
        """The leg of a token: one way, so that who sees the leg cannot speak for its visitor."""
        return f"{self.name}:{hashlib.sha256(token.encode()).hexdigest()[:24]}"


_CONTROLS = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\n\t")
"""Characters that no text needs and that terminals and phones would act on."""


def _printable(name: str) -> str:
    """A name fit to be shown on a phone: one line, no control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in name).split())
