"""A day played through the real engines on virtual time: `rehearse(day, rules)`.

The people of the day do what they do whatever the rules are: customers arrive, press keys, leave when their
patience ends, talk as long as they have to talk; agents log in, take what rings, wrap up and go. Everything
between is decided by `Centre` under the rules: the engines of the daemon, not a model of them.

What is assumed: an agent takes what rings after `Arrival.answer_s`; one part of a prompt lasts `PROMPT_S`;
outside addresses answer, services and bots fail at once; patience counts anew after each conversation.
Deferred writing is closed by the agent, all else ends with the customer.
"""

import gc
from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from functools import partial
from hashlib import sha256

import msgspec

from ccd.bridging.state import Phase, Role, Talk
from ccd.history.explain import decode_record, explain
from ccd.history.state import Record
from ccd.ivr.state import Mode
from ccd.model import facts
from ccd.model.facts import AnyFact
from ccd.model.nouns import Availability, Cause, ChannelClass
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import Answer, Enqueue
from ccd.routing.state import WrapUpStage
from ccd.testing.bots import BotEnds, Plays
from ccd.testing.centre import SimulatedCentre
from ccd.testing.day import Arrival, Day, Presence, Reach, Stage
from ccd.testing.outside import Answers
from ccd.testing.parties import Behaviour

AFTER_S = 7200.0
"""How long what runs when the day ends may go on."""
KEY_S = 1.0
"""From hearing a menu to pressing a key."""
MESSAGE_S = 20.0
"""How long everybody's message is."""
OPEN_WRAP_UP_S = 30.0
"""What an agent of whom nothing else is known needs where the rules let wrap-up last until it is ended."""
OUTSIDE_ANSWER_S = 5.0
_WAITS = (Phase.WAITING, Phase.OFFERED, Phase.CONNECTING)
_TALKS = (Phase.TALKING, Phase.OUTSIDE)


class Worked(msgspec.Struct):
    """What an agent did in all sessions of the day, in seconds; occupancy as docs/kpi.md has it."""

    queues: tuple[str, ...]
    busy_s: float = 0.0
    wrap_s: float = 0.0
    idle_s: float = 0.0


class Rehearsed(msgspec.Struct, frozen=True):
    """What came of a day."""

    records: list[Record]
    """Every interaction, by time of arrival; those that wait still have no `ended_at`."""
    ids: dict[str, str]
    """The day's id of an arrival → the interaction's in this run."""
    worked: dict[str, Worked]
    """By agent."""
    facts: int
    state_sha256: str
    """Of the whole state of the centre at the end."""

    def explained(self, arrival: str, zone: tzinfo = UTC) -> list[str]:
        """Every decision about one arrival, in words; empty when the day has no such arrival."""
        wanted = self.ids.get(arrival, "")
        for record in self.records:
            if record.interaction == wanted:
                return explain(msgspec.structs.replace(record, interaction=arrival), zone)
        return []


def rehearse(day: Day, rules: Rules, *, check: bool = False) -> Rehearsed:
    """Play the day under these rules. `check` looks at all invariants after each turn (slow)."""
    return DayCentre(day, rules, check=check).play()


def with_direct_flows(rules: Rules) -> Rules:
    """The rules with one flow a queue that does nothing but enter it, for arrivals described by queue."""
    flows = dict(rules.flows)
    for queue in rules.queues:
        flows[direct_flow(queue)] = FlowRule(name=direct_flow(queue), steps=(Answer(), Enqueue(queue=queue)))
    return msgspec.structs.replace(rules, flows=flows)


def direct_flow(queue: str) -> str:
    """Name of the flow that only enters a queue; a configuration's flow cannot have it."""
    return f"to queue {queue}"


class _Visit:
    """One customer in the centre."""

    __slots__ = (
        "agent", "arrival", "asked", "in_flow", "interaction", "keys", "leg", "speaks", "stage", "talks",
        "waits",
    )  # fmt: skip

    def __init__(self, arrival: Arrival, leg: str) -> None:
        self.arrival = arrival
        self.leg = leg
        self.interaction = ""
        self.keys = list(arrival.keys)
        self.asked = -1
        """Prompt of the flow after which a key was pressed last."""
        self.speaks = ""
        """The recording of the message that is, or was, spoken."""
        self.stage = 0
        self.in_flow = True
        """Has not come to a queue yet."""
        self.waits = False
        """In a queue, in this stage."""
        self.talks = False
        self.agent = ""
        """With whom, while it `talks`."""

    @property
    def work(self) -> Stage:
        return self.arrival.stages[min(self.stage, len(self.arrival.stages) - 1)]


