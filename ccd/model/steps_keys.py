"""The step `collect`: several keys become a variable, or a secret that no variable holds."""

from collections.abc import Iterator

from ccd.model.step import Key, Say, Step, set_ones


class Collect(Step, frozen=True, tag="collect"):
    """Ask for several keys, e.g. a telephone number, as a variable. `*` begins anew.

    With `secret` the keys (a card number, a PIN) never leave the memory of the voice channel: the variable
    holds only a reference, shown as `•••• (16)`.
    """

    variable: str
    id: str = ""
    prompt: str = ""
    say: Say = ""
    """Text said after the prompt: one text, or language → text."""
    first_wait_s: float = 0.0
    """Time for the first key after the prompt; 0: `wait_s`."""
    wait_s: float = 5.0
    """Time for each further key; then what there is counts."""
    total_s: float = 0.0
    """Time for all keys together after the prompt; 0: no limit."""
    least: int = 0
    """Fewer keys are bad input."""
    most: int = 16
    """So many keys end it by themselves."""
    terminator: str = "#"
    """Key that ends it; empty: none does, and `#` counts for nothing."""
    valid: str = ""
    """What the keys must be: `luhn`, `iban`, `date:DDMM`, `date:DDMMYYYY` (kept as `2026-12-24`), `phone`,
    `phone:FR` (kept with `+`), or `regex:…` for the whole of them."""
    secret: bool = False
    """The keys are for nobody's eyes: not in the ledger, logs, traces, recordings, nor for an agent."""
    no_input_limit: int = 1
    """After so many times without a key: `on_none`."""
    bad_input_limit: int = 3
    """After so many times bad input: `on_bad_input`."""
    no_input_prompt: str = ""
    no_input_say: Say = ""
    """Text said before asking again when no key came, after `no_input_prompt`."""
    bad_input_prompt: str = ""
    bad_input_say: Say = ""
    """Text said before asking again after bad input, after `bad_input_prompt`."""
    on_none: str = ""
    """Step to go to when no key came; empty: the next one."""
    on_bad_input: str = ""
    """Step to go to when what came was bad at the limit; empty: as `on_none`."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_none=self.on_none, on_bad_input=self.on_bad_input)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt
        yield ("no_input_prompt",), self.no_input_prompt
        yield ("bad_input_prompt",), self.bad_input_prompt
