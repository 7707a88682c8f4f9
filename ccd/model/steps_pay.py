"""The step `pay`: a card is keyed in secret, and a service takes the money."""

from collections.abc import Iterator

from ccd.model.step import Key, Step, set_ones


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
    expiry_prompt: str = "pay/expiry"
    """Asks for month and year of the expiry."""
    security_code_prompt: str = "pay/security-code"
    """Asks for the security code."""
    again_prompt: str = "pay/again"
    """Said before asking again for what was no good."""
    refused_prompt: str = "pay/refused"
    """Said before asking for another card."""
    prompt: str = "pay/wait"
    """Said while the service is asked."""
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
        yield ("card_prompt",), self.card_prompt
        yield ("expiry_prompt",), self.expiry_prompt
        yield ("security_code_prompt",), self.security_code_prompt
        yield ("again_prompt",), self.again_prompt
        yield ("refused_prompt",), self.refused_prompt
        yield ("prompt",), self.prompt
