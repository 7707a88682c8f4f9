"""How a customer who was found by a number proves to be the one: a PIN, a one-time code.

Both are keyed in secret; what is right is judged outside the flow, which learns only whether it was.
"""

from ccd.model.frozen import Frozen
from ccd.model.step import Say, own_prompt

WRONG_PROMPT = "identify/wrong"


class Pin(Frozen, frozen=True):
    """A PIN, checked by a service."""

    service: str
    """Service that knows PINs: asked with `customer` and the secret `pin`. The PIN is right when the
    answer has the field `customer` with this customer in it."""
    prompt: str = "identify/pin"
    """Asks for the PIN."""
    say: Say = ""
    """Text that asks for it: in place of the usual prompt, after one of your own."""
    wrong_prompt: str = WRONG_PROMPT
    """Said before asking again."""
    wrong_say: Say = ""
    """Text said before asking again: in place of the usual prompt, after one of your own."""
    least: int = 4
    """Fewer keys are bad input, of which the service hears nothing."""
    most: int = 8
    """So many keys end it by themselves; else `#` does."""
    attempts: int = 3
    """So often in one call, keys that are none among them."""

    def prompts(self) -> tuple[str, str]:
        """The prompt that asks, and the one before asking again, where texts leave them."""
        asks = own_prompt(self.prompt, self.say, "identify/pin")
        return asks, own_prompt(self.wrong_prompt, self.wrong_say, WRONG_PROMPT)


class OneTimeCode(Frozen, frozen=True):
    """A code of digits: made by the channel that asks services, sent by one, keyed by the customer."""

    service: str
    """Service that sends it: asked with `to`, the secret `code`, and `text`."""
    to: str
    """Whom it is sent to, e.g. `{var.mobile}` from the answer that said who the customer is."""
    text: str = "{code}"
    """What is sent as `text`; `{code}` is the code."""
    values: dict[str, str] = {}
    """Further values for the service."""
    digits: int = 6
    """Digits of the code."""
    valid_s: float = 300.0
    """It counts for so long after the service sent it."""
    prompt: str = "identify/code"
    """Asks for the code."""
    say: Say = ""
    """Text that asks for it: in place of the usual prompt, after one of your own."""
    wrong_prompt: str = WRONG_PROMPT
    """Said before asking again."""
    wrong_say: Say = ""
    """Text said before asking again: in place of the usual prompt, after one of your own."""
    attempts: int = 3
    """So often in one call a code may be wrong."""
    resends: int = 1
    """So often a new code is sent: to who keys nothing, or one key and `#`."""
    wait_s: float = 60.0
    """Time for the first key."""

    def prompts(self) -> tuple[str, str]:
        """The prompt that asks, and the one before asking again, where texts leave them."""
        asks = own_prompt(self.prompt, self.say, "identify/code")
        return asks, own_prompt(self.wrong_prompt, self.wrong_say, WRONG_PROMPT)
