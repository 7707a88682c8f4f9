"""Bringing interactions and agents together.

The invariant: between two turns no agent has room for a waiting interaction that it may be offered.
It is kept locally: what becomes available (an interaction that lines up, an agent who gets free, a
queue that may offer again what it held back) seeks its own match; nobody else's situation can have
become better. What an agent may be offered depends on the state alone, never on `now`: time acts
through deadlines. `now` only says in which order those wait who age at different rates.
"""

from collections.abc import Iterable

from ccd.model.requirements import parse_requirement
from ccd.model.rules import Rules
from ccd.routing.callbacks import offer_s
from ccd.routing.deadlines import Due
from ccd.routing.decisions import Decision, Offer, Position, Traced
from ccd.routing.desk import Desk
from ccd.routing.desks import may_forget, reserve
from ccd.routing.expecting import Expecting
from ccd.routing.index import Index
from ccd.routing.opening import calendar_of
from ccd.routing.passed import make_trace
from ccd.routing.phases import Event, Phase, next_phase
from ccd.routing.queues import QueueIndex, Strategies, strategy_of
from ccd.routing.redial import Redial
from ccd.routing.ringing import Ringing
from ccd.routing.stages import conditional, stage_at
from ccd.routing.standing import Turn
from ccd.routing.state import AgentState, Place, QueueTotals, RoutingState
from ccd.routing.timing import Timing

_OFFER, _RING = Event.OFFER, Due.RING  # a member taken out of its enum costs 600 instructions

Seeker = tuple[Place, str]
"""A place that looks for an agent, and the cue of its pass."""


