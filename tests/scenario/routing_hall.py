"""A router with its rules and a clock, for the routing scenarios: what happens in a centre, as words."""

from typing import TypeVar

from ccd.model.nouns import Availability, ChannelClass, LegKind
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.model.trace import Trace, Why
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.strategies import Strategy

T = TypeVar("T")
NOON = 1_800_000_000.0
TICK = 0.001


class Hall:
    """A router, its rules and a clock; methods read like what happens in a centre."""

    def __init__(self, agents: str = "ann bob", ready: str | None = None, **queue: object) -> None:
        names = tuple(agents.split())
        self.now = NOON
        self.rules = Rules(
            agents={name: AgentRule(name=name) for name in names},
            queues={"sales": QueueRule(name="sales", agents=names, **queue)},  # type: ignore[arg-type]
        )
        self.router = Router(self.rules)
        for name in names if ready is None else ready.split():
            self.router.set_reachable(name, True, self.now)
            self.ready(name)
            self.now += 1

    def ready(self, agent: str) -> list[d.Decision]:
        return self.router.set_availability(agent, Availability.READY, "", "phone", self.now)

    def pause(self, agent: str, reason: str = "lunch") -> list[d.Decision]:
        return self.router.set_availability(agent, Availability.PAUSED, reason, "phone", self.now)

    def logout(self, agent: str) -> list[d.Decision]:
        return self.router.set_availability(agent, Availability.LOGGED_OUT, "", "phone", self.now)

    def later(self, agent: str, reason: str = "") -> list[d.Decision]:
        """A pause for this reason, or without one a logout, when the work at hand is done."""
        what = Availability.PAUSED if reason else Availability.LOGGED_OUT
        return self.router.set_availability(agent, what, reason, "phone", self.now, when_done=True)

    def call(self, name: str, queue: str = "sales", **how: object) -> list[d.Decision]:
        return self.router.enqueue(
            name,
            queue,
            self.now,
            channel_class=ChannelClass.VOICE,
            kind=LegKind.AUDIO,
            **how,  # type: ignore[arg-type]
        )

    def chat(self, name: str, queue: str = "sales", **how: object) -> list[d.Decision]:
        return self.write(name, queue, ChannelClass.LIVE_TEXT, **how)

    def mail(self, name: str, queue: str = "sales", **how: object) -> list[d.Decision]:
        return self.write(name, queue, ChannelClass.DEFERRED_TEXT, **how)

    def write(self, name: str, queue: str, channel_class: ChannelClass, **how: object) -> list[d.Decision]:
        return self.router.enqueue(
            name,
            queue,
            self.now,
            channel_class=channel_class,
            kind=LegKind.TEXT,
            **how,  # type: ignore[arg-type]
        )

    def agents_of(self, *names: str) -> list[str]:
        """Whom each of these is offered to or in conversation with; "-" for nobody."""
        return [self.router.agent_of(name) or "-" for name in names]

    def talk(self, name: str) -> None:
        """The agent offered answers and is bridged."""
        assert self.router.answered(self.router.offer_of(name), self.now) == []
        only(self.router.bridged(name, self.now), d.Handled)

    def at(self, now: float) -> list[d.Decision]:
        """All that is due up to `now`."""
        self.now = now
        return self.router.expire(now)


class Floor(Hall):
    """A hall of several queues, with rules for each agent; all are ready, in the order named."""

    def __init__(
        self,
        agents: dict[str, dict[str, object]],
        strategies: dict[str, Strategy] | None = None,
        **queues: dict[str, object],
    ) -> None:
        self.now = NOON
        self.rules = Rules(
            agents={name: AgentRule(name=name, **rule) for name, rule in agents.items()},  # type: ignore[arg-type]
            queues={name: QueueRule(name=name, **rule) for name, rule in queues.items()},  # type: ignore[arg-type]
        )
        self.router = Router(self.rules, None, strategies)
        for name in agents:
            self.router.set_reachable(name, True, self.now)
            self.ready(name)
            self.now += 1


def every(out: list[d.Decision], kind: type[T]) -> list[T]:
    return [one for one in out if isinstance(one, kind)]


def only(out: list[d.Decision], kind: type[T]) -> T:
    found = every(out, kind)
    assert len(found) == 1, out
    return found[0]


def traced(out: list[d.Decision]) -> Trace:
    return every(out, d.Traced)[-1].trace


def whys(trace: Trace) -> dict[str, Why]:
    return {passed.agent: passed.why for passed in trace.passed}
