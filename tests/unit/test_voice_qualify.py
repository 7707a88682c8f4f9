"""OPTIONS to phones and trunks, by hand-counted time."""

import itertools

import pytest

from ccd.errors import TryLater
from ccd.ids import SeededChance
from ccd.sip.events import Flow
from ccd.voice.qualify import MOVES, Qualify, Reach, Sign, Watched
from tests.unit.voice_twins import LISTENER, HandClock, StackTwin

PHONE = Flow("UDP", "192.0.2.7", 5060, LISTENER)


class Scene:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.stack = StackTwin(self.clock)
        self.changes: list[tuple[Reach, Reach]] = []
        self.qualify = Qualify(self.stack, SeededChance(3), "sip:ccd@ccd.test", 4.0, self.changed)

    def changed(self, target: Watched, former: Reach) -> None:
        self.changes.append((former, target.reach))

    def watch(self, key: str = "ann", flow: Flow = PHONE) -> Watched:
        return self.qualify.watch(key, f"sip:{key}@10.0.0.7:5060", flow, self.clock.time, 30.0)

    def to_next(self) -> float:
        deadline = self.qualify.next_deadline()
        assert deadline is not None
        waited = deadline - self.clock.time
        self.clock.time = deadline
        self.qualify.expire(deadline)
        return waited


def test_the_table_is_whole() -> None:
    assert set(MOVES) == set(itertools.product(Reach, Sign))
    assert all(MOVES[(reach, Sign.ANSWERED)] is Reach.ALIVE for reach in Reach)
    assert {reach for reach in Reach if MOVES[(reach, Sign.MISSED)] is Reach.LOST} == {
        Reach.DOUBTED,
        Reach.LOST,
    }


def test_the_first_probe_comes_soon_and_asks_the_contact_at_its_source() -> None:
    scene = Scene()
    scene.watch()
    assert 0.2 <= scene.to_next() <= 1.2
    [tx] = scene.stack.sent
    assert (tx.request.method, tx.request.raw_uri, tx.flow) == ("OPTIONS", "sip:ann@10.0.0.7:5060", PHONE)
    assert tx.request.max_forwards == 70
    assert tx.request.from_.tag
    assert [str(each.uri) for each in tx.request.contacts] == ["sip:192.0.2.1:5060"]


@pytest.mark.parametrize("status", [200, 404, 486, 503])
def test_any_final_answer_is_life_and_is_measured(status: int) -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.clock.time += 0.0125
    scene.stack.deliver(scene.stack.sent[0], status)
    assert (target.reach, target.round_trip_ms) == (Reach.ALIVE, 12.5)
    assert 27.0 <= scene.to_next() <= 33.0
    assert len(scene.stack.sent) == 2


def test_a_provisional_answer_is_not_enough() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 100)
    assert target.reach is Reach.FRESH
    assert scene.to_next() == pytest.approx(4.0)
    assert target.reach is Reach.DOUBTED


def test_two_time_outs_in_a_row_are_loss() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    assert scene.to_next() == pytest.approx(4.0)
    assert scene.to_next() == pytest.approx(0.2)
    assert target.reach is Reach.DOUBTED
    assert scene.to_next() == pytest.approx(4.0)
    assert (target.reach, target.cause) == (Reach.LOST, "no answer in 4 s")
    assert scene.changes == [(Reach.FRESH, Reach.DOUBTED), (Reach.DOUBTED, Reach.LOST)]
    assert 27.0 <= scene.to_next() <= 33.0
    scene.stack.deliver(scene.stack.sent[-1], 200)
    assert target.reach is Reach.ALIVE
    assert scene.changes[-1] == (Reach.LOST, Reach.ALIVE)


def test_one_miss_is_forgiven() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.to_next()
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[1], 200)
    assert target.reach is Reach.ALIVE


def test_a_transport_error_is_a_miss_and_is_tried_again_after_a_second() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.stack.fail(scene.stack.sent[0], "transport")
    assert (target.reach, target.cause) == (Reach.DOUBTED, "cannot be reached")
    assert scene.to_next() == pytest.approx(1.0)
    scene.stack.fail(scene.stack.sent[1], "transport")
    assert target.reach is Reach.LOST


