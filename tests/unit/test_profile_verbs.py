"""Profiles at the console: what the verbs post and refuse, what ccctl prints, what it takes for a time."""

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
import typer

from ccd.cli import profiles, status, top
from ccd.cli.main import main
from ccd.cli.session import WRONG
from ccd.cli.text import moment, span
from ccd.errors import Refused
from ccd.model import facts
from tests.unit.control_room import BY, RULES, Room

NOON = datetime(2026, 11, 25, 12, 0).timestamp()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        yield running


@pytest.fixture
def paris() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Paris"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def sets(room: Room) -> list[facts.ProfileSet]:
    """What a restart would read."""
    decode = msgspec.msgpack.Decoder(facts.AnyFact).decode
    found = [decode(entry.fact) for entry in room.ledger.read(0)]
    return [fact for fact in found if isinstance(fact, facts.ProfileSet)]


# -- verbs -----------------------------------------------------------------------------------------------


async def test_on_is_durable_and_says_who_why_and_until_when(room: Room) -> None:
    now = room.clock.now()
    row = await room.ask("profile.on", profile="rush", for_s=7200, reason="storm")
    assert sets(room) == [facts.ProfileSet("rush", True, BY, now + 7200, "storm")]
    assert row == {
        "profile": "rush",
        "display": "Monday rush",
        "on": True,
        "by": BY,
        "reason": "storm",
        "since": now,
        "on_s": 0.0,
        "until": now + 7200,
        "left_s": 7200.0,
    }
    assert room.centre.state.rules.queues["support"].agents == ("carol", "alice")


async def test_off_gives_the_rules_back(room: Room) -> None:
    await room.ask("profile.on", profile="rush")
    row = await room.ask("profile.off", profile="rush", reason="over")
    assert row["on"] is False and row["until"] is None
    assert sets(room)[-1] == facts.ProfileSet("rush", False, BY, reason="over")
    assert room.centre.state.rules == RULES


async def test_off_twice_is_no_fault_and_no_fact(room: Room) -> None:
    assert (await room.ask("profile.off", profile="rush"))["on"] is False
    assert sets(room) == []


