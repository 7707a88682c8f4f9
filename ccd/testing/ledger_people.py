"""Who was there on a day, from a ledger's facts: what agents declared, whether their phones answered, and
which profiles were on.

Facts are read from the ledger's beginning, because who logged in on the day before is there on this one. Only
those of agents, devices and profiles are decoded; the others cost a look at their first bytes.
"""

import msgspec

from ccd.channels.ledger import Entry, Ledger
from ccd.errors import Misconfigured
from ccd.model import facts
from ccd.model.facts import AnyFact
from ccd.model.nouns import Availability
from ccd.model.rules import Rules, pause_names
from ccd.testing.day import Order, Presence, Reach

_WANTED = (
    facts.DaemonStarted,
    facts.RulesLoaded,
    facts.ProfileSet,
    facts.AvailabilityAsked,
    facts.AgentDialled,
    facts.WrapUpEndAsked,
    facts.DeviceBound,
    facts.DeviceUnbound,
    facts.DeviceLost,
    facts.DeviceReachable,
)
_MARKS = frozenset(kind.__name__.encode() for kind in _WANTED)
_decode = msgspec.msgpack.Decoder[AnyFact](AnyFact).decode


class People(msgspec.Struct):
    """The agents of a day."""

    rules: Rules | None = None
    """In force when the day began; the first ones of the day if there were none before."""
    presences: list[Presence] = []
    reaches: list[Reach] = []
    orders: list[Order] = []
    """Profiles turned on and off; those that were on when the day began, as of then."""
    ready_at: dict[str, list[float]] = {}
    """By agent: when somebody said that work can go on, ascending; ends a wrap-up."""


def read_people(ledger: Ledger, begins_at: float, ends_at: float) -> People:
    """The day's people (epoch seconds). Raises `Misconfigured` for facts of a newer version."""
    reading = _Reading(begins_at)
    for entry in ledger.read(0):
        if entry.at >= ends_at:
            break
        if tag_of(entry.fact) in _MARKS:
            reading.take(entry.at, _read(entry))
    return reading.result()


def tag_of(fact: bytes) -> bytes:
    """Kind of a stored fact, not decoded: msgpack of `{"type": KIND, …}`, KIND under 32 letters."""
    if fact[1:6] != b"\xa4type":
        return b""
    return fact[7 : 7 + (fact[6] & 31)]


def _read(entry: Entry) -> AnyFact:
    try:
        fact: AnyFact = _decode(entry.fact)
    except msgspec.MsgspecError as error:
        raise Misconfigured(
            "ledger.unknown_fact",
            f"fact {entry.seq} of the ledger cannot be read by this version of ccd ({error}):"
            " use the version that wrote it",
        ) from error
    return fact


class _Reading:
    """What is known up to a fact."""

    def __init__(self, begins_at: float) -> None:
        self._begins_at = begins_at
        self._people = People()
        self._rules = Rules()
        self._owners: dict[str, str] = {}
        self._declared: dict[str, Presence] = {}
        self._bound: dict[str, dict[str, float]] = {}
        """Device → its bindings → when each expires."""
        self._lost: set[str] = set()
        self._reached: dict[str, bool] = {}
        """By agent, as it was told last."""
        self._profiles: dict[str, facts.ProfileSet] = {}
        """On, in the order in which they were turned on."""
        self._begun = False

    def take(self, at: float, fact: AnyFact) -> None:
        """One fact, in order."""
        if at >= self._begins_at and not self._begun:
            self._begin()
        if isinstance(fact, facts.RulesLoaded):
            if self._people.rules is None or not self._begun:
                self._people.rules = fact.rules
            self._rules = fact.rules
            agents = fact.rules.agents.values()
            self._owners = {device: agent.name for agent in agents for device in agent.devices}
        elif isinstance(fact, facts.ProfileSet):
            self._take_profile(at, fact)
        elif isinstance(fact, facts.WrapUpEndAsked):
            self._people.ready_at.setdefault(fact.agent, []).append(at)
        elif (asked := self._presence(at, fact)) is not None:
            self._people.ready_at.setdefault(asked.agent, []).append(at)
            self._declared[asked.agent] = asked
            if self._begun:
                self._people.presences.append(asked)
        else:
            self._take_device(at, fact)

    def _presence(self, at: float, fact: AnyFact) -> Presence | None:
        """What an agent declared by this fact: said at the console, or dialled as a feature code."""
        if isinstance(fact, facts.AvailabilityAsked):
            return Presence(at, fact.agent, fact.availability, fact.reason)
        if not isinstance(fact, facts.AgentDialled) or fact.device not in self._owners:
            return None
        agent = self._owners[fact.device]
        codes, target = self._rules.features, fact.target
        if target in (codes.login, codes.ready):
            return Presence(at, agent, Availability.READY)
        if target == codes.logout:
            return Presence(at, agent, Availability.LOGGED_OUT)
        if not target.startswith(codes.pause):
            return None
        code = target[len(codes.pause) :]
        reason = pause_names(self._rules.pause_reasons).get(code, "" if code else "pause")
        return Presence(at, agent, Availability.PAUSED, reason) if reason else None

    def result(self) -> People:
        if not self._begun:
            self._begin()
        return self._people

    def _begin(self) -> None:
        """The day begins: what was declared and reached before holds."""
        self._begun = True
        at = self._begins_at
        lasting = [fact for fact in self._profiles.values() if fact.until is None or fact.until > at]
        self._people.orders += [Order(at, fact) for fact in lasting]
        self._people.reaches += [Reach(at, agent, on) for agent, on in self._reached.items()]
        self._people.presences += [
            Presence(at, each.agent, each.availability, each.reason)
            for each in self._declared.values()
            if each.availability is not Availability.LOGGED_OUT
        ]

    def _take_profile(self, at: float, fact: facts.ProfileSet) -> None:
        if self._begun:
            self._people.orders.append(Order(at, fact))
        elif fact.on:
            self._profiles[fact.profile] = fact
        else:
            self._profiles.pop(fact.profile, None)

    def _take_device(self, at: float, fact: AnyFact) -> None:
        if isinstance(fact, facts.DaemonStarted):
            self._lost.clear()
            for device, bindings in self._bound.items():
                self._bound[device] = {key: until for key, until in bindings.items() if until > at}
            for device in self._bound:
                self._tell(at, device)
            return
        if isinstance(fact, facts.DeviceBound):
            device = fact.binding.device
            self._bound.setdefault(device, {})[fact.binding.binding] = fact.binding.expires_at
            self._lost.discard(device)
        elif isinstance(fact, facts.DeviceUnbound):
            device = fact.device
            self._bound.get(device, {}).pop(fact.binding, None)
        elif isinstance(fact, facts.DeviceLost):
            device = fact.device
            self._lost.add(device)
        elif isinstance(fact, facts.DeviceReachable):
            device = fact.device
            self._lost.discard(device)
        else:
            return
        self._tell(at, device)

    def _tell(self, at: float, device: str) -> None:
        """Whether the owner of a device can be reached now, if that is news."""
        agent = self._owners.get(device, "")
        rule = self._rules.agents.get(agent)
        if rule is None:
            return
        on = any(self._bound.get(each) and each not in self._lost for each in rule.devices)
        if self._reached.get(agent) is not on:
            self._reached[agent] = on
            if self._begun:
                self._people.reaches.append(Reach(at, agent, on))
