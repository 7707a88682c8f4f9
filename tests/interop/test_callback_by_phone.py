"""Callbacks by telephone: a caller leaves the line by a key, SIPp behind the trunk is that customer."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, Site, need
from tests.interop.test_routing_by_phone import (
    ANN,
    BEN,
    CAT,
    DAN,
    Caller,
    Make,
    desk,
    hung_up,
    moment,
    record_of,
    rings,
)
from tests.peers.baresip import Baresip
from tests.peers.sipp import SCENARIOS, Sipp

EVE = "+33140000005"
RETRY = {"busy": 2.0, "no_answer": 3.0}


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip", "sipp")


class Leaver(Caller):
    """A caller who presses 1, and 1 again, and is hung up after the goodbye."""

    def __init__(self, site: Site, folder: Path, number: str) -> None:
        super().__init__(site, folder, number)
        keys = {"caller": number, "linger_ms": 100}
        scenario = with_keys("11")
        self._sipp = Sipp(
            scenario, site.address, calls=1, service=DIRECT, keys=keys, folder=folder / number, timeout_s=60.0
        )

    async def left(self) -> dict[str, Any]:
        """Until the line is down; how it stands then."""

        async def look() -> dict[str, Any] | None:
            row = await self.row()
            down = any("left the line" in line for line in row["timeline"])
            return row if row["callback"] and down else None

        row: dict[str, Any] = await self._site.until(f"{self.number} has left", look)
        return row


def with_keys(digits: str) -> str:
    """`uac_wait_bye` that presses keys by INFO, each a second after what came before."""
    whole = (SCENARIOS / "uac_wait_bye.xml").read_text(encoding="utf-8")
    info = re.search(r"<send retrans.*?INFO.*?<recv response=\"200\"/>", _info(), re.DOTALL)
    assert info is not None
    presses = [
        f'<pause milliseconds="1000"/>\n{info[0]}'.replace("{{digit}}", digit).replace(
            "CSeq: 2", f"CSeq: {at}"
        )
        for at, digit in enumerate(digits, 2)
    ]
    return whole.replace('<recv request="BYE"', "\n".join([*presses, '<recv request="BYE"']), 1)


def _info() -> str:
    """From the pause before the INFO on."""
    text = (SCENARIOS / "uac_info_digits.xml").read_text(encoding="utf-8")
    return text[text.index("<pause") :]


def customer(site: Site, folder: Path, scenario: str, name: str) -> Sipp:
    """The phone at the other end of the trunk, for one call."""
    keys = {"linger_ms": 100, "ring_ms": 300}
    return Sipp(scenario, port=site.trunk_port, calls=1, keys=keys, folder=folder / name, timeout_s=60.0)


async def called_back(phone: Baresip, caller: Caller) -> None:
    """The agent's phone rings for a callback of this caller, and the agent takes it."""
    event = await phone.event("CALL_INCOMING")
    assert caller.number in event["peeruri"], f"{caller.number} should ring, not {event}"
    assert "callback" in event["peerdisplayname"], event
    await phone.accept()
    await phone.event("CALL_ESTABLISHED")


@pytest.mark.long
async def test_a_callback_is_made_in_its_original_turn_and_again_after_busy(
    make_site: Make, tmp_path: Path
) -> None:
    """One talks; CAT waits, BEN leaves the line, DAN and EVE hold it: served are CAT, BEN, DAN, EVE."""
    site: Site = await make_site(
        agents=1, tables={"queues.sales.callback": {"key": "1", "retry_s": RETRY, "ring_s": 10.0}}
    )
    async with desk(site, "a1", tmp_path) as phone, Caller(site, tmp_path, ANN) as ann:
        await rings(phone, ann)
        async with (
            Caller(site, tmp_path, CAT) as cat,
            Leaver(site, tmp_path, BEN) as ben,
            Caller(site, tmp_path, DAN) as dan,
            Caller(site, tmp_path, EVE) as eve,
        ):
            row = await ben.left()
            assert (row["position"], row["phase"], row["callback"]["number"]) == (2, "waiting", BEN)
            assert [(await each.row())["position"] for each in (cat, dan, eve)] == [1, 3, 4]
            assert "CALLBACKS" in await ccctl(site, "queues")
            assert f"callback {BEN}" in re.sub(
                r" +", " ", await ccctl(site, "interaction", "show", ben.interaction)
            )
            await hung_up(phone)
            await rings(phone, cat)
            await hung_up(phone)
            async with customer(site, tmp_path, "uas_reject", "busy") as busy:
                await called_back(phone, ben)
                await phone.event("CALL_CLOSED")
                assert (await busy.wait()).successful == 1
            await rings(phone, dan)
            told = await ben.explained()
            assert ", place 1 in sales: the customer's line was busy" in told
            assert (await site.agent("a1"))["totals"]["missed"] == 0
            async with customer(site, tmp_path, "uas_agent", "answers") as answers:
                await until_it_may_be_tried(site, ben)
                await hung_up(phone)
                await called_back(phone, ben)
                await ben.talks()
                await hung_up(phone)
                assert (await answers.wait()).successful == 1
            await rings(phone, eve)
            await hung_up(phone)
    records = await site.until_records(5)
    served = sorted(records, key=lambda record: moment(record, "bridged"))
    assert [record.origin for record in served] == [ANN, CAT, DAN, BEN, EVE], "busy, then before EVE"
    record = record_of(ben, records)
    assert (record.outcome, record.agents) == ("handled", ["a1"])
    whats = [note.what for note in record.timeline]
    assert whats.count("arrived") == whats.count("queued") == whats.count("bridged") == 1
    figures = await site.figures("sales")
    assert [figures[name] for name in ("offered", "handled", "abandoned", "callback_failed")] == [5, 5, 0, 0]


async def until_it_may_be_tried(site: Site, caller: Caller) -> None:
    """Until it no longer rests."""

    async def look() -> bool:
        row = await caller.row()
        return bool(row["callback"]) and row["callback"]["next_at"] is None

    await site.until(f"{caller.number} may be called", look)


async def test_the_customer_is_called_first_and_a_killed_attempt_is_made_anew(
    make_site: Make, tmp_path: Path
) -> None:
    site: Site = await make_site(
        agents=1, tables={"queues.sales.callback": {"key": "1", "first": "customer", "retry_s": RETRY}}
    )
    async with desk(site, "a1", tmp_path) as phone:
        await site.ask("agent.pause", agent="a1", reason="lunch")
        async with Leaver(site, tmp_path, BEN) as ben:
            await ben.left()
        async with Sipp("uas_no_answer", port=site.trunk_port, folder=tmp_path / "rings", timeout_s=60.0):
            await site.ask("agent.ready", agent="a1")

            async def calling() -> bool:
                return bool((await ben.row())["phase"] == "calling")

            await site.until("BEN is called", calling)
            assert (await site.agent("a1"))["doing"] == "calling"
            assert phone.count("CALL_INCOMING") == 0, "the agent is kept free, and not rung"
            await site.kill()
        async with customer(site, tmp_path, "uas_agent", "answers") as answers:
            await site.start()
            event = await phone.event("CALL_INCOMING", timeout_s=20.0)
            assert BEN in event["peeruri"]
            await phone.accept()
            await phone.event("CALL_ESTABLISHED")
            await ben.talks()
            await hung_up(phone)
            assert (await answers.wait()).successful == 1
    (record,) = await site.until_records(1)
    assert (record.outcome, record.origin) == ("handled", BEN)
    failed = [note for note in record.timeline if note.what == "callback failed"]
    assert failed == [], "the attempt that was killed is not counted"
