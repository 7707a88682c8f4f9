"""Trunks: sources, limits, choice, registration, qualify and alarms, by hand-counted time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.facts import TrunkChanged
from ccd.model.settings import Secret, TrunkSettings
from ccd.sip import digest
from ccd.sip.message import Response
from ccd.voice.numbers import Caller
from ccd.voice.sources import Sources
from tests.unit import trunk_scene
from tests.unit.trunk_scene import flow_from, trunk
from tests.unit.voice_twins import arrived

PASSWORD = "right"


class Scene(trunk_scene.Scene):
    def to_next(self) -> float:
        deadline = self.trunks.next_deadline()
        assert deadline is not None
        waited = deadline - self.clock.time
        self.clock.time = max(deadline, self.clock.time)
        self.trunks.expire(self.clock.time)
        return waited

    def names(self, address: str = "+33123456789") -> list[str]:
        return [each.trunk for each in self.trunks.candidates(address)]


async def started(*settings: TrunkSettings) -> Scene:
    scene = Scene(*settings)
    await scene.trunks.start()
    return scene


# -- sources -----------------------------------------------------------------------------------


async def test_the_longest_prefix_names_the_trunk() -> None:
    scene = await started(
        trunk("wide", sources=("10.0.0.0/8",)),
        trunk("narrow", sources=("10.1.0.0/16", "2001:db8::/32")),
        trunk("one", sources=("10.1.2.3",)),
        trunk("own", host="198.51.100.7"),
    )
    found = {
        host: scene.trunks.source(flow_from(host))
        for host in ("10.9.9.9", "10.1.9.9", "10.1.2.3", "198.51.100.7", "2001:db8::9", "::ffff:10.1.2.3")
    }
    assert {host: each.name if each else "" for host, each in found.items()} == {
        "10.9.9.9": "wide",
        "10.1.9.9": "narrow",
        "10.1.2.3": "one",
        "198.51.100.7": "own",
        "2001:db8::9": "narrow",
        "::ffff:10.1.2.3": "one",
    }
    assert scene.trunks.source(flow_from("203.0.113.5")) is None


async def test_two_trunks_of_one_host_are_told_apart_by_port_else_by_priority() -> None:
    scene = await started(trunk("a", port=5070, priority=20), trunk("b", port=5080, priority=10))
    named = {port: scene.trunks.source(flow_from("192.0.2.10", port)) for port in (5070, 5080, 9999)}
    assert {port: each.name if each else "" for port, each in named.items()} == {
        5070: "a",
        5080: "b",
        9999: "b",
    }


ADDRESSES = st.ip_addresses(v=4).map(str)
NETWORKS = st.tuples(ADDRESSES, st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}")


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(NETWORKS, max_size=4)), ADDRESSES)
def test_sources_agree_with_a_plain_search(wanted: dict[str, list[str]], host: str) -> None:
    import ipaddress

    sources = Sources()
    sources.rebuild(wanted)
    holding = [
        (ipaddress.ip_network(each, strict=False).prefixlen, name)
        for name, each_of in wanted.items()
        for each in each_of
        if ipaddress.ip_address(host) in ipaddress.ip_network(each, strict=False)
    ]
    longest = max((length for length, _ in holding), default=0)
    assert sorted(sources.find(host)) == sorted({name for length, name in holding if length == longest})


async def test_a_host_that_cannot_be_reached_by_our_transports_is_an_alarm() -> None:
    scene = await started(trunk("six", host="2001:db8::1"))
    assert scene.inbox.take() == [TrunkChanged("six", False, "no transport over IPv6")]
    assert scene.names() == []


# -- numbers -----------------------------------------------------------------------------------


def invite(uri: str, sender: str = "<sip:0123456789@gw>", to: str = "<sip:x@y>"):  # type: ignore[no-untyped-def]
    text = f"""INVITE {uri} SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa
