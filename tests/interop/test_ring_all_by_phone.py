"""`ring_all` by telephone: three phones ring for one call, one answers, the others are still at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.interop.daemon_site import DIRECT, Site, need
from tests.interop.parties import caller, phone
from tests.interop.test_routing_by_phone import ANN, BEN, Caller, desk, hung_up
from tests.interop.wire import Call
from tests.peers.baresip import Baresip

Make = Callable[..., Any]
RING_ALL = {"queues.sales": {"strategy": "ring_all"}}
NAMES = ("a1", "a2", "a3")


@asynccontextmanager
async def desks(site: Site, folder: Path) -> AsyncIterator[list[Baresip]]:
    """The phones of all three, who log in one after the other."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(desk(site, name, folder)) for name in NAMES]


async def test_three_phones_ring_and_the_two_that_lose_are_free_at_once(
    make_site: Make, tmp_path: Path
) -> None:
    need("baresip", "sipp")
    site: Site = await make_site(agents=3, tables=RING_ALL)
    async with desks(site, tmp_path) as phones, Caller(site, tmp_path, ANN) as ann:
        for each in phones:
            assert ANN in (await each.event("CALL_INCOMING"))["peeruri"]
        told = await ann.row()
        assert sorted(told["ringing"]) == list(NAMES)
        first, second, third = phones
        await second.accept()
        await ann.talks()
        for loser in (first, third):
            await loser.event("CALL_CLOSED")
        told = await ann.explained()
        assert "offered to a1 (o1), place 1 in sales: it arrived; the phones of a2, a3 ring" in told
        assert [(await site.agent(name))["doing"] for name in NAMES] == ["idle", "talking", "idle"]

        async with Caller(site, tmp_path, BEN) as ben:
            for loser in (first, third):
                assert BEN in (await loser.event("CALL_INCOMING"))["peeruri"]
            await third.accept()
            await ben.talks()
            await first.event("CALL_CLOSED")
            await hung_up(third)
        await hung_up(second)
    records = {record.origin: record for record in await site.until_records(2)}
    assert (records[ANN].agents, records[BEN].agents) == (["a2"], ["a3"])
    taken = [note.details for note in records[ANN].timeline if note.what == "offer_withdrawn"]
    assert sorted((each["agent"], each["end"], each["by"]) for each in taken) == [
        ("a1", "taken", "a2"),
        ("a3", "taken", "a2"),
    ]
    assert [await misses(site, name) for name in NAMES] == [0, 0, 0]


async def misses(site: Site, name: str) -> int:
    return int((await site.agent(name))["totals"]["missed"])


async def test_on_the_wire_the_losers_hear_that_it_is_answered_elsewhere(make_site: Make) -> None:
    """One still rings: CANCEL; the 200 of the other crosses ours: ACK, then BYE. Both say why."""
    site: Site = await make_site(agents=3, tables=RING_ALL)
    async with (
        phone(site, "a1") as one,
        phone(site, "a2") as two,
        phone(site, "a3") as three,
        caller(site) as outside,
    ):
        call = await outside.call(DIRECT)
        await call.answered()
        winner, crosses, rings = [await Call.taken(each) for each in (one, two, three)]
        winner.accept()
        crosses.accept()
        await winner.expect("ACK")
        await crosses.expect("ACK")
        ended = await crosses.expect("BYE")
        assert "Call completed elsewhere" in ended.get("Reason"), ended.headers
        cancelled = await rings.expect("CANCEL")
        assert "Call completed elsewhere" in cancelled.get("Reason"), cancelled.headers
        rings.reply(487)
        await rings.expect("ACK")

        async def free() -> bool:
            doing = [(await site.agent(name))["doing"] for name in NAMES]
            return doing == ["talking", "idle", "idle"]

        await site.until("the two others are free", free)
        await call.bye()
        await winner.expect("BYE")
        (record,) = await site.until_records(1)
    assert (record.outcome, record.agents) == ("handled", ["a1"])


async def test_a_party_that_leaves_while_all_ring(make_site: Make) -> None:
    """The caller: all phones are still. An agent who declines: the others ring on."""
    site: Site = await make_site(agents=3, tables=RING_ALL)
    async with (
        phone(site, "a1") as one,
        phone(site, "a2") as two,
        phone(site, "a3") as three,
        caller(site) as outside,
    ):
        for how in ("caller", "agent"):
            call = await outside.call(DIRECT)
            await call.answered()
            first, *others = [await Call.taken(each) for each in (one, two, three)]
            if how == "agent":
                first.reply(603)
                await first.expect("ACK")
                others[0].accept()
                await others[0].expect("ACK")
                others = others[1:]
            else:
                others.insert(0, first)
                await call.bye()
            ended = await asyncio.gather(*(each.expect("CANCEL") for each in others))
            assert [("elsewhere" in each.get("Reason")) for each in ended] == [how == "agent"] * len(others)
            for each in others:
                each.reply(487)
                await each.expect("ACK")
            if how == "agent":
                await call.bye()
            await site.until_idle()
        records = await site.until_records(2)
    ends = [(record.outcome, record.agents) for record in records]
    assert ends == [("abandoned", []), ("handled", ["a2"])]
