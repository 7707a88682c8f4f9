"""Trunks with several targets: found by SRV, left and taken back; time counted by hand, a DNS in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.model.facts import TrunkChanged
from ccd.model.settings import TrunkSettings
from ccd.sip.registering import MIN_WAIT_S
from ccd.sip.transaction import ClientTransaction
from ccd.voice.locating import AGAIN_S
from ccd.voice.streams import Trust
from ccd.voice.trunk_targets import REST_S
from tests.unit import trunk_scene
from tests.unit.names_twin import NamesTwin, settle
from tests.unit.trunk_scene import flow_from

FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def trunk(name: str = "acme", host: str = "carrier.test", **more: Any) -> TrunkSettings:
    return trunk_scene.trunk(name, host, **more)


class Scene(trunk_scene.Scene):
    """With a DNS, and far ends that answer."""

    def __init__(self, names: NamesTwin, *settings: TrunkSettings) -> None:
        super().__init__(*settings, names=names)
        self.names = names
        self.dead: set[str] = set()
        """Addresses that answer nothing; the others answer all."""
        self.answers: dict[str, int] = {}
        """Status that an address answers with, else 200."""
        self.slow = False
        """REGISTERs are not answered by themselves."""
        self.wary: set[str] = set()
        """Addresses that answer OPTIONS only of whom is registered there."""
        self.seen: list[tuple[float, str, str]] = []
        self._served = 0

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; the far ends answer at once, or never."""
        end = self.clock.time + seconds
        while True:
            await settle()
            self.serve()
            deadline = self.trunks.next_deadline()
            if deadline is None or deadline > end:
                break
            self.clock.time = max(self.clock.time, deadline)
            self.trunks.expire(self.clock.time)
        self.clock.time = end

    def serve(self) -> None:
        while self._served < len(self.stack.sent):
            tx = self.stack.sent[self._served]
            self._served += 1
            self.seen.append((self.clock.time, tx.request.method, tx.flow.host))
            silent = tx.flow.host in self.dead or (self.slow and tx.request.method == "REGISTER")
            wary = tx.flow.host in self.wary and tx.request.method == "OPTIONS"
            if wary and not any(each[1:] == ("REGISTER", tx.flow.host) for each in self.seen):
                silent = True
            if not silent:
                self.stack.deliver(tx, self.answers.get(tx.flow.host, 200), ("Expires", "600"))

    def sent(self, method: str) -> list[str]:
        return [host for _, sent, host in self.seen if sent == method]

    def last(self, method: str) -> ClientTransaction:
        return next(tx for tx in reversed(self.stack.sent) if tx.request.method == method)

    def shown(self) -> dict[str, Any]:
        return self.trunks.report()[0]

    def used(self) -> str:
        return next((each["address"] for each in self.shown()["targets"] if each["used"]), "")

    def tries(self) -> list[str]:
        return [each.flow.host for each in self.trunks.candidates("+33123456789")]


Make = Callable[..., Any]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    running: list[asyncio.Task[None]] = []

    async def start(
        names: NamesTwin,
        *settings: TrunkSettings,
        dead: Iterable[str] = (),
        answers: Mapping[str, int] | None = None,
    ) -> Scene:
        scene = Scene(names, *settings)
        scene.dead, scene.answers = set(dead), dict(answers or {})
        await scene.trunks.start()
        running.append(asyncio.ensure_future(scene.trunks.run()))
        await scene.pass_time(0.0)
        return scene

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def two() -> NamesTwin:
    names = NamesTwin()
    names.zone("carrier.test", "udp", (10, 0, FIRST), (20, 0, SECOND))
    return names


# -- found -------------------------------------------------------------------------------------


async def test_a_call_tries_the_targets_in_their_order_with_the_name_of_the_trunk(make: Make) -> None:
    scene = await make(two(), trunk())
    first, second = scene.trunks.candidates("+33123456789")
    assert (first.flow, second.flow) == (flow_from(FIRST), flow_from(SECOND))
    assert first.uri == second.uri == "sip:+33123456789@carrier.test"
    assert scene.shown()["found_by"] == "SRV _sip._udp.carrier.test"
    assert scene.inbox.take() == [
        TrunkChanged("acme", True, f"not watched; by s1.carrier.test ({FIRST}:5060)")
    ]


