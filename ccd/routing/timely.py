"""What time brings to a place: an agent may be asked again, its queue asks for less, it is kept no longer."""

from ccd.routing.decisions import Decision
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.relaxing import Relaxing
from ccd.routing.state import Place


class Timely(Relaxing):
    """Moves at deadlines; `Matching` adds those at the doing of people."""

    __slots__ = ()

    def retry(self, place: Place, name: str, now: float, out: list[Decision]) -> None:
        """An agent who missed a place may be asked again."""
        del place.missed[name]
        queue = self.index.queues.get(place.queue)
        if place.phase is Phase.OFFERED:
            self.join(now, out)
        if place.phase is Phase.WAITING and queue is not None and self.index.best_agent(queue, place):
            self.index.step_out(queue, place)
            self.seek(queue, place, "retry", now, out)

    def next_stage(self, place: Place, now: float, out: list[Decision]) -> None:
        """Its queue asks for less of a place, or opens a tier for it."""
        queue = self.index.queues[place.queue]
        if place.phase is not Phase.WAITING:
            place.stage += 1
            self.join(now, out)
        else:
            self._relax(queue, place, now, out)
        self.timing.begin_stage(place)

    def _relax(self, queue: QueueIndex, place: Place, now: float, out: list[Decision]) -> None:
        """The next stage of one that stands in the line."""
        holding = self.holding(queue, now) if queue.watches and not place.prefer else None
        self.index.step_out(queue, place)
        place.stage += 1
        before = place.stage
        if holding is not None:
            self.give(queue, place, holding, out)
        if place.stage != before or queue.stages.changes(before):
            self.seek(queue, place, "relaxed", now, out)
        else:
            self.index.line_up(queue, place)  # a condition might have held now

    def prefer_nobody(self, place: Place, now: float, out: list[Decision]) -> None:
        """The time is over for which a place was kept for one agent."""
        queue = self.index.queues.get(place.queue)
        if place.phase is not Phase.WAITING or queue is None:
            place.prefer = ""
            self.join(now, out)
            return
        self.index.step_out(queue, place)
        place.prefer = ""
        self.seek(queue, place, "kept no longer", now, out)
