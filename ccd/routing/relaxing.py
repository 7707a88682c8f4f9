"""Relaxations on a condition: when a queue looks, and what its line is given.

A condition is about figures of queues and the clock, so it holds for a whole queue or for none of it. A
queue looks at its conditions when an interaction enters it, when one has waited as long as a condition with
`after_s` asks, and every 5 s while somebody stands in its line; never otherwise, so a queue without
conditions, or with an empty line, costs nothing. What is given to one that stands in the line stays given to
it while it is in this queue: the customer whom an agent is about to take is not taken back because the figure
fell by one. Those who ring, are kept for one agent, or rest as callbacks, are given nothing meanwhile, but
once they stand in the line.
"""

from itertools import islice
from typing import NamedTuple

from ccd.model.entry import QUEUES
from ccd.routing.ability import Bits
from ccd.routing.decisions import Decision, Relaxed
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.resting import Resting
from ccd.routing.standing import Turn
from ccd.routing.state import Place
from ccd.routing.views import Figure, view_figure

MOST_AT_ONCE = 32
"""So many are given something in one turn; the rest follow a moment later, for the sake of all others."""
MOMENT_S = 0.1


class Holding(NamedTuple):
    """The conditions of a queue that hold now."""

    bits: Bits
    figures: dict[str, Figure]
    """What they saw: every figure asked for, by each name that it may have."""


class Relaxing(Resting):
    """What conditions give; `Timely` has what time brings."""

    __slots__ = ()

    def look(self, queue: QueueIndex, now: float, out: list[Decision]) -> None:
        """It is time to look at the conditions of a queue in whose line somebody stands."""
        if self._relax_line(queue, self.holding(queue, now), now, out):
            self.timing.look_again(queue, now)

    def look_for(self, queue: QueueIndex, place: Place, now: float, out: list[Decision]) -> None:
        """A place enters and is about to seek: first those before it get what holds, then it does.

        Those behind it, if it has a higher priority, are not to be served first: the next look is theirs.
        """
        holding = self.holding(queue, now)
        if self._relax_line(queue, holding, now, out, queue.standing(place, now)) and not place.prefer:
            self.give(queue, place, holding, out)

    def holding(self, queue: QueueIndex, now: float) -> Holding:
        """The conditions that hold now. A place that looks at them stands in its line, or not yet."""
        figures: dict[str, Figure] = {}
        for name, figure in queue.asks():
            if not name:
                figures[figure] = self.index.clock.figure(figure, now)
                continue
            of = self.index.queues.get(name)
            value = None if of is None else self._figure(of, figure, now)
            figures[f"{QUEUES}{name}.{figure}"] = value
            if of is queue:
                figures[figure] = value
        conditions = queue.stages.conditional
        return Holding(sum([each.holds(figures.get) << at for at, each in enumerate(conditions)]), figures)

    def _figure(self, queue: QueueIndex, figure: str, now: float) -> Figure:
        if figure == "ewt_s":
            return self.expecting.of_newcomer(queue, now)
        return view_figure(self.index, queue, self.expecting, figure, now)

    def _relax_line(
        self, queue: QueueIndex, holding: Holding, now: float, out: list[Decision], before: Turn | None = None
    ) -> bool:
        """Give those in the line (who stand before that) what holds, the first of them first; False: some are
        left for a moment.

        Of each bucket that lacks something only the first are looked at, whatever the length of the line.
        """
        if not holding.bits:
            return True
        stages, places = queue.stages, self.state.places
        lacking = [bucket for bucket in queue.buckets.values() if stages.new(bucket.key[1], holding.bits)]
        names = [turn[3] for bucket in lacking for turn in islice(bucket.line, MOST_AT_ONCE + 1)]
        found = sorted([(queue.standing(places[name], now), places[name]) for name in names], key=_first)
        if before is not None:
            found = [each for each in found if each[0] < before]
        for _, place in found[:MOST_AT_ONCE]:
            if place.phase is Phase.WAITING:
                self.index.step_out(queue, place)
                self.give(queue, place, holding, out)
                self.seek(queue, place, "relaxed", now, out)
        if len(found) <= MOST_AT_ONCE:
            return True
        self.timing.look_again(queue, now, MOMENT_S)
        return False

    def give(self, queue: QueueIndex, place: Place, holding: Holding, out: list[Decision]) -> None:
        """A place that stands in no line gets what these conditions give to one that waited as long."""
        stages = queue.stages
        fresh = stages.new(place.stage, holding.bits)
        for at, each in enumerate(stages.conditional):
            if fresh >> at & 1:
                place.given = (*place.given, each.key)
                was = dict([_was(place.queue, name, figure, holding) for name, figure in each.asks])
                out.append(Relaxed(place.interaction, place.queue, each.relax, was))
        place.stage = stages.given(place.stage, fresh)


def _was(own: str, queue: str, figure: str, holding: Holding) -> tuple[str, Figure]:
    """What a condition saw, by the name that people are told. `queue`: empty for the clock."""
    if not queue:
        return figure, holding.figures[figure]
    return figure if queue == own else f"{queue} {figure}", holding.figures[f"{QUEUES}{queue}.{figure}"]


def _first(found: tuple[Turn, Place]) -> Turn:
    return found[0]