class Pairing(Ringing):
    """One state, its indexes and deadlines, and the moves that bring a place and an agent together."""

    __slots__ = ("expecting", "index", "own", "pause_reasons", "redial", "state", "timing")

    def __init__(self, rules: Rules, state: RoutingState, own: Strategies) -> None:
        self.state = state
        self.own = own
        self.adopt(rules)

    # -- rules and indexes ---------------------------------------------------------------------

    def adopt(self, rules: Rules, now: float | None = None) -> None:
        """Follow these rules from here on: make missing states, rebuild indexes and deadlines.

        `now` is given when they are others than those that the state was made under.
        """
        self.pause_reasons = rules.pause_reasons
        agents = self.state.agents
        for name in rules.agents:
            if name in agents:
                agents[name].removed = False
            else:
                agents[name] = AgentState(name)
        for name in rules.queues:
            self.state.queues.setdefault(name, QueueTotals())
        for name in [name for name in self.state.shared if name not in rules.queues]:
            del self.state.shared[name]
        for name in [name for name, agent in agents.items() if name not in rules.agents]:
            agents[name].removed = True
            if may_forget(agents[name]):
                del agents[name]
        if now is not None:
            for place in self.state.places.values():
                rule = rules.queues.get(place.queue)
                place.stage = 0 if rule is None else stage_at(rule, now - place.enqueued_at, place.given)
        self.index = Index(rules, self.state, self.own)
        self.expecting = Expecting(self.state, self.index, now or 0.0)
        self.timing = Timing(self.state, self.index)
        if now is not None:
            self._watch(now)
        self.timing.rebuild()
        self.redial = Redial(self.state, self.timing)

    def _watch(self, now: float) -> None:
        """Other rules: which queues have conditions to look at, and a service level to keep."""
        queues = self.index.queues
        for name in [name for name in self.state.served if name not in queues or not queues[name].measures]:
            del self.state.served[name]
        for name in self.state.closures.keys() - queues.keys():
            del self.state.closures[name]
        self.state.looks.clear()
        for queue in queues.values():
            if queue.watches and queue.anyone():
                self.timing.begin_looking(queue, now)

    def check(self, rules: Rules) -> None:
        """Raises `Misconfigured` for rules that cannot be followed, before anything is changed."""
        for rule in rules.queues.values():
            strategy_of(rule, self.own)
            calendar_of(rule, rules)
            parse_requirement(rule.requirement)
            conditional(rule)

    # -- matching ------------------------------------------------------------------------------

    def seek_work(self, desk: Desk, cue: str, now: float, out: list[Decision]) -> None:
        """Give an agent who may have become free what waits for it, as long as there is room."""
        if self.index.loosened:
            self.pair([], [desk], cue, now, out)
            return
        place = self.index.best_work(desk, now)
        while place is not None:
            self._take_out_and_offer(place, desk, cue, now, out)
            place = self.index.best_work(desk, now)
        if self.index.rings:
            self.join(now, out)

    def seek_agent(self, queue: QueueIndex, place: Place, cue: str, now: float, out: list[Decision]) -> bool:
        """Offer a place that stands in no line to the best free agent; False when there is none."""
        desk = self.index.best_agent(queue, place)
        if desk is None:
            return False
        self._offer(queue, place, desk, cue, now, out)
        return True

    def pair(
        self, loose: list[Seeker], desks: Iterable[Desk], cue: str, now: float, out: list[Decision]
    ) -> None:
        """All that a turn made available at once: again and again the first, in the order of service, of
        all that wait and can now be taken goes to the best agent for it. What is left lines up.

        `loose` stand in no line; `cue` is that of the agents. Queues in `index.loosened` take part.
        """
        self._pair(loose, desks, cue, now, out)
        if self.index.rings:
            self.join(now, out)

    def _pair(
        self, loose: list[Seeker], desks: Iterable[Desk], cue: str, now: float, out: list[Decision]
    ) -> None:
        index = self.index
        while True:
            found = self._first_loose(loose, now)
            for place, its_cue in self._first_lined_up(desks, cue, now):
                standing = index.queues[place.queue].standing(place, now)
                if found is None or standing < found[0]:
                    found = (standing, place, its_cue)
            if found is None:
                break
            _, place, its_cue = found
            queue = index.queues[place.queue]
            desk = index.best_agent(queue, place)
            assert desk is not None  # noqa: S101  that is what was looked for
            at = next((at for at, (each, _) in enumerate(loose) if each is place), None)
            if at is None:
                index.step_out(queue, place)
            else:
                del loose[at]
            self._offer(queue, place, desk, its_cue, now, out)
        index.loosened.clear()
        for place, its_cue in loose:
            self.wait(index.queues[place.queue], place, its_cue, now, out)

    def join(self, now: float, out: list[Decision]) -> None:
        """Whoever is still free joins what rings, after what waits."""
        while self.index.loosened or self.widen(now, out):
            self._pair([], [], "", now, out)

    def _first_loose(self, loose: list[Seeker], now: float) -> tuple[Turn, Place, str] | None:
        found: tuple[Turn, Place, str] | None = None
        for place, cue in loose:
            queue = self.index.queues[place.queue]
            standing = queue.standing(place, now)
            if (found is None or standing < found[0]) and self.index.best_agent(queue, place) is not None:
                found = (standing, place, cue)
        return found

    def _first_lined_up(self, desks: Iterable[Desk], cue: str, now: float) -> list[Seeker]:
        """What each of these agents, and each loosened queue, would begin with."""
        found = [(self.index.best_work(desk, now), cue) for desk in desks]
        loosened = self.index.loosened.values()
        found += [(self.index.first_takable(queue, now), "queue free") for queue in loosened]
        return [(place, its_cue) for place, its_cue in found if place is not None]

    def _take_out_and_offer(
        self, place: Place, desk: Desk, cue: str, now: float, out: list[Decision]
    ) -> None:
        queue = self.index.queues[place.queue]
        self.index.step_out(queue, place)
        self._offer(queue, place, desk, cue, now, out)

    def _offer(
        self, queue: QueueIndex, place: Place, desk: Desk, cue: str, now: float, out: list[Decision]
    ) -> None:
        state, rule = self.state, queue.rule
        offer = f"o{state.next_offer}"
        trace = make_trace(self.index, queue, place, now, "offered", cue, desk, offer)
        out.append(Traced(place.interaction, trace))
        state.next_offer += 1
        place.phase = next_phase(place.phase, _OFFER, place.interaction)
        place.offer = offer
        place.deadline = now + offer_s(rule, place)
        state.offers[offer] = place.interaction
        queue.begin_ring(place)
        load = desk.load_of(self.index.kinds[queue.kinds[place.channel_class]])
        reserve(state, self.index, desk, place, load, now)
        self.timing.deadlines.push(place.deadline, _RING, offer)
        waited = max(0.0, now - place.entered_at)
        name = desk.state.name
        out.append(Offer(offer, place.interaction, name, rule.name, place.kind, place.deadline, waited))
        if queue.rings_all:
            self.ring_others(queue, place, now, out)

    def wait(self, queue: QueueIndex, place: Place, cue: str, now: float, out: list[Decision]) -> None:
        """Line up a place that nobody can take now, and say so; begin to announce place and wait."""
        if queue.watches and not queue.anyone():
            self.timing.begin_looking(queue, now)
        self.index.line_up(queue, place)
        trace = make_trace(self.index, queue, place, now, "waits", cue)
        out.append(Traced(place.interaction, trace))
        if queue.estimates and cue == "arrived":
            place.expected_s = self.expecting.estimate(queue, place, trace.position, now)
        if queue.speaks and not place.announce_at and place.callback is None:
            self.announce(queue, place, now, out)

    def announce(self, queue: QueueIndex, place: Place, now: float, out: list[Decision]) -> None:
        """Tell place and wait unless a phone rings for it already; set the next time."""
        rule = queue.rule
        every = rule.announce_every_s
        place.announce_at = now + every if every > 0 and queue.speaks else 0.0
        if place.announce_at:
            self.timing.deadlines.push(place.announce_at, Due.ANNOUNCE, place.interaction)
        if place.phase is not Phase.WAITING or not queue.speaks:
            return
        position = queue.rank(place, now)
        wait_s = self.expecting.tell(queue, place, position, now) if rule.announce_wait else None
        if rule.announce_position or wait_s is not None or rule.comfort or rule.comfort_say:
            out.append(Position(place.interaction, position if rule.announce_position else 0, wait_s))
