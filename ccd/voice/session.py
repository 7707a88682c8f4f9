"""One leg's SDP session: our side of offer and answer (RFC 3264) and what was agreed on.

`version` grows with each changed description; the same offer sent to several devices is one version.
"""

from ccd.sip import sdp
from ccd.sip.description import SessionDescription, parse_sdp
from ccd.sip.network import check_network
from ccd.voice.engine import Stream


class Session:
    """Audio at one local address."""

    __slots__ = (
        "codecs",
        "held",
        "host",
        "id",
        "offering",
        "port",
        "said",
        "stream",
        "told_held",
        "version",
    )

    def __init__(self, host: str, port: int, codecs: tuple[str, ...]) -> None:
        self.host = host
        """Our address as the far end sees it."""
        self.port = port
        self.codecs = codecs
        """Ours, by preference."""
        self.id = port
        self.version = 0
        self.offering: SessionDescription | None = None
        """Our offer that is not answered yet."""
        self.said: SessionDescription | None = None
        """Our side as it was last agreed on."""
        self.stream: Stream | None = None
        self.held = False
        """The far end holds us."""
        self.told_held = False

    def offer(self, *, first: bool = False, host: str = "") -> bytes:
        """Our offer; `first`: the one that opens the session (asked again, it is the same).

        `host`: our address as who is asked sees it, where several are asked at once from several networks.
        """
        if not first or self.offering is None:
            self.version += 1
            self.offering = self._describe(self.host)
        offered = self.offering if host in {"", self.host} else self._describe(host)
        return offered.to_bytes()

    def _describe(self, host: str) -> SessionDescription:
        codecs = self.codecs if self.stream is None else (self.stream.codec,)
        return sdp.offer(host, self.port, codecs, session_id=self.id, version=self.version)

    def offer_again(self) -> bytes:
        """Our side as it stands, as an offer that changes nothing: the version stays (RFC 4028 §7.4)."""
        if self.said is None:
            return self.offer()
        self.offering = self.said
        return self.said.to_bytes()

    def answer(self, offer: bytes | SessionDescription) -> bytes:
        """Answer the far end's offer. Raises `SipParseError` or `Incompatible`; nothing is changed then."""
        offered = parse_sdp(offer) if isinstance(offer, bytes) else offer
        codecs = self.codecs if self.stream is None else _first(self.stream.codec, self.codecs)
        described, agreed = sdp.answer(
            offered, self.host, self.port, codecs, session_id=self.id, version=self.version + 1
        )
        check_network(self.host, agreed.remote_host)
        self.version += 1
        self.offering = None
        self.said = described
        self._agree(agreed, offered.held)
        return described.to_bytes()

    def accept(self, body: bytes) -> None:
        """Take the far end's answer to our offer. Raises as `answer`."""
        if self.offering is None:
            return
        answered = parse_sdp(body)
        agreed = sdp.read_answer(self.offering, answered)
        check_network(self.host, agreed.remote_host)
        self.said = self.offering
        self._agree(agreed, answered.held)

    def _agree(self, agreed: sdp.Negotiated, held: bool) -> None:
        self.held = held
        self.stream = Stream(
            codec=agreed.codec,
            payload=agreed.payload,
            digits=agreed.digits_payload,
            digits_in=_other_than(agreed.digits_payload, agreed.own_digits_payload),
            host=agreed.remote_host,
            port=agreed.remote_port,
            send=agreed.send,
            receive=agreed.receive,
        )


def _other_than(theirs: int | None, ours: int | None) -> int | None:
    """Our number for telephone-events, where both have one and they differ."""
    return ours if theirs is not None and ours != theirs else None


def _first(codec: str, codecs: tuple[str, ...]) -> tuple[str, ...]:
    return (codec, *(other for other in codecs if other != codec))
