"""The step that hands the conversation to a bot outside: `bot`."""

from ccd.model.step import Key, Step, set_ones


class Bot(Step, frozen=True, tag="bot"):
    """Hand the conversation to a bot: what is said (or written) goes there, and its answers come back.

    Its values become variables. Always set are `bot_end` (`ended`, `left`, `failed` or `too long`) and
    `bot_reason`, the bot's word for it.
    """

    bot: str
    """Name of a `[bots.NAME]`."""
    id: str = ""
    values: dict[str, str] = {}
    """Name → value told to the bot at first, with `{caller}`, `{dialled}`, `{var.NAME}` and what else
    conditions know."""
    prefix: str = ""
    """Put before the names of the values that the bot gives back."""
    default: dict[str, str] = {}
    """Variables that the bot does not give, also when it fails."""
    may: tuple[str, ...] = ()
    """Steps that the bot may name as the next; any other is a failure."""
    leave_keys: str = "0*"
    """Each of these keys (written alone in a chat, too) takes the customer away from the bot; empty: none."""
    on_end: str = ""
    """Step to go to when the bot ends it and names no step; empty: the next one."""
    on_leave: str = ""
    """Step to go to when the customer leaves the bot by a key; empty: the next one."""
    on_failure: str = ""
    """Step to go to when the bot cannot be reached, breaks off, sends rubbish, names a step that it may not,
    or talks for too long; empty: the next one."""
    timeout_s: float = 0.0
    """The bot must be there within this time; 0: as the bot's settings say."""
    longest_s: float = 0.0
    """The conversation ends after so long; 0: as the bot's settings say."""

    def targets(self) -> dict[Key, str]:
        named: dict[Key, str] = {("may", at): target for at, target in enumerate(self.may)}
        ways = set_ones(on_end=self.on_end, on_leave=self.on_leave, on_failure=self.on_failure)
        return named | ways

    def goes_on(self) -> bool:
        left = self.on_leave or not self.leave_keys
        return not (self.on_end and left and self.on_failure)