Max-Forwards: 70
From: {sender};tag=1
To: {to}
Call-ID: c
CSeq: 1 INVITE
Contact: <sip:gw@192.0.2.10>"""
    return arrived(text, flow_from("192.0.2.10")).request


async def test_numbers_follow_the_country_of_the_trunk() -> None:
    scene = await started(trunk("fr"), trunk("us", host="192.0.2.11", country="US"))
    fr, us = scene.trunks.get("fr"), scene.trunks.get("us")
    assert fr is not None
    assert us is not None
    assert scene.trunks.dialled(fr, invite("sip:0123456780@ccd")) == "+33123456780"
    assert scene.trunks.dialled(us, invite("sip:2125550123@ccd")) == "+12125550123"
    assert scene.trunks.dialled(fr, invite("tel:+33123456780")) == "+33123456780"
    assert scene.trunks.caller(fr, invite("sip:1@ccd")) == Caller("+33123456789", "")


async def test_a_registered_trunk_calls_our_contact_and_names_the_number_in_to() -> None:
    scene = await started(trunk("fr", register=True, username="centre"))
    fr = scene.trunks.get("fr")
    assert fr is not None
    assert (
        scene.trunks.dialled(fr, invite("sip:centre@192.0.2.1", to="<sip:0123456780@gw>")) == "+33123456780"
    )
    assert scene.trunks.dialled(fr, invite("sip:centre@192.0.2.1", to="<sip:centre@gw>")) == "centre"
    assert scene.trunks.dialled(fr, invite("sip:0987654321@c", to="<sip:0123456780@gw>")) == "+33987654321"


# -- outgoing ----------------------------------------------------------------------------------


async def test_candidates_by_priority_then_by_load() -> None:
    scene = await started(
        trunk("spare", host="192.0.2.12", priority=20),
        trunk("b", host="192.0.2.11"),
        trunk("a", timeout_s=2.5),
    )
    assert scene.names() == ["a", "b", "spare"]
    scene.trunks.take("a")
    assert scene.names() == ["b", "a", "spare"]
    first = scene.trunks.candidates("+33123456789", "+33999999999")[1]
    assert (first.uri, first.flow, first.timeout_s) == (
        "sip:+33123456789@192.0.2.10",
        flow_from("192.0.2.10"),
        2.5,
    )
    request = first.invite("call", b"v=0")
    assert str(request.from_.uri) == "sip:+33999999999@192.0.2.10"
    assert request.from_.tag
    assert str(request.to.uri) == "sip:+33123456789@192.0.2.10"
    assert str(request.contacts[0].uri) == "sip:ccd@192.0.2.1:5060"


async def test_the_trunk_says_which_number_is_shown() -> None:
    scene = await started(trunk("a", caller_id="+33111111111"), trunk("b", host="192.0.2.11"))
    own, other = scene.trunks.candidates("+33123456789", "+33999999999")
    assert str(own.invite("c", b"").from_.uri) == "sip:+33111111111@192.0.2.10"
    [_, bare] = scene.trunks.candidates("+33123456789")
    assert str(bare.invite("c", b"").from_.uri) == "sip:anonymous@anonymous.invalid"
    assert str(other.invite("c", b"").from_.uri) == "sip:+33999999999@192.0.2.11"


async def test_a_number_of_the_centre_goes_before_that_of_the_trunk() -> None:
    scene = await started(trunk("a", caller_id="+33111111111"))
    [found] = scene.trunks.candidates("+33123456789", "+33122222222", own_number=True)
    assert str(found.invite("c", b"").from_.uri) == "sip:+33122222222@192.0.2.10"


async def test_tcp_and_another_port_stand_in_the_uris() -> None:
    scene = await started(trunk("t", port=5070, protocol="tcp"))
    [found] = scene.trunks.candidates("+33123456789")
    assert found.uri == "sip:+33123456789@192.0.2.10:5070;transport=tcp"
    assert found.flow.protocol == "TCP"
    assert "transport=tcp" in dict(found.headers)["Contact"]


async def test_the_channel_limit_counts_both_directions() -> None:
    scene = await started(trunk("a", channels=2), trunk("b", host="192.0.2.11", priority=20))
    assert scene.trunks.take("a")
    assert scene.trunks.take("a")
    assert not scene.trunks.take("a")
    assert scene.names() == ["b"]
    scene.trunks.release("a")
    assert scene.names() == ["a", "b"]
    for _ in range(5):
        scene.trunks.release("a")
    assert scene.trunks.take("a")
    assert scene.trunks.take("a")
    assert not scene.trunks.take("a")
    assert not scene.trunks.take("nobody")


async def test_a_trunk_that_failed_rests_behind_the_others() -> None:
    scene = await started(trunk("a"), trunk("b", host="192.0.2.11", priority=20))
    scene.trunks.failed("a")
    assert scene.names() == ["b", "a"]
    scene.clock.time += 29.9
    assert scene.names() == ["b", "a"]
    scene.clock.time += 0.1
    assert scene.names() == ["a", "b"]
    scene.trunks.failed("a", retry_after_s=120.0)
    scene.clock.time += 119.0
    assert scene.names() == ["b", "a"]
    scene.trunks.failed("a", retry_after_s=1e9)
    scene.clock.time += 300.0
    assert scene.names() == ["a", "b"]


async def test_an_invite_is_answered_to_a_challenge_with_its_own_cseq() -> None:
    scene = await started(trunk("a", username="centre", password=Secret(PASSWORD)))
    [found] = scene.trunks.candidates("+33123456789")
    request = found.invite("call", b"v=0")
    nonces = digest.Nonces(b"x" * 32, 300.0)
    refused = Response.to_request(request, 407, None, "t")
    refused.add("Proxy-Authenticate", digest.challenge("carrier", nonces.issue(1000.0)))
    again = found.authorise(request, refused)
    assert again is not None
    assert again is not request
    assert (again.cseq.number, request.cseq.number) == (2, 1)
    assert (again.call_id, again.from_.tag, again.body) == (request.call_id, request.from_.tag, request.body)
    credentials = again.get("Proxy-Authorization")
    assert credentials is not None
    assert nonces.check(credentials, "INVITE", PASSWORD, 1000.5) is digest.Verdict.OK
    plain = Response.to_request(request, 401, None, "t")
    assert found.authorise(request, plain) is None


async def test_without_a_user_name_no_challenge_is_answered() -> None:
    scene = await started(trunk("a"))
    [found] = scene.trunks.candidates("+33123456789")
    request = found.invite("call", b"")
    refused = Response.to_request(request, 401, None, "t")
    refused.add("WWW-Authenticate", digest.challenge("carrier", "n"))
    assert found.authorise(request, refused) is None


# -- registration ------------------------------------------------------------------------------


async def test_a_registering_trunk_is_up_once_registered() -> None:
    scene = await started(
        trunk("a", register=True, username="centre", password=Secret(PASSWORD), expires_s=600)
    )
    assert scene.names() == []
    assert scene.to_next() == 0.0
    [tx] = scene.stack.sent
    assert (tx.request.method, tx.request.raw_uri) == ("REGISTER", "sip:192.0.2.10")
    assert str(tx.request.contacts[0].uri) == "sip:centre@192.0.2.1:5060"
    nonces = digest.Nonces(b"x" * 32, 300.0)
    scene.stack.deliver(tx, 401, ("WWW-Authenticate", digest.challenge("c", nonces.issue(1000.0))))
    assert scene.inbox.take() == []
    again = scene.stack.sent[1]
    given = again.request.get("Authorization")
    assert given is not None
    assert nonces.check(given, "REGISTER", PASSWORD, 1000.5) is digest.Verdict.OK
    scene.stack.deliver(again, 200, ("Expires", "600"))
    assert scene.inbox.take() == [TrunkChanged("a", True, "registered for 600 s")]
    assert scene.names() == ["a"]
    assert 480.0 <= scene.to_next() <= 540.0
    assert len(scene.stack.sent) == 3
    scene.stack.deliver(scene.stack.sent[2], 200, ("Expires", "600"))
    assert scene.inbox.take() == []


async def test_a_carrier_is_told_our_new_address_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our machine has another address towards it: until the next refresh its calls would go to the former."""
    scene = await started(
        trunk("a", register=True, username="centre"),
        trunk("b", host="192.0.2.11", register=True, username="other"),
        trunk("c", host="192.0.2.12"),
    )
    scene.to_next()
    for tx in list(scene.stack.sent):
        scene.stack.deliver(tx, 200, ("Expires", "600"))
    count, woken = len(scene.stack.sent), []
    scene.trunks.wake = lambda: woken.append(scene.trunks.next_deadline())
    scene.trunks.own_address_changed("192.0.2.10")
    assert scene.to_next() > 100, "the Contact is as it was: nothing to be told"
    for tx in scene.stack.sent[count:]:
        scene.stack.deliver(tx, 200, ("Expires", "600"))
    count = len(scene.stack.sent)
    monkeypatch.setattr(scene.stack, "contact_host", lambda _flow: "192.0.2.77:5060")
    scene.trunks.own_address_changed("192.0.2.10")
    assert woken[-1] == scene.clock.time
    scene.to_next()
    (again,) = scene.stack.sent[count:]
    assert again.request.raw_uri == "sip:192.0.2.10"
    assert str(again.request.contacts[0].uri) == "sip:centre@192.0.2.77:5060"
    scene.inbox.take()
    scene.stack.deliver(again, 200, ("Expires", "600"))
    assert scene.inbox.take() == [], "it was up all the time"