@pytest.mark.parametrize("silent", [False, True])
async def test_the_transport_that_the_records_name(make: Make, silent: bool) -> None:
    """Also where the DNS says nothing at first, and only a file of hosts has the name."""
    names = NamesTwin()
    names.zone("carrier.test", "tcp", (10, 0, FIRST))
    names.hosts["carrier.test"] = (FIRST,)
    names.failing = {"_sip._udp.carrier.test"} if silent else set()
    scene = await make(names, trunk(protocol="auto", register=True, username="0123"))
    if silent:
        assert scene.last("REGISTER").flow.protocol == "UDP"
        names.failing.clear()
        await scene.pass_time(AGAIN_S + 5.0)
    await scene.pass_time(700.0)
    sent = scene.last("REGISTER")
    assert sent.flow.protocol == "TCP" and ";transport=tcp" in sent.request.raw_uri
    assert ";transport=tcp" in (sent.request.get("Contact") or "")
    assert {each.flow.protocol for each in scene.trunks.candidates("+33123456789")} == {"TCP"}
    assert scene.shown()["found_by"] == "SRV _sip._tcp.carrier.test"


async def test_calls_from_every_address_of_every_target_belong_to_the_trunk(make: Make) -> None:
    names = two()
    names.hosts["s2.carrier.test"] = (SECOND, THIRD)
    scene = await make(names, trunk())
    for address in (FIRST, SECOND, THIRD):
        found = scene.trunks.source(flow_from(address))
        assert found is not None and found.name == "acme"
    assert scene.trunks.source(flow_from("192.0.2.4")) is None


async def test_sources_say_it_all(make: Make) -> None:
    scene = await make(two(), trunk(sources=("198.51.100.0/24",)))
    assert scene.trunks.source(flow_from(FIRST)) is None
    assert scene.trunks.source(flow_from("198.51.100.7")) is not None


async def test_a_dns_that_hangs_keeps_neither_start_nor_other_trunks_waiting(make: Make) -> None:
    names = two()
    names.hanging = True
    scene = await make(names, trunk(), trunk("pbx", "192.0.2.20"))
    assert scene.tries() == ["192.0.2.20"]
    assert scene.shown()["note"] == "not resolved yet"
    await scene.trunks.reload({"acme": trunk(channels=3), "pbx": trunk("pbx", "192.0.2.21")})
    assert scene.tries() == ["192.0.2.21"]


async def test_records_are_asked_for_again_when_their_time_has_come(make: Make) -> None:
    names = two()
    names.ttl_s = 120.0
    scene = await make(names, trunk())
    names.zone("carrier.test", "udp", (10, 0, THIRD))
    names.ttl_s = 60.0
    await scene.pass_time(119.0)
    assert scene.tries() == [FIRST, SECOND]
    await scene.pass_time(1.0)
    assert scene.tries() == [THIRD]
    assert scene.trunks.source(flow_from(FIRST)) is None
    names.zone("carrier.test", "udp", (10, 0, FIRST))
    await scene.pass_time(60.0)
    assert scene.tries() == [FIRST]


async def test_a_target_that_is_none_any_more_is_left_alone(make: Make) -> None:
    names = two()
    names.ttl_s = 60.0
    scene = await make(names, trunk(register=True, username="centre", qualify_s=10.0))
    await scene.pass_time(30.0)
    names.zone("carrier.test", "udp", (10, 0, THIRD))
    await scene.pass_time(30.0)
    moved = scene.clock.time
    await scene.pass_time(30.0)
    assert scene.sent("REGISTER") == [FIRST, THIRD]
    assert {host for at, _, host in scene.seen if at > moved} == {THIRD}
    await scene.trunks.reload({})
    await scene.pass_time(0.0)
    left = len(scene.seen)
    await scene.pass_time(1000.0)
    assert len(scene.seen) == left


async def test_while_the_dns_fails_the_last_answer_is_used_and_the_note_says_so(make: Make) -> None:
    names = two()
    scene = await make(names, trunk())
    names.failing = {"*"}
    await scene.pass_time(300.0)
    assert scene.tries() == [FIRST, SECOND]
    await scene.pass_time(0.0)
    assert "the last answer is used" in scene.shown()["note"]
    asked = len(names.asked)
    await scene.pass_time(AGAIN_S)
    assert len(names.asked) == asked + 1
    names.failing = set()
    await scene.pass_time(AGAIN_S)
    assert "last answer" not in scene.shown()["note"]


