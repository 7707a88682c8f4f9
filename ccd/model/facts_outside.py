"""Facts about what is outside: services asked, links made, bots. Part of `ccd.model.facts`."""

from ccd.model.fact import Fact


class OutsideAnswered(Fact, frozen=True):
    """What came of a question to a service outside (`AskOutside`); once for each."""

    interaction: str
    ask: str
    """Id of the question."""
    ok: bool
    """The service answered; without `values`: it knows nothing of it."""
    values: dict[str, str] = {}
    note: str = ""
    """Why not, for people."""
    took_ms: float = 0.0


class LinkMade(Fact, frozen=True):
    """The token of a link is made (`AskOutside.link`), which is sent once that is known: never the token."""

    interaction: str
    ask: str
    """Id of the question that sends it."""
    digest: str
    """By `ccd.channels.links.digest`."""


class BotStarted(Fact, frozen=True):
    """A bot is there and has the conversation."""

    interaction: str
    conversation: str


class BotSaid(Fact, frozen=True):
    """A bot wrote to its customer."""

    interaction: str
    conversation: str
    text: str
    note: str = ""
    """Why a caller did not hear what came before; then there is no text."""


class BotEnded(Fact, frozen=True):
    """A conversation with a bot is over; once for each, unless it was taken away from the bot."""

    interaction: str
    conversation: str
    ok: bool
    """The bot ended it itself; else it could not be reached, broke off or misbehaved."""
    step: str = ""
    """Step of the flow that the bot names as the next."""
    values: dict[str, str] = {}
    note: str = ""
    """The bot's reason, or what went wrong, for people."""
