"""Checks of what touches the network and the file system: transports, trunks, media ports, the socket."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ccd.config.faults import Path, written
from ccd.config.numbers import is_country
from ccd.config.people import must_be_number
from ccd.config.times import time_zone
from ccd.config.values import Reader
from ccd.model.resolvers import resolver_of
from ccd.model.settings import Settings, TransportSettings, TrunkSettings, rtp_host

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_LEAST_PORTS = 20
_SOCKET_BYTES = 107
"""Longest path of a Unix socket on Linux (`sun_path` without its end)."""


def check_network(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    if not is_country(settings.daemon.country):
        _country(reader, ("daemon", "country"), settings.daemon.country)
    if settings.daemon.zone:
        time_zone(reader, ("daemon", "zone"), settings.daemon.zone)
    _control(reader, settings)
    _sip(reader, settings)
    _media(reader, settings)
    _listeners(reader, settings)
    sources: dict[str, str] = {}
    for trunk in settings.trunks.values():
        _trunk(reader, settings, trunk, sources)


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Whether it is an address or could be a host's name (letters, digits, hyphens, dots)."""
    if re.fullmatch(r"[0-9.]+", text) or ":" in text:
        return is_address(text)
    return _HOST.fullmatch(text) is not None


def _country(reader: Reader, path: Path, code: str) -> None:
    reader.fault(path, f'"{code}" is no country', 'write the two capital letters of ISO 3166, e.g. "FR"')


def _must_be_address(reader: Reader, path: Path, text: str) -> None:
    if text and not is_address(text):
        reader.fault(path, f'"{text}" is no IP address', "write an address of this machine, e.g. 192.0.2.10")


def _must_be_host(reader: Reader, path: Path, text: str) -> None:
    if not is_host(text):
        reader.fault(path, f'"{text}" is no host', "write a name or address without scheme, port or path")


def _control(reader: Reader, settings: Settings) -> None:
    mode = settings.control.mode
    path: Path = ("control", "mode")
    if int(mode, 8) & 0o007:
        reader.fault(path, f"{mode} lets everybody steer the centre", 'write "0660" and set control.group')
    socket = settings.control.socket or f"{settings.daemon.runtime_dir}/control.sock"
    if len(socket.encode()) > _SOCKET_BYTES:
        key: Path = ("control", "socket") if settings.control.socket else ("daemon", "runtime_dir")
        problem = f"the socket's path is too long: {len(socket.encode())} bytes, at most {_SOCKET_BYTES}"
        reader.fault(key, problem, "choose a shorter folder")


def _sip(reader: Reader, settings: Settings) -> None:
    sip = settings.sip
    _must_be_host(reader, ("sip", "domain"), sip.domain)
    if not sip.transports:
        reader.fault(("sip", "transports"), "there is none to listen on", "add a [[sip.transports]] table")
    if sip.min_expires_s > sip.max_expires_s:
        problem = f"{sip.min_expires_s} is more than max_expires_s, {sip.max_expires_s}"
        key = _set_one(reader, "sip", "min_expires_s", "max_expires_s")
        reader.fault(key, problem, "swap or change them")
    elif not sip.min_expires_s <= sip.default_expires_s <= sip.max_expires_s:
        bounds = f"min_expires_s {sip.min_expires_s} to max_expires_s {sip.max_expires_s}"
        key = _set_one(reader, "sip", "default_expires_s", "min_expires_s", "max_expires_s")
        reader.fault(key, f"default_expires_s {sip.default_expires_s} is out of {bounds}", "choose one in it")
    if 0 < sip.session_expires_s < sip.session_least_s:
        problem = f"{sip.session_expires_s} is less than session_least_s, {sip.session_least_s}"
        key = _set_one(reader, "sip", "session_expires_s", "session_least_s")
        reader.fault(key, problem, "write that or more, e.g. 1800, or 0 to leave it to the far end")
    for at, transport in enumerate(sip.transports):
        path: Path = ("sip", "transports", at)
        _must_be_address(reader, (*path, "host"), transport.host)
        if not transport.host:
            reader.fault((*path, "host"), "is empty", 'write an address, or "0.0.0.0" for all')
        if transport.advertise:
            _must_be_host(reader, (*path, "advertise"), transport.advertise)
        _audio(reader, (*path, "host"), transport, rtp_host(settings))
    for at, resolver in enumerate(sip.resolvers):
        _resolver(reader, ("sip", "resolvers", at), resolver)


def _audio(reader: Reader, path: Path, transport: TransportSettings, rtp: str) -> None:
    """Warn where calls can come and audio cannot: RTP has one address, so it is IPv4 or IPv6."""
    said = transport.advertise if is_address(transport.advertise) else transport.host
    theirs, ours = (6 if ":" in host else 4 for host in (said, rtp))
    if theirs != ours and is_address(transport.host) and is_address(rtp):
        problem = (
            f"calls come over IPv{theirs} here, and audio goes over IPv{ours} only (from {rtp}): "
            f"who offers audio over IPv{theirs} gets 488"
        )
        cure = (
            f"set media.host to an IPv{theirs} address if all who call have IPv{theirs}, or listen for SIP "
            f"on IPv{ours} only, and run a second ccd for the others"
        )
        reader.faults.add(reader.document.place(path), path, problem, cure, warning=True)


