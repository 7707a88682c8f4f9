"""How an interaction leaves the engines when it is over."""

from typing import TYPE_CHECKING

from ccd.bridging.state import Phase
from ccd.model.nouns import Cause
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def leave_engines(centre: "Centre", info: Interaction, phase: Phase, cause: Cause) -> None:
    """The interaction is over: take it out of routing and of its flow."""
    centre.flows.stop(info.id, centre.now)
    if phase in {Phase.WAITING, Phase.OFFERED, Phase.CONNECTING}:
        centre.push(centre.router.withdraw(info.id, centre.now, cause))
    elif phase in {Phase.TALKING, Phase.TRANSFERRING}:
        centre.push(centre.router.finish(info.id, centre.now))
    centre.free_helper(info)
