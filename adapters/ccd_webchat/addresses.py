"""Whose connection it is: the visitor's address, also behind a web server; what counts as one address.

A web server before the chat says in `X-Forwarded-For` for whom it asks. Anybody can write that header, so it
counts only where a proxy wrote it that is named in `trusted_proxies`: the list is read from its end, and the
first address that is no such proxy is the visitor's.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
MOST_HOPS = 16
"""Entries of the header looked at, from its end."""
IPV6_PREFIX = 64
"""One customer of a provider has a /64 at least: its addresses are one."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """`ValueError` with the one that is neither an address nor a network."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f'"{text}" is neither an address nor a network ({error})') from error
    return tuple(found)


def client(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The key under which a visitor's address is counted; empty when it is not known.

    `peer`: the other end of the connection; `forwarded`: the values of all `X-Forwarded-For`, in their order.
    """
    address = _read(peer)
    if address is None:
        return ""
    hops = [hop for value in forwarded for hop in value.split(",")][-MOST_HOPS:]
    for hop in reversed(hops):
        if not _is_in(address, trusted):
            break
        before = _read(hop)
        if before is None:  # not even the proxy's word makes an address of it
            break
        address = before
    return _key(address)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address as peers and proxies write it: with brackets, a port or a zone, or IPv4 within IPv6."""
    plain = text.strip().strip('"')
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        address = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(address: IPv4Address | IPv6Address, among: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in among)


def _key(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
