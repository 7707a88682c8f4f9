"""The verbs about customers: what is remembered of one, and forgetting it."""

from collections.abc import Mapping
from typing import Any

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import facts
from ccd.model.entry import PAST
from ccd.runtime import customers, views
from ccd.runtime.asking import Args, Call, act, look
from ccd.runtime.centre import Centre
from ccd.runtime.loop import Runtime


class _Customer(Args, frozen=True):
    customer: str
    """A number, or what a step `identify` calls the customer."""


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> Mapping[str, Call]:
    """The part of the control server's table that is about customers."""
    console = CustomerConsole(runtime, centre, clock)
    return {
        "customer.show": look(console.show, _Customer),
        "customer.forget": act(console.forget, _Customer),
    }


class CustomerConsole:
    """The verbs over one daemon."""

    def __init__(self, runtime: Runtime, centre: Centre, clock: Clock) -> None:
        self._runtime = runtime
        self._centre = centre
        self._clock = clock

    def show(self, asked: _Customer) -> views.View:
        """What conditions would see of the customer now, and each contact. Raises `Refused` for one of whom
        nothing is remembered."""
        names, now = self._known_names(asked.customer), self._clock.now()
        past = self._centre.history.customers.past(names, now, now, self._centre.state.rules.history_days)
        gave_up = set(past.gave_up())
        return {
            "customer": asked.customer,
            "at": now,
            "names": names,
            "contacts": [{"at": at, "abandoned": at in gave_up} for at in past.came()],
            "history": {name: past.figure(name) for name in PAST},
        }

    async def forget(self, asked: _Customer, by: str) -> dict[str, Any]:
        """Forget the customer; answers the names under which something was remembered."""
        names = self._known_names(asked.customer)
        self._runtime.post(facts.CustomerForgotten(asked.customer, by))
        await self._runtime.stored()
        return {"customer": asked.customer, "names": names}

    def _known_names(self, customer: str) -> list[str]:
        state = self._centre.state
        memories = (self._centre.history.state.customers, state.spoken, state.surveyed)
        names = customers.names_of(customer, state.rules.country)
        found = [name for name in names if any(name in each for each in memories)]
        if not found:
            cure = "give the whole number, or what a step identify calls the customer"
            raise Refused("customer.unknown", f"nothing is remembered of {customer!r} — {cure}")
        return found
