"""Options of a web chat channel: what stands under `[channels.NAME]` besides `adapter`."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from ccd.model.frozen import Frozen
from ccd_webchat.addresses import networks


def _is_page(url: str) -> bool:
    """Whether a link can be made of it: http or https, a host, nothing behind `#`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not any(char in url for char in ' #{}<>"@')
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


class WebchatSettings(Frozen, frozen=True):
    """[channels.NAME] with adapter = "webchat"."""

    host: str = "127.0.0.1"
    """Local address to listen on; put a web server with TLS before it for the open internet."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """Port to listen on; 0: any free one (tests)."""
    path: str = "/chat"
    """Path of the WebSocket."""
    page: bool = True
    """Serve the bare chat page at `/`."""
    target: str = "web:support"
    """Name that `[numbers]` maps to a flow."""
    flow: str = ""
    """Flow for all visitors; `target` is then only shown."""
    public_url: str = ""
    """Address of the page as customers reach it, for links in messages: `https://chat.example.com/`."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may open the chat (`https://www.example.com`, `*` for all); empty: only its own."""
    trusted_proxies: tuple[str, ...] = ()
    """Web servers before the chat, addresses or networks: their `X-Forwarded-For` says who the visitor is."""
    max_visitors: Annotated[int, Meta(ge=1)] = 500
    """Most visitors at a time, those included who may still come back."""
    max_message_bytes: Annotated[int, Meta(ge=16, le=1_000_000)] = 4000
    """Longest text, in bytes of UTF-8."""
    messages_per_min: Annotated[int, Meta(ge=1)] = 30
    """Most texts a minute from one visitor; more is refused, not dropped silently."""
    resume_s: Annotated[float, Meta(ge=0)] = 120.0
    """A visitor whose connection broke may come back for so long."""
    ping_s: Annotated[float, Meta(ge=1)] = 20.0
    """A ping this often; a connection that does not answer is closed."""

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or self.path == "/" or any(char in self.path for char in "{}?# "):
            raise ValueError(f'path is "{self.path}"; write "/" and a name, for example "/chat"')
        if self.public_url and not _is_page(self.public_url):
            raise ValueError(
                f'public_url: "{self.public_url}" is no address of a page; write e.g. '
                '"https://chat.example.com/", without a part after #'
            )
        if not self.target and not self.flow:
            raise ValueError("set target (a name that [numbers] maps to a flow) or flow")
        try:
            networks(self.trusted_proxies)
        except ValueError as error:
            raise ValueError(
                f'trusted_proxies: {error}; write for example "127.0.0.1" or "10.0.0.0/8"'
            ) from error
        for origin in self.allowed_origins:
            if origin != "*" and ("://" not in origin or origin.count("/") != 2):
                raise ValueError(
                    f'allowed_origins: "{origin}" is no origin; write scheme and host without a path, '
                    'for example "https://www.example.com"'
                )