async def test_those_that_are_on_are_listed_first(room: Room) -> None:
    assert [row["profile"] for row in await room.ask("profiles")] == ["quiet", "rush"]
    await room.ask("profile.on", profile="rush")
    rows = await room.ask("profiles")
    assert [(row["profile"], row["on"]) for row in rows] == [("rush", True), ("quiet", False)]
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"profile": "rash"}, "did you mean rush"),
        ({"profile": "rush", "until": 1.0}, "the end has passed"),
        ({"profile": "rush", "for_s": 0}, "the end has passed"),
        ({"profile": "rush", "for_s": -60}, "the end has passed"),
        ({"profile": "rush", "for_s": 400 * 86_400}, "over a year"),
        ({"profile": "rush", "until": 1e300}, "over a year"),
        ({"profile": "rush", "until": 1e10, "for_s": 60}, "give one of them"),
        ({"profile": "rush", "reason": "x" * 201}, "the reason has 201 characters"),
        ({"profile": "rush", "until": "18:00"}, "wrong arguments"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_posted(
    room: Room, args: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await room.ask("profile.on", **args)
    assert sets(room) == []


@pytest.mark.parametrize("verb", ["profile.off", "profile.show"])
async def test_an_unknown_profile_is_refused_by_name(room: Room, verb: str) -> None:
    with pytest.raises(Refused, match="did you mean quiet") as caught:
        await room.ask(verb, profile="quiett")
    assert caught.value.code == "profile.unknown"


async def test_show_tells_each_key_without_and_meanwhile(room: Room) -> None:
    shown = await room.ask("profile.show", profile="rush")
    assert [tuple(each.values()) for each in json.loads(json.dumps(shown["changes"]))] == [
        ("queues.sales.wrap_up_s", 30.0, 5.0),
        ("queues.support.agents", ["carol"], ["carol", "alice"]),
        ("numbers.+333", "listen", "support"),
    ]
    shown = await room.ask("profile.show", profile="quiet")
    assert [tuple(each.values()) for each in shown["changes"]] == [
        ("queues.support", "served", "suspended: interactions wait")
    ]


async def test_a_suspended_queue_with_people_in_it_is_an_alarm_of_its_own(room: Room) -> None:
    await room.ask("profile.on", profile="quiet")
    await room.call("+332")
    alarms = (await room.ask("status"))["alarms"]
    assert [each["what"] for each in alarms if each["name"] == "support"] == ["queue suspended"]


# -- in words ----------------------------------------------------------------------------------------------


async def test_tables_and_sentences(room: Room) -> None:
    lines = profiles.profile_table(await room.ask("profiles"), 100)
    assert [line.split()[:2] for line in lines[1:]] == [["quiet", "off"], ["rush", "off"]]
    row = await room.ask("profile.on", profile="rush", for_s=3600, reason="storm")
    ends = moment(row["until"], row["since"])
    assert profiles.said(row) == [f"rush is on until {ends}, by {BY}: storm"]
    first = profiles.profile_table(await room.ask("profiles"), 100)[1]
    assert first.split()[:2] == ["rush", "on"]
    assert f"{ends}  1:00:00  {BY}  storm" in first
    shown = "\n".join(profiles._shown(await room.ask("profile.show", profile="rush")))
    assert "Monday rush" in shown and "queues.support.agents   carol    carol, alice" in shown
    assert profiles.said(await room.ask("profile.on", profile="rush")) == [
        f"rush is on until it is turned off, by {BY}"
    ]
    assert profiles.said(await room.ask("profile.off", profile="rush")) == ["rush is off"]
    assert profiles.profile_table([])[0].startswith("no profiles are configured")


async def test_status_and_top_show_what_is_on(room: Room) -> None:
    assert "profiles" not in "\n".join(status._lines(await room.ask("status")))
    row = await room.ask("profile.on", profile="rush", for_s=3600, reason="storm")
    await room.ask("profile.on", profile="quiet")
    ends = moment(row["until"], row["since"])
    shown = "\n".join(status._lines(await room.ask("status")))
    assert f"profiles      rush until {ends}, by {BY} (storm), quiet, by {BY}"[:80].rstrip() in shown
    assert f"profiles rush until {ends}, quiet" in top.frame_lines(await room.ask("top"), 80)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--until", "18:00", "--for", "2h"), "give one of them"),
        (("--until", "noon"), "is no time"),
        (("--for", "soon"), "is no length of time"),
    ],
)
def test_wrong_usage_is_told_before_a_daemon_is_asked(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["profile", "on", "rush", *argv])
    assert ended.value.code == WRONG
    assert words in " ".join(capsys.readouterr().err.split())


# -- times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400.0), ("2h", 7200.0), ("1h30m", 5400.0), ("7d", 604_800.0), ("45s", 45.0), ("1w", 604_800.0)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2", "2 h", "-2h", "2x", "1.5h", "2h3"])
def test_no_lengths_of_time(text: str) -> None:
    assert span(text) is None


@pytest.mark.parametrize(
    ("text", "day", "hour"),
    [
        ("18:00", 25, 18),
        ("12:01", 25, 12),
        ("12:00", 26, 12),
        ("08:00", 26, 8),
        ("2026-11-26T08:00", 26, 8),
        ("2026-11-26 08:00", 26, 8),
        ("2026-11-27", 27, 0),
    ],
)
def test_ends_on_the_clock_here(text: str, day: int, hour: int) -> None:
    at = datetime.fromtimestamp(profiles.end(text, NOON))
    assert (at.day, at.hour) == (day, hour)


def test_an_end_beyond_a_change_of_the_clocks_is_on_the_clock(paris: None) -> None:
    before = datetime(2026, 10, 24, 20, 0).timestamp()
    assert profiles.end("08:00", before) - before == 13 * 3600, "the night has an hour more"


@pytest.mark.parametrize("text", ["six", "25:00", "18", "2026-13-01", "18:00 tomorrow", "99999-01-01"])
def test_no_ends(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        profiles.end(text, NOON)


def test_a_moment_has_its_date_only_when_it_is_not_today() -> None:
    assert moment(NOON + 3600, NOON) == "13:00"
    assert moment(NOON + 86_400, NOON) == "2026-11-26 12:00"
