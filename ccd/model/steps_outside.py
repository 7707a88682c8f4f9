"""Steps that ask outside: `lookup`, `hook`, `identify` and `send`."""

from collections.abc import Iterator
from typing import ClassVar

from ccd.model.links import LinkRule
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.step import Key, Say, Step, set_ones


class Lookup(Step, frozen=True, tag="lookup"):
    """Ask a service; the fields of its answer become variables."""

    service: str
    id: str = ""
    values: dict[str, str] = {}
    """Name → value sent, with `{caller}`, `{dialled}`, `{var.NAME}` and what else conditions know."""
    secrets: dict[str, str] = {}
    """Name → variable that holds the reference of a secret: sent, never logged."""
    prefix: str = ""
    """Put before the names of the fields."""
    default: dict[str, str] = {}
    """Variables that the answer does not give, also when there is none."""
    on_found: str = ""
    """Step to go to when the answer has any field; empty: the next one."""
    on_missing: str = ""
    """Step to go to when the service knows nothing of it; empty: the next one."""
    on_failure: str = ""
    """Step to go to when there is no answer in time, or rubbish; empty: the next one."""
    timeout_s: float = 0.0
    """The answer is waited for so long; 0: as long as the service says."""
    prompt: str = ""
    """Said meanwhile."""
    say: Say = ""
    """Text said meanwhile, after the prompt: one text, or language → text."""
    music: str = ""
    """Played meanwhile, after the prompt."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_found=self.on_found, on_missing=self.on_missing, on_failure=self.on_failure)

    def goes_on(self) -> bool:
        return not (self.on_found and self.on_missing and self.on_failure)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt


class Hook(Step, frozen=True, tag="hook"):
    """Ask a service which step comes next: field `step` of its answer; its other fields become variables."""

    service: str
    may: tuple[str, ...]
    """Steps that it may name; any other is a failure."""
    id: str = ""
    values: dict[str, str] = {}
    """Name → value sent, with `{caller}`, `{dialled}`, `{var.NAME}` and what else conditions know."""
    secrets: dict[str, str] = {}
    """Name → variable that holds the reference of a secret: sent, never logged."""
    prefix: str = ""
    """Put before the names of the other fields."""
    default: dict[str, str] = {}
    """Variables that the answer does not give, also when there is none."""
    on_failure: str = ""
    """Step to go to when there is no answer in time, rubbish, or no step that it may name; empty: the next
    one."""
    timeout_s: float = 0.0
    """The answer is waited for so long; 0: as long as the service says."""
    prompt: str = ""
    """Said meanwhile."""
    say: Say = ""
    """Text said meanwhile, after the prompt: one text, or language → text."""
    music: str = ""
    """Played meanwhile, after the prompt."""

    def targets(self) -> dict[Key, str]:
        named: dict[Key, str] = {("may", at): target for at, target in enumerate(self.may)}
        return named | set_ones(on_failure=self.on_failure)

    def goes_on(self) -> bool:
        return not self.on_failure

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt


class Identify(Step, frozen=True, tag="identify"):
    """Find out who the customer is: by the number that calls, else by a customer number that is keyed.

    Sets variables: `customer` and `customer_name` (fields of these names in the answer), and `identified`:
    `caller` or `number`, empty while nobody knows; after proofs `pin`, `code` or `pin+code`. Other fields
    become variables too.
    """

    id: str = ""
    caller_service: str = ""
    """Service that knows callers: asked with `caller`, the number that calls. Empty, or the number is
    withheld: the customer number is asked for at once."""
    number_service: str = ""
    """Service that knows customer numbers: asked with `number`, what was keyed. Empty: none is asked for."""
    values: dict[str, str] = {}
    """Further values for both services."""
    prefix: str = ""
    """Put before the names of the other fields."""
    prompt: str = ""
    """Asks for the customer number; `#` ends it, `*` begins anew."""
    say: Say = ""
    """Text said after the prompt: one text, or language → text."""
    retry_prompt: str = ""
    """Said before asking again; empty: `prompt` alone."""
    retry_say: Say = ""
    """Text said before asking again, after `retry_prompt`."""
    attempts: int = 3
    """So often a customer number may be keyed."""
    wait_s: float = 5.0
    """Time for each key; then what there is counts."""
    most: int = 16
    """So many keys end it by themselves."""
    valid: str = ""
    """What a customer number must be, as in `collect`: `luhn`, `regex:[0-9]{8}`…; no service is asked about
    another one, and it counts as an attempt."""
    on_known: str = ""
    """Step to go to when the customer is known; empty: the next one."""
    on_unknown: str = ""
    """Step to go to when not; empty: the next one."""
    timeout_s: float = 0.0
    """An answer is waited for so long; 0: as long as the service says."""
    music: str = ""
    """Played while a service is asked."""
    pin: Pin | None = None
    """Who is found must key a PIN."""
    one_time_code: OneTimeCode | None = None
    """Who is found must key a code that is sent, after the PIN if there is one too."""
    on_refused: str = ""
    """Step to go to when that fails; empty: as `on_unknown`. Nobody is known then."""
    lock_after: int = 5
    """After so many wrong PINs and codes for one customer, or from one number, in whatever calls: locked."""
    locked_s: float = 1800.0
    """Nothing is asked of who is locked for so long after the last wrong one."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_known=self.on_known, on_unknown=self.on_unknown, on_refused=self.on_refused)

    def goes_on(self) -> bool:
        return not (self.on_known and self.on_unknown)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt
        yield ("retry_prompt",), self.retry_prompt
        for key, proof in (("pin", self.pin), ("one_time_code", self.one_time_code)):
            if proof is not None:
                asks, wrong = proof.prompts()
                yield (key, "prompt"), asks
                yield (key, "wrong_prompt"), wrong

    def texts(self) -> Iterator[tuple[Key, Say]]:
        yield from super().texts()
        for key, proof in (("pin", self.pin), ("one_time_code", self.one_time_code)):
            for name in ("say", "wrong_say") if proof is not None else ():
                if say := getattr(proof, name):
                    yield (key, name), say


class Send(Step, frozen=True, tag="send"):
    """Send something through a service (a text message, a mail, a link). What came of it stands in the
    timeline; the flow waits for that only if it says what to do on failure."""

    service: str
    id: str = ""
    values: dict[str, str] = {}
    """Name → value sent, with `{caller}`, `{dialled}`, `{var.NAME}` and what else conditions know."""
    most: int = 3
    """Once so much was sent in this conversation, by any step, nothing more is: that is a failure."""
    on_failure: str = ""
    """Step to go to when it could not be sent; empty: the flow goes on at once, without waiting."""
    timeout_s: float = 0.0
    """The outcome is waited for so long; 0: as long as the service says."""
    link: LinkRule | None = None
    """A link by which the customer goes on elsewhere; `{link}` in a value stands for it."""

    instant: ClassVar[bool] = True

    def targets(self) -> dict[Key, str]:
        return set_ones(on_failure=self.on_failure)


ASKING_STEPS = (Lookup, Hook, Identify, Send)
"""All steps of this file."""
