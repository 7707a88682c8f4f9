"""Dialogs: what two ends keep between requests, and how it makes the next request (RFC 3261 §12)."""

from __future__ import annotations

from collections.abc import Iterable

from ccd.sip.address import Address, read_address
from ccd.sip.grammar import SipParseError, is_token
from ccd.sip.message import Request, Response
from ccd.sip.table import good_headers
from ccd.sip.uri import SipUri, Uri

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, their tag."""

_REFRESHES_TARGET = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY"})
_MAX_FORWARDS = ("Max-Forwards", "70")


class Dialog:
    """One dialog. Made by `as_server` or `as_client`; early until its 2xx.

    `local_uri` and `remote_uri` are what From and To say (worked out where we send a request: most who call
    hang up themselves); `remote_target` is where the other end wants its requests (its Contact); `route_set`
    are the proxies between, nearest first, as header values.
    """

    __slots__ = (
        "_ends",
        "_local",
        "_remote",
        "_written",
        "call_id",
        "confirmed",
        "contact",
        "local_seq",
        "local_tag",
        "remote_seq",
        "remote_tag",
        "remote_target",
        "route_set",
        "secure",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_target: Uri,
        route_set: list[str],
    ) -> None:
        self.call_id = call_id
        self._local = local
        self.local_tag = local_tag
        self._remote = remote
        self.remote_tag = remote_tag
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_seq = 0
        """CSeq of our last request; 0: none yet."""
        self.remote_seq = -1
        """CSeq of their last request; -1: none yet."""
        self.confirmed = False
        self.contact = ""
        """Our own Contact header value."""
        self.secure = False
        self._written: tuple[Uri, str] | None = None
        """The target that was written last, and how: an ACK and a BYE have the same."""
        self._ends: list[tuple[str, str]] | None = None
        """From, To and Call-ID of our requests, once there is one."""

    @classmethod
    def as_server(cls, request: Request, to_tag: str, contact: str = "") -> Dialog:
        """From a request that we answer with `to_tag` (§12.1.1); `SipParseError` without a Contact.

        `contact` is our own Contact header value, put into later requests that refresh the target.
        """
        dialog = cls(
            request.call_id,
            request.get("To") or "",
            to_tag,
            request.get("From") or "",
            request.from_tag or "",
            _target(request),
            request.get_all("Record-Route"),
        )
        dialog.remote_seq = request.cseq.number
        dialog.contact = contact
        dialog.secure = request.raw_uri.lower().startswith("sips:")
        return dialog

    @classmethod
    def as_client(cls, request: Request, response: Response) -> Dialog:
        """From a response with a To-tag to our request (§12.1.2); without a Contact the request URI serves.

        A 101-199 makes an early dialog, a 2xx a confirmed one.
        """
        contacts = response.contacts
        dialog = cls(
            request.call_id,
            request.get("From") or "",
            request.from_tag or "",
            response.get("To") or "",
            response.to_tag or "",
            contacts[0].uri if contacts else request.uri,
            response.get_all("Record-Route")[::-1],
        )
        dialog.local_seq = request.cseq.number
        dialog.confirmed = response.status >= 200
        dialog.contact = request.get("Contact") or ""
        dialog.secure = request.raw_uri.lower().startswith("sips:")
        return dialog

    @property
    def local_uri(self) -> str:
        """What From of our requests says, without its tag."""
        return without_tag(self._local)

    @property
    def remote_uri(self) -> str:
        """What To of our requests says, without its tag."""
        return without_tag(self._remote)

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> Uri:
        """Where requests are sent: the first route, else the target."""
        return read_address(self.route_set[0]).uri if self.route_set else self.remote_target

    def confirm(self, response: Response) -> None:
        """Our INVITE's 2xx arrived: route set and target are those of the 2xx (§13.2.2.4)."""
        if not self.confirmed:
            self.route_set = response.get_all("Record-Route")[::-1]
            self.confirmed = True
        self.update_target(response)

    def accepts(self, request: Request) -> bool:
        """Note the CSeq of their request; False when it is out of order: answer 500 (§12.2.2)."""
        if request.method in ("ACK", "CANCEL"):
            return True
        number = request.cseq.number
        if number <= self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def update_target(self, message: Request | Response) -> None:
        """Take over the Contact of a target refresh request of theirs, or of its 2xx (§12.2.1.2, §12.2.2)."""
        if message.cseq.method in _REFRESHES_TARGET and message.contacts:
            self.remote_target = message.contacts[0].uri

    def request(
        self,
        method: str,
        contact: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Request:
        """The next request within the dialog. Not for ACK and CANCEL.

        `contact` is a whole header value; None: our own where the method wants one.
        """
        self.local_seq += 1
        if contact is None and method in _REFRESHES_TARGET:
            contact = self.contact
        return self._build(method, self.local_seq, contact, headers, body, content_type)

    def ack(
        self,
        response: Response,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Request:
        """The ACK for a 2xx: CSeq number of the INVITE (§13.2.2.4); a body when the 2xx had the offer."""
        return self._build("ACK", response.cseq.number, None, headers, body, content_type)

    def _build(
        self,
        method: str,
        number: int,
        contact: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str,
    ) -> Request:
        uri, routes = self._route()
        ends = self._ends
        if ends is None:
            ends = self._ends = [
                ("From", _tagged(self._local, self.local_tag)),
                ("To", _tagged(self._remote, self.remote_tag)),
                ("Call-ID", self.call_id),
            ]
        table = [_MAX_FORWARDS, *ends, ("CSeq", f"{number} {method}")]
        if routes:
            table += [("Route", route) for route in routes]
        added = [("Contact", contact)] if contact else []
        added += headers
        if content_type:
            added.append(("Content-Type", content_type))
        if added:
            table += good_headers(added)
        return Request(method, uri, table, body)  # the rest was read from messages, or is ours

    def _route(self) -> tuple[str, list[str]]:
        """Request URI and Route values: loose routing, or strict if the first lacks `lr` (§12.2.1.1)."""
        written = self._written
        if written is None or written[0] is not self.remote_target:
            written = self._written = (self.remote_target, str(self.remote_target))
        target = written[1]
        if not self.route_set:
            return target, []
        first = read_address(self.route_set[0]).uri
        if not isinstance(first, SipUri) or "lr" in first.params:
            return target, self.route_set
        strict = SipUri(first.scheme, first.user, first.password, first.host, first.port, first.params)
        return str(strict), [*self.route_set[1:], f"<{target}>"]


def _tagged(text: str, tag: str) -> str:
    """The address in a From or To with this tag: mostly it has it already."""
    if text.endswith(f">;tag={tag}") and text[0] in '<"' and (tag.isalnum() or is_token(tag)):
        return text
    return f"{without_tag(text)};tag={tag}" if tag else without_tag(text)


def key_of(request: Request) -> DialogKey:
    """The key of the dialog in which a request or an ACK came to us."""
    return (request.call_id, request.to_tag or "", request.from_tag or "")


def without_tag(text: str) -> str:
    """The address in a From or To, without any parameter of the header; as it came where that is plain."""
    head, bracket, tail = text.rpartition(">")
    if (
        bracket
        and text[0] in '<"'
        and (not tail or (tail[:5] == ";tag=" and (tail[5:].isalnum() or is_token(tail, 5))))
    ):
        return head + ">"
    address = Address.parse(text)
    return str(Address(address.display, address.uri))


def _target(request: Request) -> Uri:
    contacts = request.contacts
    if not contacts:
        raise SipParseError("Contact is missing")
    return contacts[0].uri