async def test_a_refused_registration_is_an_alarm_once() -> None:
    scene = await started(trunk("a", register=True, username="centre"))
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 403)
    assert scene.inbox.take() == [TrunkChanged("a", False, "403 Forbidden")]
    assert scene.to_next() == pytest.approx(4.0)
    scene.stack.fail(scene.stack.sent[1])
    assert scene.inbox.take() == []
    assert scene.names() == []
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[2], 200)
    assert scene.inbox.take() == [TrunkChanged("a", True, "registered for 600 s")]


async def test_registration_runs_out_when_the_carrier_falls_silent() -> None:
    scene = await started(trunk("a", register=True, username="centre"))
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200, ("Expires", "60"))
    scene.inbox.take()
    start = scene.clock.time
    while not scene.inbox.facts:
        before = len(scene.stack.sent)
        scene.to_next()
        if len(scene.stack.sent) > before:
            scene.stack.fail(scene.stack.sent[-1])
    assert scene.clock.time - start == pytest.approx(60.0)
    assert scene.inbox.take() == [TrunkChanged("a", False, "no answer")]


async def test_stop_takes_registrations_back_and_waits_for_the_answer() -> None:
    scene = await started(trunk("a", register=True, username="centre"), trunk("b", host="192.0.2.11"))
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    stopping = asyncio.create_task(scene.trunks.stop())
    await asyncio.sleep(0)
    last = scene.stack.sent[-1]
    assert last.request.expires == 0
    assert not stopping.done()
    scene.stack.deliver(last, 200)
    await asyncio.wait_for(stopping, 1.0)


