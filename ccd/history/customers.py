"""What is remembered of customers, for the conditions of flows and entry rules: `history.contacts_7d`.

A contact is an interaction that a customer began, on any channel. It counts from the moment it came, so one
that still waits to be called back, or runs on another channel, counts too; the interaction that asks counts
only what came before it. How a contact ended is known once it is over.

Bounded three ways: `MOST_CUSTOMERS` in all (who was in contact longest ago is forgotten first),
`MOST_CONTACTS` of each (so counts end there), and the days that the rules say. A contact costs a push on a
heap, a question a look into a dict and a search in a row of at most `MOST_CONTACTS`; what it takes of memory
stands in docs/decisions/0028.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from sys import intern
from typing import Final

import msgspec

from ccd.model.nouns import Outcome

MOST_CUSTOMERS: Final = 50_000
MOST_CONTACTS: Final = 32
MOST_FORGOTTEN: Final = 20
"""Forgotten for their age with one contact: no fact costs more, and of these many are more than come."""
DAY_S: Final = 86_400.0
_ABANDONED: Final = Outcome.ABANDONED.value


class Contacts(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One customer's, under one name. Another takes its place when it changes: so a snapshot can pack those
    of its moment later."""

    came: tuple[float, ...] = ()
    """When each came, the latest last; never empty once it is kept."""
    gave_up: tuple[float, ...] = ()
    """Those of them that gave up waiting in a queue."""
    queue: str = ""
    """Of the one that ended last: its last queue."""
    agent: str = ""
    """The last agent who had it; empty: nobody."""
    outcome: str = ""
    """How it ended; empty: none is over yet."""


Known = dict[str, Contacts]
"""By the customer's name: number in E.164, or who was identified."""


class Customers:
    """All that is remembered, over one state. Whom to forget first is worked out anew from the state."""

    __slots__ = ("_oldest", "known")

    def __init__(self, known: Known) -> None:
        self.known = known
        self._oldest: list[tuple[float, str]] = []
        """Heap of (last contact, name); one that is not true any more is skipped."""
        for name, each in known.items():  # who comes shares the names of queues and agents, these do again
            known[name] = _over(each, each.gave_up, each.queue, each.agent, each.outcome)
        self._rebuild()

    def came(self, names: Iterable[str], at: float, now: float, days: float) -> None:
        """A contact came at `at`; again under a further name once its customer is identified."""
        self._forget_old(now - days * DAY_S)
        if days <= 0:
            return
        for name in names:
            contacts = self.known.get(name)
            if contacts is None:
                if len(self.known) >= MOST_CUSTOMERS:
                    self._forget_oldest()
                contacts = self.known[name] = Contacts((at,))
            elif at in contacts.came:
                continue
            else:
                contacts = self.known[name] = _with(contacts, at)
            self._push(contacts.came[-1], name)

    def ended(self, names: Iterable[str], at: float, queue: str, agent: str, outcome: str) -> None:
        """The contact that came at `at` is over. One that did not come, and that nobody of ours had (a recall
        that was not needed), is none."""
        for name in names:
            contacts = self.known.get(name)
            if contacts is None or not (at in contacts.came or agent):
                continue
            gave_up = contacts.gave_up
            if outcome == _ABANDONED and at in contacts.came and at not in gave_up:
                gave_up = tuple(sorted((*gave_up, at)))
            self.known[name] = _over(contacts, gave_up, queue, agent, outcome)

    def forget(self, names: Iterable[str]) -> None:
        """Nothing is remembered of the customer any more."""
        for name in names:
            self.known.pop(name, None)

    def past(self, names: Iterable[str], before: float, now: float, days: float) -> "Past":
        """What came before `before`, at most `days` ago, under any of these names."""
        found = [each for each in map(self.known.get, names) if each is not None]
        return Past(found, now - days * DAY_S, before, now)

    def _push(self, at: float, name: str) -> None:
        if len(self._oldest) > 64 + 2 * len(self.known):
            self._rebuild()
        else:
            heapq.heappush(self._oldest, (at, name))

    def _rebuild(self) -> None:
        """Most of the heap is not true any more."""
        self._oldest = [(each.came[-1], name) for name, each in self.known.items()]
        heapq.heapify(self._oldest)

    def _forget_old(self, since: float) -> None:
        left = MOST_FORGOTTEN  # of those who are remembered: a replay has another heap, and must do the same
        while left and self._oldest and self._oldest[0][0] < since:
            at, name = heapq.heappop(self._oldest)
            left -= self._drop(name, at)

    def _forget_oldest(self) -> None:
        while self._oldest:
            at, name = heapq.heappop(self._oldest)
            if self._drop(name, at):
                return

    def _drop(self, name: str, at: float) -> bool:
        """Forget one if that was the last contact."""
        contacts = self.known.get(name)
        if contacts is None or contacts.came[-1] != at:
            return False
        del self.known[name]
        return True


