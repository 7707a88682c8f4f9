"""Several phones at once for one interaction: the strategy `ring_all`.

One of the offers stands in the place, as with any other strategy; the rest stand in
`RoutingState.other_offers`. Each has its own deadline and its own end. The interaction is in an offer as
long as one of them is live; the first answer ends the others.

Who rings: all who could take it now, of the best tier that has anybody who is free or rings already, the
longest idle first, at most `ring_all_max`. Who gets free later first takes what waits and rings nowhere;
only then does it join a ring, the first in the order of service. Nobody joins once the longest wait is
over or the queue has closed: such a ring is the last. `max_active` counts interactions, so it keeps
nobody from joining one that rings.
"""

from msgspec import structs

from ccd.model.nouns import OfferEnd
from ccd.routing.ability import Bits
from ccd.routing.callbacks import customer_first, offer_s
from ccd.routing.deadlines import Due
from ccd.routing.decisions import Decision, Offer, OfferWithdrawn, Traced
from ccd.routing.desk import Desk
from ccd.routing.desks import let_go, take_turn_for
from ccd.routing.index import Index
from ccd.routing.passed import make_trace
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.state import OtherOffer, Place, RoutingState
from ccd.routing.timing import Timing


class Ringing:
    """The moves between one offer and several; `Pairing` adds those between none and one."""

    __slots__ = ()
    state: RoutingState
    index: Index
    timing: Timing

    # -- more phones ---------------------------------------------------------------------------

    def ring_others(self, queue: QueueIndex, place: Place, now: float, out: list[Decision]) -> None:
        """A place was offered to the first agent just now: to the others too, in one pass and one trace."""
        self.index.rings[place.interaction] = place
        traced = len(out) - 1
        rung: list[str] = []
        offers: list[Decision] = []
        while (desk := self._joining(queue, place)) is not None:
            rung.append(desk.state.name)
            offers.append(self.offer_also(queue, place, desk, now))
        if not rung:
            return
        first = out[traced - 1]
        assert isinstance(first, Traced)  # noqa: S101  `Pairing` writes trace and offer one after the other
        trace = first.trace
        passed = tuple([each for each in trace.passed if each.agent not in rung])
        members = [name for name in rung if self.index.desks[name].bit & queue.stages.members]
        others = trace.others + len(trace.passed) - len(passed) - len(members)
        trace = structs.replace(trace, also=tuple(rung), passed=passed, others=others)
        out[traced - 1] = Traced(place.interaction, trace)
        out += offers

    def widen(self, now: float, out: list[Decision]) -> bool:
        """Let everybody who is still free join what rings, the first in the order of service first.

        True: it stopped because a queue may offer again what it held back; that goes first.
        """
        index = self.index
        places, queues = self.state.places, index.queues
        live = []
        for name, place in list(index.rings.items()):
            queue = queues.get(place.queue)
            if places.get(name) is not place or place.phase is not Phase.OFFERED:
                del index.rings[name]
            elif queue is not None and queue.rings_all and self._may_join(queue, place):
                live.append((queue.standing(place, now), queue, place))
        for _, queue, place in sorted(live, key=lambda each: each[0]):
            while (desk := self._joining(queue, place)) is not None:
                offer = f"o{self.state.next_offer}"
                trace = make_trace(index, queue, place, now, "offered", "joins", desk, offer)
                out.append(Traced(place.interaction, trace))
                out.append(self.offer_also(queue, place, desk, now))
                if index.loosened:
                    return True
        return False

    def _joining(self, queue: QueueIndex, place: Place) -> Desk | None:
        """The next agent whose phone is to ring for a place that rings; None: no more."""
        free = self._may_join(queue, place)
        if not free:
            return None
        ability = queue.stages.ability(place.stage, place.requirement)
        return self.index.choosing.choose(queue, ability, free, self.state.next_offer)

    def _may_join(self, queue: QueueIndex, place: Place) -> Bits:
        """Everybody whose phone may ring for a place besides those that do."""
        others = self.state.other_offers.get(place.interaction, {})
        if customer_first(queue.rule, place.callback):
            return 0  # one agent is kept free for it
        if place.late or place.prefer or len(others) + 1 >= queue.rule.ring_all_max:
            return 0
        free = self.index.candidates(queue, place)
        if not free:
            return 0
        desks = self.index.desks
        ringing: Bits = desks[place.agent].bit
        for name in others:
            ringing |= desks[name].bit
        free &= ~ringing
        for rank in queue.stages.steps[place.stage].ranks:
            if (free | ringing) & rank:
                return free & rank  # nobody of a later tier while this one is asked
        return free

    def offer_also(self, queue: QueueIndex, place: Place, desk: Desk, now: float) -> Offer:
        """One more live offer of a place."""
        state, rule = self.state, queue.rule
        offer = f"o{state.next_offer}"
        state.next_offer += 1
        deadline = now + offer_s(rule, place)
        load = desk.load_of(self.index.kinds[queue.kinds[place.channel_class]])
        before = take_turn_for(state, self.index, desk, place.interaction, load, now)
        others = state.other_offers.setdefault(place.interaction, {})
        name = desk.state.name
        others[name] = OtherOffer(offer, deadline, load, desk.state.line_seq, before)
        state.offers[offer] = place.interaction
        self.timing.deadlines.push(deadline, Due.RING, offer)
        waited = max(0.0, now - place.entered_at)
        return Offer(offer, place.interaction, name, rule.name, place.kind, deadline, waited)

    # -- fewer phones --------------------------------------------------------------------------

    def lead(self, place: Place, agent: str) -> None:
        """Let the offer to this agent be the one that stands in the place."""
        if place.agent == agent:
            return
        others = self.state.other_offers[place.interaction]
        other = others.pop(agent)
        others[place.agent] = OtherOffer(
            place.offer, place.deadline, place.load, place.line_seq, place.line_before
        )
        _put_in(place, agent, other)

    def lead_offer(self, place: Place, offer: str) -> None:
        """The same by the offer, which is one of the place's."""
        if place.offer != offer:
            others = self.state.other_offers[place.interaction]
            self.lead(place, next(name for name, other in others.items() if other.offer == offer))

    def end_one_of(self, place: Place, now: float, give_back_turn: bool) -> Desk:
        """End the offer in the place, one of several: the next one takes its stand there."""
        state = self.state
        del state.offers[place.offer]
        desk = self.index.desks[place.agent]
        before = (place.line_seq, *place.line_before) if give_back_turn else None
        let_go(state, self.index, desk, place.interaction, before, now)
        others = state.other_offers[place.interaction]
        agent = next(iter(others))
        _put_in(place, agent, others.pop(agent))
        if not others:
            del state.other_offers[place.interaction]
        return desk

    def withdraw_others(
        self, place: Place, end: OfferEnd, by: str, now: float, out: list[Decision]
    ) -> list[Desk]:
        """End all offers but the one in the place: no miss, everybody keeps the turn. The agents freed."""
        desks: list[Desk] = []
        for name, other in self.state.other_offers.pop(place.interaction, {}).items():
            out.append(OfferWithdrawn(other.offer, place.interaction, name, end, by))
            del self.state.offers[other.offer]
            desk = self.index.desks[name]
            let_go(self.state, self.index, desk, place.interaction, (other.line_seq, *other.line_before), now)
            desks.append(desk)
        return desks


def _put_in(place: Place, agent: str, other: OtherOffer) -> None:
    place.agent, place.offer, place.deadline, place.load = agent, other.offer, other.deadline, other.load
    place.line_seq, place.line_before = other.line_seq, other.line_before
