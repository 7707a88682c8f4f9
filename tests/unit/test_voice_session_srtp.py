"""The keys of a call through its life: refreshed, held, keyed anew, answered by several, downgraded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.crypto import Keys, Wanted
from ccd.sip.description import parse_sdp
from ccd.sip.sdp import Incompatible
from ccd.voice.engine import Srtp
from ccd.voice.securing import insisting
from ccd.voice.session import Session
from tests.unit.test_sip_crypto import draw, keys


def pair(ours: Wanted = Wanted.PREFERRED, theirs: Wanted = Wanted.PREFERRED) -> tuple[Session, Session]:
    """A call that we made, and its far end."""
    near = Session("192.0.2.1", 20000, ("PCMU",))
    far = Session("192.0.2.2", 30000, ("PCMU",), keys(theirs))
    own = Keys(ours, draw)
    offered = near.offer_to("192.0.2.1", own)
    near.settle_on(offered, "192.0.2.1", own)
    near.accept(far.answer(offered.to_bytes()))
    return near, far


def srtp(session: Session) -> Srtp:
    assert session.stream is not None and session.stream.srtp is not None
    return session.stream.srtp


def fit(near: Session, far: Session) -> bool:
    return (srtp(near).ours, srtp(near).theirs) == (srtp(far).theirs, srtp(far).ours)


def test_a_refresh_keeps_the_keys_in_either_direction() -> None:
    near, far = pair()
    before = srtp(near)
    assert fit(near, far)
    near.accept(far.answer(near.offer_again()))
    assert srtp(near) == before and fit(near, far)
    far.accept(near.answer(far.offer_again()))
    assert srtp(near) == before and fit(near, far)


def test_a_refresh_offers_the_key_in_use_and_no_other() -> None:
    """Else the far end could choose one, and then the former one again."""
    near, _ = pair()
    first, second = near.offer_again(), near.offer_again()
    assert first == second and first.count(b"a=crypto:") == 1


def test_an_offer_of_its_own_keeps_them_too() -> None:
    """A re-INVITE without SDP: we offer in the 200."""
    near, far = pair(Wanted.REQUIRED, Wanted.IF_ALONE)
    before = srtp(near)
    for asks, answers in ((near, far), (far, near)):
        offered = asks.offer()
        assert b" RTP/SAVP " in offered and offered.count(b"a=crypto:") == 1
        asks.accept(answers.answer(offered))
        assert srtp(near) == before and fit(near, far)


def test_hold_keeps_them() -> None:
    near, far = pair()
    before = srtp(near)
    held = far.offer_again().replace(b"a=sendrecv", b"a=sendonly")
    far.accept(near.answer(held))
    assert near.held and srtp(near) == before


def test_a_new_key_of_theirs_brings_a_new_one_of_ours() -> None:
    near, far = pair()
    before = srtp(near)
    far.keys = keys(Wanted.PREFERRED)
    far.accept(near.answer(far.offer()))
    assert srtp(near).theirs != before.theirs and srtp(near).ours != before.ours
    assert fit(near, far)


def test_each_who_is_asked_gets_keys_of_its_own() -> None:
    """An agent's phones ring at once; only the one that answers knows by what we send."""
    near = Session("192.0.2.1", 20000, ("PCMU",))
    tries = [(own, near.offer_to("192.0.2.1", own)) for own in (keys(Wanted.REQUIRED), keys(Wanted.REQUIRED))]
    (_, first), (own, second) = tries
    assert first.origin == second.origin, "one session, one version"
    assert {each.key for each in first.media[0].terms.crypto}.isdisjoint(
        each.key for each in second.media[0].terms.crypto
    )
    far = Session("192.0.2.2", 30000, ("PCMU",), keys(Wanted.PREFERRED))
    near.settle_on(second, "192.0.2.1", own)
    near.accept(far.answer(second.to_bytes()))
    assert fit(near, far)