def _with(contacts: Contacts, at: float) -> Contacts:
    """One more contact."""
    times = list(contacts.came)
    insort(times, at)
    came = tuple(times[-MOST_CONTACTS:])
    gave_up = contacts.gave_up
    if gave_up and gave_up[0] < came[0]:
        gave_up = tuple([each for each in gave_up if each >= came[0]])
    return Contacts(came, gave_up, contacts.queue, contacts.agent, contacts.outcome)


def _over(contacts: Contacts, gave_up: tuple[float, ...], queue: str, agent: str, outcome: str) -> Contacts:
    """One of them has ended."""
    return Contacts(contacts.came, gave_up, intern(queue), intern(agent), intern(outcome))


# -- what is asked ---------------------------------------------------------------------------------

Answer = str | int | float | None


class Past:
    """The contacts of one customer from a moment until before another. All times are epoch seconds."""

    __slots__ = ("_before", "_found", "_now", "_since")

    def __init__(self, found: list[Contacts], since: float, before: float, now: float) -> None:
        self._found = found
        self._since, self._before, self._now = since, before, now

    def figure(self, name: str) -> Answer:
        """`history.NAME`; None: there is nothing to say."""
        ask = _FIGURES.get(name)
        return ask(self) if ask is not None else None

    def came(self, days: float = 0.0) -> list[float]:
        """When contacts came, each once, the latest last; of the last `days` where that is not 0."""
        return self._between([each.came for each in self._found], days)

    def gave_up(self, days: float = 0.0) -> list[float]:
        """Those of them whose customer gave up waiting."""
        return self._between([each.gave_up for each in self._found], days)

    def _between(self, rows: list[tuple[float, ...]], days: float) -> list[float]:
        since = max(self._since, self._now - days * DAY_S) if days else self._since
        cut = [row[bisect_left(row, since) : bisect_left(row, self._before)] for row in rows]
        return list(cut[0]) if len(cut) == 1 else sorted({at for row in cut for at in row})

    def last(self) -> Contacts | None:
        """Where the words of the contact that ended last are from."""
        over = [each for each in self._found if each.outcome and each.came[-1] >= self._since]
        return max(over, key=_latest, default=None)

    def since_last_s(self) -> float | None:
        """Since the last one came; None: there was none."""
        times = self.came()
        return self._now - times[-1] if times else None


def _latest(contacts: Contacts) -> float:
    return contacts.came[-1]


def _word(name: str) -> Callable[[Past], Answer]:
    def word(past: Past) -> Answer:
        last = past.last()
        return getattr(last, name) or None if last is not None else None

    return word


_FIGURES: Final[dict[str, Callable[[Past], Answer]]] = {
    "abandoned_24h": lambda past: len(past.gave_up(1)),
    "abandoned_7d": lambda past: len(past.gave_up(7)),
    "contacts_24h": lambda past: len(past.came(1)),
    "contacts_7d": lambda past: len(past.came(7)),
    "contacts_30d": lambda past: len(past.came(30)),
    "last_agent": _word("agent"),
    "last_outcome": _word("outcome"),
    "last_queue": _word("queue"),
    "since_last_s": Past.since_last_s,
}
