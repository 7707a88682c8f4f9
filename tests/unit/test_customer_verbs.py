"""What is remembered of a customer, at the console: what is shown, refused, forgotten, printed."""

from collections.abc import AsyncIterator

import pytest

from ccd.cli import customers
from ccd.errors import Refused
from ccd.runtime.spoken import remember
from tests.unit.control_room import Room

NUMBER = "+33612345678"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        now = running.clock.now()
        kept = running.centre.history.customers
        for at in (now - 90_000, now - 120):
            kept.came((NUMBER, "customer c-7"), at, at, 30)
        kept.ended((NUMBER,), now - 120, "sales", "alice", "abandoned")
        remember(running.centre.state.spoken, NUMBER, "alice", now)
        running.centre.state.surveyed[NUMBER] = now
        yield running


async def test_what_conditions_see_is_shown(room: Room) -> None:
    row = await room.ask("customer.show", customer=NUMBER)
    now = row["at"]
    assert row["names"] == [NUMBER]
    assert row["contacts"] == [
        {"at": now - 90_000, "abandoned": False},
        {"at": now - 120, "abandoned": True},
    ]
    assert row["history"]["contacts_24h"] == 1 and row["history"]["contacts_7d"] == 2
    assert (row["history"]["last_agent"], row["history"]["since_last_s"]) == ("alice", 120.0)
    lines = customers._shown(row)
    assert lines[0] == f"{NUMBER}: 2 contacts"
    assert any("2:00" in line and "gave up waiting" in line for line in lines)
    assert 'history.last_queue = "sales"' in lines and "history.contacts_30d = 2" in lines
    assert "history.last_queue = missing" in customers._shown(await room.ask("customer.show", customer="c-7"))


async def test_forgetting_is_durable_and_whole(room: Room) -> None:
    assert (await room.ask("customer.forget", customer=NUMBER))["names"] == [NUMBER]
    state = room.centre.state
    assert NUMBER not in state.spoken and NUMBER not in state.surveyed
    assert list(room.centre.history.state.customers) == ["customer c-7"]
    with pytest.raises(Refused, match="nothing is remembered of"):
        await room.ask("customer.show", customer=NUMBER)
    with pytest.raises(Refused, match="give the whole number"):
        await room.ask("customer.forget", customer=NUMBER)
