"""Encryption stands at the socket: nothing of it is in the way of plain legs."""

import socket
from collections.abc import Iterator

import pytest

from ccd.media.srtp import Srtp
from ccd.voice.media_ports import Port, secure, unsecure

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
