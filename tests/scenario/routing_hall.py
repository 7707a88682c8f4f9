"""A router with its rules and a clock, for the routing scenarios: what happens in a centre, as words."""

from typing import TypeVar

from ccd.model.nouns import Availability, ChannelClass, LegKind
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.model.trace import Trace, Why
from ccd.routing import decisions as d
from ccd.routing.router import Router

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

    def call(self, name: str, queue: str = "sales", **how: object) -> list[d.Decision]:
        return self.router.enqueue(
            name,
            queue,
            self.now,
            channel_class=ChannelClass.VOICE,
            kind=LegKind.AUDIO,
            **how,  # type: ignore[arg-type]
        )

    def chat(self, name: str) -> list[d.Decision]:
        return self.router.enqueue(
            name, "sales", self.now, channel_class=ChannelClass.LIVE_TEXT, kind=LegKind.TEXT
        )

    def talk(self, name: str) -> None:
        """The agent offered answers and is bridged."""
        assert self.router.answered(self.router.offer_of(name), self.now) == []
        only(self.router.bridged(name, self.now), d.Handled)

    def at(self, now: float) -> list[d.Decision]:
        """All that is due up to `now`."""
        self.now = now
        return self.router.expire(now)


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
