"""What the entry point `ccd.adapters: webchat` names. Light: the server is imported when one is built."""

from typing import Any

from ccd.channels.port import Channel
from ccd.clock import Clock
from ccd.errors import Misconfigured
from ccd.ids import Chance
from ccd_webchat.settings import WebchatSettings


class WebchatSpec:
    """The web chat adapter: visitors write from a page, over one WebSocket each."""

    name = "webchat"
    settings: type[Any] = WebchatSettings

    def build(self, name: str, options: Any, clock: Clock, chance: Chance) -> Channel:
        """One channel. `options`: a `WebchatSettings`, or None for its defaults.

        `Misconfigured` when aiohttp is not installed.
        """
        try:
            from ccd_webchat.server import WebchatChannel
        except ModuleNotFoundError as error:
            raise Misconfigured(
                "webchat.not_installed",
                f"channel {name}: the web chat needs the Python package {error.name}; "
                "install ccd with its extra: pip install 'ccd[webchat]'",
            ) from error
        settings = options if options is not None else WebchatSettings()
        return WebchatChannel(name, settings, clock, chance)


SPEC = WebchatSpec()
