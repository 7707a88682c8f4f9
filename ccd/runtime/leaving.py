"""How an interaction leaves the engines when it is over."""

from typing import TYPE_CHECKING

from ccd.bridging.state import Talk
from ccd.model.nouns import Cause
from ccd.routing.phases import Phase
from ccd.runtime import bots, own_calls
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_CONNECTED = Phase.CONNECTED  # a member taken out of its enum costs 600 machine instructions


def leave(centre: "Centre", info: Interaction, talk: Talk, cause: Cause, *, sent_away: bool = False) -> None:
    """The interaction is over: end its legs, then take it out of routing and of its flow.

    `sent_away`: by somebody of ours, so a queue's `redial_s` does not keep the place.

    In this order: the agent's phone hears the end of this call before it rings for the next one.
    """
    centre.talks.end(talk, cause, centre.now)
    centre.flows.stop(info.id, centre.now)
    if info.bot is not None:
        bots.let_go(centre, info)
    place = centre.router.state.places.get(info.id)
    if place is not None and place.phase is _CONNECTED:
        centre.push(centre.router.finish(info.id, centre.now))
    elif place is not None:
        customer = "" if sent_away else info.customer
        centre.push(centre.router.withdraw(info.id, centre.now, cause, customer))
    if info.helper:
        centre.free_helper(info)
    if info.dialled_by:
        own_calls.over(centre, info)
