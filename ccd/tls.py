"""TLS (for SIP: RFC 3261 §26.2, RFC 5922): what we show to phones, and what a carrier must show to us.

A carrier's certificate is always verified, against the name by which it was configured: there is no key
that turns this off. Phones show none; they prove who they are by digest, inside the encrypted connection.
"""

import ssl
from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec

from ccd.errors import Misconfigured

TO_RENEW_S = 30 * 86400.0
"""From so long before its end on a certificate is to be renewed: `ccd check` warns and an alarm stands."""


class Shown(msgspec.Struct, frozen=True):
    """A certificate of ours, as our peers see it."""

    names: tuple[str, ...]
    """What it is good for: DNS names and addresses of its subjectAltName."""
    ends_at: float
    """Seconds since the epoch."""

    @property
    def ends(self) -> str:
        """The last day, in UTC."""
        return day(self.ends_at)


def day(at: float) -> str:
    """An instant's day in UTC, as in certificates."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a listener speaks TLS with. Raises `Misconfigured` when the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load(context, certificate, key)
    return context


def client_context(ca: str = "") -> ssl.SSLContext:
    """What we connect with: `ca` (PEM) signs the carrier's certificate, else one of the system's authorities.

    Raises `Misconfigured` when the file cannot be used.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("tls-authority", f"{ca} cannot be used as an authority: {said(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def authority_ends(ca: str) -> float:
    """When the last of the authorities in a file (PEM) ends, in epoch seconds: of many one may have ended.

    Infinite when what is in it is trusted without being an authority. Raises `Misconfigured` when it cannot
    be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("tls-authority", f"{ca} cannot be used as an authority: {said(error)}") from error
    ends = [float(ssl.cert_time_to_seconds(str(each["notAfter"]))) for each in context.get_ca_certs()]
    return max(ends, default=inf)


def load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Give a context a certificate, or a renewed one: handshakes from now on use it."""
    try:
        context.load_cert_chain(certificate, key or None, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            "tls-certificate", f"{certificate} with {key or 'its key'} cannot be used: {said(error)}"
        ) from error


def _no_password() -> bytes:
    """OpenSSL would ask the terminal for the password of an encrypted key, and wait for ever."""
    return b""


def inspect(certificate: str, key: str) -> Shown:
    """Shake hands with ourselves: the files fit together, and this is what a peer gets to see.

    Raises `Misconfigured`, for a certificate that has ended or is not yet valid too.
    """
    server = server_context(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever signed it: the peer has to judge that
    try:
        client.load_verify_locations(cafile=certificate)
        found = _shake_hands(client, server)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("tls-certificate", f"{certificate} cannot be used: {said(error)}") from error
    names = tuple(value for _kind, value in found.get("subjectAltName", ()))
    return Shown(names, float(ssl.cert_time_to_seconds(found["notAfter"])))


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, Any]:
    """The server's certificate as the client gets it, over two buffers and no network."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up)
    theirs = server.wrap_bio(up, down, server_side=True)
    done = False
    for _ in range(8):
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done = done or side is ours
            except ssl.SSLWantReadError:
                pass
    found = ours.getpeercert() if done else None
    if not found:
        raise ssl.SSLError("no handshake came about")
    return dict(found)


def said(error: Exception) -> str:
    """The reason in OpenSSL's or the system's words, without its codes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