def test_forks_that_answer_one_after_the_other() -> None:
    """Two that ring for one INVITE, each with a key and a suite of its own: the last one counts."""
    near = Session("192.0.2.1", 20000, ("PCMU",))
    own = keys(Wanted.PREFERRED)
    offered = near.offer_to("192.0.2.1", own)
    near.settle_on(offered, "192.0.2.1", own)
    other = parse_sdp(offered.to_bytes())
    lines = other.media[0].terms.text.split("\r\n")
    text = "\r\n".join(each for each in lines if not each.startswith("a=crypto:1 "))
    second = offered.to_bytes().replace(offered.media[0].terms.text.encode(), text.encode())
    for body, suite in ((offered.to_bytes(), "AES_CM_128_HMAC_SHA1_80"), (second, "AEAD_AES_256_GCM")):
        far = Session("192.0.2.2", 30000, ("PCMU",), keys(Wanted.PREFERRED))
        near.accept(far.answer(body))
        assert srtp(near).suite == suite and fit(near, far)


def test_who_must_be_encrypted_stays_so() -> None:
    """A plain offer later in the call is refused, and nothing changes."""
    near, far = pair(Wanted.REQUIRED, Wanted.PREFERRED)
    before = near.stream
    far.keys = keys(Wanted.PLAIN)
    with pytest.raises(Incompatible, match="SRTP is required here"):
        near.answer(far.offer())
    assert near.stream is before


def test_who_may_may_stop() -> None:
    near, far = pair()
    far.keys = keys(Wanted.PLAIN)
    far.accept(near.answer(far.offer()))
    assert near.stream is not None and near.stream.srtp is None
    assert b"a=crypto:1 " in near.offer(), "it may begin again"


def test_a_key_that_was_in_use_does_not_come_back() -> None:
    """Its packets are counted from the start again: two could go under one number."""
    near, far = pair()
    used = srtp(near).ours
    own, far.keys = far.keys, keys(Wanted.PLAIN)
    near.accept(far.answer(near.offer()))
    assert near.stream is not None and near.stream.srtp is None
    far.keys = own
    near.accept(far.answer(near.offer()))
    assert srtp(near).ours != used and fit(near, far)


@pytest.mark.parametrize(
    ("wanted", "device", "insists"),
    [
        (Wanted.PLAIN, "a1", False),
        (Wanted.IF_ALONE, "a1", True),
        (Wanted.IF_ALONE, "", False),
        (Wanted.PREFERRED, "", True),
        (Wanted.PREFERRED, "a1", True),
        (Wanted.REQUIRED, "a1", False),
    ],
)
def test_who_is_asked_once_more(wanted: Wanted, device: str, insists: bool) -> None:
    found = insisting(keys(wanted), device)
    assert (found is not None) is insists
    assert found is None or found.wanted is Wanted.REQUIRED


def test_no_key_is_shown_of_what_goes_to_the_media_engine() -> None:
    near, _ = pair()
    shown = repr(near.stream)
    assert repr(srtp(near).ours) not in shown and "(masked)" in shown


MOVE = st.tuples(st.booleans(), st.sampled_from(["again", "offer", "new key", "plain", "refused"]))


@given(st.sampled_from([Wanted.PREFERRED, Wanted.IF_ALONE]), st.lists(MOVE, max_size=12))
def test_whatever_is_offered_both_sides_fit_and_no_key_comes_back(wanted: Wanted, moves: list[Any]) -> None:
    """A call through any re-offers; the far end may begin anew, or want plain audio for once."""
    near, far = pair(wanted, Wanted.PREFERRED)
    left: set[bytes] = set()
    for by_us, what in moves:
        before = near.stream.srtp.ours if near.stream is not None and near.stream.srtp is not None else b""
        own = far.keys
        if what in {"new key", "plain"}:
            far.keys = keys(Wanted.PLAIN if what == "plain" else Wanted.PREFERRED)
        asks, answers = (near, far) if by_us else (far, near)
        offered = asks.offer_again() if what == "again" else asks.offer()
        if what == "refused":  # 488: both stay as they are
            asks.offering = None
            continue
        asks.accept(answers.answer(offered))
        if what == "plain":
            far.keys = own if own.agreed is None else keys(Wanted.PREFERRED)
        assert near.stream is not None and far.stream is not None
        assert (near.stream.srtp is None) is (far.stream.srtp is None)
        now = b""
        if near.stream.srtp is not None:
            assert fit(near, far)
            now = near.stream.srtp.ours
        if now != before:
            left.add(before)
            assert now not in left or not now
