"""Links by which a customer goes on with an interaction on another channel: in text messages, mails, surveys.

The token in a link is made outside of the engines, which know its digest only (`ccd.channels.links`).
"""

from typing import Final

import msgspec

from ccd.model.frozen import Frozen

LINK: Final = "link"
PLACE: Final = "{link}"
"""Where the address stands in a value that is sent."""
HOURS_24_S: Final = 86_400.0
REFUSED: Final = {
    "en": "This link is no longer valid. Write here to begin a new conversation.",
    "fr": "Ce lien n’est plus valable. Écrivez ici pour commencer une nouvelle conversation.",
    "es": "Este enlace ya no es válido. Escriba aquí para empezar una nueva conversación.",
    "de": "Dieser Link ist nicht mehr gültig. Schreiben Sie hier, um ein neues Gespräch zu beginnen.",
}


class LinkRule(Frozen, frozen=True):
    """A link that begins a conversation which goes on from this one; `{link}` in a value stands for it."""

    channel: str
    """The `[channels.NAME]` on which it is opened; its `public_url` is the address."""
    flow: str
    """Flow that the customer enters there."""
    keep: tuple[str, ...] = ()
    """Variables that the new conversation begins with; `customer` and `customer_name` always go along."""
    valid_s: float = HOURS_24_S
    """It may be opened for so long."""
    uses: int = 1
    """It may be opened so often."""
    url: str = ""
    """Address of the page; empty: `public_url` of the channel."""


class SurveyLink(Frozen, frozen=True):
    """A message with a link to the questions, sent when the interaction is over, whoever hung up."""

    service: str
    """Name of a `[services.NAME]` that sends it."""
    channel: str
    """The `[channels.NAME]` on which the questions are asked; its `public_url` is the address."""
    values: dict[str, str] = {}
    """Name → value sent, as in the step `send`; `{link}` stands for the link."""
    valid_s: float = 3 * HOURS_24_S
    """The link may be opened for so long."""
    uses: int = 1
    """It may be opened so often."""
    url: str = ""
    """Address of the page; empty: `public_url` of the channel."""
    timeout_s: float = 0.0
    """What came of it is waited for so long; 0: as long as the service says."""

    def link(self, flow: str) -> LinkRule:
        """The link to the questions of a flow."""
        return LinkRule(self.channel, flow, (), self.valid_s, self.uses, self.url)


class LinkTexts(Frozen, frozen=True):
    """[links]: what is said about links."""

    refused: str | dict[str, str] = msgspec.field(default_factory=REFUSED.copy)
    """Written to one whose link is too old, used up or unknown: one text, or language → text."""