class DayCentre(SimulatedCentre):
    """A simulated centre whose outside is a day."""

    def __init__(self, day: Day, rules: Rules, *, check: bool = False) -> None:
        self._visits: dict[str, _Visit] = {}
        self._by_interaction: dict[str, _Visit] = {}
        self._in_flow: dict[str, _Visit] = {}
        self._wraps: dict[str, int] = {}
        self._ids: dict[str, str] = {}
        self._worked: dict[str, Worked] = {}
        first = [each[0].at for each in (day.arrivals, day.presences, day.reaches) if each]
        self._phoned = {reach.agent for reach in day.reaches}
        """Agents of whose phones the day tells."""
        super().__init__(with_direct_flows(rules), check=check, begins_at=min([day.begins_at, *first]))
        self.day = day
        no_bot = BotEnds(ok=False, note="no bot answers in a rehearsal", after=0.1)
        self.bots.otherwise = Plays(starts=False, ends=no_bot)
        self.outside.otherwise = Answers(ok=False, note="no service answers in a rehearsal")

    def play(self) -> Rehearsed:
        """The whole day, and what is left of it. The collector rests meanwhile, as in the daemon."""
        collects = gc.isenabled()
        gc.disable()
        try:
            self._play()
        finally:
            if collects:
                gc.enable()
        return Rehearsed(
            records=self._records(),
            ids=self._ids,
            worked=self._worked,
            facts=len(self.facts),
            state_sha256=sha256(self.centre.dump()).hexdigest(),
        )

    def _play(self) -> None:
        day = self.day
        for order in day.orders:
            self._at(order.at, partial(self.tell, order.fact))
        for reach in day.reaches:
            self._at(reach.at, partial(self._reach, reach))
        for presence in day.presences:
            if presence.at < day.ends_at:
                self._at(presence.at, partial(self._declare, presence))
        for arrival in day.arrivals:
            self._at(arrival.at, partial(self._arrive, arrival))
        self._at(day.ends_at, self._go_home)
        self.run_until(day.ends_at + AFTER_S)
        for agent in self.centre.state.rules.agents:
            self._bank(agent)

    def _records(self) -> list[Record]:
        rows = self.ledger.records(limit=len(self._ids) + 1)
        found = [decode_record(row.body) for row in rows] + list(self.centre.history.state.open.values())
        return sorted(found, key=lambda each: int(each.interaction))

    def _at(self, at: float, happen: Callable[[], None]) -> None:
        self.later(max(0.0, at - self.now), happen)

    # -- customers -----------------------------------------------------------------------------------

    def _arrive(self, arrival: Arrival) -> None:
        known = self.channels.get(arrival.channel)
        if known is None or known.channel_class is not arrival.channel_class:
            known = self.add_channel(arrival.channel, arrival.channel_class)
        leg = known.arrive(origin=arrival.origin, target=arrival.target, flow=self._flow(arrival))
        self._visits[leg] = self._in_flow[leg] = _Visit(arrival, leg)
        if arrival.channel_class is not ChannelClass.VOICE:
            known.text(leg, "hello", "1")
        if arrival.leaves_flow_s is not None:
            self.later(arrival.leaves_flow_s, lambda: self._leave_flow(leg))

    def _flow(self, arrival: Arrival) -> str:
        """Empty: by the number reached. Where these rules know no way, straight into the queue."""
        rules, queue = self.centre.state.rules, arrival.stages[0].queue
        if arrival.direct:
            return direct_flow(queue)
        if arrival.target in rules.numbers:
            return ""
        return arrival.flow if arrival.flow in rules.flows or not queue else direct_flow(queue)

    def turned(self, fact: AnyFact) -> None:
        """See how far the customer concerned has come."""
        if isinstance(fact, facts.TimePassed):
            for each in list(self._in_flow.values()):
                self._look_at(each)
            return
        leg = getattr(fact, "leg", "")
        if not leg:
            return
        found = self.centre.talks.legs.get(leg)
        visit = self._visits.get(leg)
        if visit is None and found is not None:
            visit = self._by_interaction.get(found[0].interaction)
        if visit is None:
            return
        if isinstance(fact, facts.LegArrived) and found is not None:
            self._number(visit, found[0].interaction)
        if found is not None and found[1] is Role.CUSTOMER and leg != visit.leg:
            visit.leg = leg  # is called back
            self._visits[leg] = visit
        if isinstance(fact, facts.LegEnded) and leg == visit.leg:
            self._left(visit)
        else:
            self._look_at(visit)

    def _left(self, visit: _Visit) -> None:
        """The customer's line is down: for good, or to be called back."""
        talk = self.centre.talks.get(visit.interaction)
        if talk is None or not talk.away:
            self._forget(visit)
        else:
            self._visits.pop(visit.leg, None)
            self._in_flow.pop(visit.leg, None)

    def _number(self, visit: _Visit, interaction: str) -> None:
        visit.interaction = interaction
        self._by_interaction[interaction] = visit
        self._ids[visit.arrival.id] = interaction

    def _look_at(self, visit: _Visit) -> None:
        talk = self.centre.talks.get(visit.interaction)
        if talk is None:
            return
        if talk.message is not None:
            self._look_at_message(visit, talk)
        if talk.phase in _TALKS:
            if not visit.talks:
                self._begin_talk(visit, talk.agent.agent if talk.agent is not None else "")
        elif talk.phase in _WAITS:
            if visit.talks:
                self._next_stage(visit)
            if not visit.waits:
                self._begin_wait(visit)
        elif talk.phase is Phase.FLOW and visit.keys:
            self._press(visit)

    def _look_at_message(self, visit: _Visit, talk: Talk) -> None:
        """A message is spoken for a while; the agent who has heard it is done with it."""
        leg, channel = visit.leg, self.channels[visit.arrival.channel]
        if talk.speaks and talk.message is not None and visit.speaks != talk.message.recording:
            visit.speaks = talk.message.recording
            self.later(MESSAGE_S, lambda: channel.digit(leg, "#") if leg in channel.legs else None)
        elif talk.phase is Phase.LISTENING and talk.message is not None and talk.message.heard and talk.agent:
            agent_leg = talk.agent.leg
            self.later(KEY_S, lambda: self._end(agent_leg))

    def _begin_wait(self, visit: _Visit) -> None:
        visit.waits, visit.in_flow = True, False
        self._in_flow.pop(visit.leg, None)
        stage, patience_s = visit.stage, visit.arrival.patience_s
        if patience_s is not None:
            self.later(patience_s, lambda: self._lose_patience(visit, stage))

    def _lose_patience(self, visit: _Visit, stage: int) -> None:
        if visit.leg in self._visits and not visit.talks and visit.stage == stage:
            self._end(visit.leg, Cause.CANCELLED)

    def _leave_flow(self, leg: str) -> None:
        visit = self._visits.get(leg)
        if visit is not None and visit.in_flow:
            self._end(leg, Cause.CANCELLED)

    def _press(self, visit: _Visit) -> None:
        """A menu asks: the next key, once for each time."""
        run = self.centre.flows.state.running.get(visit.interaction)
        if run is None or run.mode not in (Mode.ASKING, Mode.LISTENING) or visit.asked == run.plays:
            return
        visit.asked = run.plays
        key, visit.keys = visit.keys[0], visit.keys[1:]
        channel = self.channels[visit.arrival.channel]

        def press() -> None:
            if visit.leg in channel.legs:
                channel.digit(visit.leg, key)

        self.later(KEY_S, press)

    def _begin_talk(self, visit: _Visit, agent: str) -> None:
        visit.talks, visit.agent, visit.in_flow = True, agent, False
        self._in_flow.pop(visit.leg, None)
        stage = visit.stage
        self.later(visit.work.talk_s, lambda: self._talked(visit, stage))

    def _talked(self, visit: _Visit, stage: int) -> None:
        """Everything is said: on to the next queue, or the end."""
        if visit.leg not in self._visits or not visit.talks or visit.stage != stage:
            return
        talk = self.centre.talks.get(visit.interaction)
        agent_leg = talk.agent.leg if talk is not None and talk.agent is not None else ""
        further = visit.arrival.stages[stage + 1 : stage + 2]
        rule = self.centre.state.rules.queues.get(further[0].queue) if further else None
        if rule is not None and rule.extension and agent_leg in self.voice.legs:
            self.voice.transfer(agent_leg, rule.extension)
            self.later(KEY_S, lambda: self._hang_up(visit, stage))
        elif agent_leg in self.voice.legs and visit.arrival.channel_class is ChannelClass.DEFERRED_TEXT:
            self._end(agent_leg)
        else:
            self._end(visit.leg)

    def _hang_up(self, visit: _Visit, stage: int) -> None:
        """After a transfer that was refused."""
        if visit.leg in self._visits and visit.talks and visit.stage == stage:
            self._end(visit.leg)

    def _end(self, leg: str, cause: Cause = Cause.NORMAL) -> None:
        channel = self.channels[leg.partition(":")[0]]
        if leg in channel.legs:
            channel.end(leg, cause)

    def _next_stage(self, visit: _Visit) -> None:
        self._wrap_up(visit)
        visit.stage += 1
        visit.talks = visit.waits = False
        visit.agent = ""

    def _forget(self, visit: _Visit) -> None:
        for known, key in (
            (self._visits, visit.leg),
            (self._in_flow, visit.leg),
            (self._by_interaction, visit.interaction),
        ):
            known.pop(key, None)
        if visit.talks:
            self._wrap_up(visit)

    # -- agents --------------------------------------------------------------------------------------

    def behaviour_of(self, target: str) -> Behaviour | None:
        """Answers after the time that the arrival which rings has for it; outside, everybody answers."""
        dial = self.commands[-1]
        visit = self._visits.get(getattr(dial, "peer", ""))
        if target not in self.behaviours:
            return Behaviour(answers_after=OUTSIDE_ANSWER_S) if getattr(dial, "address", "") else None
        return Behaviour(answers_after=visit.arrival.answer_s if visit is not None else OUTSIDE_ANSWER_S)

    def _declare(self, presence: Presence) -> None:
        rule = self.centre.state.rules.agents.get(presence.agent)
        view = self.centre.router.agent_view(presence.agent, self.now)
        if rule is None or view is None:
            return
        if view.availability is Availability.LOGGED_OUT:
            if presence.availability is Availability.LOGGED_OUT:
                return
            self._bank(presence.agent)
            if presence.agent not in self._phoned:
                self._plug(rule.devices)
        self.ask(presence.agent, presence.availability, presence.reason)

    def _reach(self, reach: Reach) -> None:
        rule = self.centre.state.rules.agents.get(reach.agent)
        if rule is None:
            return
        if reach.reachable:
            self._plug(rule.devices)
        else:
            for device in rule.devices:
                self.unplug(device)

    def _plug(self, devices: Iterable[str]) -> None:
        for device in devices:
            if device not in self.behaviours:
                self.phone(device)

    def _go_home(self) -> None:
        for agent in self.centre.state.rules.agents:
            self.ask(agent, Availability.LOGGED_OUT)

    def _bank(self, agent: str) -> None:
        """Keep what a session counted: the next one begins at nought."""
        view = self.centre.router.agent_view(agent, self.now)
        if view is None:
            return
        worked = self._worked.setdefault(agent, Worked(view.queues))
        worked.busy_s += view.totals.busy_s
        worked.wrap_s += view.totals.wrap_s
        worked.idle_s += view.totals.idle_s

    def _wrap_up(self, visit: _Visit) -> None:
        """The agent needs so long, if the rules give as much; what is required is said then."""
        agent, needs_s = visit.agent, visit.work.wrap_up_s
        view = self.centre.router.agent_view(agent, self.now) if agent else None
        if view is None:
            return
        mine = self._wraps[agent] = self._wraps.get(agent, 0) + 1
        timed = view.wrap_up == WrapUpStage.RUNS
        if needs_s is None or (timed and view.wrap_up_s <= needs_s):
            needs_s = view.wrap_up_s if timed else OPEN_WRAP_UP_S
        if view.owes or (view.wrap_up and not (timed and needs_s == view.wrap_up_s)):
            self.later(needs_s, lambda: self._wrapped_up(agent, mine))

    def _wrapped_up(self, agent: str, mine: int) -> None:
        if self._wraps[agent] != mine:
            return
        view = self.centre.router.agent_view(agent, self.now)
        for interaction in view.owes if view is not None else ():
            code = next(iter(self.centre.router.dispositions_of(interaction, agent)))
            self.tell(facts.DispositionGiven(interaction, code, "simulation"))
        self.tell(facts.WrapUpEndAsked(agent, "simulation"))
