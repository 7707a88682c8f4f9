"""Views of a centre: figures that agree with each other, alarms, and plain values only."""

import json
from collections.abc import AsyncIterator
from enum import Enum
from typing import Any

import msgspec
import pytest

from ccd.history.explain import decode_record
from ccd.model import facts
from ccd.model.nouns import OfferEnd
from ccd.routing.state import AgentTotals
from ccd.runtime import frames, troubles, views
from tests.unit.control_room import Room


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        yield running


def assert_plain(value: Any) -> None:
    """Nothing but what JSON has; enums and structs would break a later, stricter encoder."""
    if isinstance(value, dict):
        for key, each in value.items():
            assert type(key) is str
            assert_plain(each)
    elif isinstance(value, list | tuple):
        for each in value:
            assert_plain(each)
    else:
        assert value is None or type(value) in (str, int, float, bool), value


class Word(Enum):
    ONE = "one"


class Short(msgspec.Struct, omit_defaults=True, array_like=True):
    a: int = 1
    words: dict[Word, tuple[Word, ...]] = {}


def test_plain_keeps_all_fields_and_turns_enums_into_words() -> None:
    assert views.plain([Short(), Short(2, {Word.ONE: (Word.ONE,)})]) == [
        {"a": 1, "words": {}},
        {"a": 2, "words": {"one": ["one"]}},
    ]
    assert views.plain(AgentTotals())["handled"] == 0
    assert views.plain({OfferEnd.BUSY: 2}) == {"busy": 2}


async def test_all_views_are_plain(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    await room.call()
    now = room.clock.advance(3)
    assert_plain(await frames.top(room.centre, now))
    assert_plain(await frames.report(room.centre, now))
    assert_plain(views.interaction(room.centre, "1", now))
    await room.leave(leg)
    row = room.ledger.record("1")
    assert row is not None
    assert_plain(views.ended(decode_record(row.body)))


async def test_the_fast_row_of_an_agent_is_what_plain_would_give(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    now = room.clock.now()
    shown = json.loads(msgspec.json.encode(await frames.agents(room.centre, now)))
    found = [room.centre.router.agent_view(name, now) for name in ("alice", "bob", "carol")]
    assert shown == json.loads(msgspec.json.encode([views.plain(view) for view in found]))


async def test_figures_of_one_frame_agree(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    for number in ("+331", "+332", "+333"):
        await room.call(number)
    frame = await frames.top(room.centre, room.clock.advance(7))
    status, listed = frame["status"], frame["interactions"]["listed"]
    assert status["interactions"] == len(listed) == sum(status["phases"].values()) == 4
    assert status["waiting"] == sum(queue["waiting"] for queue in frame["queues"]) == 2
    waiting = [row for row in listed if row["phase"] == "waiting"]
    assert {row["queue"]: (row["position"], row["waiting_s"]) for row in waiting} == {
        "sales": (1, 7.0),
        "support": (1, 7.0),
    }
    in_flow = next(row for row in listed if row["phase"] == "flow")
    assert in_flow["step"]
    assert in_flow["position"] == 0
    by_queue = {queue["queue"]: queue["longest_wait_s"] for queue in frame["queues"]}
    assert by_queue == {"sales": 7.0, "support": 7.0}


async def test_the_list_is_cut_but_counted_whole(room: Room) -> None:
    for _ in range(5):
        await room.call()
    shown = await frames.interactions(room.centre, room.clock.now(), limit=3)
    assert (shown["all"], [row["interaction"] for row in shown["listed"]]) == (5, ["1", "2", "3"])
    assert await frames.interactions(room.centre, room.clock.now(), limit=0) == {"all": 5, "listed": []}


async def test_a_rung_agent_is_named_before_the_answer(room: Room) -> None:
    await room.ready("alice")
    await room.call()
    (row,) = (await frames.interactions(room.centre, room.clock.now()))["listed"]
    assert (row["phase"], row["agent"]) == ("offered", "alice")


async def test_unknown_names_give_nothing(room: Room) -> None:
    assert views.interaction(room.centre, "9", 0.0) is None
    assert views.legs_of(room.centre, "9", None) == []


async def test_alarms_come_and_go(room: Room) -> None:
    def alarms() -> list[tuple[str, str]]:
        found = troubles.alarms(room.centre, room.clock.now())
        return [(alarm["what"], alarm["name"]) for alarm in found]

    async def happens(*happened: facts.AnyFact) -> list[tuple[str, str]]:
        for fact in happened:
            room.runtime.post(fact)
        await room.runtime.settled()
        return alarms()

    await room.ready("alice")
    assert alarms() == []
    assert await happens(facts.TrunkChanged("carrier", False, "no answer")) == [("trunk down", "carrier")]
    assert await happens(facts.TrunkChanged("carrier", True)) == []
    assert await happens(facts.DeviceLost("alice", "timeout")) == [("phone lost", "alice (alice)")]
    assert await happens(facts.DeviceReachable("alice")) == []
    assert await happens(facts.DeviceUnbound("alice", "1", "expired")) == [("ready without a phone", "alice")]
    room.bind("alice")
    assert await happens() == []
    leg = await room.call("+332")
    assert alarms() == [("queue without agents", "support")]
    await room.leave(leg)
    assert alarms() == []


async def test_alarms_of_what_is_there_no_more_are_over(room: Room) -> None:
    """A phone that was switched off and whose registration ran out is not "lost" for weeks; a trunk that was
    taken out of the configuration while ccd was stopped is not "down" for ever."""

    async def alarms(*happened: facts.AnyFact) -> list[str]:
        for fact in happened:
            room.runtime.post(fact)
        await room.runtime.settled()
        return [row["what"] for row in troubles.alarms(room.centre, room.clock.now())]

    room.bind("alice")
    assert await alarms(facts.DeviceLost("alice", "no answer in 4 s")) == ["phone lost"]
    assert await alarms(facts.DeviceUnbound("alice", "1", "expired")) == []
    assert await alarms(facts.TrunkChanged("carrier", False, "no answer")) == ["trunk down"]
    assert await alarms(facts.DaemonStarted("0", "again")) == []


async def test_figures_that_do_not_add_up_are_an_alarm(room: Room) -> None:
    await room.leave(await room.call())
    assert troubles.alarms(room.centre, room.clock.now()) == []
    room.centre.history.state.totals["sales"].offered += 1
    (alarm,) = troubles.alarms(room.centre, room.clock.now())
    assert alarm["what"] == "figures"
    assert "offered 2" in alarm["why"]


async def test_report_adds_up_with_those_who_wait(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    left = await room.call()
    await room.call()
    await room.leave(left, after_s=4)
    await room.leave(leg, after_s=4)
    report = await frames.report(room.centre, room.clock.now())
    (sales,) = [row for row in report["total"]["queues"] if row["queue"] == "sales"]
    counts = [sales[name] for name in ("offered", "handled", "abandoned", "overflowed", "waiting")]
    assert counts == [3, 1, 1, 0, 1]
    assert report["total"]["faults"] == []
    assert report["today"]["queues"] == report["total"]["queues"]
