"""Notices and queues closed by hand at the console: what is posted, what is refused, what is printed."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ccd.cli import notices, queues
from ccd.cli.main import main
from ccd.cli.session import WRONG
from ccd.cli.text import moment
from ccd.errors import Refused
from ccd.model import facts
from tests.unit.control_room import BY, Room


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        yield running


def posted(room: Room) -> list[facts.AnyFact]:
    """What a restart would read of it."""
    decode = msgspec.msgpack.Decoder(facts.AnyFact).decode
    kinds = (facts.NoticeSet, facts.NoticeRemoved, facts.QueueClosed, facts.QueueOpened)
    found = [decode(entry.fact) for entry in room.ledger.read(0)]
    return [fact for fact in found if isinstance(fact, kinds)]


async def test_a_notice_is_durable_and_says_who_and_until_when(room: Room) -> None:
    now = room.clock.now()
    row = await room.ask(
        "notice.add", text="Panne", numbers=["+331"], flows=["sales"], language="fr", for_s=60
    )
    assert posted(room) == [facts.NoticeSet(BY, now + 60, "Panne", "", ("+331",), ("sales",), "fr")]
    assert row == {
        "notice": "n1",
        "by": BY,
        "since": now,
        "until": now + 60,
        "left_s": 60.0,
        "text": "Panne",
        "prompt": "",
        "numbers": ["+331"],
        "flows": ["sales"],
        "language": "fr",
    }
    assert await room.ask("notices") == [row]
    (alarm,) = (await room.ask("status"))["alarms"]
    assert (
        alarm["what"] == "notice to callers" and alarm["name"] == "n1" and alarm["why"] == f"by {BY}: Panne"
    )
    assert (await room.ask("notice.remove", notice="n1"))["notice"] == "n1"
    assert await room.ask("notices") == []
    assert posted(room)[-1] == facts.NoticeRemoved("n1", BY)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"for_s": 60}, "it says nothing"),
        ({"text": "x"}, "it has no end"),
        ({"text": "x", "prompt": "y", "for_s": 60}, "give one of them"),
        ({"text": "x" * 601, "for_s": 60}, "601 characters"),
        ({"text": "a\x1b[2Jb", "for_s": 60}, "cannot be said"),
        ({"text": "  ", "for_s": 60}, "cannot be said"),
        ({"prompt": "../etc/passwd", "for_s": 60}, "no name of a prompt"),
        ({"text": "x", "until": 1.0}, "has passed"),
        ({"text": "x", "for_s": 4e8}, "over a year"),
        ({"text": "x", "for_s": 60, "language": "french!"}, "no language"),
        ({"text": "x", "for_s": 60, "numbers": ["+339"]}, "there is no number"),
        ({"text": "x", "for_s": 60, "flows": ["salse"]}, "did you mean sales"),
        ({"text": "x", "for_s": 60, "flows": ["sales"] * 101}, "more than 100"),
        ({"text": 5, "for_s": 60}, "wrong arguments"),
    ],
)
async def test_what_cannot_be_said_is_refused_and_nothing_is_posted(
    room: Room, args: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await room.ask("notice.add", **args)
    assert posted(room) == []


async def test_an_unknown_notice_and_too_many(room: Room) -> None:
    with pytest.raises(Refused, match="there is no notice"):
        await room.ask("notice.remove", notice="n7")
    for _ in range(20):
        await room.ask("notice.add", text="x", for_s=60)
    with pytest.raises(Refused, match="there are 20 notices"):
        await room.ask("notice.add", text="x", for_s=60)


async def test_a_closed_queue_says_who_until_when_and_why(room: Room) -> None:
    now = room.clock.now()
    row = await room.ask("queue.close", queue="support", for_s=3600, reason="fire", text="Closed today")
    assert posted(room) == [facts.QueueClosed("support", BY, now + 3600, "fire", "Closed today")]
    assert (row["closed"], row["closed_until"], row["closed_by"]) == (f"by {BY}: fire", now + 3600, BY)
    told = f"support is closed until {moment(now + 3600, now)}, by {BY}: fire"
    assert queues._state(row) == [told]
    rows = await room.ask("queues")
    assert queues.queue_table(rows, 200)[2].startswith("support (closed)")
    assert queues._told(rows)[-1].startswith("support is closed until") and len(queues._told(rows)) == 4
    (alarm,) = (await room.ask("status"))["alarms"]
    said = (alarm["what"], alarm["name"], alarm["why"])
    assert said == ("queue closed by hand", "support", f"by {BY}: fire")
    row = await room.ask("queue.open", queue="support")
    assert queues._state(row) == ["support is open"]
    assert posted(room)[-1] == facts.QueueOpened("support", BY)
    await room.ask("queue.open", queue="support")
    assert len(posted(room)) == 2
    assert len(queues._told(await room.ask("queues"))) == 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"queue": "suport"}, "did you mean support"),
        ({"queue": "support", "until": 1.0}, "has passed"),
        ({"queue": "support", "reason": "x" * 201}, "201 characters"),
        ({"queue": "support", "text": "x", "prompt": "y"}, "give one of them"),
        ({"queue": "support", "until": 1e10, "for_s": 5}, "give one of them"),
    ],
)
async def test_a_closing_that_cannot_be_is_refused(room: Room, args: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        await room.ask("queue.close", **args)
    with pytest.raises(Refused, match="there is no queue"):
        await room.ask("queue.open", queue="nowhere")
    assert posted(room) == []


async def test_tables_and_sentences(room: Room) -> None:
    assert notices.notice_table([]) == ["no notice is in force"]
    row = await room.ask("notice.add", prompt="outage", for_s=60, flows=["sales", "support"])
    until = moment(row["until"], row["since"])
    assert notices._added(row) == [f"n1 is said until {until}, to sales, support, by {BY}: prompt outage"]
    assert notices.notice_table([row])[1].split()[0] == "n1"
    assert notices._removed(row) == ["n1 is no longer said: prompt outage"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("flow", "notice", "add", "x", "--until", "18:00", "--for", "2h"), "give one of them"),
        (("flow", "notice", "add", "x", "--until", "noon"), "is no time"),
        (("queue", "close", "sales", "--for", "soon"), "is no length of time"),
    ],
)
def test_wrong_usage_is_told_before_a_daemon_is_asked(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == WRONG
    assert words in " ".join(capsys.readouterr().err.split())


def test_it_stands_below_the_flow_noun_that_another_made() -> None:
    import typer

    app, flow = typer.Typer(), typer.Typer()
    app.add_typer(flow, name="flow")
    notices.register(app)
    assert [each.name for each in app.registered_groups] == ["flow"]
    assert [each.name for each in flow.registered_groups] == ["notice"]
