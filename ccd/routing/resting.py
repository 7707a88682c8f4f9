"""Places that are laid aside, and those that end without a conversation: what callbacks add to `Pairing`.

A callback whose time has not come, or whose queue is closed, rests: it keeps its place and is matched with
nobody.
"""

from msgspec import structs

from ccd.model.nouns import Availability, Outcome
from ccd.routing.callbacks import opens_at
from ccd.routing.decisions import CallbackOver, Decision, LeftQueue, Traced
from ccd.routing.pairing import Pairing
from ccd.routing.passed import make_trace
from ccd.routing.phases import Event, next_phase
from ccd.routing.queues import QueueIndex
from ccd.routing.served import note_served
from ccd.routing.state import Place


class Resting(Pairing):
    """Pairing with places that rest; `Matching` adds all other moves."""

    __slots__ = ()

    def put_by(self, place: Place, now: float, out: list[Decision]) -> bool:
        """Whether a place that stands in no line is not to line up again: a callback past its time is given
        up, one whose queue is closed rests until it opens."""
        callback = place.callback
        queue = self.index.queues.get(place.queue)
        if callback is None or callback.reached or queue is None:
            return False
        if callback.until <= now:
            self.give_up(place, "valid_s", now, out)
            return True
        callback.since, place.late = now, False
        opening = opens_at(queue, now, callback.until)
        if opening is None:
            self.timing.begin(place)
            return False
        self.put_aside(queue, place, opening, "closed", now, out)
        return True

    def put_aside(
        self, queue: QueueIndex, place: Place, until: float, cue: str, now: float, out: list[Decision]
    ) -> None:
        """Let a callback that stands in no line rest until then; it keeps its place."""
        assert place.callback is not None  # noqa: S101  only callbacks rest
        place.phase = next_phase(place.phase, Event.REST, place.interaction)
        place.callback.rests_until, place.late = until, False
        queue.lay_aside(place)
        self.timing.begin(place)
        trace = make_trace(self.index, queue, place, now, "rests", cue)
        out.append(Traced(place.interaction, structs.replace(trace, passed=(), others=0, until=until)))

    def rouse(self, place: Place, now: float, out: list[Decision]) -> None:
        """The time of a callback has come: it waits for an agent, in its place."""
        queue = self.index.queues[place.queue]
        queue.rouse(place)
        place.phase = next_phase(place.phase, Event.WAKE, place.interaction)
        if place.prefer and not self.is_there(place.prefer):
            place.prefer = ""
        if not self.put_by(place, now, out):
            self.seek(queue, place, "called back", now, out)

    def give_up(self, place: Place, why: str, now: float, out: list[Decision]) -> None:
        """End a callback that stands in no line."""
        place.phase = next_phase(place.phase, Event.LEAVE, place.interaction)
        self.leave(place, Outcome.CALLBACK_FAILED, now, out)
        out.append(CallbackOver(place.interaction, why))

    def seek(self, queue: QueueIndex, place: Place, cue: str, now: float, out: list[Decision]) -> None:
        """Look for an agent for a place that stands in no line, else let it line up."""
        if not self.seek_agent(queue, place, cue, now, out):
            self.wait(queue, place, cue, now, out)
        elif self.index.loosened:
            self.pair([], [], "", now, out)

    def is_there(self, agent: str) -> bool:
        """Whether something may be kept for this agent: known and logged in."""
        desk = self.index.desks.get(agent)
        return desk is not None and desk.state.availability is not Availability.LOGGED_OUT

    def leave(self, place: Place, outcome: Outcome, now: float, out: list[Decision]) -> None:
        """Forget a place that ended without a conversation, and count it."""
        totals = self.state.queues[place.queue]
        if outcome is Outcome.ABANDONED:
            totals.abandoned += 1
            queue = self.index.queues.get(place.queue)
            if queue is not None and queue.measures:
                note_served(self.state, place.queue, False, now)
        elif outcome is Outcome.CALLBACK_FAILED:
            totals.callback_failed += 1
        else:
            totals.overflowed += 1
        self.expecting.gone(place, now, outcome is Outcome.ABANDONED)
        self.state.places.pop(place.interaction, None)
        waited = max(0.0, now - place.enqueued_at)
        out.append(LeftQueue(place.interaction, place.queue, outcome, waited))
