"""The expected wait of queues that ask for it: one fold a queue, fed by the engine's own moves, and how true
it was.

A queue asks by `estimate_wait`, `announce_wait` or `max_ewt_s`; the others cost nothing.
The folds (`ccd.routing.ewt`) are told who enters, leaves, is bridged and done with; how many agents of a
queue are ready is looked up at each of these moments. Between two of them a change of staff is not noticed,
which only blurs the pace that is learned: an estimate itself always counts those who are ready now.
"""

import msgspec

from ccd.routing.ewt import Confidence, Ewt, EwtRule, EwtState
from ccd.routing.index import Index
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.state import Place, RoutingState, WrapUp
from ccd.routing.told import Accuracy, Announcer, Told, added


class Expecting:
    """The folds of one state. Made anew with the rules; all that it knows is in the state."""

    __slots__ = ("_announcers", "_ewts", "_index", "_state")

    def __init__(self, state: RoutingState, index: Index, now: float) -> None:
        self._state = state
        self._index = index
        self._ewts: dict[str, Ewt] = {}
        self._announcers: dict[str, Announcer] = {}
        asking = {name: queue.rule for name, queue in index.queues.items() if queue.estimates}
        for known in (state.waits, state.accuracy):
            for name in [name for name in known if name not in asking]:
                del known[name]
        fresh = [name for name in asking if name not in state.waits]
        waiting = _waiting(state, fresh) if fresh and state.places else {}
        for name, rule in asking.items():
            fold = state.waits.setdefault(name, EwtState(waiting.get(name, {}), counted_at=now))
            self._ewts[name] = Ewt(EwtRule(), fold)
            state.accuracy.setdefault(name, {})
            self._announcers[name] = Announcer(gap_s=rule.announce_gap_s)

    # -- what happens --------------------------------------------------------------------------

    def entered(self, queue: QueueIndex, place: Place, now: float) -> None:
        """It waits in this queue from now on."""
        ewt = self._ewts.get(queue.rule.name)
        if ewt is None:
            return
        ewt.entered(place.interaction, now, place.priority)
        ewt.state.agents = self._ready(queue)

    def gone(self, place: Place, now: float, gave_up: bool) -> None:
        """It left its queue without being served: the customer gave up, or it was sent elsewhere."""
        ewt = self._ewts.get(place.queue)
        if ewt is None:
            return
        if gave_up:
            ewt.abandoned(place.interaction, now)
        else:
            ewt.left(place.interaction, now)
        ewt.state.agents = self._ready(self._index.queues[place.queue])
        if place.expected_s is not None:
            self._accuracy(place).never_known()

    def bridged(self, place: Place, now: float) -> None:
        """Customer and agent were joined: the estimate given at entry is held against the wait."""
        ewt = self._ewts.get(place.queue)
        if ewt is None:
            return
        ewt.bridged(place.interaction, now)
        ewt.state.agents = self._ready(self._index.queues[place.queue])
        if place.expected_s is not None:
            self._accuracy(place).came_true(place.expected_s, now - place.enqueued_at)

    def _accuracy(self, place: Place) -> Accuracy:
        """Where estimates for its like are judged."""
        bands = self._state.accuracy[place.queue]
        band = band_of(place.priority, self._index.queues[place.queue].rule.priority)
        found = bands.get(band)
        if found is None:
            found = bands[band] = Accuracy()
        return found

    def finished(self, place: Place, wrap_up: WrapUp | None, now: float) -> None:
        """A conversation is over; the agent is done with it when its wrap-up is, as that is planned."""
        mine = wrap_up is not None and wrap_up.interaction == place.interaction
        until = wrap_up.until if mine and wrap_up is not None else now
        ewt = self._ewts.get(place.queue)
        if ewt is not None and until is not None:
            ewt.finished(place.interaction, until)

    def wrapped_up(self, wrap_up: WrapUp | None, now: float) -> None:
        """A wrap-up that was planned without an end is over."""
        ewt = self._ewts.get(wrap_up.queue) if wrap_up is not None else None
        if ewt is not None and wrap_up is not None and wrap_up.until is None:
            ewt.finished(wrap_up.interaction, now)

    # -- what comes of it ----------------------------------------------------------------------

    def estimate(self, queue: QueueIndex, place: Place, position: int, now: float) -> float | None:
        """Seconds that one who is at this position will still wait; None: nobody is ready, or nobody asks.

        Part of a turn: it may change the fold.
        """
        ewt = self._ewts.get(queue.rule.name)
        if ewt is None:
            return None
        ewt.staffed(self._ready(queue), now)
        return ewt.estimate(position, now, place.priority, queue.rates[place.channel_class])

    def of_newcomer(self, queue: QueueIndex, now: float) -> float | None:
        """What one who arrived now would wait, as `view` has it, but part of a turn: without a walk over all
        that wait."""
        newcomer = queue.newcomer(now)
        waiting, _ = self._index.loaded(queue)
        wait_s = self.estimate(queue, newcomer, queue.rank(newcomer, now), now)
        roomy = any(queue.stages.members & each for each in self._index.roomy)
        return 0.0 if wait_s is not None and roomy and not waiting else wait_s

    def tell(self, queue: QueueIndex, place: Place, position: int, now: float) -> float | None:
        """The wait to be told to a waiting customer now, in whole minutes; None: nothing better to tell."""
        announcer = self._announcers[queue.rule.name]
        wait_s = self.estimate(queue, place, position, now)
        told: Told | None = announcer.decide(place.told, position, wait_s, now)
        if told is None:
            return None
        place.told = told
        return told.wait_s

    def view(self, queue: QueueIndex, free: int, now: float) -> tuple[float | None, "WaitView | None"]:
        """For people: what one who arrived now would wait (None: nobody is ready), and how true that is."""
        name = queue.rule.name
        if name not in self._ewts:
            return None, None
        bands = self._state.accuracy[name]
        accuracy = added(bands.values())
        waiting, ready = self._index.loaded(queue)
        ewt = Ewt(
            EwtRule(), msgspec.structs.replace(self._state.waits[name], agents=ready)
        )  # changes nothing
        newcomer = queue.newcomer(now)
        rate = queue.rates[newcomer.channel_class]
        wait_s = ewt.estimate(queue.rank(newcomer, now), now, newcomer.priority, rate)
        if wait_s is not None and free and not waiting:
            wait_s = 0.0
        return wait_s, WaitView(
            confidence=ewt.confidence(),
            judged=accuracy.judged,
            unknown=accuracy.unknown,
            bias_s=accuracy.bias_s(),
            mae_s=accuracy.mae_s(),
            within_quarter_pct=accuracy.within_quarter_pct(),
            within_minute_pct=accuracy.within_minute_pct(),
            bands={
                band: BandView(each.judged, each.bias_s(), each.mae_s())
                for band, each in sorted(bands.items())
            },
        )

    def _ready(self, queue: QueueIndex) -> int:
        return self._index.count_ready(queue)