def test_the_end_of_a_probe_given_up_already_does_not_count_twice() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.to_next()
    scene.stack.fail(scene.stack.sent[0], "timeout")
    assert target.reach is Reach.DOUBTED


def test_a_late_answer_is_a_sign_of_life() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.to_next()
    scene.clock.time += 1.0
    scene.stack.deliver(scene.stack.sent[0], 200)
    assert (target.reach, target.round_trip_ms) == (Reach.ALIVE, 5000.0)


def test_nothing_is_heard_of_what_is_watched_no_more() -> None:
    scene = Scene()
    scene.watch()
    scene.to_next()
    scene.qualify.unwatch("ann")
    assert scene.qualify.next_deadline() is None
    scene.stack.deliver(scene.stack.sent[0], 200)
    scene.stack.fail(scene.stack.sent[0], "transport")
    assert scene.changes == []
    again = scene.watch()
    scene.stack.deliver(scene.stack.sent[0], 200)
    assert again.reach is Reach.FRESH


def test_a_refresh_of_what_is_alive_does_not_ask_again() -> None:
    scene = Scene()
    scene.watch()
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    due = scene.qualify.next_deadline()
    scene.watch()
    assert scene.qualify.next_deadline() == due


def test_a_lost_phone_that_registers_is_asked_at_once() -> None:
    scene = Scene()
    target = scene.watch()
    while target.reach is not Reach.LOST:
        scene.to_next()
    scene.watch()
    assert scene.to_next() <= 1.2
    scene.stack.deliver(scene.stack.sent[-1], 200)
    assert target.reach is Reach.ALIVE


def test_a_phone_that_moved_is_asked_at_its_new_place() -> None:
    scene = Scene()
    target = scene.watch()
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    moved = Flow("UDP", "192.0.2.99", 5060, LISTENER)
    scene.watch(flow=moved)
    assert scene.to_next() <= 1.2
    assert scene.stack.sent[-1].flow == moved
    assert target.reach is Reach.ALIVE


def test_two_hundred_phones_are_asked_at_different_moments() -> None:
    scene = Scene()
    for number in range(200):
        scene.watch(f"u{number}")
    while len(scene.stack.sent) < 200:
        scene.to_next()
        scene.stack.deliver(scene.stack.sent[-1], 200)
    at = []
    while len(scene.stack.sent) < 400:
        scene.to_next()
        at.append(scene.clock.time)
        scene.stack.deliver(scene.stack.sent[-1], 200)
    assert max(at) - min(at) > 4.0
    busiest = max(sum(1 for each in at if start <= each < start + 0.5) for start in at)
    assert busiest < 40


def test_the_way_is_asked_for_before_each_probe_and_none_is_a_miss() -> None:
    """Over TCP: the connection of the last probe may be gone."""
    scene = Scene()
    ways = [Flow("TCP", "192.0.2.7", 5060, f"c{n}") for n in (1, 2)]

    def way(_target: Watched) -> Flow:
        if not ways:
            raise TryLater("sip-connections", "too many TCP connections are open")
        return ways.pop(0)

    scene.qualify.flow_now = way
    target = scene.watch()
    scene.to_next()
    scene.stack.deliver(scene.stack.sent[0], 200)
    scene.to_next()
    assert [tx.flow.local for tx in scene.stack.sent] == ["c1", "c2"]
    scene.stack.deliver(scene.stack.sent[1], 200)
    scene.to_next()
    assert (target.reach, target.cause) == (Reach.DOUBTED, "too many TCP connections are open")
    scene.to_next()
    assert target.reach is Reach.LOST


def test_503_is_a_sign_of_life_of_which_one_is_told() -> None:
    scene = Scene()
    target = scene.watch()
    for status in (200, 503, 503, 486):
        scene.to_next()
        scene.stack.deliver(scene.stack.sent[-1], status)
    assert target.reach is Reach.ALIVE
    fresh, alive = Reach.FRESH, Reach.ALIVE
    assert scene.changes == [(fresh, alive), (alive, alive), (alive, alive)]
