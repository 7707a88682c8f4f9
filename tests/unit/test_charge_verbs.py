"""Open payments at the console: what is listed, what settling posts, what is refused and printed."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from ccd.cli import payments
from ccd.errors import Refused
from ccd.model import facts
from ccd.runtime.state import OpenPayment
from tests.unit.control_room import BY, Room


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        at = running.clock.now() - 90.0
        args = ("7", "cards", "12.50 EUR", "7-1", "paid", "R-7\x1b[2J", "the customer had hung up")
        running.centre.state.open_payments = [OpenPayment(at, "7.a1", *args)]
        yield running


async def test_it_is_listed_then_settled_and_the_ledger_knows_by_whom(room: Room) -> None:
    (row,) = await room.ask("payments")
    assert (row["request"], row["age_s"], row["result"], row["amount"]) == ("7-1", 90.0, "paid", "12.50 EUR")
    lines = payments.payment_table([row])
    assert "12.50 EUR" in lines[1] and "the customer" in lines[1] and "\x1b" not in lines[1]
    answer = await room.ask("payment.settle", request="7-1", note="refunded")
    assert payments._settled(answer) == [f"payment 7-1 of 12.50 EUR is settled by {BY}: refunded"]
    decode = msgspec.msgpack.Decoder(facts.AnyFact).decode
    stored = [decode(entry.fact) for entry in room.ledger.read(0)]
    assert facts.PaymentSettled("7-1", BY, "refunded") in stored
    assert await room.ask("payments") == [] and payments.payment_table([]) == ["no payment is open"]


async def test_what_is_not_open_and_what_is_too_long_is_refused(room: Room) -> None:
    with pytest.raises(Refused, match="no payment '8-1' is open — `ccctl payments list`"):
        await room.ask("payment.settle", request="8-1")
    with pytest.raises(Refused, match="over 200 characters"):
        await room.ask("payment.settle", request="7-1", note="x" * 201)
    assert len(await room.ask("payments")) == 1