async def test_stop_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.voice.trunks.UNREGISTER_S", 0.01)
    scene = await started(trunk("a", register=True, username="centre"))
    scene.to_next()
    await asyncio.wait_for(scene.trunks.stop(), 1.0)


async def test_a_lost_connection_registers_anew_at_once() -> None:
    scene = await started(trunk("a", register=True, username="centre", protocol="tcp"))
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    scene.clock.time += 100.0
    scene.trunks.flow_closed(scene.stack.sent[0].flow)
    assert scene.to_next() == 0.0
    assert len(scene.stack.sent) == 2


# -- qualify -----------------------------------------------------------------------------------


async def test_a_silent_trunk_goes_down_and_comes_back() -> None:
    scene = await started(trunk("a", qualify_s=30.0))
    assert scene.names() == ["a"]  # not asked yet: worth a try
    scene.to_next()
    [tx] = scene.stack.sent
    assert (tx.request.method, tx.request.raw_uri) == ("OPTIONS", "sip:192.0.2.10")
    scene.clock.time += 0.02
    scene.stack.deliver(tx, 405)
    assert scene.inbox.take() == [TrunkChanged("a", True, "answers OPTIONS in 20.0 ms")]
    while not scene.inbox.facts:
        scene.to_next()
    assert scene.inbox.take() == [TrunkChanged("a", False, "OPTIONS: no answer in 4 s")]
    assert scene.names() == []
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[-1], 200)
    [fact] = scene.inbox.take()
    assert isinstance(fact, TrunkChanged)
    assert fact.up


