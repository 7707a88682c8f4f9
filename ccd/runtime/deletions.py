"""Files of messages that were handled and of spoken answers, deleted after `keep_days`.

A file is entered when its interaction is over, so never while its message waits. What was asked to be deleted
and is not reported as done when the daemon stops is asked for again at the next start.
"""

import heapq
from typing import TYPE_CHECKING

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Outcome
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

DAY_S = 86_400.0
MOST_AT_ONCE = 20
"""Files asked to be deleted at a time; the next ones follow when these are done."""
MOST_KEPT = 100_000
"""Files that wait for their day; one more is left to whoever cleans up, unless it is to go at once."""
LEG = "voice:files"
"""No leg: it names the channel that keeps the recordings."""


def over(centre: "Centre", info: Interaction, keep_days: float | None) -> None:
    """An interaction is over: the file of its message is kept so much longer, if it was handled."""
    if info.message_path and info.outcome is Outcome.HANDLED and keep_days is not None:
        keep(centre, info.message_path, keep_days)


def keep(centre: "Centre", path: str, days: float) -> None:
    """Let a file be deleted after so many days; 0: at once."""
    if not days or len(centre.state.deletions) < MOST_KEPT:
        heapq.heappush(centre.state.deletions, (centre.now + days * DAY_S, path))


def next_due(centre: "Centre") -> float | None:
    """When a file is to be deleted; None while others are, or there is none."""
    state = centre.state
    return state.deletions[0][0] if state.deletions and not state.deleting else None


def delete_due(centre: "Centre") -> None:
    """Ask for those whose day has come."""
    state = centre.state
    if state.deleting:
        return
    while state.deletions and state.deletions[0][0] <= centre.now and len(state.deleting) < MOST_AT_ONCE:
        state.deleting.append(heapq.heappop(state.deletions)[1])
    _ask(centre)


def restarted(centre: "Centre") -> None:
    """What the former process may not have done is asked for again."""
    _ask(centre)


def _ask(centre: "Centre") -> None:
    if centre.state.deleting:
        centre.out.append(cmd.DeleteFiles(LEG, tuple(centre.state.deleting)))


def done(centre: "Centre", fact: facts.FilesDeleted) -> None:
    """The fact; what could not be deleted stands in it, and is not tried again."""
    centre.state.deleting = [path for path in centre.state.deleting if path not in fact.paths]
    for path in fact.paths:
        centre.state.spoken_answers.pop(path, None)
    delete_due(centre)
