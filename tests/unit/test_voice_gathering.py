"""The UDP listener: a lone datagram is taken at once; under traffic they are taken together."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd import clock
from ccd.ids import SeededChance
from ccd.model.settings import SipSettings, TransportSettings
from ccd.sip.events import Flow
from ccd.sip.message import Request
from ccd.testing.clock import VirtualClock
from ccd.voice import transport
from ccd.voice.stack import SipStack
from ccd.voice.transport import (
    BEHIND_S,
    COMPANY,
    DENSE_S,
    GATHER_LEAST_S,
    GATHER_MOST_S,
    READS_A_WAKE,
    TURN_S,
    Counters,
    UdpListener,
    next_look_s,
)

PEER = ("192.0.2.7", 5060)


class FakeLoop:
    """Time by hand, one reader, timers in a list."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reader: Callable[[], None] | None = None
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.soon: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def add_reader(self, _sock: object, call: Callable[[], None]) -> None:
        self.reader = call

    def remove_reader(self, _sock: object) -> bool:
        had, self.reader = self.reader is not None, None
        return had

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        entry = (self.now + delay, call)
        self.timers.append(entry)

        class Handle:
            def cancel(handle) -> None:
                if entry in self.timers:
                    self.timers.remove(entry)

        return Handle()

    def call_soon(self, call: Callable[[], None]) -> Any:
        self.soon.append(call)

        class Handle:
            def cancel(handle) -> None:
                if call in self.soon:
                    self.soon.remove(call)

        return Handle()

    def end_turn(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()

    def run_timer(self) -> None:
        """The next timer, and what it leaves for later turns."""
        self.now, call = self.timers.pop(0)
        call()
        while self.soon:
            self.end_turn()


class FakeSocket:
    family = socket.AF_INET

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.fails: dict[str, OSError] = {}
        self.open = True
        self.notes: list[tuple[int, int, bytes]] = []

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 5060)

    def fileno(self) -> int:
        return 5 if self.open else -1

    def close(self) -> None:
        self.open = False

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        if address[0] in self.fails:
            raise self.fails[address[0]]
        self.sent.append((data, address))

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.popleft(), PEER

    def recvmsg(
        self, size: int, _space: int
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, tuple[str, int]]:
        data, address = self.recvfrom(size)
        return data, self.notes, 0, address


class Taken:
    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.flows: list[Flow] = []
        self.failed: list[Flow] = []
        self.looks = 0
        self.now = 0.0
        self.each_s = TURN_S / READS_A_WAKE / 2
        """What one datagram takes: all that a look may take go into one turn."""

    def looked(self) -> None:
        self.looks += 1

    def take_failure(self, flow: Flow) -> None:
        self.failed.append(flow)

    def take_datagram(self, data: bytes, flow: Flow) -> None:
        self.data.append(data)
        self.flows.append(flow)
        self.now += self.each_s


class Site:
    """A listener on a fake loop and socket."""

    def __init__(self, monkeypatch: Any) -> None:
        self.loop, self.socket, self.taken = FakeLoop(), FakeSocket(), Taken()
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self.loop)
        monkeypatch.setattr(transport, "monotonic", lambda: self.taken.now)
        settings = TransportSettings(protocol="udp", host="127.0.0.1", port=5060)
        self.counts = Counters()
        self.listener = UdpListener(
            settings, cast(socket.socket, self.socket), cast(Any, self.taken), self.counts
        )

    def arrive(self, *data: bytes) -> None:
        """Datagrams come; the loop calls the reader if there is one."""
        self.socket.waiting.extend(data)
        if self.loop.reader is not None:
            self.loop.reader()


