"""Encryption stands at the socket: nothing of it is in the way of plain legs."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from ccd.media.srtp import Srtp
from ccd.model.settings import Settings, TransportSettings, TrunkSettings
from ccd.voice.media_ports import Port, secure, unsecure
from ccd.voice.securing import likely
from tests.unit.control_room import RULES

SUITE = "AES_CM_128_HMAC_SHA1_80"
OURS, THEIRS = bytes(range(30)), bytes(range(1, 31))


@pytest.fixture
def port() -> Iterator[Port]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
    yield Port(sockets[0].getsockname()[1], *sockets)
    for each in sockets:
        each.close()


def is_plain(port: Port) -> bool:
    """What the loop calls for a packet are the two calls of the socket itself, with no step between."""
    return (port.receive, port.send) == (port.rtp.recvfrom_into, port.rtp.sendto)


def test_a_plain_leg_is_the_socket_itself(port: Port) -> None:
    assert is_plain(port)
    secure(port, SUITE, OURS, THEIRS)
    assert not is_plain(port)
    unsecure(port)
    assert is_plain(port) and port.secured is None


def test_packets_over_an_encrypted_port(port: Port) -> None:
    far, here = Srtp(SUITE, THEIRS, OURS), ("127.0.0.1", port.number)
    secure(port, SUITE, OURS, THEIRS)
    packet = bytes.fromhex("8000000100000000000000070102030405")
    buffer = bytearray(1520)
    for data, size in ((far.seal(packet), len(packet)), (packet, 0), (b"", 0), (bytes(1500), 0)):
        port.rtp.sendto(data, here)
        assert port.receive(buffer) == (size, here)
        assert not size or buffer[:size] == packet
    assert port.send(memoryview(packet), here) > len(packet)
    assert far.open(port.rtp.recv(1500)) == packet
    assert port.send(memoryview(packet), here) == 0, "its number was used"
    with pytest.raises(BlockingIOError):
        port.receive(buffer)


def test_the_same_keys_keep_what_stands(port: Port) -> None:
    secure(port, SUITE, OURS, THEIRS)
    before = port.secured
    assert before is not None
    secure(port, SUITE, OURS, THEIRS)
    assert port.secured is before
    with pytest.raises(ValueError):
        secure(port, SUITE, OURS, b"short")


def loaded(code: str) -> bool:
    """Whether libsrtp is, after some code in a process of its own."""
    ask = f"{code}; import sys; print('pylibsrtp' in sys.modules)"
    return subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True).stdout == b"True\n"


def test_the_library_is_loaded_by_who_encrypts() -> None:
    assert not loaded("import ccd.daemon, ccd.voice.media_worker")
    assert loaded("import ccd.media.srtp")


def test_a_worker_that_will_encrypt_loads_it_before_there_is_audio() -> None:
    begin = "Begin('127.0.0.1', 1024, 1025, 0.0, (), (), 1.0, encrypts={})"
    code = "import socket; from ccd.voice.media_loop import *; MediaLoop(socket.socketpair()[0], {})"
    assert loaded(code.format(begin.format(True))) and not loaded(code.format(begin.format(False)))


def test_when_it_is_likely() -> None:
    plain = Settings(RULES)
    assert not likely(plain)
    tls = msgspec.structs.replace(plain.sip, transports=(TransportSettings(protocol="tls"),))
    assert likely(msgspec.structs.replace(plain, sip=tls))
    trunk = TrunkSettings("t", "h")
    for keys, wanted in (({}, False), ({"protocol": "tls"}, True), ({"srtp": "required"}, True)):
        each = msgspec.structs.replace(trunk, **keys)
        assert likely(msgspec.structs.replace(plain, trunks={"t": each})) is wanted
