"""SRTP of one leg, with libsrtp itself as the far end (RFC 3711, RFC 7714)."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from ccd.media.packet import MAX_PACKET
from ccd.media.srtp import MOST_SOURCES, PROFILES, WINDOW, Opener, Srtp
from ccd.sip.crypto import KEY_OCTETS

SUITES = list(PROFILES)
CM80 = "AES_CM_128_HMAC_SHA1_80"
RR = struct.pack("!BBHI", 0x80, 201, 1, 7)


def key(suite: str, number: int = 1) -> bytes:
    return random.Random(number).randbytes(KEY_OCTETS[suite])


def packet(sequence: int, ssrc: int = 7, payload: bytes = b"\x55" * 160) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + payload


def far(suite: str, number: int) -> Session:
    """The far end's way to us."""
    return Session(Policy(key(suite, number), Policy.SSRC_ANY_OUTBOUND, 0, PROFILES[suite]))


def near(suite: str = CM80) -> Srtp:
    return Srtp(suite, key(suite, 1), key(suite, 2))


def test_suites_are_those_of_the_sdp() -> None:
    assert set(PROFILES) == set(KEY_OCTETS)


@pytest.mark.parametrize("suite", SUITES)
def test_both_ways(suite: str) -> None:
    ours, theirs = near(suite), far(suite, 2)
    hears = Session(Policy(key(suite, 1), Policy.SSRC_ANY_INBOUND, 0, PROFILES[suite]))
    for sequence in range(3):
        assert ours.open(theirs.protect(packet(sequence))) == packet(sequence)
        sealed = ours.seal(packet(sequence, 9))
        assert packet(sequence, 9)[12:40] not in sealed
        assert hears.unprotect(sealed) == packet(sequence, 9)
    assert ours.open_rtcp(theirs.protect_rtcp(RR)) == RR
    assert hears.unprotect_rtcp(ours.seal_rtcp(RR)) == RR


@pytest.mark.parametrize("suite", SUITES)
def test_the_count_rolls_over_with_loss_and_reordering(suite: str) -> None:
    """Each of 70000 numbers but those that are lost, some late: all opened, each once."""
    ours, theirs = near(suite), far(suite, 2)
    numbers = [n for n in range(65000, 66200) if n % 50]
    for at in range(0, len(numbers) - 1, 7):
        numbers[at], numbers[at + 1] = numbers[at + 1], numbers[at]
    sealed = {n: theirs.protect(packet(n)) for n in sorted(numbers)}
    assert all(ours.open(sealed[n]) == packet(n) for n in numbers)
    assert not any(ours.open(sealed[n]) for n in numbers), "none of them twice"


def test_what_is_sent_again_or_far_too_late_opens_to_nothing() -> None:
    ours, theirs = near(), far(CM80, 2)
    sealed = [theirs.protect(packet(n)) for n in range(2 * WINDOW)]
    assert all(ours.open(each) for each in sealed[1:])
    assert ours.open(sealed[0]) == b"" and ours.open(sealed[-1]) == b""


@given(st.binary(max_size=1600))
def test_rubbish_opens_to_nothing(data: bytes) -> None:
    ours = near()
    assert ours.open(data) == ours.open_rtcp(data) == b""


@given(
    st.sampled_from(SUITES),
    st.integers(0, 181),
    st.integers(1, 255),
    st.sampled_from(["changed", "cut", "longer", "plain"]),
)
def test_a_forged_packet_opens_to_nothing_and_harms_nothing(suite: str, at: int, by: int, how: str) -> None:
    ours, theirs = near(suite), far(suite, 2)
    assert ours.open(theirs.protect(packet(1)))
    good = theirs.protect(packet(2))
    bad = bytearray(good)
    if how == "changed":
        bad[at % len(bad)] ^= by
    elif how == "cut":
        del bad[at % len(bad) :]
    elif how == "longer":
        bad += bytes([by])
    else:
        bad[:] = packet(2)
    assert ours.open(bytes(bad)) == b""
    assert ours.open(good) == packet(2)


