"""What the centre remembers of its customers' contacts: when they came, and how they ended.

See `ccd.history.customers`; a customer goes by the names of `Interaction.known_as`, withheld numbers by none.
"""

from typing import TYPE_CHECKING

from ccd.history.state import Record
from ccd.model import facts
from ccd.model.numbers import to_e164
from ccd.runtime.state import IDENTITY, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def came(centre: "Centre", info: Interaction) -> None:
    """A customer's interaction began, or its customer was identified. A recall is no contact: nobody asked
    for it."""
    if info.callback is not None and info.callback.recall_of:
        return
    days = centre.state.rules.history_days
    centre.history.customers.came(info.known_as, info.arrived_at, centre.now, days)


def ended(centre: "Centre", info: Interaction, record: Record) -> None:
    """An interaction is over; an agent's own call is no contact of a customer."""
    if record.dialled_by:
        return
    agent = record.agents[-1] if record.agents else ""
    customers = centre.history.customers
    customers.ended(info.known_as, info.arrived_at, record.queue, agent, record.outcome)


def forgotten(centre: "Centre", fact: facts.CustomerForgotten) -> None:
    """Nothing of the customer is remembered any more: contacts, who spoke with them, when a survey asked."""
    state = centre.state
    names = names_of(fact.customer, state.rules.country)
    centre.history.customers.forget(names)
    for name in names:
        state.spoken.pop(name, None)
        state.surveyed.pop(name, None)


def names_of(customer: str, country: str) -> tuple[str, ...]:
    """The names under which something may be remembered of one whom people call so."""
    number = to_e164(customer, country)
    return tuple(dict.fromkeys(name for name in (customer, number, f"{IDENTITY}{customer}") if name))