def test_a_lone_datagram_is_taken_at_once_and_the_next_one_too(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    for count in range(1, 4):
        site.arrive(b"x")
        assert len(site.taken.data) == count
        assert site.loop.timers == []
        site.loop.now += DENSE_S


def test_under_traffic_datagrams_wait_for_each_other(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.loop.now += DENSE_S / 2
    site.arrive(b"2")
    assert site.taken.data == [
        b"1",
        b"2",
    ]  # the one that shows traffic is not kept waiting
    site.arrive(b"3")
    site.arrive(b"4")
    assert site.taken.data == [b"1", b"2"]
    began = site.loop.now
    site.loop.run_timer()
    assert site.loop.now - began == pytest.approx(GATHER_LEAST_S)
    assert site.taken.data == [b"1", b"2", b"3", b"4"]
    assert site.taken.looks == 1


def test_the_fewer_come_the_longer_they_wait_for_each_other(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.arrive(b"2")

    def pause() -> float:
        return site.loop.timers[0][0] - site.loop.now

    site.arrive(b"3")
    site.loop.run_timer()
    assert pause() == pytest.approx(GATHER_MOST_S)
    site.arrive(*[b"x"] * COMPANY)
    site.loop.run_timer()
    assert pause() == pytest.approx(GATHER_MOST_S)
    site.arrive(*[b"x"] * (COMPANY * 5 // 4))
    site.loop.run_timer()
    assert GATHER_LEAST_S < pause() == pytest.approx(GATHER_MOST_S / (5 / 4))
    site.arrive(*[b"x"] * (READS_A_WAKE - 1))
    site.loop.run_timer()
    assert pause() == pytest.approx(GATHER_LEAST_S)
    site.arrive(*[b"x"] * READS_A_WAKE)
    site.loop.run_timer()
    assert pause() == pytest.approx(BEHIND_S)


@given(st.integers(1, READS_A_WAKE), st.floats(0, 10))
def test_a_denser_crowd_never_waits_longer(came: int, within_s: float) -> None:
    pause = next_look_s(came, within_s)
    assert (BEHIND_S if came == READS_A_WAKE else GATHER_LEAST_S) <= pause <= GATHER_MOST_S
    assert next_look_s(READS_A_WAKE, within_s) == BEHIND_S  # more wait, however slow the machine is
    assert next_look_s(came + 1, within_s) <= pause <= next_look_s(came, 2 * within_s)


def test_when_nothing_comes_the_socket_is_watched_again(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.arrive(b"2")
    site.arrive(b"3")
    site.loop.run_timer()
    assert site.taken.data == [b"1", b"2", b"3"]
    assert site.listener.looking
    site.loop.run_timer()
    assert site.loop.timers == []
    assert not site.listener.looking
    site.loop.now += DENSE_S
    site.arrive(b"4")
    assert site.taken.data[-1] == b"4"


def options() -> Request:
    return Request.create(
        "OPTIONS",
        "sip:bob@example.test",
        [
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@example.test>;tag=1"),
            ("To", "<sip:bob@example.test>"),
            ("Call-ID", "c"),
            ("CSeq", "1 OPTIONS"),
        ],
    )


def test_what_is_due_shares_a_look(monkeypatch: Any) -> None:
    site, clock = Site(monkeypatch), VirtualClock()
    stack = SipStack(SipSettings(), clock, SeededChance(1))
    stack._loop = cast(Any, site.loop)
    stack._udp[site.listener.key] = site.listener
    site.listener.looking = True
    stack.request(options(), FAR)

    def sent_after(seconds: float) -> int:
        clock.advance(seconds)
        stack.looked()
        site.loop.end_turn()
        return len(site.socket.sent)

    assert sent_after(0.49) == 1
    assert sent_after(0.011) == 2  # T1
    assert sent_after(0.9) == 2
    assert site.loop.timers == []  # the looks are often enough
    site.listener.looking = False
    assert sent_after(0.0) == 2
    assert site.loop.timers[0][0] - site.loop.now == pytest.approx(0.1)  # and there are no more of them
    clock.advance(0.1)
    site.loop.run_timer()
    site.loop.end_turn()
    assert len(site.socket.sent) == 3
    assert len(site.loop.timers) == 1 and site.loop.timers[0][0] - site.loop.now == pytest.approx(2.0)


def test_a_timer_that_is_set_gives_way_to_looks(monkeypatch: Any) -> None:
    site, clock = Site(monkeypatch), VirtualClock()
    stack = SipStack(SipSettings(), clock, SeededChance(1))
    stack._loop = cast(Any, site.loop)
    stack._udp[site.listener.key] = site.listener
    stack.request(options(), FAR)
    assert len(site.loop.timers) == 1
    site.listener.looking = True
    clock.advance(0.5)
    site.loop.run_timer()
    site.loop.end_turn()
    assert len(site.socket.sent) == 2 and site.loop.timers == []


def test_a_fault_in_one_datagram_does_not_end_the_looks(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.arrive(b"2")
    site.socket.waiting.extend([b"bad", b"4"])
    with monkeypatch.context() as patch:
        patch.setattr(site.taken, "take_datagram", lambda _data, _flow: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            site.loop.run_timer()
    site.loop.end_turn()
    assert site.taken.data == [b"1", b"2", b"4"]
    assert site.listener.looking and len(site.loop.timers) == 1


class Reads(VirtualClock):
    """Counts who asks it."""

    asked = 0

    def now(self) -> float:
        self.asked += 1
        return super().now()


def test_what_is_answered_at_once_is_answered_at_the_time_of_what_came(monkeypatch: Any) -> None:
    site, clock = Site(monkeypatch), Reads()
    stack = SipStack(SipSettings(), clock, SeededChance(1))
    stack._udp[site.listener.key] = site.listener
    limits = []

    def answer(event: Any) -> None:
        asked_before, set_before = clock.asked, event.tx.limit
        assert stack.reply(event.tx, 200)
        limits.append((clock.asked - asked_before, event.tx.limit is set_before))

    stack._on_event = answer
    stack.take_datagram(
        b"BYE sip:b@x.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
        b"From: <sip:a@x.test>;tag=1\r\nTo: <sip:b@x.test>;tag=2\r\nCall-ID: c\r\nCSeq: 2 BYE\r\n\r\n",
        FAR,
    )
    assert limits == [(0, True)]
    asked = clock.asked
    stack.cancel(stack.request(Request.create("OPTIONS", "sip:b@x.test"), FAR))
    assert clock.asked > asked  # by itself it is now


class Answers(Taken):
    """Answers each datagram at once."""

    listener: UdpListener

    def take_datagram(self, data: bytes, flow: Flow) -> None:
        super().take_datagram(data, flow)
        self.listener.send(flow, b"to " + data)


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_look_is_answered_by_leaves_at_its_end(monkeypatch: Any, fails: bool) -> None:
    site, answers = Site(monkeypatch), Answers()
    answers.listener, site.listener._taker = site.listener, cast(Any, answers)
    if fails:
        monkeypatch.setattr(site.listener, "_take_many", lambda: answers.take_datagram(b"1", FAR) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            site.arrive(b"1")
        monkeypatch.undo()
    else:
        site.arrive(b"1", b"2")
    assert [data for data, _ in site.socket.sent] == ([b"to 1"] if fails else [b"to 1", b"to 2"])
    assert site.loop.soon == []
    site.listener.send(FAR, b"later")
    site.loop.end_turn()
    assert site.socket.sent[-1][0] == b"later"


A_TURN = 3


def in_a_look(monkeypatch: Any) -> Site:
    """After the first turn of a look at as many datagrams as two turns take; each costs a third of a turn."""
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.arrive(b"2")
    site.taken.each_s = TURN_S / A_TURN
    site.arrive(*[b"x"] * A_TURN * 2)
    _, gather = site.loop.timers.pop(0)
    gather()
    return site


def test_a_look_gives_others_their_turn_between(monkeypatch: Any) -> None:
    site = in_a_look(monkeypatch)
    assert len(site.taken.data) == 2 + A_TURN
    assert site.loop.timers == [] and site.taken.looks == 0
    site.loop.end_turn()
    assert len(site.taken.data) == 2 + 2 * A_TURN
    site.loop.end_turn()  # nothing is left
    assert site.loop.soon == [] and len(site.loop.timers) == 1 and site.taken.looks == 1


@pytest.mark.parametrize("each_s", [TURN_S, 10 * TURN_S])
def test_a_datagram_that_takes_long_is_the_last_of_its_turn(monkeypatch: Any, each_s: float) -> None:
    """However many of them a peer sends: others on the loop wait for one."""
    site = Site(monkeypatch)
    site.taken.each_s = each_s
    site.arrive(*[b"x"] * 5)
    assert len(site.taken.data) == 1
    site.loop.now += DENSE_S / 2
    site.arrive()
    assert len(site.taken.data) == 2
    _, gather = site.loop.timers.pop(0)
    gather()
    for taken in (3, 4, 5):
        assert len(site.taken.data) == taken and site.taken.looks == 0
        site.loop.end_turn()
    assert site.loop.soon == [] and site.taken.looks == 1


def note(seconds: int, nanoseconds: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, transport.SO_TIMESTAMPNS, transport.STAMP.pack(seconds, nanoseconds)


def test_for_how_long_datagrams_have_come_late(monkeypatch: Any) -> None:
    """The kernel's stamp of the first of each turn says it; a socket that is empty ends it."""
    site = Site(monkeypatch)
    listener = site.listener
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: 1_000_003.5))
    late, site.taken.each_s = note(1_000_002, 900_000_000), TURN_S  # a turn takes one

    def turn(*notes: tuple[int, int, bytes]) -> float:
        site.socket.notes = list(notes)
        site.loop.now += DENSE_S
        site.arrive()
        return listener.late_s

    site.socket.waiting.extend([b"x"] * 7)
    assert turn((socket.IPPROTO_IP, 8, b""), note(1_000_003, 0)) == 0.0  # for just as long as is no matter
    assert turn(late) == 0.0
    assert turn(late) == pytest.approx(TURN_S)
    site.taken.now += 1.0
    assert listener.late_s == pytest.approx(TURN_S)  # nothing is known to wait meanwhile
    assert turn(late) == pytest.approx(1.0 + 2 * TURN_S)
    assert turn(note(1_000_004, 0)) == 0.0  # the system's clock was set back meanwhile
    assert turn(late) == 0.0
    site.taken.each_s = 0.0
    assert turn(late) == 0.0 and not site.socket.waiting


def test_closing_between_two_turns_of_a_look(monkeypatch: Any) -> None:
    site = in_a_look(monkeypatch)
    site.listener.close()
    site.loop.end_turn()
    assert site.loop.timers == [] and len(site.taken.data) == 2 + A_TURN


def test_closing_ends_the_gathering(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1")
    site.arrive(b"2")
    assert site.loop.timers
    site.listener.close()
    assert site.loop.timers == []
    assert site.loop.reader is None


def test_datagrams_of_one_peer_share_their_flow(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.arrive(b"1", b"2")
    first, second = site.taken.flows
    assert first is second
    assert first == Flow("UDP", *PEER, "127.0.0.1:5060")


FAR = Flow("UDP", "192.0.2.9", 5062, "127.0.0.1:5060")
NEAR = Flow("UDP", *PEER, "127.0.0.1:5060")


def test_what_a_turn_sends_leaves_together_at_its_end_and_in_order(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.listener.send(NEAR, b"1")
    site.listener.send(FAR, b"2")
    site.listener.send(NEAR, b"3")
    assert site.socket.sent == []
    site.loop.end_turn()
    assert site.socket.sent == [(b"1", PEER), (b"2", ("192.0.2.9", 5062)), (b"3", PEER)]
    site.listener.send(NEAR, b"4")
    site.loop.end_turn()
    assert site.socket.sent[3:] == [(b"4", PEER)]


def test_a_peer_that_cannot_be_reached_is_told_and_holds_up_nobody(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.socket.fails = {"192.0.2.9": OSError("no route"), "192.0.2.8": BlockingIOError()}
    for flow in (FAR, Flow("UDP", "192.0.2.8", 5060, "127.0.0.1:5060"), NEAR):
        site.listener.send(flow, b"x")
    site.loop.end_turn()
    assert site.taken.failed == [FAR]
    assert site.counts.datagrams_unsent == 1, "a full buffer counts as loss on the way"
    assert site.socket.sent == [(b"x", PEER)]


def test_closing_sends_what_was_said_before(monkeypatch: Any) -> None:
    site = Site(monkeypatch)
    site.listener.send(NEAR, b"bye")
    site.listener.close()
    assert site.socket.sent == [(b"bye", PEER)]
    site.loop.end_turn()
    assert site.socket.sent == [(b"bye", PEER)]