def test_a_number_is_never_used_twice_to_send() -> None:
    """Else who listens could lay two packets over each other; what is late but unused may go."""
    ours = near()
    assert ours.seal(packet(5)) and ours.seal(packet(7)) and ours.seal(packet(6))
    assert ours.seal(packet(6, payload=b"\xaa" * 160)) == b""


def test_too_large_to_be_sealed() -> None:
    assert near().seal(packet(1, payload=bytes(MAX_PACKET))) == b""


def test_the_same_keys_again_change_nothing() -> None:
    """A hold, a refresh: the count of rounds goes on."""
    ours, theirs = near(), far(CM80, 2)
    sealed = [theirs.protect(packet(n)) for n in (65534, 65535, 65536, 65537)]
    assert all(ours.open(each) for each in sealed[:3])
    assert ours.seal(packet(65535, 9)) and ours.seal(packet(65536, 9))
    ours.take(CM80, key(CM80, 1), key(CM80, 2))
    assert ours.open(sealed[0]) == b"", "still known as sent"
    assert ours.open(sealed[3]) == packet(65537)
    assert ours.seal(packet(65536, 9)) == b""


def test_a_new_key_of_theirs_while_old_packets_are_on_the_way() -> None:
    ours, before, after = near(), far(CM80, 2), far(CM80, 3)
    assert ours.open(before.protect(packet(1)))
    ours.take(CM80, key(CM80, 1), key(CM80, 3))
    assert ours.open(before.protect(packet(2))) == packet(2)
    assert ours.open(after.protect(packet(3))) == packet(3)
    assert ours.open(before.protect(packet(4))) == b"", "it has changed over"
    assert ours.seal(packet(1, 9)), "our own way goes on"
    ours.take("AEAD_AES_256_GCM", key("AEAD_AES_256_GCM", 4), key("AEAD_AES_256_GCM", 5))
    assert ours.open(far("AEAD_AES_256_GCM", 5).protect(packet(9))) == packet(9)
    assert len(ours.seal(packet(2, 9))) == len(packet(2)) + 16


@pytest.mark.parametrize(("suite", "tag", "rtcp_tag"), [(CM80, 10, 10), ("AES_CM_128_HMAC_SHA1_32", 4, 10)])
def test_key_identifiers_are_left_out(suite: str, tag: int, rtcp_tag: int) -> None:
    """RFC 3711 §3.1: before the tag."""
    theirs, mki = far(suite, 2), b"\x00\x00\x00\x01"
    opener = Opener(suite, key(suite, 2), len(mki))
    sealed = theirs.protect(packet(1))
    assert opener.rtp(sealed[:-tag] + mki + sealed[-tag:]) == packet(1)
    sealed = theirs.protect_rtcp(RR)
    assert opener.rtcp(sealed[:-rtcp_tag] + mki + sealed[-rtcp_tag:]) == RR


def test_key_identifiers_behind_the_tag_of_aead() -> None:
    """RFC 7714 §8.1."""
    theirs, suite = far("AEAD_AES_128_GCM", 2), "AEAD_AES_128_GCM"
    opener = Opener(suite, key(suite, 2), 1)
    assert opener.rtp(theirs.protect(packet(1)) + b"\x01") == packet(1)
    assert opener.rtcp(theirs.protect_rtcp(RR) + b"\x01") == RR


def test_sources_that_come_and_go_cost_no_memory() -> None:
    """A party that changes its SSRC all the time is heard; of the older ones nothing is kept."""
    ours, theirs = near(), far(CM80, 2)
    for ssrc in range(1, 200):
        assert ours.open(theirs.protect(packet(ssrc, ssrc))) == packet(ssrc, ssrc)
    assert len(ours._opener._known) == MOST_SOURCES


@pytest.mark.parametrize(("suite", "octets"), [("NULL", 30), (CM80, 29), ("AEAD_AES_256_GCM", 30)])
def test_no_such_suite_or_key(suite: str, octets: int) -> None:
    with pytest.raises((KeyError, ValueError)):
        Srtp(suite, bytes(octets), bytes(octets))
