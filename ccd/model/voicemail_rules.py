"""Rules of voicemail: how messages are taken for a queue, and how long one that is put off rests."""

from ccd.model.frozen import Frozen
from ccd.model.step import Say
from ccd.model.targets import Target

LEAVE_PROMPT, KEPT_PROMPT = "voicemail/leave", "voicemail/kept"
CHOOSE_PROMPT = "voicemail/choose"
"""Said to the agent after the message: which key does what."""


class VoicemailRule(Frozen, frozen=True):
    """How messages are taken for a queue where no flow of one's own does it, and what becomes of them."""

    key: str = ""
    """Key pressed while waiting that leads to leaving a message; empty: no key does."""
    prompt: str = LEAVE_PROMPT
    """Prompt that asks for the message."""
    say: Say = ""
    """Text that asks for it: in place of the usual prompt, after one of your own."""
    max_s: float = 180.0
    """Longest message."""
    silence_s: float = 5.0
    """So long a silence ends it; 0: none does."""
    min_s: float = 2.0
    """With less of it spoken than this it is thrown away."""
    most: int | None = None
    """While so many messages wait for the queue, or are being left, no further one is taken; not set: no
    limit."""
    on_full: Target = Target()
    """Where those go then whom the key or a target leads here; not set: whoever pressed the key stays in the
    line, for others the flow goes on."""
    keep_days: float | None = None
    """The file of a message is deleted so long after it was handled; not set: never."""
    later_s: float = 900.0
    """A message that an agent puts off (key 3) is offered again after so long."""
