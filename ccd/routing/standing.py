"""Who waits in one queue, in the order of service: the place of anyone in one search a rate of ageing.

Everybody who waits stands here, also who is in an offer, kept for one agent, or at rest as a callback. Who
steps out mostly steps in again in the same turn (an offer begins or ends, the next stage is reached), in the
same place: so an entry is only marked as gone and is taken out a little later, unless it is back by then.
"""

from collections.abc import Callable, Iterator

from ccd.routing.line import Line, first_of

Turn = tuple[float, float, int, str]
"""(order among those of its rate, entered_at, seq, interaction): the smallest is served first."""

APART = 2.0**36
"""More than any time of entry: so far apart are the keys of two whole points (see `Line`)."""
MOST_GONE = 2
"""So many marks are kept: one who steps out mostly steps in next, and each is compared at every question."""


class Standing:
    """Lines of turns, one for each rate of ageing (points a second) of a queue's channel classes."""

    __slots__ = ("_gone", "_lines")

    def __init__(self) -> None:
        self._lines: dict[float, Line[Turn]] = {}
        self._gone: dict[Turn, float] = {}

    def __len__(self) -> int:
        return sum([len(line) for line in self._lines.values()]) - len(self._gone)

    def __iter__(self) -> Iterator[tuple[float, Turn]]:
        """Rate and turn of all, in no order between the rates. Walks all."""
        for rate, line in self._lines.items():
            for turn in line:
                if turn not in self._gone:
                    yield rate, turn

    def step_in(self, turn: Turn, rate: float) -> None:
        """One waits from now on who did not, or comes back."""
        if self._gone and turn in self._gone:
            other = self._gone.pop(turn)
            if other == rate:
                return
            self._lines[other].remove(turn)
        line = self._lines.get(rate)
        if line is None:
            line = self._lines[rate] = line_of(rate)
        line.add(turn)

    def step_out(self, turn: Turn, rate: float) -> None:
        """One who waits does not any more."""
        gone = self._gone
        if len(gone) >= MOST_GONE:
            first = next(iter(gone))
            self._lines[gone.pop(first)].remove(first)
        gone[turn] = rate

    def rank(self, turn: Turn, rate: float, now: float) -> int:
        """1 = next: how many go first at `now`, and one."""
        found = 1
        for other, line in self._lines.items():
            if other == rate:
                found += line.rank(turn)
            elif line:
                found += line.rank_unlike(_aged(turn, rate, other, now))
        for each, other in self._gone.items():
            if each < (turn if other == rate else _aged(turn, rate, other, now)):
                found -= 1
        return found


def line_of(rate: float) -> Line[Turn]:
    """An empty line of turns that age at a rate: with one, the order tells them apart; without, their orders
    are whole points, and many are equal."""
    return Line(key_of(rate))


def key_of(rate: float) -> Callable[[Turn], float]:
    """A number for turns that age at a rate: never more for one that goes before another."""
    return first_of if rate else _key_of_points


def _key_of_points(turn: Turn) -> float:
    return turn[0] * APART + turn[1]


def _aged(turn: Turn, rate: float, other: float, now: float) -> Turn:
    """Where a turn would stand at `now` among those that age at another rate."""
    return (turn[0] - rate * now + other * now, *turn[1:])
