"""One leg's SDP session: our side of offer and answer (RFC 3264) and what was agreed on.

`version` grows with each changed description; the same offer sent to several devices is one version.
"""

import msgspec

from ccd.sip import sdp
from ccd.sip.crypto import Keys
from ccd.sip.description import SessionDescription, parse_sdp
from ccd.sip.network import check_network
from ccd.voice.engine import Stream
from ccd.voice.securing import no_keys, srtp_of


class Session:
    """Audio at one local address."""

    __slots__ = (
        "codecs",
        "held",
        "host",
        "id",
        "keys",
        "offering",
        "port",
        "said",
        "stream",
        "told_held",
        "version",
    )

    def __init__(self, host: str, port: int, codecs: tuple[str, ...], keys: Keys | None = None) -> None:
        self.host = host
        """Our address as the far end sees it."""
        self.port = port
        self.codecs = codecs
        """Ours, by preference."""
        self.keys = keys or no_keys()
        """Of its encryption, and whether there is to be one."""
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

    def offer(self) -> bytes:
        """Our offer, of a new version."""
        self.version += 1
        self.offering = self._describe(self.host, self.keys)
        return self.offering.to_bytes()

    def offer_to(self, host: str, keys: Keys) -> SessionDescription:
        """The offer that opens the session, for one of several who are asked: all of one version.

        `host`: our address as it is seen there; `keys`: for nobody else. `settle_on` says who it was.
        """
        self.version = self.version or 1
        return self._describe(host, keys)

    def settle_on(self, offered: SessionDescription, host: str, keys: Keys) -> None:
        """The answers to come are to this offer of `offer_to`."""
        self.offering, self.host, self.keys = offered, host, keys

    def _describe(self, host: str, keys: Keys | None) -> SessionDescription:
        codecs = self.codecs if self.stream is None else (self.stream.codec,)
        return sdp.offer(
            host,
            self.port,
            codecs,
            session_id=self.id,
            version=self.version,
            keys=keys,
            mux=self.stream is not None and self.stream.mux,
        )

    def offer_again(self) -> bytes:
        """Our side as it stands, as an offer that changes nothing: the version stays (RFC 4028 §7.4)."""
        if self.said is None:
            return self.offer()
        self.offering = self.said
        return self.said.to_bytes()

    def move_to(self, host: str) -> None:
        """From now on our side is at another address; nothing else of it changes (`offer_again` says it)."""
        former, self.host = self.host, host
        if self.said is not None and host != former:
            self.version += 1
            origin = msgspec.structs.replace(self.said.origin, host=host, version=self.version)
            self.said = msgspec.structs.replace(self.said, origin=origin, host=host)

    def answer(self, offer: bytes | SessionDescription) -> bytes:
        """Answer the far end's offer. Raises `SipParseError` or `Incompatible`; nothing is changed then."""
        offered = parse_sdp(offer) if isinstance(offer, bytes) else offer
        codecs = self.codecs if self.stream is None else _first(self.stream.codec, self.codecs)
        described, agreed = sdp.answer(
            offered,
            self.host,
            self.port,
            codecs,
            session_id=self.id,
            version=self.version + 1,
            keys=self.keys,
        )
        check_network(self.host, agreed.remote_host)
        self.version += 1
        self.offering = None
        self.said = described
        self.keys.settle(agreed.crypto, agreed.protocol)
        self._agree(agreed, offered.held)
        return described.to_bytes()

    def accept(self, body: bytes) -> None:
        """Take the far end's answer to our offer. Raises as `answer`."""
        if self.offering is None:
            return
        answered = parse_sdp(body)
        agreed = sdp.read_answer(self.offering, answered, self.keys.wanted)
        check_network(self.host, agreed.remote_host)
        self.keys.settle(agreed.crypto, agreed.protocol)
        self.said = self._said_in(self.offering)
        self._agree(agreed, answered.held)

    def _said_in(self, offering: SessionDescription) -> SessionDescription:
        """Our side from here on: of the keys in our offer the one that was taken, if any. A refresh would
        else offer them all again."""
        agreed = self.keys.agreed
        lines = (agreed.ours,) if agreed is not None else ()
        if all(media.terms.crypto == lines for media in offering.media):
            return offering
        if self.version == offering.origin.version:
            self.version += 1
        return self._describe(self.host, self.keys if lines else None)

    def _agree(self, agreed: sdp.Negotiated, held: bool) -> None:
        self.held = held
        theirs, ours = agreed.digits_payload, agreed.own_digits_payload
        self.stream = Stream(
            codec=agreed.codec,
            payload=agreed.payload,
            digits=theirs,
            digits_in=ours if theirs is not None and ours != theirs else None,
            host=agreed.remote_host,
            port=agreed.remote_port,
            send=agreed.send,
            receive=agreed.receive,
            srtp=srtp_of(agreed.crypto) if agreed.crypto is not None else None,
            rtcp_port=agreed.remote_rtcp_port or 0,
            mux=agreed.mux,
        )


def _first(codec: str, codecs: tuple[str, ...]) -> tuple[str, ...]:
    return (codec, *(other for other in codecs if other != codec))
