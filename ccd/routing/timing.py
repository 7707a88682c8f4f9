"""What is due when: the deadlines of one state under its rules, and whether one is still true."""

from math import ceil

from ccd.routing.callbacks import callback_closing, given_up_at, rests_until
from ccd.routing.deadlines import Deadlines, Due, Entry
from ccd.routing.index import Index
from ccd.routing.opening import closing_from
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.shares import is_spared
from ccd.routing.state import LostPlace, PauseStage, Place, RoutingState, WrapUp
from ccd.routing.wrap_ups import ends_at

_RING, _OFFERED = Due.RING, Phase.OFFERED  # a member taken out of its enum costs 600 instructions

LOOK_EVERY_S = 5.0
"""So often a queue looks at its conditions while somebody stands in its line, besides at each arrival."""


class Timing:
    """Deadlines with what they need to know. `index` is set anew when the rules change."""

    __slots__ = ("deadlines", "index", "state")

    def __init__(self, state: RoutingState, index: Index) -> None:
        self.state = state
        self.index = index
        self.deadlines = Deadlines(self.holds)

    def rebuild(self) -> None:
        """All deadlines from the state. Walks all there is."""
        push = self.deadlines.push
        self.deadlines.clear()
        for agent in self.state.agents.values():
            if agent.wrap_up is not None:
                self.push_wrap_up(agent.name, agent.wrap_up)
            pause = agent.pause
            if pause is not None and pause.until is not None and pause.stage is PauseStage.RUNS:
                push(pause.until, Due.PAUSE, agent.name)
        for lost in self.state.lost.values():
            until = self.kept_until(lost)
            if until is not None:
                push(until, Due.REDIAL, lost.interaction)
        for place in self.state.places.values():
            if place.phase is Phase.CONNECTED:
                continue
            if place.phase is _OFFERED:
                push(place.deadline, _RING, place.offer)
                for other in self.state.other_offers.get(place.interaction, {}).values():
                    push(other.deadline, _RING, other.offer)
            for name, miss in place.missed.items():
                push(miss.retry_at, Due.RETRY, place.interaction, name)
            if place.announce_at:
                push(place.announce_at, Due.ANNOUNCE, place.interaction)
            self.begin(place)
        for queue, at in self.state.looks.items():
            push(at, Due.LOOK, queue)

    def begin_looking(self, queue: QueueIndex, now: float) -> None:
        """Somebody stands in the line of a queue that relaxes on a condition, where nobody did: it looks at
        the full multiples of `LOOK_EVERY_S`, whether the line was empty meanwhile or not."""
        name = queue.rule.name
        at = self.state.looks.get(name)
        if at is None or at < now:
            at = self.state.looks[name] = ceil(now / LOOK_EVERY_S) * LOOK_EVERY_S
        self.deadlines.push(at, Due.LOOK, name)

    def look_again(self, queue: QueueIndex, now: float, after_s: float = 0.0) -> None:
        """It has looked: when it does next, so long after now, else at the next full multiple."""
        name = queue.rule.name
        at = now + after_s if after_s else (now // LOOK_EVERY_S + 1) * LOOK_EVERY_S
        self.state.looks[name] = at
        self.deadlines.push(at, Due.LOOK, name)

    def push_wrap_up(self, agent: str, wrap_up: WrapUp) -> None:
        """What is due about a wrap-up."""
        for at in ends_at(wrap_up):
            self.deadlines.push(at, Due.WRAP_UP, agent)

    def begin(self, place: Place) -> None:
        """What is due about a place that enters a queue."""
        push, name = self.deadlines.push, place.interaction
        if place.prefer:
            push(place.prefer_until, Due.PREFER, name)
        queue = self.index.queues.get(place.queue)
        if queue is None or not queue.single:
            self.begin_stage(place)
        if not place.late:
            limit = None if queue is None or queue.rule.max_wait_s is None else self.latest(place)
            if limit is not None:
                push(limit, Due.MAX_WAIT, name)
            closes = place.callback is not None or (queue is not None and queue.closes)
            closing = self.closing(place) if closes else None
            if closing is not None:
                push(closing, Due.CLOSE, name)
        if place.callback is not None:
            push(place.callback.until, Due.GIVE_UP, name)
            if place.phase is Phase.RESTING:
                push(place.callback.rests_until, Due.WAKE, name)

    def begin_stage(self, place: Place) -> None:
        """When the stage after the present one is due."""
        at = self.next_stage(place)
        if at is not None:
            self.deadlines.push(at, Due.STAGE, place.interaction)

    def close_anew(self, queue: str) -> None:
        """A queue was closed by hand, or is so no longer: when it closes on those who are in it.

        While it was closed by hand its hours' own closing did not hold, and may have been dropped.
        """
        for place in self.state.places.values():
            if place.queue == queue and place.phase is not Phase.CONNECTED and not place.late:
                closing = self.closing(place)
                if closing is not None:
                    self.deadlines.push(closing, Due.CLOSE, place.interaction)

    def latest(self, place: Place) -> float | None:
        """When the longest wait of its queue is over for this place."""
        queue = self.index.queues.get(place.queue)
        if queue is None or queue.rule.max_wait_s is None or place.callback is not None:
            return None
        if is_spared(place, queue.rule, "max_wait"):
            return None
        return place.enqueued_at + queue.rule.max_wait_s

    def closing(self, place: Place) -> float | None:
        """When its queue closes on this place; None: never, or those who came in time are served.

        Nobody is called back while it is closed, whatever becomes of those who hold the line.
        """
        queue = self.index.queues.get(place.queue)
        if place.callback is not None:
            return callback_closing(queue, place.callback, place.phase)
        if queue is None or not queue.closes or (queue.calendar is None and queue.closure is None):
            return None
        if is_spared(place, queue.rule, "closed"):
            return None
        return closing_from(queue.calendar, queue.closure, place.enqueued_at)

    def next_stage(self, place: Place) -> float | None:
        """When its queue asks for less, or opens a tier, for this place."""
        queue = self.index.queues.get(place.queue)
        if queue is None:
            return None
        after_s = queue.stages.later(place.stage)
        return None if after_s is None else place.enqueued_at + after_s

    def kept_until(self, lost: LostPlace) -> float | None:
        """Until when its queue keeps a place for who calls again; None: it keeps none."""
        queue = self.index.queues.get(lost.queue)
        return lost.at + queue.rule.redial_s if queue is not None and queue.rule.redial_s > 0 else None

    def _rings_beside(self, offer: str, place: Place) -> float | None:
        """When one of several live offers of a place lapses that does not stand in it; None: it is none."""
        others = self.state.other_offers.get(place.interaction, {})
        return next((other.deadline for other in others.values() if other.offer == offer), None)

    def holds(self, entry: Entry) -> bool:
        """Is this deadline still true?"""
        at, due, key, name = entry
        if due is _RING:
            place = self.state.places.get(self.state.offers.get(key, ""))
            if place is None or place.phase is not _OFFERED:
                return False
            # a customer who is called first and answers moves it
            return (place.deadline if place.offer == key else self._rings_beside(key, place)) == at
        if due is Due.WRAP_UP:
            agent = self.state.agents.get(key)
            return agent is not None and agent.wrap_up is not None and at in ends_at(agent.wrap_up)
        if due is Due.PAUSE:
            agent = self.state.agents.get(key)
            pause = agent.pause if agent is not None else None
            return pause is not None and pause.until == at and pause.stage is PauseStage.RUNS
        if due is Due.REDIAL:
            lost = self.state.lost.get(key)
            return lost is not None and self.kept_until(lost) == at
        if due is Due.LOOK:
            queue = self.index.queues.get(key)
            return self.state.looks.get(key) == at and queue is not None and queue.anyone()
        place = self.state.places.get(key)
        if place is None or place.phase is Phase.CONNECTED:
            return False
        if due is Due.RETRY:
            miss = place.missed.get(name)
            return miss is not None and miss.retry_at == at
        if due is Due.ANNOUNCE:
            return place.announce_at == at
        if due is Due.PREFER:
            return bool(place.prefer) and place.prefer_until == at
        if due is Due.STAGE:
            return self.next_stage(place) == at
        if due is Due.GIVE_UP:
            return given_up_at(place) == at
        if due is Due.WAKE:
            return rests_until(place) == at
        if due is Due.CLOSE:
            return not place.late and self.closing(place) == at
        return not place.late and self.latest(place) == at
