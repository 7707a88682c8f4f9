"""The step `pay`: a card is keyed in secret, and a service takes the money."""

from collections.abc import Iterator

from ccd.model.step import Key, Say, Step, own_prompt, set_ones

USUAL = {
    "card": "pay/card",
    "expiry": "pay/expiry",
    "security_code": "pay/security-code",
    "again": "pay/again",
    "refused": "pay/refused",
    "wait": "pay/wait",
}
"""Prompts that ship, by what they are for."""


class Pay(Step, frozen=True, tag="pay"):
    """Take a payment by card: number, expiry and security code are keyed in secret and go to a service.

    Sets variables, with `prefix` before them: `result` (`paid`, `refused`, `unknown` when the service gave no
    usable answer, `none` when it was not asked), and from the answer `reference`, `last4` and `reason`.
    """

    service: str
    """Service that takes the money: asked with `amount`, `currency`, `request`, and the secrets
    `card_number`, `expiry` (MMYY) and `security_code`. Its answer says `paid`: true or false."""
    amount: str
    """How much, with a point: `12.50`, or `{var.amount}`."""
    currency: str
    """ISO 4217: `EUR`, or `{var.currency}`."""
    id: str = ""
    values: dict[str, str] = {}
    """Further values for the service."""
    prefix: str = "payment_"
    """Put before the names of the variables."""
    attempts: int = 2
    """So many cards may be refused; then `on_refused`."""
    input_limit: int = 3
    """So often no key or bad input for one of the three; then `on_given_up`."""
    first_wait_s: float = 10.0
    """Time for the first key after each prompt."""
    wait_s: float = 5.0
    """Time for each further key."""
    total_s: float = 90.0
    """Time for all keys of one of the three."""
    timeout_s: float = 0.0
    """The answer is waited for so long; 0: as long as the service says."""
    card_prompt: str = "pay/card"
    """Asks for the number of the card."""
    card_say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    expiry_prompt: str = "pay/expiry"
    """Asks for month and year of the expiry."""
    expiry_say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    security_code_prompt: str = "pay/security-code"
    """Asks for the security code."""
    security_code_say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    again_prompt: str = "pay/again"
    """Said before asking again for what was no good."""
    again_say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    refused_prompt: str = "pay/refused"
    """Said before asking for another card."""
    refused_say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    prompt: str = "pay/wait"
    """Said while the service is asked."""
    say: Say = ""
    """Text said for it: in place of the usual prompt, after one of your own."""
    recall_queue: str = ""
    """Queue in which a customer who hung up while the service was asked gets a recall, unless the card was
    refused; empty: none does. It is in `ccctl payments list` in either case."""
    on_paid: str = ""
    """Step to go to when it is paid; empty: the next one."""
    on_refused: str = ""
    """Step to go to when no card was taken; empty: as `on_failure`."""
    on_given_up: str = ""
    """Step to go to when the keys did not come, or were no good; empty: as `on_failure`."""
    on_failure: str = ""
    """Step to go to when the service gave no usable answer, or could not be asked; empty: the next one."""

    def targets(self) -> dict[Key, str]:
        return set_ones(
            on_paid=self.on_paid,
            on_refused=self.on_refused,
            on_given_up=self.on_given_up,
            on_failure=self.on_failure,
        )

    def goes_on(self) -> bool:
        return not (self.on_paid and self.on_failure)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("card_prompt",), self.prompt_of("card")
        yield ("expiry_prompt",), self.prompt_of("expiry")
        yield ("security_code_prompt",), self.prompt_of("security_code")
        yield ("again_prompt",), self.prompt_of("again")
        yield ("refused_prompt",), self.prompt_of("refused")
        yield ("prompt",), own_prompt(self.prompt, self.say, USUAL["wait"])

    def prompt_of(self, what: str) -> str:
        """The prompt of that name before `_prompt`, where a text leaves it."""
        return own_prompt(getattr(self, f"{what}_prompt"), getattr(self, f"{what}_say"), USUAL[what])
