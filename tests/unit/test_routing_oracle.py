"""The engine against the oracle: random turns on both, equal offers, deadlines and figures after each."""

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ccd.errors import Refused
from ccd.model.emergency import Closure
from ccd.model.nouns import Availability, Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.rules import Rules
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.stages import key_of
from ccd.routing.state import Callback, RoutingState
from tests.unit.routing_oracle import Oracle, Piece, Ring, times
from tests.unit.routing_rules import AGENTS, CLASSES, QUEUES, REQUIREMENTS, rule_sets

seconds = st.sampled_from([0.0, 0.5, 1.0, 3.0, 7.0, 20.0])


class EngineAgainstOracle(RuleBasedStateMachine):
    """Random turns on both; equal offers, overflows, deadlines and figures after each."""

    @initialize(
        rules=rule_sets(), ready=st.just(list(AGENTS)) | st.lists(st.sampled_from(AGENTS), unique=True)
    )
    def begin(self, rules: Rules, ready: list[str]) -> None:
        self.now = 1000.0
        self.serial = 0
        self.rules = rules
        self.router = Router(rules)
        self.oracle = Oracle(rules)
        for name in ready:
            self.reach(name, True)
            self.declare(name, "ready", "")

    def same(self, out: list[d.Decision]) -> None:
        """Both made the same offers and gave back the same interactions in this turn."""
        self.oracle.pair(self.now)
        offers = [(o.interaction, o.agent) for o in out if isinstance(o, d.Offer)]
        assert offers == self.oracle.offers
        for piece in self.oracle.pieces.values():
            for agent, offer in self.router.offers_of(piece.name).items():
                piece.rings[agent].offer = offer
        for _, agent in offers:
            assert self.within_capacity(agent)
        assert sorted(o.interaction for o in out if isinstance(o, d.Overflow)) == sorted(
            self.oracle.overflows
        )
        self.oracle.offers.clear()
        self.oracle.overflows.clear()

    @rule(data=st.data(), count=st.integers(1, 4), how=st.sampled_from(["talk", "miss", "finish"]))
    def bustle(self, data: st.DataObject, count: int, how: str) -> None:
        """Several ordinary things in a row, so that queues fill and phones ring."""
        for _ in range(count):
            if how == "talk" and self.pieces("offered"):
                self.answer(data)
                self.bridge(data)
            elif how == "miss" and self.pieces("offered"):
                self.miss(data, OfferEnd.REJECTED)
            elif how == "finish" and self.pieces("connected"):
                self.finish(data)
            else:
                prefer = data.draw(st.sampled_from(["", "", *AGENTS]))
                queue, channel_class = data.draw(st.sampled_from(QUEUES)), data.draw(st.sampled_from(CLASSES))
                self.enqueue(queue, channel_class, None, 0.0, prefer=prefer)

    def pieces(self, *phases: str) -> list[Piece]:
        return [p for p in self.oracle.pieces.values() if p.phase in phases]

    def some(self, data: st.DataObject, *phases: str) -> Piece:
        return data.draw(st.sampled_from(self.pieces(*phases)))

    @rule(
        queue=st.sampled_from(QUEUES),
        channel_class=st.sampled_from(CLASSES),
        priority=st.sampled_from([None, None, 0, 5]),
        waited=st.sampled_from([0.0, 0.0, 40.0]),
        own=st.sampled_from(REQUIREMENTS),
        prefer=st.sampled_from(["", "", "", *AGENTS]),
    )
    def enqueue(
        self,
        queue: str,
        channel_class: ChannelClass,
        priority: int | None,
        waited: float,
        own: str = "",
        prefer: str = "",
    ) -> None:
        self.serial += 1
        name = f"i{self.serial}"
        at = self.rules.queues[queue]
        queued = sum(p.queue is at for p in self.pieces("waiting", "resting", "offered", "accepted"))
        points = at.priority if priority is None else priority
        piece = Piece(
            name, at, channel_class, points, self.now - waited, self.oracle.tick(), self.now, own=own
        )
        if prefer and self.oracle.people[prefer].ready != "logged_out":
            piece.prefer, piece.prefer_until = prefer, self.now + 6.0
        self.oracle.counts[queue][0] += 1
        self.oracle.pieces[name] = piece
        closed = self.oracle.closed(at, self.now)
        if closed:
            self.oracle.overflow(piece)
        else:
            self.oracle.enter(piece, self.now)
        self.oracle.pair(self.now)
        if (
            not closed
            and piece.phase == "waiting"
            and (
                (at.max_length is not None and queued >= at.max_length)
                or self.oracle.nobody(at, at.join_empty)
                or self.oracle.overloaded(at, queued)
            )
        ):
            self.oracle.overflow(piece)
        kind = LegKind.AUDIO if channel_class is ChannelClass.VOICE else LegKind.TEXT
        self.same(
            self.router.enqueue(
                name,
                queue,
                self.now,
                channel_class=channel_class,
                kind=kind,
                priority=priority,
                entered_at=self.now - waited,
                requirement=own,
                prefer=prefer,
                prefer_wait_s=6.0,
            )
        )

    @rule(
        queue=st.sampled_from(QUEUES), until=st.sampled_from([9.0, 60.0]), waited=st.sampled_from([0.0, 40.0])
    )
    def enqueue_away(self, queue: str, until: float, waited: float) -> None:
        """Somebody asks to be called back before having waited."""
        self.serial += 1
        name, at, now = f"i{self.serial}", self.rules.queues[queue], self.now
        piece = Piece(name, at, CLASSES[0], at.priority, now - waited, self.oracle.tick(), now)
        piece.callback, piece.until, piece.since = True, now + until, now
        self.oracle.lay_aside(piece, now + 3.0)
        self.oracle.counts[queue][0] += 1
        self.oracle.pieces[name] = piece
        self.same(
            self.router.enqueue(
                name,
                queue,
                now,
                channel_class=CLASSES[0],
                kind=LegKind.AUDIO,
                entered_at=now - waited,
                callback=Callback(now + until, now, now + 3.0),
            )
        )

    @precondition(lambda self: self.pieces("waiting", "offered"))
    @rule(data=st.data(), until=st.sampled_from([5.0, 60.0]))
    def leave_line(self, data: st.DataObject, until: float) -> None:
        piece = self.some(data, "waiting", "offered")
        before = self.places(piece.queue.name)
        self.oracle.release_all(piece, self.now)
        piece.callback, piece.until, piece.since, piece.reached = True, self.now + until, self.now, False
        self.oracle.lay_aside(piece, self.now + 3.0)
        reached = self.router.state.places[piece.name].callback
        out = self.router.call_back(piece.name, self.now + until, self.now + 3.0, self.now)
        if reached is None or not reached.reached:
            assert [each for each in before if each in self.places(piece.queue.name)] == before, (
                "the place is kept"
            )
        self.same(out)

    @precondition(lambda self: [p for p in self.pieces("waiting", "offered", "accepted") if p.callback])
    @rule(data=st.data(), again=st.sampled_from([2.0, 20.0]), last=st.booleans())
    def attempt_failed(self, data: st.DataObject, again: float, last: bool) -> None:
        tried = [p for p in self.pieces("waiting", "offered", "accepted") if p.callback]
        piece = data.draw(st.sampled_from(tried))
        misses = {agent: self.router.state.agents[agent].totals.missed for agent in piece.rings}
        self.oracle.release_all(piece, self.now)
        piece.reached = False
        if last or piece.until <= self.now:
            del self.oracle.pieces[piece.name]
            self.oracle.counts[piece.queue.name][4] += 1
        else:
            self.oracle.lay_aside(piece, self.now + again)
        if last:
            self.same(self.router.give_up(piece.name, "attempts", self.now))
        else:
            self.same(self.router.rest(piece.name, self.now + again, "busy", self.now))
        assert misses == {agent: self.router.state.agents[agent].totals.missed for agent in misses}

    @precondition(lambda self: self.pieces("resting"))
    @rule(data=st.data())
    def wake(self, data: st.DataObject) -> None:
        piece = self.some(data, "resting")
        self.oracle.wake(piece, self.now)
        self.same(self.router.wake(piece.name, self.now))

    def called_first(self) -> list[Piece]:
        """Whose customer is called while one agent is kept; not those whom the rules found with several."""
        return [p for p in self.pieces("offered") if p.calls_first and len(p.rings) == 1]

    @precondition(lambda self: self.called_first())
    @rule(data=st.data())
    def reached(self, data: st.DataObject) -> None:
        piece = data.draw(st.sampled_from(self.called_first()))
        piece.reached, piece.max_wait_fired = True, False
        (ring,) = piece.rings.values()
        ring.deadline = self.now + piece.queue.ring_timeout_s
        self.same(self.router.reached(piece.name, self.now))
        assert self.places(piece.queue.name).index(piece.name) <= sum(
            p.reached for p in self.oracle.pieces.values()
        )

    @precondition(lambda self: self.pieces("waiting", "offered", "resting"))
    @rule(
        data=st.data(),
        priority=st.sampled_from([None, 0, 7]),
        own=st.sampled_from([None, *REQUIREMENTS]),
        queue=st.sampled_from([None, None, *QUEUES]),
    )
    def change(self, data: st.DataObject, priority: int | None, own: str | None, queue: str | None) -> None:
        piece = self.some(data, "waiting", "offered", "resting")
        before = self.places(piece.queue.name).index(piece.name) + 1
        if priority is not None:
            piece.priority = priority
        if own is not None:
            piece.own = own
        if queue is not None and queue != piece.queue.name:
            self.oracle.counts[piece.queue.name][3] += 1
            self.oracle.counts[queue][0] += 1
            self.oracle.release_all(piece, self.now)
            piece.phase = "resting" if piece.phase == "resting" else "waiting"
            piece.stage, piece.max_wait_fired = 0, False
            piece.given.clear()
            piece.queue, piece.enqueued_at = self.rules.queues[queue], self.now
            piece.missed.clear()
        after = self.places(piece.queue.name).index(piece.name) + 1
        if piece.phase == "waiting":
            self.oracle.put_by(piece, self.now)
        out = self.router.change(piece.name, self.now, priority=priority, requirement=own, queue=queue)
        assert d.Changed(piece.name, piece.queue.name, before, after) in out
        self.same(out)

    @precondition(lambda self: self.pieces("connected"))
    @rule(data=st.data(), on=st.booleans())
    def hold(self, data: st.DataObject, on: bool) -> None:
        piece = self.some(data, "connected")
        if piece.on_hold or self.rules.agents[piece.agent].works_on_hold:
            piece.on_hold = on
        self.same(self.router.hold(piece.name, on, self.now))

    def within_capacity(self, agent: str) -> bool:
        """What is held is within the capacity, but for work that may be interrupted."""
        interrupts = [over for queue in self.rules.queues.values() for over in queue.interrupts.values()]
        over = tuple({channel_class for classes in interrupts for channel_class in classes})
        return self.oracle.used(agent, over) <= self.rules.agents[agent].capacity

    def places(self, queue: str) -> list[str]:
        """The waiting of a queue in order, as the oracle has it."""
        found = [p for p in self.pieces("waiting", "resting", "offered", "accepted") if p.queue.name == queue]
        return [p.name for p in sorted(found, key=lambda piece: piece.order(self.now))]

    @precondition(lambda self: self.pieces("offered"))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """One of those whose phones ring takes it; the others, who answer too, are too late."""
        piece = self.some(data, "offered")
        agent = data.draw(st.sampled_from(list(piece.rings)))
        offers = self.router.offers_of(piece.name)
        out = self.router.answered(offers[agent], self.now)
        lost = [one for one in out if isinstance(one, d.OfferWithdrawn) and one.interaction == piece.name]
        assert {one.agent: one.offer for one in lost} == {a: o for a, o in offers.items() if a != agent}
        assert all(one.end is OfferEnd.TAKEN and one.by == agent for one in lost)
        for offer in offers.values():
            assert self.router.answered(offer, self.now) == [d.StaleOffer(offer)]
        self.oracle.take(piece, agent, self.now)
        self.same(out)

    @precondition(lambda self: self.pieces("accepted"))
    @rule(data=st.data())
    def bridge(self, data: st.DataObject) -> None:
        piece = self.some(data, "accepted")
        waited = self.now - piece.enqueued_at
        out = self.router.bridged(piece.name, self.now)
        assert out == [
            d.Handled(
                piece.name, piece.agent, piece.queue.name, waited, waited <= piece.queue.service_level_s
            )
        ]
        piece.phase, piece.bridged_at = "connected", self.now
        piece.missed.clear()
        self.oracle.people[piece.agent].handled += 1
        self.oracle.counts[piece.queue.name][1] += 1

    @precondition(lambda self: self.pieces("offered", "accepted"))
    @rule(data=st.data(), end=st.sampled_from([OfferEnd.REJECTED, OfferEnd.BUSY, OfferEnd.VANISHED]))
    def miss(self, data: st.DataObject, end: OfferEnd) -> None:
        piece = self.some(data, "offered", "accepted")
        agent = data.draw(st.sampled_from(list(piece.rings)))
        offer = self.router.offers_of(piece.name)[agent]
        self.oracle.miss(piece, agent, end.value, self.now)
        self.same(self.router.missed(offer, end, self.now))

    @precondition(lambda self: self.pieces("waiting", "resting", "offered", "accepted"))
    @rule(data=st.data(), cause=st.sampled_from([Cause.CANCELLED, Cause.TRANSFERRED]))
    def leave(self, data: st.DataObject, cause: Cause) -> None:
        piece = self.some(data, "waiting", "resting", "offered", "accepted")
        offers = self.router.offers_of(piece.name)
        self.oracle.release_all(piece, self.now)
        del self.oracle.pieces[piece.name]
        gave_up = 4 if piece.callback and not piece.reached else 2
        self.oracle.counts[piece.queue.name][3 if cause is Cause.TRANSFERRED else gave_up] += 1
        self.same(self.router.withdraw(piece.name, self.now, cause))
        assert self.router.withdraw(piece.name, self.now, cause) == []
        for offer in offers.values():
            assert self.router.answered(offer, self.now) == [d.StaleOffer(offer)]

    @precondition(lambda self: self.pieces("connected"))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        piece = self.some(data, "connected")
        self.oracle.finish(piece, self.now)
        del self.oracle.pieces[piece.name]
        self.same(self.router.finish(piece.name, self.now))

    @precondition(lambda self: self.pieces("connected"))
    @rule(data=st.data(), agent=st.sampled_from(AGENTS))
    def move(self, data: st.DataObject, agent: str) -> None:
        piece = self.some(data, "connected")
        if piece.agent != agent:
            ring = piece.rings[piece.agent]
            self.oracle.finish(piece, self.now)
            self.oracle.people[agent].turn = (self.now, self.oracle.tick())
            self.oracle.people[agent].handled += 1
            piece.phase, piece.rings, piece.bridged_at = "connected", {agent: ring}, self.now
        self.same(self.router.move(piece.name, agent, self.now))

    def occupy(self, agent: str, load: int) -> None:
        self.oracle.people[agent].outside["own"] = load
        self.same(self.router.occupy(agent, "own", load, self.now))

    def vacate(self, agent: str) -> None:
        if self.oracle.people[agent].outside.pop("own", None) is not None:
            self.oracle.people[agent].turn = (self.now, self.oracle.tick())
        self.same(self.router.vacate(agent, "own", self.now))

    @rule(agent=st.sampled_from(AGENTS), load=st.sampled_from([30, 100]))
    def own_work(self, agent: str, load: int) -> None:
        """Something outside the queues, or an end of it."""
        if self.oracle.people[agent].outside and load == 100:
            self.vacate(agent)
        else:
            self.occupy(agent, load)

    @rule(agent=st.sampled_from(AGENTS), what=st.sampled_from(["end", "extend", "say", "say"]))
    def paperwork(self, agent: str, what: str) -> None:
        """Something about a wrap-up, if there is one."""
        {"end": self.end_wrap_up, "extend": self.extend_wrap_up, "say": self.say}[what](agent)

    @rule(
        agent=st.sampled_from(AGENTS),
        what=st.sampled_from(["reach", "reach", "lose", "ready", "ready", "ready", "pause", "logout"]),
    )
    def presence(self, agent: str, what: str) -> None:
        """An agent comes or goes."""
        if what in ("reach", "lose"):
            self.reach(agent, what == "reach")
        elif what == "ready" and self.oracle.people[agent].owed:
            self.say(agent)  # ready would be pending: that is held in test_routing_states
        else:
            self.declare(agent, {"ready": "ready", "pause": "paused", "logout": "logged_out"}[what], "")

    def declare(self, agent: str, ready: str, reason: str) -> None:
        person = self.oracle.people[agent]
        if (person.ready, person.reason) != (ready, reason):
            self.oracle.declare(agent, ready, reason, self.now)
        elif ready == "ready" and person.wraps:
            self.oracle.people[agent].turn = (self.now, self.oracle.tick())
            person.stop_wrap_up()
        self.same(self.router.set_availability(agent, Availability(ready), reason, "test", self.now))

    def reach(self, agent: str, reachable: bool) -> None:
        person = self.oracle.people[agent]
        lost = person.reachable and not reachable
        person.reachable = reachable
        if lost:
            for piece in [p for p in self.pieces("offered") if agent in p.rings]:
                self.oracle.miss(piece, agent, "unreachable", self.now)
        self.same(self.router.set_reachable(agent, reachable, self.now, "" if reachable else "lost"))

    def end_wrap_up(self, agent: str) -> None:
        person = self.oracle.people[agent]
        if person.wraps and not person.owed:
            person.stop_wrap_up()
            person.turn = (self.now, self.oracle.tick())
        self.same(self.router.end_wrap_up(agent, self.now))

    def extend_wrap_up(self, agent: str) -> None:
        person = self.oracle.people[agent]
        if person.wrap_until and person.extensions:
            person.wrap_until += person.extend_s
            person.extensions -= 1
            self.same(self.router.extend_wrap_up(agent, "test"))
        else:
            with pytest.raises(Refused):
                self.router.extend_wrap_up(agent, "test")

    def say(self, agent: str) -> None:
        """The agent says how the conversation ended that the phone means."""
        person, name = self.oracle.people[agent], self.router.spoken_of(agent)
        talks = [p for p in self.pieces("connected") if (p.name, p.agent) == (name, agent)]
        assert not person.owed or name
        if name in person.owed or any(piece.queue.dispositions for piece in talks):
            self.oracle.say(person, name, self.now)
            self.same(self.router.dispose(name, "1", "test", self.now, agent))

    @rule(queue=st.sampled_from(QUEUES), for_s=st.sampled_from([None, 4.0, 25.0, -1.0, -1.0]))
    def close_by_hand(self, queue: str, for_s: float | None) -> None:
        """Closed, closed for another time, or (below 0) opened."""
        at = self.rules.queues[queue]
        before = self.oracle.closures.get(queue)
        if for_s is not None and for_s < 0:
            self.oracle.reopen(at, self.now)
            self.same(self.router.reopen(queue, self.now))
            return
        since = self.now if before is None else before.since
        closure = Closure("test", since, None if for_s is None else self.now + for_s)
        self.oracle.shut(at, closure, self.now)
        self.same(self.router.shut(queue, closure, self.now))

    @rule(step=seconds)
    def pass_time(self, step: float) -> None:
        until = self.now + step
        while (at := self.router.next_deadline()) is not None and at <= until:
            assert at == self.oracle.dues()[0][0]
            self.now = max(self.now, at)
            self.oracle.fire(self.now)
            self.same(self.router.expire(self.now))
        self.now = until

    @rule(rules=st.none() | rule_sets())
    def come_back(self, rules: Rules | None) -> None:
        """A restart, then the same rules again or others."""
        self.restart()
        if rules is None:
            self.reload_same()
        else:
            self.reload_other(rules)

    def restart(self) -> None:
        dumped = msgspec.msgpack.encode(self.router.state)
        loaded = msgspec.msgpack.decode(dumped, type=RoutingState)
        assert loaded == self.router.state
        self.router = Router(self.rules, loaded)
        assert msgspec.msgpack.encode(self.router.state) == dumped

    def reload_same(self) -> None:
        self.oracle.looks.clear()
        for piece in self.oracle.pieces.values():
            piece.max_wait_fired = False
        self.oracle.desert(list(self.rules.queues.values()))
        self.same(
            self.router.load_rules(msgspec.json.decode(msgspec.json.encode(self.rules), type=Rules), self.now)
        )

    def reload_other(self, rules: Rules) -> None:
        """Whom it matches is free here; that nothing is left to match is checked after it."""
        running = {n: self.holders(n) for n, p in self.router.state.places.items() if p.agent}
        ready = {n: (a.availability, a.wrap_up) for n, a in self.router.state.agents.items()}
        out = self.router.load_rules(rules, self.now)
        assert all(isinstance(one, d.Offer | d.Traced | d.LeftQueue | d.Overflow) for one in out)
        for one in out:
            if isinstance(one, d.Overflow):
                assert one.why in ("no_agents", "max_wait", "closed")  # deserted under the new rules
                self.oracle.counts[one.queue][3] += 1
                del self.oracle.pieces[one.interaction]
        state = self.router.state
        assert all(held <= self.holders(name) for name, held in running.items())  # others may join
        assert {n: (a.availability, a.wrap_up) for n, a in state.agents.items()} == ready
        self.rules = rules
        self.take_over()
        for offer in out:
            if isinstance(offer, d.Offer):
                assert self.within_capacity(offer.agent)

    def take_over(self) -> None:
        """The oracle takes over what the engine did at a reload."""
        self.oracle.rules = self.rules
        for name, person in self.oracle.people.items():
            person.rule = self.rules.agents[name]
        for name, piece in self.oracle.pieces.items():
            place = self.router.state.places[name]
            piece.queue = self.rules.queues[place.queue]
            piece.phase, piece.prefer = place.phase.value, place.prefer
            piece.stage = place.stage % len(times(piece.queue))
            relax = enumerate(piece.queue.relax)
            piece.given = {n for n, each in relax if each.when and key_of(each) in place.given}
            piece.max_wait_fired = False
            if place.callback is not None:
                piece.since, piece.rests_until = place.callback.since, place.callback.rests_until
            assert times(piece.queue)[piece.stage] <= self.now - piece.enqueued_at
        self.copy_turns()
        self.oracle.looks.clear()
        self.oracle.watch(self.now)

    def copy_turns(self) -> None:
        """Who stands where in the line for work is taken from the engine."""
        state = self.router.state
        self.oracle.counter, self.oracle.offer_number = state.next_seq, state.next_offer
        for name, person in self.oracle.people.items():
            agent = state.agents[name]
            person.turn, person.asked = (agent.line_since, agent.line_seq), agent.turn_seq
        for name, piece in self.oracle.pieces.items():
            place, piece.rings = state.places[name], {}
            others = state.other_offers.get(name, {})
            for agent, held in {**({place.agent: place} if place.agent else {}), **others}.items():
                since, seq, asked = held.line_before
                before = ((since, seq), asked)
                piece.rings[agent] = Ring(held.load, held.deadline, before, held.line_seq, held.offer)

    def holders(self, interaction: str) -> set[str]:
        """Everybody whose phone rings for it, or who has it."""
        state = self.router.state
        return {state.places[interaction].agent, *state.other_offers.get(interaction, {})} - {""}

    @invariant()
    def no_free_agent_beside_waiting_work(self) -> None:
        if hasattr(self, "oracle"):
            for piece in self.pieces("waiting"):
                assert not [name for name in AGENTS if self.oracle.can(name, piece)]
            for piece in self.pieces("offered"):
                assert not self.oracle.joining(piece)

    @invariant()
    def states_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        state = self.router.state
        assert {n: (p.phase.value, self.holders(n)) for n, p in state.places.items()} == {
            n: (p.phase, set(p.rings)) for n, p in self.oracle.pieces.items()
        }
        for name, place in state.places.items():
            known = {key_of(self.oracle.pieces[name].queue.relax[n]) for n in self.oracle.pieces[name].given}
            assert known <= set(place.given), "what was given stays"
        for piece in self.oracle.pieces.values():
            assert len(piece.rings) <= 1 or piece.phase == "offered", "one winner"
        for name, agent in state.agents.items():
            assert (
                agent.load == self.oracle.used(name) == sum(agent.held.values()) + sum(agent.outside.values())
            )
            person = self.oracle.people[name]
            wrap_up = agent.wrap_up
            assert (wrap_up is not None) == person.wraps
            assert wrap_up is None or (wrap_up.until or 0.0) == person.wrap_until
        live = [set(self.router.offers_of(name).values()) for name in state.places]
        assert set().union(*live) == state.offers.keys() and sum(map(len, live)) == len(state.offers)
        assert set(state.other_offers) <= {p.name for p in self.pieces("offered")}
        for name in QUEUES:
            mine = [place for place in state.places.values() if place.queue == name]
            fold = state.waits.get(name)
            assert (fold is not None) == self.rules.queues[name].estimate_wait
            if fold is not None:
                assert set(fold.waiting) == {p.interaction for p in mine if p.phase != "connected"}
                talks = {p.interaction for p in mine if p.phase == "connected"}
                wraps = [a.wrap_up for a in state.agents.values() if a.wrap_up is not None]
                assert set(fold.talking) <= talks | {w.interaction for w in wraps if w.until is None}
            waiting = len(self.router.waiting(name, self.now))
            totals = state.queues[name]
            assert [
                totals.offered,
                totals.handled,
                totals.abandoned,
                totals.overflowed,
                totals.callback_failed,
            ] == self.oracle.counts[name]
            assert totals.offered == sum(self.oracle.counts[name][1:]) + waiting
            order = self.places(name)
            assert self.router.waiting(name, self.now) == order
            assert [self.router.position(each, self.now) for each in order] == list(range(1, len(order) + 1))

    @invariant()
    def deadlines_agree(self) -> None:
        if hasattr(self, "oracle"):
            dues = self.oracle.dues()
            assert self.router.next_deadline() == (dues[0][0] if dues else None)


EngineAgainstOracle.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestEngineAgainstOracle = EngineAgainstOracle.TestCase


class RoomAgainstOracle(EngineAgainstOracle):
    """Everybody is there and able, so that loads, ceilings, reserves and interruptions meet each other."""

    @initialize(rules=rule_sets(themes={"room"}))
    def begin(self, rules: Rules) -> None:
        EngineAgainstOracle.begin(self, rules, list(AGENTS))


RoomAgainstOracle.TestCase.settings = settings(EngineAgainstOracle.TestCase.settings, max_examples=150)
TestRoomAgainstOracle = RoomAgainstOracle.TestCase
