"""A whole centre on virtual time: the real engines, a ledger in memory, and parties who behave.

    sim = SimulatedCentre(rules)
    sim.phone("ann-phone", answers_after=3)
    sim.login("ann")
    call = sim.call("+33100", patience=60)
    sim.run(10)
    assert sim.agent_of(call) == "ann"

Facts go one at a time through the ledger into `runtime.centre`, commands to channels in memory, whose
parties answer with facts at later instants. `run` jumps from one instant at which something happens to
the next: hours pass in milliseconds. The same seed and the same calls give the same run to the byte.
After every turn all of `ccd.testing.invariants` are checked; a fault raises `BrokenCentre`.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec

from ccd.bridging.state import Talk
from ccd.channels.ledger import Entry, Snapshot
from ccd.channels.links import digest
from ccd.config.strategies import installed
from ccd.history.state import Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.commands import AnyCommand
from ccd.model.facts import AnyFact
from ccd.model.nouns import Availability, Binding, Cause, ChannelClass
from ccd.model.rules import Rules
from ccd.routing.strategies import Strategy
from ccd.runtime.centre import Centre
from ccd.runtime.replay import replay
from ccd.storage.memory import MemoryLedger
from ccd.testing import invariants
from ccd.testing.bots import FakeBots
from ccd.testing.clock import VirtualClock
from ccd.testing.fake_channel import FakeLeg
from ccd.testing.outside import FakeOutside
from ccd.testing.parties import Behaviour, BrokenCentre, LivelyChannel

BEGINS_AT = 1_700_000_000.0
"""When a simulated centre starts unless it is told: a day in November 2023."""
FOREVER = 1e12
_DECODE = msgspec.msgpack.Decoder[AnyFact](AnyFact).decode


class SimulatedCentre:
    """One centre; every method is one thing that happens to it. Times are virtual seconds."""

    def __init__(
        self,
        rules: Rules,
        *,
        seed: int = 1,
        check: bool = True,
        begins_at: float = BEGINS_AT,
        strategies: Mapping[str, Strategy] | None = None,
    ) -> None:
        """`check`: look at all invariants after each turn (linear in what runs); `strategies`: one's own ways
        to choose an agent, by name (None: those that are installed, as in the daemon)."""
        self.clock = VirtualClock(begins_at)
        self.random = random.Random(seed)
        self._strategies = installed() if strategies is None else strategies
        self.centre = Centre(self._strategies)
        self.ledger = MemoryLedger()
        self.check = check
        self.commands: list[AnyCommand] = []
        """Every command carried out, in order."""
        self.facts: list[AnyFact] = []
        """Every fact, in order."""
        self.behaviours: dict[str, Behaviour] = {}
        """By device or outside address; what is not in it cannot be reached."""
        self.channels: dict[str, LivelyChannel] = {}
        self._inbox: deque[AnyFact] = deque()
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0
        self._turning = False
        self._ends: Counter[str] = Counter()
        self._talks_for: dict[str, float] = {}
        self._deaf = False
        self.voice = self.add_channel("voice", ChannelClass.VOICE)
        self.web = self.add_channel("web", ChannelClass.LIVE_TEXT)
        self.voice.bridged = self._bridged
        self.outside = FakeOutside(self._post, self.later, self.voice.secrets)
        """The services outside."""
        self.bots = FakeBots(self._post, self.later)
        """The bots outside."""
        self.tell(facts.DaemonStarted("test", "b1"))
        self.tell(facts.RulesLoaded(rules, "test"))

    def add_channel(self, name: str, channel_class: ChannelClass) -> LivelyChannel:
        """One more channel instance on which customers arrive; it begins with the centre."""
        channel = LivelyChannel(name, channel_class, self.later, self.behaviour_of)
        channel._post = self._post
        self.channels[name] = channel
        return channel

    def behaviour_of(self, target: str) -> Behaviour | None:
        """What a device or an outside address does when it is dialled; None: it cannot be reached."""
        return self.behaviours.get(target)

    def turned(self, fact: AnyFact) -> None:
        """Told of each fact once its turn is over and its commands are carried out: for subclasses."""

    # -- time --------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.clock.now()

    def later(self, after: float, happen: Callable[[], None]) -> None:
        """Plan something; what is planned for the same instant happens in the order of planning."""
        self._planned += 1
        heapq.heappush(self._plans, (self.now + after, self._planned, happen))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until(self.now + seconds)

    def run_until(self, end: float) -> None:
        """Let time pass until `end`. At one instant the outside acts before a deadline of the engines."""
        while True:
            deadline = self.centre.next_deadline()
            due = FOREVER if deadline is None else max(deadline, self.now)
            planned = self._plans[0][0] if self._plans else FOREVER
            if min(due, planned) > end:
                self.clock.advance_to(max(end, self.now))
                return
            if planned <= due:
                self.clock.advance_to(planned)
                heapq.heappop(self._plans)[2]()
                self._drain()
            else:
                self.clock.advance_to(due)
                self.tell(facts.TimePassed())

    # -- facts and commands ------------------------------------------------------------------------

    def tell(self, fact: AnyFact) -> None:
        """Something happened just now."""
        self._post(fact)
        self._drain()

    def _post(self, fact: AnyFact) -> None:
        self._inbox.append(fact)

    def _drain(self) -> None:
        if self._turning:
            return
        self._turning = True
        try:
            while self._inbox:
                self._turn(self._inbox.popleft())
            self.look()
        finally:
            self._turning = False

    def _turn(self, fact: AnyFact) -> None:
        if isinstance(fact, facts.LegEnded):
            self._ends[fact.leg] += 1
            if self._ends[fact.leg] > 1:
                raise BrokenCentre(f"leg {fact.leg} ended twice")
        self.facts.append(fact)
        seq = self.ledger.last()[0] + 1
        packed = msgspec.msgpack.encode(fact)
        self.ledger.append([Entry(seq, self.now, packed)], [])
        commands = self.centre.turn(_DECODE(packed), self.now)
        self.ledger.append([], self.centre.take_records())
        if self._deaf:
            return
        for command in commands:
            self.commands.append(command)
            if isinstance(command, cmd.AskOutside | cmd.SendLink):
                self.outside.perform(command)
                continue
            if isinstance(command, cmd.StartBot | cmd.TellBot | cmd.StopBot):
                self.bots.perform(command)
                continue
            leg = command.a if isinstance(command, cmd.BridgeLegs) else command.leg
            channel = self.channels.get(leg.partition(":")[0])
            if channel is not None:
                channel.perform(command)
        self.turned(fact)

    def look(self) -> None:
        """Check the invariants."""
        if self.check and (found := invariants.faults(self.centre, self.channels)):
            raise BrokenCentre("; ".join(found))

    # -- agents ------------------------------------------------------------------------------------

    def phone(self, device: str, behaviour: Behaviour | None = None, *, answers_after: float = 2.0) -> None:
        """A device registers, and behaves so from now on."""
        self.behaviours[device] = behaviour or Behaviour(answers_after=answers_after)
        binding = Binding(device, "1", "{}", self.now + 10 * 365 * 86400)
        self.tell(facts.DeviceBound(binding))

    def unplug(self, device: str) -> None:
        """A device is gone."""
        self.behaviours.pop(device, None)
        self.tell(facts.DeviceUnbound(device, "1", "expired"))

    def login(self, *agents: str) -> None:
        """Each agent is ready; one who has none yet gets a phone `NAME-phone` as the rules have it."""
        for agent in agents:
            for device in self.centre.state.rules.agents[agent].devices:
                if device not in self.behaviours:
                    self.phone(device)
            self.ask(agent, Availability.READY)

    def ask(self, agent: str, availability: Availability, reason: str = "") -> None:
        """Somebody declares an availability."""
        self.tell(facts.AvailabilityAsked(agent, availability, reason, "test"))

    def dial(self, device: str, target: str) -> str:
        """An agent's phone dials; the leg."""
        leg = self.voice.dial_from(device, target)
        self._drain()
        return leg

    def replace(self, device: str, other: str) -> str:
        """An agent's phone asks to be in the place of another leg; its own leg."""
        leg = self.voice.replace(device, other)
        self._drain()
        return leg

    # -- customers ---------------------------------------------------------------------------------

    def call(
        self,
        target: str = "+33100",
        *,
        origin: str = "+33612345678",
        keys: tuple[tuple[float, str], ...] = (),
        patience: float | None = None,
        talks_for: float | None = None,
    ) -> str:
        """Somebody calls: the customer's leg.

        `keys`: (seconds after the call came, digits). `patience`: hangs up after so long unless in
        conversation by then. `talks_for`: hangs up so long after the first bridge.
        """
        leg = self.voice.arrive(origin=origin, target=target)
        if talks_for is not None:
            self._talks_for[leg] = talks_for
        for after, digits in keys:
            self.later(after, lambda digits=digits: self._if_live(leg, lambda: self.voice.digit(leg, digits)))  # type: ignore[misc]
        if patience is not None:
            self.later(patience, lambda: self._if_live(leg, lambda: self._impatient(leg)))
        self._drain()
        return leg

    def chat(
        self, *texts: str, target: str = "web:support", flow: str = "", token: str = "", name: str = ""
    ) -> str:
        """A visitor opens a chat and writes; the customer's leg. `token`: of the link by which he came."""
        continues = digest(token) if token else ""
        leg = self.web.arrive("visitor-1", target, flow=flow, continues=continues, display=name)
        for number, text in enumerate(texts, 1):
            self.web.text(leg, text, f"w{number}")
        self._drain()
        return leg

    def write(self, leg: str, text: str, message: str) -> None:
        """The party of a text leg writes."""
        self.channels[leg.partition(":")[0]].text(leg, text, message)
        self._drain()

    def hang_up(self, leg: str, cause: Cause = Cause.NORMAL) -> None:
        """The party of a leg ends it."""
        self.channels[leg.partition(":")[0]].end(leg, cause)
        self._drain()

    def act(self, what: Callable[..., None], *how: object) -> None:
        """Anything else that a party does: `sim.act(sim.voice.hold, leg)`."""
        what(*how)
        self._drain()

    def _if_live(self, leg: str, act: Callable[[], None]) -> None:
        if leg in self.voice.legs:
            act()

    def _impatient(self, leg: str) -> None:
        if not self.voice.legs[leg].peer:
            self.voice.end(leg, Cause.CANCELLED)

    def _bridged(self, a: str, _b: str) -> None:
        seconds = self._talks_for.pop(a, None)
        if seconds is not None:
            self.later(seconds, lambda: self._if_live(a, lambda: self.voice.end(a)))

    # -- restarts ----------------------------------------------------------------------------------

    def restart(self, *, lost: AnyFact | None = None) -> None:
        """The daemon is killed and comes back from its ledger.

        Calls are gone without a word, visitors and phones are still there. `lost`: a last fact that was
        stored, but whose commands were never carried out.
        """
        if lost is not None:
            self._deaf = True
            self._turn(lost)
            self._deaf = False
        self.voice.vanish()
        self.centre = self.replayed()
        legs = [leg for leg in self.centre.talks.legs if leg.startswith("web:")]
        self.web.resume(legs)
        self.tell(facts.DaemonStarted("test", "b2"))

    def replayed(self, snapshot_at: int = 0) -> Centre:
        """A fresh centre brought to the present by the ledger; with `snapshot_at`, by way of a snapshot
        of the state after that fact. Raises `BrokenCentre` unless it is the same to the byte."""
        fresh = Centre(self._strategies)
        if snapshot_at:
            before = Centre(self._strategies)
            until = replay(before, self.ledger, until=snapshot_at)
            beside = _Beside(self.ledger, Snapshot(snapshot_at, until.last_at, before.dump()))
            replay(fresh, beside, file_records=False)
        else:
            replay(fresh, self.ledger, file_records=False)
        if difference := invariants.same_state(self.centre, fresh):
            raise BrokenCentre(f"replay (snapshot {snapshot_at}) differs: {difference}")
        return fresh

    def check_replay(self, times: int = 3) -> None:
        """Replay from the beginning and by way of snapshots at random facts."""
        self.replayed()
        for _ in range(times):
            self.replayed(self.random.randint(1, self.ledger.last()[0]))

    # -- what is the case --------------------------------------------------------------------------

    def interaction_of(self, leg: str) -> str:
        """Interaction of a customer's leg, also when it is over."""
        for talk in self.centre.talks.state.talks.values():
            if talk.customer.leg == leg:
                return talk.interaction
        for row in self.ledger.records(limit=1_000_000):
            record = msgspec.msgpack.decode(row.body, type=Record)
            if record.timeline[0].details.get("leg") == leg:
                return record.interaction
        return ""

    def talk(self, leg: str) -> Talk:
        """Parties of the running interaction of a customer's leg."""
        return self.centre.talks.state.talks[self.interaction_of(leg)]

    def agent_of(self, leg: str) -> str:
        """Agent with whom the customer hears (or reads) each other now; empty: nobody."""
        talk = self.centre.talks.get(self.interaction_of(leg))
        if talk is None or talk.agent is None or talk.phase.value != "talking":
            return ""
        return talk.agent.agent

    def rings_at(self, leg: str) -> str:
        """Agent to whom the customer is offered now; empty: nobody."""
        talk = self.centre.talks.get(self.interaction_of(leg))
        return talk.agent.agent if talk is not None and talk.agent and talk.phase.value == "offered" else ""

    def heard(self, leg: str) -> FakeLeg:
        """What a live leg of the voice channel hears: `play`, `music`, `peer`."""
        return self.voice.legs[leg]

    def record(self, leg: str) -> Record:
        """The filed record of a customer's leg."""
        row = self.ledger.record(self.interaction_of(leg))
        if row is None:
            raise BrokenCentre(f"the interaction of {leg} is not filed")
        return msgspec.msgpack.decode(row.body, type=Record)

    def performed(self, kind: type[cmd.Command]) -> list[AnyCommand]:
        """The commands of one type carried out so far."""
        return [command for command in self.commands if isinstance(command, kind)]


class _Beside(MemoryLedger):
    """The same facts with one snapshot, without touching the ledger that they are from."""

    __slots__ = ("_snapshot",)

    def __init__(self, of: MemoryLedger, snapshot: Snapshot) -> None:
        super().__init__()
        self._store = of._store
        self._snapshot = snapshot

    def load_snapshot(self) -> Snapshot | None:
        return self._snapshot
