"""Erasing a customer at the console: what is said before, done, refused, and how it is printed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ccd.cli import customers
from ccd.errors import Refused
from ccd.runtime import erasure_verbs
from ccd.runtime.frames import report
from tests.unit.control_room import BY, Room

ANN, BEN = "+33612345678", "+33687654321"


async def came(room: Room, number: str) -> str:
    """Somebody calls; the leg."""
    leg = room.channel.arrive(number, "+331")
    await room.runtime.settled()
    return leg


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        for number in (ANN, BEN, ANN):
            await running.leave(await came(running, number), 1.0)
        yield running


def kept(room: Room) -> bytes:
    return b"".join(row.body for row in room.ledger.records(limit=1000))


async def figures(room: Room) -> Any:
    return await report(room.centre, room.clock.now())


async def test_without_yes_it_only_says_what_would_go(room: Room) -> None:
    before, facts = kept(room), room.ledger.last()
    answer = await room.ask("customer.erase", customer="+33 6 12 34 56 78")
    assert [row["interaction"] for row in answer["interactions"]] == ["3", "1"]
    assert (answer["erased"], answer["running"], answer["mentioned"]) == (False, [], [])
    assert answer["names"] == [ANN] and answer["goes_on_at"] == 0.0
    assert (kept(room), room.ledger.last()) == (before, facts)
    lines = customers._erased(answer)
    assert lines[0] == "of +33 6 12 34 56 78 would be erased"
    assert lines[1] == "  2 interactions, with 0 files of audio"
    assert lines[-1] == "nothing was changed: say it again with --yes"


async def test_with_yes_it_is_done_and_reports_add_up(room: Room) -> None:
    before = await figures(room)
    answer = await room.ask("customer.erase", customer=ANN, yes=True)
    assert answer["erased"] and customers._erased(answer)[0] == f"{ANN} is erased"
    assert ANN.encode() not in kept(room) and BEN.encode() in kept(room)
    assert ANN.encode() not in room.centre.dump()
    assert await figures(room) == before
    (entry,) = [entry for entry in room.ledger.read(0) if b"CustomerErased" in entry.fact]
    assert BY.encode() in entry.fact and ANN[1:].encode() not in entry.fact
    again = await room.ask("customer.erase", customer=ANN, yes=True)
    assert customers._erased(again) == [f"nothing is kept of {ANN}"]


async def test_a_long_ledger_is_read_in_parts(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_verbs, "PAGE", 1)
    monkeypatch.setattr(erasure_verbs, "PART_S", 0.0)
    whole: dict[str, Any] = {}
    until, parts = 0.0, 0
    while parts == 0 or until:
        part = await room.ask("customer.erase", customer=ANN, yes=True, until=until)
        whole, until, parts = customers._joined(whole, part), part["goes_on_at"], parts + 1
        assert parts < 20
    assert parts > 2
    assert {row["interaction"] for row in whole["interactions"]} == {"1", "3"}
    assert ANN.encode() not in kept(room)


async def test_who_is_on_the_line_is_named_and_erased_afterwards(room: Room) -> None:
    leg = await came(room, ANN)
    answer = await room.ask("customer.erase", customer=ANN, yes=True)
    assert [(row["interaction"], row["what"]) for row in answer["running"]] == [("4", "is on the line")]
    assert any("erased when it is over" in line for line in customers._erased(answer))
    await room.leave(leg)
    assert ANN.encode() not in kept(room) + room.centre.dump()


@pytest.mark.parametrize("customer", ["", " 1 ", "anonymous", "erased", "alice"])
async def test_what_is_no_customers_name_is_refused(room: Room, customer: str) -> None:
    before = kept(room)
    with pytest.raises(Refused):
        await room.ask("customer.erase", customer=customer, yes=True)
    assert kept(room) == before
