"""What the scenarios of `ring_all` say: a hall whose queue rings everybody, and who answers there."""

from ccd.model.nouns import OfferEnd
from ccd.routing import decisions as d
from tests.scenario.routing_hall import Hall, every

ALL = "ann bob cat"


def hall(agents: str = ALL, ready: str | None = None, **queue: object) -> Hall:
    return Hall(agents, ready, strategy="ring_all", **queue)


def rung(out: list[d.Decision]) -> list[str]:
    """At whose phones something begins to ring, in order."""
    return [offer.agent for offer in every(out, d.Offer)]


def ringing(one: Hall, name: str) -> set[str]:
    return set(one.router.offers_of(name))


def answer(one: Hall, name: str, agent: str) -> list[d.Decision]:
    return one.router.answered(one.router.offers_of(name)[agent], one.now)


def miss(one: Hall, name: str, agent: str, end: OfferEnd = OfferEnd.REJECTED) -> list[d.Decision]:
    return one.router.missed(one.router.offers_of(name)[agent], end, one.now)


def line(one: Hall, agent: str) -> tuple[float, int]:
    """Where an agent stands in the line for work, and when it was asked last."""
    state = one.router.state.agents[agent]
    return state.line_since, state.turn_seq