class BandView(msgspec.Struct, frozen=True):
    """The same for those of one band of priorities."""

    judged: int
    bias_s: float | None
    mae_s: float | None


class WaitView(msgspec.Struct, frozen=True):
    """How sure the expected wait of a queue is, and how true those at entry were since the queue exists."""

    confidence: Confidence
    judged: int
    """Estimates held against a wait that came true."""
    unknown: int
    """Those whose customer gave up or was sent elsewhere."""
    bias_s: float | None
    """Mean error: above 0, waits were shorter than estimated."""
    mae_s: float | None
    """Mean absolute error."""
    within_quarter_pct: float | None
    """Share off by at most 25 %."""
    within_minute_pct: float | None
    """Share off by at most 60 s."""
    bands: dict[str, BandView] = {}
    """By priority: `higher` than the queue's own, `usual`, `lower`."""


def band_of(priority: int, usual: int) -> str:
    """How a priority compares to its queue's."""
    return "usual" if priority == usual else "higher" if priority > usual else "lower"


def _waiting(state: RoutingState, queues: list[str]) -> dict[str, dict[str, float]]:
    """By queue who waits in it now, since when, oldest first: for folds that begin in the middle of a day."""
    found: dict[str, dict[str, float]] = {name: {} for name in queues}
    for place in sorted(state.places.values(), key=lambda place: (place.enqueued_at, place.seq)):
        if place.queue in found and place.phase is not Phase.CONNECTED:
            found[place.queue][place.interaction] = place.enqueued_at
    return found
