"""Links in what is sent: a token each, made here. The centre is told its digest, and the message leaves once
that is durable."""

import asyncio
from typing import Final

from ccd.channels import links
from ccd.channels.port import Post
from ccd.ids import Chance
from ccd.model.commands import AskOutside, LinkText
from ccd.model.facts import LinkMade
from ccd.model.links import PLACE
from ccd.outside.asker import Unanswered

LINK: Final = "link"


class Links:
    """Those whose digest is not known to be kept yet."""

    __slots__ = ("_chance", "_waiting")

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._waiting: dict[str, asyncio.Event] = {}

    async def make(self, command: AskOutside, post: Post | None) -> str:
        """The token of a question's link, once the centre keeps its digest. Raises `Unanswered`."""
        if command.link is None or not command.link.url or post is None:
            raise Unanswered("its link has no address: set public_url of the channel")
        token, known = links.made_token(self._chance), asyncio.Event()
        self._waiting[command.leg] = known
        post(LinkMade(command.interaction, command.leg.partition(":")[2], links.digest(token)))
        try:
            async with asyncio.timeout(command.timeout_s):
                await known.wait()
        except TimeoutError as error:
            raise Unanswered(f"its link was not kept within {command.timeout_s:g} s") from error
        finally:
            del self._waiting[command.leg]
        return token

    def kept(self, leg: str) -> None:
        """`SendLink` of a question; one that waits no longer is not sent."""
        if (known := self._waiting.get(leg)) is not None:
            known.set()


def with_link(link: LinkText, values: dict[str, str], token: str) -> dict[str, str]:
    """The values that have the link in them, with it."""
    address = links.address(link.url, token)
    return {name: values[name].replace(PLACE, address) for name in link.values if name in values}
