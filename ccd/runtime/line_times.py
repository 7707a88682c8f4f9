"""Since when customers are on the line: from the call on, and anew when one who left it is called back."""

from collections import deque
from typing import TYPE_CHECKING

from ccd.model.nouns import LegKind
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_AUDIO = LegKind.AUDIO  # a member taken out of its enum costs 600 machine instructions

Lines = deque[tuple[float, str]]
"""When each line began, and its interaction; the oldest first."""


def lines_of(interactions: dict[str, Interaction]) -> Lines:
    """Those of a state that was loaded."""
    return deque(sorted((info.line_since, info.id) for info in interactions.values() if info.line_since))


def begin(centre: "Centre", info: Interaction) -> None:
    """A customer is on the line from now on."""
    if info.kind is _AUDIO:
        forget_ended(centre)
        info.line_since = centre.now
        centre.lines.append((centre.now, info.id))


def forget_ended(centre: "Centre") -> None:
    """Let the first of the lines be one that there still is."""
    lines, interactions = centre.lines, centre.state.interactions
    while lines:
        since, name = lines[0]
        info = interactions.get(name)
        if info is not None and info.line_since == since:
            return
        lines.popleft()