async def test_a_name_without_address_is_an_alarm_and_asked_again(make: Make) -> None:
    names = NamesTwin()
    scene = await make(names, trunk())
    problem = "the name carrier.test cannot be resolved"
    assert scene.inbox.take() == [TrunkChanged("acme", False, problem)]
    names.hosts["carrier.test"] = (FIRST,)
    await scene.pass_time(AGAIN_S)
    assert scene.inbox.take() == [TrunkChanged("acme", True, "not watched")]


async def test_a_source_that_is_a_name_stays_while_its_name_fails(make: Make) -> None:
    names = NamesTwin()
    names.hosts["gw.carrier.test"] = (SECOND, THIRD)
    scene = await make(names, trunk(host=FIRST, sources=("gw.carrier.test",)))
    assert scene.trunks.source(flow_from(THIRD)) is not None
    assert scene.trunks.source(flow_from(FIRST)) is None
    del names.hosts["gw.carrier.test"]
    await scene.pass_time(1000.0)
    assert scene.trunks.source(flow_from(THIRD)) is not None


async def test_a_reload_asks_nothing_that_is_known(make: Make) -> None:
    names = two()
    scene = await make(names, trunk())
    asked = len(names.asked)
    await scene.trunks.reload({"acme": trunk(channels=2)})
    assert scene.tries() == [FIRST, SECOND]
    assert len(names.asked) == asked


async def test_over_tls_every_server_must_prove_to_be_the_carrier_that_was_asked_for(make: Make) -> None:
    """A forged DNS may lead elsewhere, but who is there has no certificate for the trunk's host."""
    names = NamesTwin()
    names.zone("carrier.test", "tls", (10, 0, FIRST))
    names.records["_sips._tcp.carrier.test"] = names.records.pop("_sip._tls.carrier.test")
    scene = await make(names, trunk(protocol="tls", ca="ca.pem"))
    [found] = scene.trunks.candidates("+33123456789")
    assert scene.stack.trust == Trust("carrier.test", "ca.pem")
    assert (found.uri, found.flow.protocol) == ("sip:+33123456789@carrier.test;transport=tls", "TLS")
    await scene.trunks.reload({"acme": trunk(protocol="tls", certificate_name="sbc.carrier.test")})
    assert scene.trunks.candidates("+33123456789")
    assert scene.stack.trust == Trust("sbc.carrier.test")


# -- left and taken back -----------------------------------------------------------------------


async def test_a_target_that_falls_silent_is_left_and_taken_back_when_it_has_rested(make: Make) -> None:
    scene = await make(two(), trunk(qualify_s=10.0))
    await scene.pass_time(30.0)
    assert set(scene.sent("OPTIONS")) == {FIRST, SECOND}
    scene.inbox.take()
    scene.dead = {FIRST}
    await scene.pass_time(30.0)
    assert (scene.used(), scene.tries()) == (SECOND, [SECOND])
    assert scene.inbox.take() == []  # the trunk itself was up all the time
    scene.dead = set()
    lived = scene.clock.time
    while scene.used() != FIRST:
        await scene.pass_time(1.0)
    back = next(
        at for at, method, host in scene.seen if at >= lived and method == "OPTIONS" and host == FIRST
    )
    assert scene.clock.time - back == pytest.approx(REST_S, abs=1.0)
    assert scene.tries() == [FIRST, SECOND]


async def test_a_target_that_comes_and_goes_does_not_drag_the_trunk_along(make: Make) -> None:
    scene = await make(two(), trunk(qualify_s=10.0))
    await scene.pass_time(20.0)
    changes, used = 0, FIRST
    for second in range(1800):
        scene.dead = {FIRST} if second // 60 % 2 else set()
        await scene.pass_time(1.0)
        if scene.used() != used:
            changes, used = changes + 1, scene.used()
    assert 1 <= changes <= 10  # it died fifteen times


async def test_a_trunk_is_down_when_all_its_targets_are(make: Make) -> None:
    scene = await make(two(), trunk(qualify_s=10.0))
    await scene.pass_time(20.0)
    scene.inbox.take()
    scene.dead = {FIRST, SECOND}
    await scene.pass_time(40.0)
    [fact] = scene.inbox.take()
    assert isinstance(fact, TrunkChanged) and not fact.up
    assert scene.tries() == []
    scene.dead = {FIRST}
    await scene.pass_time(20.0)
    [fact] = scene.inbox.take()
    assert isinstance(fact, TrunkChanged) and fact.up
    assert scene.used() == SECOND


