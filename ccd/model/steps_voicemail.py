"""The steps of flows about recordings: `voicemail`, and `record`, which governs what of a call is kept."""

from collections.abc import Iterator
from typing import ClassVar

from ccd.model.step import Key, Say, Step, own_prompt, queues_among, set_ones
from ccd.model.voicemail_rules import KEPT_PROMPT, LEAVE_PROMPT


class Voicemail(Step, frozen=True, tag="voicemail"):
    """Record a message, say goodbye and hang up: the message waits in a queue and an agent hears it.

    `#`, silence or `max_s` ends the message; who hangs up while speaking has left it too. The flow goes on
    only when there was none.
    """

    queue: str
    """Where the message waits: the name of a queue, or how it is computed, `"{var.team}"`."""
    id: str = ""
    among: tuple[str, ...] = ()
    """Queues that a computed one may be."""
    on_unknown: str = ""
    """Step to go to when what is computed is none of them; empty: the next one."""
    prompt: str = LEAVE_PROMPT
    """Prompt that asks for it; a key cuts it. Empty: only the beep."""
    say: Say = ""
    """Text that asks for it: in place of the usual prompt, after one of your own."""
    beep: bool = True
    """Whether a beep says when to speak."""
    max_s: float = 180.0
    """Longest message."""
    silence_s: float = 5.0
    """So long a silence ends it; 0: none does."""
    min_s: float = 2.0
    """With less of it spoken than this it is thrown away."""
    on_empty: str = ""
    """Step to go to when there was no message; empty: the next one."""
    on_full: str = ""
    """Step to go to when the queue has as many messages as it takes (`most`); empty: the next one."""
    goodbye: str = KEPT_PROMPT
    """Prompt before hanging up."""
    on_kept: str = ""
    """Step to go to when a message was left, with the customer still on the line: it is safe whatever is said
    or keyed from there on, and the end of the flow hangs up. Empty: `goodbye`."""

    def targets(self) -> dict[Key, str]:
        return set_ones(
            on_kept=self.on_kept, on_empty=self.on_empty, on_full=self.on_full, on_unknown=self.on_unknown
        )

    def goes_on(self) -> bool:
        return not (self.on_empty and self.on_full and (self.on_unknown or not self.among))

    def leaves(self) -> dict[str, str]:
        return {} if self.on_kept else {"a message was left": ""}

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.greeting()
        if not self.on_kept:
            yield ("goodbye",), self.goodbye

    def greeting(self) -> str:
        """The prompt that asks for it; the usual one gives way to a text."""
        return own_prompt(self.prompt, self.say, LEAVE_PROMPT)

    def queues(self) -> tuple[str, ...]:
        """Where the message may wait."""
        return queues_among(self.queue, self.among)


RECORD_ON, RECORD_OFF, RECORD_MASK, RECORD_UNMASK = "on", "off", "mask", "unmask"


class Record(Step, frozen=True, tag="record"):
    """Whether the conversations of this interaction are recorded from here on, whatever the queue says.

    The flow itself is never recorded.
    """

    switch: str
    """`on` and `off` go before the queue's `record`; `mask`: conversations begin with silence in place of
    what is said, until somebody unmasks; `unmask` ends that."""
    id: str = ""

    instant: ClassVar[bool] = True
