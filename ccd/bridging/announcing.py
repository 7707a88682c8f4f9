"""What waiting customers are told: a word of comfort, their place, and how long it will probably be."""

from typing import TYPE_CHECKING

from ccd.bridging.state import HEARS_MUSIC, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import LegKind, PromptPart

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


Comfort = tuple[tuple[PromptPart, ...], ...]


def announce(
    talks: "Talks", talk: Talk, position: int, wait_s: float | None = None, comfort: Comfort = ()
) -> None:
    """Tell the waiting customer its place (0: not) and wait (None: not); music goes on afterwards.

    Before it a caller hears one of `comfort`, in turn; one of which nothing is left is passed over.
    """
    if talk.away or talk.asking:
        return
    minutes = 0 if wait_s is None else round(wait_s / 60.0)
    if talk.customer.kind is LegKind.TEXT:
        if position or minutes:
            talks.commands.append(cmd.TellPosition(talk.customer.leg, position, minutes))
        return
    if talk.phase not in HEARS_MUSIC or talk.playing:
        return
    parts: tuple[PromptPart, ...] = ()
    if comfort:
        parts += comfort[talk.comforted % len(comfort)]
        talk.comforted += 1
    if position:
        parts += (PromptPart("queue/position"), PromptPart(number=position))
    if minutes:
        parts += (PromptPart("queue/wait"), PromptPart(number=minutes, unit="minute"))
    if not parts:
        return
    talk.playing = talks.play_id()
    talks.commands.append(cmd.PlayPrompt(talk.customer.leg, talk.playing, parts, talk.language))
