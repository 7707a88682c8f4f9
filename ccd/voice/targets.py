"""Where an outgoing call may go: each candidate knows its flow and how its INVITE looks."""

from collections.abc import Callable, Iterable

from ccd.model.commands import OfferCard
from ccd.sip.endpoint import Flow
from ccd.sip.message import Request, Response
from ccd.voice.admitting import MOST_HOPS
from ccd.voice.causes import user_answered_so

Authorise = Callable[[Request, Response], Request | None]
"""The request again with credentials for the challenge in the response; None: it cannot be answered."""

_FAIL_OVER = frozenset({402, 403, 408, 429, 430})
"""Answers below 500 that speak of the trunk (credit, permission, flow), not of the called party."""


def _never(_request: Request, _response: Response) -> Request | None:
    return None


class Candidate:
    """One place to send an INVITE to."""

    __slots__ = ("authorise", "device", "flow", "headers", "reliable", "timeout_s", "trunk", "uri")

    def __init__(
        self,
        uri: str,
        flow: Flow,
        headers: list[tuple[str, str]],
        *,
        device: str = "",
        trunk: str = "",
        timeout_s: float = 0.0,
        authorise: Authorise = _never,
        reliable: bool = False,
    ) -> None:
        self.uri = uri
        self.flow = flow
        self.headers = headers
        """From, To, Contact and what else the INVITE carries."""
        self.device = device
        self.trunk = trunk
        self.timeout_s = timeout_s
        """Nothing for so long, not even 100: the next candidate. 0: wait for the transaction's own end."""
        self.authorise = authorise
        self.reliable = reliable
        """The INVITE says that we acknowledge provisional responses (RFC 3262)."""

    def invite(
        self, call_id: str, body: bytes, hops: int = MOST_HOPS, more: Iterable[tuple[str, str]] = ()
    ) -> Request:
        """A new INVITE; `more`: headers that say what we can, `hops`: its Max-Forwards."""
        headers = [
            ("Max-Forwards", str(hops)),
            *self.headers,
            ("Call-ID", call_id),
            ("CSeq", "1 INVITE"),
            ("Content-Type", "application/sdp"),
            *more,
        ]
        return Request.create("INVITE", self.uri, headers, body)

    def may_fail_over(self, status: int, q850: int) -> bool:
        """Whether the next trunk is worth trying: not where the called party itself said no."""
        if not self.trunk or user_answered_so(q850):
            return False
        return status in _FAIL_OVER or 500 <= status < 600


def shown_name(card: OfferCard) -> str:
    """What the phone's display shows: queue, wait and caller; that it is a callback, or a voicemail.

    Of a colleague who asks about an interaction: who it is, and which."""
    wait = f"{card.waited_s // 60}:{card.waited_s % 60:02d}"
    who = card.caller_name or card.caller or "anonymous"
    kind = ["callback"] if card.callback else []
    if card.voicemail_s:
        kind = [f"voicemail {card.voicemail_s // 60}:{card.voicemail_s % 60:02d}"]
    about = [f"about {card.consults}"] if card.consults else []
    parts = [card.queue, *kind, wait, who, *about] if card.queue else [who, *about]
    return quotable(" · ".join(parts))[:80]


def quotable(text: str) -> str:
    """Words of a stranger, fit to stand in quotes in a header: one line, nothing that needs escaping."""
    shown = text
    if not text.isprintable():
        shown = "".join([char if char.isprintable() else " " for char in text])
    return shown.replace("\\", "").replace('"', "'").encode("utf-8", "replace").decode()


def shown_user(card: OfferCard, interaction: str) -> str:
    """User part of From: the caller's number, so that the phone's call list can dial back."""
    number = card.caller
    if number and not number.strip("+0123456789*#"):
        return number
    return f"call-{interaction}"
