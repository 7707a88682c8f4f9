"""What every step of a flow says of itself.

A step says which steps it may go to (`targets`), whether the next one may follow (`goes_on`), how the flow
may be left at it (`leaves`), what it plays (`says`) and whether it is over at once (`instant`): the
interpreter, the checks and the picture of a flow all read it here. What a step does stands in `ccd.ivr`.
"""

from collections.abc import Iterator
from typing import ClassVar

from ccd.model.frozen import Frozen

Key = tuple[str | int, ...]
"""Where something stands within a step: `("choices", "1")`."""
Say = str | dict[str, str]
"""A text to be said, in the flow's language, or language → text; `ccd.model.saying` reads it."""


HANG_UP = "hang up"
SAY_KEYS = (
    "say",
    "no_input_say",
    "bad_input_say",
    "retry_say",
    "card_say",
    "expiry_say",
    "security_code_say",
    "again_say",
    "refused_say",
)
"""Keys of steps that hold a text for the customer."""


class Step(Frozen, frozen=True):
    """Base of all steps."""

    instant: ClassVar[bool] = False
    """Whether it waits for nothing and looks at nothing: a loop of such steps alone never ends."""

    def targets(self) -> dict[Key, str]:
        """Steps that this one names: where, and the id."""
        return {}

    def goes_on(self) -> bool:
        """Whether the next step may follow."""
        return True

    def leaves(self) -> dict[str, str]:
        """Ways out of the flow, in words: why → where to (`hang up`; empty: the step itself says)."""
        return {} if self.goes_on() or self.targets() else {"": ""}

    def says(self) -> Iterator[tuple[Key, str]]:
        """Prompts that it may play: where, and the name."""
        return iter(())

    def texts(self) -> Iterator[tuple[Key, Say]]:
        """Texts of its own that it may say: where, and the text."""
        for key in SAY_KEYS:
            say = getattr(self, key, "")
            if say:
                yield (key,), say

    def speaks(self, language: str) -> Iterator[str]:
        """Languages that the flow may be in after it."""
        yield language


def own_prompt(prompt: str, say: Say, usual: str) -> str:
    """The prompt that is played beside a text: the usual one, which ships, gives way to it."""
    return "" if say and prompt == usual else prompt


def queues_among(queue: str, among: tuple[str, ...]) -> tuple[str, ...]:
    """The queues that a step may lead to: the one that it names, or those of which one is computed."""
    return among or ((queue,) if queue else ())


def set_ones(**targets: str) -> dict[Key, str]:
    """Those of the keys that name a step."""
    return {(key,): target for key, target in targets.items() if target}