def _resolver(reader: Reader, path: Path, text: str) -> None:
    try:
        resolver_of(text)
    except ValueError:
        cure = 'write the address of a DNS server, "192.0.2.53", or with its port "127.0.0.1:5353"'
        reader.fault(path, f'"{text}" is no address of a server', cure)


def _set_one(reader: Reader, section: str, *keys: str) -> Path:
    """The first of the keys that the files set, to point at; the section if none is."""
    for key in keys:
        if reader.document.get((section, key)) is not None:
            return (section, key)
    return (section, keys[0])


def _media(reader: Reader, settings: Settings) -> None:
    media = settings.media
    _must_be_address(reader, ("media", "host"), media.host)
    if media.port_min % 2:
        problem = f"must be even (RTP, RFC 3550), is {media.port_min}"
        reader.fault(("media", "port_min"), problem, f"write {media.port_min + 1}")
    size = media.port_max - media.port_min + 1
    if size < _LEAST_PORTS:
        problem = f"{media.port_min} to {media.port_max} is too small: a call needs 4 ports"
        cure = f"leave at least {_LEAST_PORTS} ports, better 4 for each call at a time"
        reader.fault(_set_one(reader, "media", "port_max", "port_min"), problem, cure)
    if not media.codecs:
        reader.fault(("media", "codecs"), "there is none", 'write codecs = ["PCMU", "PCMA"]')


# -- who listens where ---------------------------------------------------------------------------


class _Listener(NamedTuple):
    path: Path
    protocol: str
    host: str
    first: int
    last: int

    def __str__(self) -> str:
        last = f"-{self.last}" if self.last > self.first else ""
        return f"{self.protocol} {self.host or 'any address'} port {self.first}{last}"

    def clashes(self, other: "_Listener") -> bool:
        if (
            self.path == other.path
            or self.protocol != other.protocol
            or self.last < other.first
            or other.last < self.first
        ):
            return False
        if (":" in self.host) != (":" in other.host):
            return False
        return self.host == other.host or bool({"0.0.0.0", "::", ""} & {self.host, other.host})  # noqa: S104


def _listeners(reader: Reader, settings: Settings) -> None:
    seen: list[_Listener] = []
    for listener in _all_listeners(settings):
        other = next((other for other in seen if listener.clashes(other)), None)
        if other is not None:
            problem = f"{listener} overlaps {other} of {written(other.path)}"
            cure = f"choose another port or address; the other stands in {reader.document.place(other.path)}"
            reader.fault(listener.path, problem, cure)
        seen.append(listener)


def _all_listeners(settings: Settings) -> Iterator[_Listener]:
    media = settings.media
    for at, transport in enumerate(settings.sip.transports):
        path: Path = ("sip", "transports", at, "port")
        yield _Listener(path, transport.protocol, transport.host, transport.port, transport.port)
    yield _Listener(("media", "port_min"), "udp", rtp_host(settings), media.port_min, media.port_max)
    for name, channel in settings.channels.items():
        address = getattr(channel.options, "host", None)
        port = getattr(channel.options, "port", None)
        if isinstance(address, str) and isinstance(port, int):
            yield _Listener(("channels", name, "port"), "tcp", address, port, port)


# -- trunks --------------------------------------------------------------------------------------


def _trunk(reader: Reader, settings: Settings, trunk: TrunkSettings, sources: dict[str, str]) -> None:
    path: Path = ("trunks", trunk.name)
    _must_be_host(reader, (*path, "host"), trunk.host)
    if trunk.country and not is_country(trunk.country):
        _country(reader, (*path, "country"), trunk.country)
    if trunk.caller_id:
        country = trunk.country or settings.daemon.country
        must_be_number(reader, (*path, "caller_id"), trunk.caller_id, country)
    raw = reader.document.get(path) or {}
    for key in ("username", "password"):
        if trunk.register and key not in raw:
            cure = f"add {key} = … or set register = false"
            reader.fault((*path, key), "is missing: the trunk registers", cure)
    for at, source in enumerate(trunk.sources):
        _source(reader, (*path, "sources", at), trunk.name, source, sources)


def _source(reader: Reader, path: Path, trunk: str, source: str, sources: dict[str, str]) -> None:
    try:
        network = str(ip_network(source))
    except ValueError:
        try:
            cure = f'write "{ip_network(source, strict=False)}", or the address alone'
            problem = f'"{source}" has bits set outside its network'
        except ValueError:
            problem = f'"{source}" is no address or network'
            cure = 'write e.g. "192.0.2.10" or "192.0.2.0/24"; a name goes into host'
        reader.fault(path, problem, cure)
        return
    owner = sources.setdefault(network, trunk)
    if owner != trunk:
        problem = f'"{source}" is a source of trunk "{owner}" already: whose call would it be?'
        reader.fault(path, problem, "give each source to one trunk")