async def test_503_to_options_moves_only_where_another_says_no_such_thing(make: Make) -> None:
    scene = await make(two(), trunk(qualify_s=10.0))
    scene.answers = {FIRST: 503}
    await scene.pass_time(15.0)
    assert scene.used() == SECOND
    scene.answers = {FIRST: 503, SECOND: 503}
    await scene.pass_time(15.0)
    assert scene.used() == FIRST
    assert scene.shown()["up"]
    scene.answers = {}
    await scene.pass_time(60.0)
    assert scene.used() == FIRST


async def test_a_trunk_with_one_target_that_answers_503_is_up(make: Make) -> None:
    scene = await make(NamesTwin(), trunk(host=FIRST, qualify_s=10.0))
    scene.answers = {FIRST: 503}
    await scene.pass_time(15.0)
    assert scene.shown()["up"]
    assert scene.tries() == [FIRST]


# -- registration ------------------------------------------------------------------------------


async def test_the_registration_follows_the_target_and_keeps_its_call_id(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre", qualify_s=10.0))
    await scene.pass_time(20.0)
    assert scene.sent("REGISTER") == [FIRST]
    assert scene.shown()["up"]
    former = scene.last("REGISTER").request
    scene.dead = {FIRST}
    await scene.pass_time(40.0)
    assert scene.sent("REGISTER") == [FIRST, SECOND]
    again = scene.last("REGISTER").request
    assert again.call_id == former.call_id
    assert again.cseq.number == former.cseq.number + 1
    assert again.raw_uri == former.raw_uri == "sip:carrier.test"
    assert scene.shown()["up"]


async def test_a_register_that_nobody_answers_goes_to_the_next_target_at_once(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre"), dead={FIRST})
    scene.stack.fail(scene.last("REGISTER"))
    await scene.pass_time(0.0)
    assert scene.sent("REGISTER") == [FIRST, SECOND]
    assert scene.shown()["up"]
    assert scene.used() == SECOND


async def test_a_late_answer_of_the_former_target_counts_no_more(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre", qualify_s=5.0), dead={FIRST})
    scene.slow = True
    await scene.pass_time(20.0)
    lost, under_way = [tx for tx in scene.stack.sent if tx.request.method == "REGISTER"]
    assert (lost.flow.host, under_way.flow.host) == (FIRST, SECOND)
    scene.stack.fail(lost)
    scene.stack.deliver(lost, 403)
    scene.stack.deliver(under_way, 200, ("Expires", "600"))
    assert scene.shown()["up"]
    assert scene.used() == SECOND


async def test_503_to_register_goes_to_the_next_target_and_403_does_not(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre"), answers={FIRST: 503})
    await scene.pass_time(1.0)
    assert scene.sent("REGISTER") == [FIRST, SECOND]
    assert scene.shown()["up"]
    refused = await make(two(), trunk(register=True, username="centre"), answers={FIRST: 403})
    await refused.pass_time(1.0)
    assert refused.sent("REGISTER") == [FIRST]
    assert not refused.shown()["up"]


async def test_where_all_refuse_the_back_off_counts(make: Make) -> None:
    """Two dead targets must not be asked in a circle without a pause."""
    scene = await make(two(), trunk(register=True, username="centre"), answers={FIRST: 503, SECOND: 503})
    await scene.pass_time(600.0)
    assert scene.sent("REGISTER")[:3] == [FIRST, SECOND, FIRST]
    first, second, third, *_ = [at for at, method, _ in scene.seen if method == "REGISTER"]
    assert second == first and third - second >= MIN_WAIT_S
    assert 4 <= len(scene.sent("REGISTER")) <= 30


async def test_a_server_that_answers_only_whom_it_knows_is_tried_when_the_other_is_dead(make: Make) -> None:
    """Its silence to OPTIONS says nothing as long as we are not registered there."""
    scene = await make(two(), trunk(register=True, username="centre", qualify_s=10.0))
    scene.wary = {SECOND}
    await scene.pass_time(60.0)
    assert [each["reach"] for each in scene.shown()["targets"]] == ["alive", "lost"]
    scene.dead = {FIRST}
    await scene.pass_time(40.0)
    assert scene.sent("REGISTER") == [FIRST, SECOND]
    assert scene.shown()["up"]
    assert scene.used() == SECOND


async def test_where_all_are_lost_they_are_registered_at_in_turn(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre", qualify_s=10.0))
    await scene.pass_time(30.0)
    scene.dead = {FIRST, SECOND}
    for _ in range(20):
        await scene.pass_time(32.0)  # 64*T1: nobody answered
        tx = scene.last("REGISTER")
        if tx.flow.host in scene.dead:
            scene.stack.fail(tx)
    assert scene.sent("REGISTER").count(FIRST) >= 2
    assert scene.sent("REGISTER").count(SECOND) >= 2
    assert len(scene.sent("REGISTER")) <= 20


async def test_stop_takes_the_registration_back_where_it_is(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre", qualify_s=10.0))
    scene.dead = {FIRST}
    await scene.pass_time(60.0)
    stopping = asyncio.ensure_future(scene.trunks.stop())
    await settle()
    last = scene.last("REGISTER")
    assert (last.flow.host, last.request.expires) == (SECOND, 0)
    scene.serve()
    await asyncio.wait_for(stopping, 1.0)


# -- calls -------------------------------------------------------------------------------------


async def test_a_call_that_was_not_answered_sends_the_next_ones_elsewhere(make: Make) -> None:
    scene = await make(two(), trunk(), trunk("other", "192.0.2.20", priority=20))
    scene.trunks.target_failed("acme", flow_from(FIRST), "a call failed: timeout")
    assert scene.tries() == [SECOND, FIRST, "192.0.2.20"]
    assert scene.used() == SECOND
    await scene.pass_time(REST_S)
    assert scene.tries() == [FIRST, SECOND, "192.0.2.20"]


async def test_503_to_a_call_leaves_the_registration_where_it_is(make: Make) -> None:
    scene = await make(two(), trunk(register=True, username="centre"))
    await scene.pass_time(1.0)
    scene.trunks.target_failed("acme", flow_from(FIRST), "")
    assert scene.tries() == [SECOND, FIRST]
    await scene.pass_time(1.0)
    assert scene.sent("REGISTER") == [FIRST]
    assert scene.used() == FIRST


async def test_the_trunk_rests_only_when_its_last_target_failed(make: Make) -> None:
    scene = await make(two(), trunk(), trunk("other", "192.0.2.20", priority=20))
    scene.trunks.target_failed("acme", flow_from(FIRST), "", 5.0)
    scene.trunks.target_failed("acme", flow_from(SECOND), "", 5.0)
    assert scene.tries()[0] == "192.0.2.20"
    scene.trunks.target_failed("nobody", flow_from(SECOND), "")


# -- whatever happens --------------------------------------------------------------------------

TARGETS = (FIRST, SECOND, THIRD)
STORMS = st.lists(
    st.tuples(st.sets(st.sampled_from(TARGETS)), st.sets(st.sampled_from(TARGETS)), st.integers(1, 240)),
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(STORMS, st.sets(st.sampled_from(TARGETS)), st.booleans())
def test_in_the_end_the_best_that_lives_is_used(
    storms: list[tuple[set[str], set[str], int]], dead: set[str], register: bool
) -> None:
    """After any coming and going: the best living target, registered there, a trunk that is up; and not
    more REGISTERs than the back-off allows."""

    async def play() -> None:
        names = NamesTwin()
        names.zone("carrier.test", "udp", (10, 0, FIRST), (20, 0, SECOND), (30, 0, THIRD))
        scene = Scene(names, trunk(register=register, username="centre", qualify_s=10.0))
        await scene.trunks.start()
        running = asyncio.ensure_future(scene.trunks.run())
        for gone, declining, seconds in storms:
            scene.dead, scene.answers = gone, dict.fromkeys(declining, 503)
            await scene.pass_time(float(seconds))
            for tx in list(scene.stack.sent):
                if tx.request.method == "REGISTER" and tx.flow.host in gone:
                    scene.stack.fail(tx)
        scene.dead, scene.answers = dead, {}
        await scene.pass_time(100.0)
        for tx in list(scene.stack.sent):
            if tx.request.method == "REGISTER" and tx.flow.host in dead:
                scene.stack.fail(tx)
        await scene.pass_time(1500.0)
        living = [each for each in TARGETS if each not in dead]
        assert scene.shown()["up"] is bool(living)
        assert scene.tries() == living
        if living:
            assert scene.used() == living[0]
        if living and register:
            assert scene.sent("REGISTER")[-1] == living[0]
        assert len(scene.sent("REGISTER")) <= 10 + (scene.clock.time - 1000.0) / MIN_WAIT_S
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(play())
