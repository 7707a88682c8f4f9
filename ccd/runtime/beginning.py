"""How every interaction begins: a customer's, an agent's own call, a recall."""

from typing import TYPE_CHECKING

from ccd.bridging import callbacks as lines
from ccd.bridging.state import Talk
from ccd.history.state import IN, Detail
from ccd.runtime import customers, line_times
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def begin(
    centre: "Centre",
    info: Interaction,
    language: str,
    told: dict[str, Detail],
    *,
    dialled_by: str = "",
    direction: str = IN,
) -> Talk:
    """Enter an interaction into the centre, the engines and the history; it gets its id here.

    One without a leg is of a customer who holds no line, and is called at its `origin`. `told` goes with
    `arrived` in the timeline, and is its from then on; `dialled_by` and `direction` are those of an own call.
    """
    state = centre.state
    state.interactions_made += 1
    info.id = str(state.interactions_made)
    state.interactions[info.id] = info
    if info.leg:
        line_times.begin(centre, info)
        talk = centre.talks.arrive(
            info.id, info.leg, info.kind, origin=info.origin, display=info.display, language=language
        )
        told["leg"] = info.leg
    else:
        talk = lines.begin(centre.talks, info.id, info.origin, info.display, language)
    centre.history.open(
        info.id,
        centre.now,
        info.channel,
        info.channel_class,
        info.origin,
        info.target,
        told,
        dialled_by,
        direction,
    )
    if not dialled_by:
        customers.came(centre, info)
    return talk


def begin_flow(
    centre: "Centre", info: Interaction, flow: str, language: str, *, answered: bool = False
) -> None:
    """Let one that has arrived enter its first flow; one that goes on from another brings its variables
    and the language that its customer was spoken to in."""
    before = info.continues
    centre.push(
        centre.flows.start(
            info.id,
            flow,
            centre.now,
            language,
            kind=info.kind,
            answered=answered,
            values=dict(before.variables) if before is not None else None,
            opened=before is not None,
            spoken_to=before is not None,
        )
    )
