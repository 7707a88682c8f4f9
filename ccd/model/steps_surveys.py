"""The step `survey`: one question to the customer, and what counts as an answer."""

from collections.abc import Iterator

from ccd.model.step import Key, Say, Step, set_ones

NPS, CSAT, CES, CHOICE, FREE = "nps", "csat", "ces", "choice", "free"
KINDS = (NPS, CSAT, CES, CHOICE, FREE)
SCALES = {NPS: (0, 10), CSAT: (1, 5), CES: (1, 7)}
"""Kind → lowest and highest score. Sources: `docs/kpi.md`."""
SKIP = "*"
"""Key (or word) that leaves the question without an answer."""


class Survey(Step, frozen=True, tag="survey"):
    """Ask one question and keep the answer in the record and the report. `*` skips it.

    The answer is also a variable of the interaction, under the question's name. Then the next step follows.
    """

    name: str
    """Name of the question: in records, in the report, and as a variable."""
    kind: str
    """`nps` (0 to 10), `csat` (1 to 5), `ces` (1 to 7), `choice` (one of `choices`) or `free` (words of
    one's own: written, or spoken after a tone and recorded)."""
    id: str = ""
    prompt: str = ""
    """Prompt that asks by telephone; empty: `say`, or else the one of the kind that ships."""
    say: Say = ""
    """Text that asks in writing, and by telephone where `prompt` is not set: one text, or language → text.
    Without it the question is left out in writing."""
    choices: dict[str, str] = {}
    """For `choice`: key → the answer in a word."""
    wait_s: float = 5.0
    """Time for a key after the prompt ended."""
    second_key_s: float = 1.5
    """Time for the `0` of `10` after a `1`."""
    text_wait_s: float = 120.0
    """Time for a written answer."""
    no_input_limit: int = 2
    """So often it is asked without a key before it is given up; in writing it is asked once."""
    spoken: bool = True
    """For `free`: it is asked by telephone, too, and the answer recorded; else it is left out there."""
    max_s: float = 60.0
    """For `free`: longest spoken answer."""
    silence_s: float = 3.0
    """For `free`: so long a silence ends a spoken answer; 0: none does."""
    min_s: float = 1.0
    """For `free`: with less of it spoken than this there is no answer, and its file is deleted."""
    bad_input_limit: int = 2
    """After so many answers that are none it is given up."""
    no_input_prompt: str = ""
    """Said before asking again when no key came."""
    no_input_say: Say = ""
    """Text said then, after `no_input_prompt`."""
    bad_input_prompt: str = ""
    """Said before asking again after a wrong key."""
    bad_input_say: Say = ""
    """Text said then, after `bad_input_prompt`."""
    on_none: str = ""
    """Step to go to when it was given up; empty: the next one."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_none=self.on_none)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.question()
        yield ("no_input_prompt",), self.no_input_prompt
        yield ("bad_input_prompt",), self.bad_input_prompt

    def question(self) -> str:
        """The prompt that asks; empty: only `say` does."""
        shipped = self.kind in SCALES and not self.say
        return self.prompt or (f"survey/{self.kind}" if shipped else "")

    def can_ask(self, *, in_writing: bool) -> bool:
        """Whether there is anything that asks, and the answer can be taken this way."""
        if in_writing:
            return bool(self.say)
        return (self.kind != FREE or self.spoken) and bool(self.question() or self.say)