async def test_up_needs_both_registration_and_reach() -> None:
    scene = await started(trunk("a", register=True, username="centre", qualify_s=30.0))
    while scene.inbox.facts == [] and scene.clock.time < 1100:
        scene.to_next()
        for tx in scene.stack.sent:
            if tx.request.method == "REGISTER":
                scene.stack.deliver(tx, 200)
        scene.stack.sent = [tx for tx in scene.stack.sent if tx.request.method == "OPTIONS"]
    assert scene.inbox.take() == [TrunkChanged("a", True, "registered for 600 s")]
    while not scene.inbox.facts:
        scene.to_next()
    assert scene.inbox.take() == [TrunkChanged("a", False, "OPTIONS: no answer in 4 s")]


# -- reload and report -------------------------------------------------------------------------


async def test_reload_touches_only_what_changed() -> None:
    a, b, c = (
        trunk("a", register=True, username="u"),
        trunk("b", host="192.0.2.11"),
        trunk("c", host="192.0.2.12"),
    )
    scene = await started(a, b, c)
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    scene.trunks.take("b")
    kept = scene.trunks.get("a")
    changed = trunk("b", host="192.0.2.21", channels=1)
    await scene.trunks.reload({"a": a, "b": changed, "d": trunk("d", host="192.0.2.14")})
    assert scene.trunks.get("a") is kept
    assert scene.trunks.get("c") is None
    assert len(scene.stack.sent) == 1
    assert scene.trunks.source(flow_from("192.0.2.11")) is None
    assert scene.trunks.source(flow_from("192.0.2.14")) is scene.trunks.get("d")
    assert scene.names() == ["a", "d"]  # the call on b goes on, and fills it


async def test_a_trunk_that_is_configured_away_unregisters() -> None:
    scene = await started(trunk("a", register=True, username="u"))
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    await scene.trunks.reload({})
    assert scene.stack.sent[-1].request.expires == 0
    scene.stack.deliver(scene.stack.sent[-1], 200)
    assert scene.trunks.next_deadline() is None


async def test_the_alarm_of_a_trunk_that_is_configured_away_ends_with_it() -> None:
    scene = await started(trunk("a", qualify_s=10.0))
    while not [fact for fact in scene.inbox.facts if fact == TrunkChanged("a", False, fact.note)]:
        scene.to_next()
    scene.inbox.take()
    await scene.trunks.reload({})
    assert scene.inbox.take() == [TrunkChanged("a", True, "not configured any more")]


async def test_the_report_has_no_secret() -> None:
    scene = await started(trunk("a", username="centre", password=Secret("hunter2"), channels=4))
    [shown] = scene.trunks.report()
    assert (shown["trunk"], shown["up"], shown["channels"], shown["in_use"]) == ("a", True, 4, 0)
    assert "hunter2" not in repr(shown)
