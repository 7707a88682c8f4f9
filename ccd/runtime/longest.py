"""Calls that would stand for ever: longer than `longest_call_s`, or of two parties who are silent too long.

The time of a call is that of its customer's line (`ccd.runtime.line_times`). As all may last as long, the
next one due is the first that began.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Phase, Talk
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.runtime import line_times
from ccd.runtime.leaving import leave

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def next_due(centre: "Centre") -> float | None:
    """When the next call is too long; None: none will be."""
    limit_s = centre.state.rules.longest_call_s
    line_times.forget_ended(centre)
    return centre.lines[0][0] + limit_s if centre.lines and limit_s else None


def end_due(centre: "Centre") -> None:
    """End those that are too long."""
    while (due := next_due(centre)) is not None and due <= centre.now:
        since, name = centre.lines.popleft()
        info, talk = centre.state.interactions[name], centre.talks.get(name)
        info.line_since = 0.0
        if talk is not None and _on_the_line(talk):
            centre.history.note(name, centre.now, "call too long", lasted_s=round(centre.now - since))
            leave(centre, info, talk, Cause.TOO_LONG, sent_away=True)


def silent(centre: "Centre", fact: facts.MediaLost) -> None:
    """Neither party has sent any audio for too long, though both are there: nobody listens to anybody.

    One who holds is silent with good reason, and the other one hears music.
    """
    found = centre.talks.legs.get(fact.leg)
    if found is None:
        return
    talk = found[0]
    info = centre.state.interactions.get(talk.interaction)
    joined = talk.phase in {Phase.TALKING, Phase.OUTSIDE} and not talk.asking
    if info is None or not joined or any(party.held for _, party in talk.parties()):
        return
    centre.history.note(info.id, centre.now, "both silent", silent_s=round(fact.silent_s))
    leave(centre, info, talk, Cause.SILENT, sent_away=True)


def _on_the_line(talk: Talk) -> bool:
    return not (talk.customer_gone or talk.away) and talk.phase is not Phase.ENDING
