"""What routing promises, by telephone: SIPp calls through the trunk, baresip stands on the agents' desks.

A phone rings or it does not, `ccctl interaction explain` prints why, the filed record tells how long it took.
That a phone did not ring is told by what must have come after it, never by waiting for nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from ccd.history.state import Record
from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.peers.baresip import Baresip
from tests.peers.sipp import Sipp

Make = Callable[..., Any]
VIP = "+33123456785"
"""Number that goes to the queue `sales` before all others."""
OWN = "+33123456786"
"""Number whose callers are kept for a2 at first."""
HELP = "+33123456787"
"""Number that goes to the queue `support` at once."""
ANN, BEN, CAT, DAN = (f"+3314000000{n}" for n in range(1, 5))
"""Callers, in the order in which they call."""
PROMPT_S = 1.0
"""What is due is offered within this; on a quiet machine it takes some 10 ms. How soon a phone says that it
rings is its own."""


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("baresip", "sipp")


@asynccontextmanager
async def desk(site: Site, name: str, folder: Path) -> AsyncIterator[Baresip]:
    """The registered phone of an agent, who logs in."""
    own = folder / name
    async with Baresip(name, PASSWORD, registrar=site.address, domain="interop.invalid", folder=own) as phone:
        await site.login(name)
        yield phone


class Caller:
    """Somebody who calls and stays until the centre hangs up."""

    def __init__(self, site: Site, folder: Path, number: str, called: str = DIRECT) -> None:
        self.number = number
        self.interaction = ""
        self._site = site
        self._sipp = Sipp(
            "uac_wait_bye",
            site.address,
            calls=1,
            service=called,
            keys={"caller": number, "linger_ms": 100},
            folder=folder / number,
            timeout_s=30.0,
        )

    async def __aenter__(self) -> "Caller":
        """Returns when the caller is in a queue, at an agent's phone or in conversation."""
        await self._sipp.start()
        try:
            self.interaction = await self._site.until(f"{self.number} is in", self._is_in)
        except BaseException:
            await self._sipp.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unless the test failed: the centre has hung up, and the call went as a call should."""
        try:
            if error is None:
                result = await self._sipp.wait()
                assert (result.successful, result.failed) == (1, 0), f"{self.number}: {result.errors}"
        finally:
            await self._sipp.stop()

    async def _is_in(self) -> str:
        rows = (await self._site.ask("interactions"))["listed"]
        return next((row["interaction"] for row in rows if row["origin"] == self.number and row["queue"]), "")

    async def row(self) -> dict[str, Any]:
        """How it stands now."""
        return dict(await self._site.ask("interaction.show", interaction=self.interaction))

    async def talks(self) -> None:
        """Until it is in conversation."""

        async def look() -> bool:
            return bool((await self.row())["phase"] == "talking")

        await self._site.until(f"{self.number} in conversation", look)

    async def explained(self) -> str:
        """What `ccctl interaction explain` prints."""
        return await ccctl(self._site, "interaction", "explain", self.interaction)


async def rings(phone: Baresip, caller: Caller) -> None:
    """The next call at this phone is this caller's, and the agent takes it."""
    event = await phone.event("CALL_INCOMING")
    assert caller.number in event["peeruri"], f"{caller.number} should ring, not {event}"
    await phone.accept()
    await phone.event("CALL_ESTABLISHED")
    await caller.talks()


async def hung_up(phone: Baresip) -> None:
    """The agent hangs up."""
    await phone.hangup()
    await phone.event("CALL_CLOSED")


def record_of(caller: Caller, records: list[Record]) -> Record:
    return next(record for record in records if record.interaction == caller.interaction)


def moment(record: Record, what: str) -> float:
    """When that was noted first (epoch seconds)."""
    return next(note.at for note in record.timeline if note.what == what)


def offered(record: Record) -> float:
    """When the caller was first offered to an agent, whose phone is rung then and not before."""
    at = next(trace.at for trace in record.traces if trace.what == "offered")
    assert at <= moment(record, "ringing")
    return at


def offered_after(record: Record, what: str) -> float:
    """Seconds from that to the first offer."""
    return offered(record) - moment(record, what)


async def test_skills_widen_after_their_time(make_site: Make, tmp_path: Path) -> None:
    """Asked is French 5; who has 2 is rung after three seconds, not before, and may talk."""
    relax = [{"after_s": 3.0, "at_most": {"french": 2}}]
    site: Site = await make_site(
        tables={
            "agents.a1": {"skills": {"french": 2}},
            "agents.a2": {"skills": {"french": 8}},
            "queues.sales": {"requirement": "french >= 5", "relax": relax},
        }
    )
    await site.login("a2")
    await site.ask("agent.pause", agent="a2", reason="lunch")
    async with desk(site, "a1", tmp_path) as phone, Caller(site, tmp_path, ANN) as ann:
        told = await ann.explained()
        assert "waits, place 1 in sales: it arrived" in told
        assert "passed over a1: skill: french 2 < 5 for 3 s more" in told
        assert "passed over a2: paused: lunch" in told
        await rings(phone, ann)
        told = await ann.explained()
        assert "offered to a1 (o1), place 1 in sales: the queue asks for less by now" in told
        await hung_up(phone)
    (record,) = await site.until_records(1)
    assert 3.0 <= offered_after(record, "queued") < 3.0 + PROMPT_S
    assert phone.count("CALL_INCOMING") == 1
    assert (record.agents, record.outcome) == (["a1"], "handled")


async def test_a_vip_overtakes_and_so_does_whom_the_console_moves(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(
        agents=1,
        tables={"numbers": {VIP: "vip"}},
        extra='[flows.vip]\nsteps = [{ do = "queue", queue = "sales", priority = 10 }]',
    )
    async with desk(site, "a1", tmp_path) as phone, Caller(site, tmp_path, ANN) as ann:
        await rings(phone, ann)
        async with (
            Caller(site, tmp_path, BEN) as ben,
            Caller(site, tmp_path, CAT) as cat,
            Caller(site, tmp_path, DAN, VIP) as dan,
        ):
            assert [(await each.row())["position"] for each in (dan, ben, cat)] == [1, 2, 3]
            assert "waits, place 2 in sales: it arrived" in await cat.explained()
            await hung_up(phone)
            await rings(phone, dan)
            told = await dan.explained()
            assert "waits, place 1 in sales: it arrived" in told, "before the two"
            assert "offered to a1 (o2), place 1 in sales: the agent became free" in told

            moved = await ccctl(site, "interaction", "change", cat.interaction, "--priority", "5")
            assert moved == f"interaction {cat.interaction} in sales: place 2 → 1\n"
            await hung_up(phone)
            await rings(phone, cat)
            assert "offered to a1 (o3), place 1 in sales: the agent became free" in await cat.explained()
            await hung_up(phone)
            await rings(phone, ben)
            await hung_up(phone)
    records = await site.until_records(4)
    served = sorted(records, key=lambda record: moment(record, "bridged"))
    assert [record.origin for record in served] == [ANN, DAN, CAT, BEN]
    assert [record.origin for record in records] == [ANN, BEN, CAT, DAN], "as they came"


async def test_a_profile_moves_an_agent_to_where_callers_wait(make_site: Make, tmp_path: Path) -> None:
    """Peak mode: on, the phone rings at once; off, it rings for what the configuration says only."""
    site: Site = await make_site(
        tables={
            "numbers": {HELP: "help"},
            "queues.sales": {"agents": ["a1"]},
            "queues.support": {"agents": ["a2"]},
            "profiles.rush.agents": {"a2": {"join": ["sales"]}},
        },
        extra='[flows.help]\nsteps = [{ do = "queue", queue = "support" }]',
    )
    async with (
        desk(site, "a1", tmp_path) as usual,
        desk(site, "a2", tmp_path) as moved,
        Caller(site, tmp_path, ANN) as ann,
    ):
        await rings(usual, ann)
        async with Caller(site, tmp_path, BEN) as ben:
            before = await ben.explained()
            assert "waits, place 1 in sales" in before and "a2" not in before, "it is no member, and free"
            said = await ccctl(site, "profile", "on", "rush", "--reason", "storm")
            assert said.startswith("rush is on until it is turned off") and "storm" in said
            await rings(moved, ben)
            assert "offered to a2 (o2), place 1 in sales: profile rush was turned on" in await ben.explained()
            assert profiles_in(await ccctl(site, "status")) == ["rush, by"]

            assert "rush is off" in await ccctl(site, "profile", "off", "rush")
            assert profiles_in(await ccctl(site, "status")) == []
            assert (await ben.row())["phase"] == "talking", "who talks is left in peace"
            async with Caller(site, tmp_path, CAT) as cat, Caller(site, tmp_path, DAN, HELP) as dan:
                await hung_up(moved)
                await rings(moved, dan)
                told = await cat.explained()
                assert "waits, place 1 in sales" in told and "a2" not in told, "though it came before"
                await hung_up(usual)
                await rings(usual, cat)
                await hung_up(usual)
                await hung_up(moved)
    record = record_of(ben, await site.until_records(4))
    assert 0.0 <= offered_after(record, "profile on") < PROMPT_S


def profiles_in(status: str) -> list[str]:
    """The beginning of what the line of the profiles says."""
    words = [line.split() for line in status.splitlines()]
    return [" ".join(line[1:3]) for line in words if line[:1] == ["profiles"]]


async def test_a_tier_opens_with_time_and_a_caller_is_kept_for_one_agent(
    make_site: Make, tmp_path: Path
) -> None:
    """The second tier is rung two seconds late; a caller kept for its agent passes by one who is free."""
    tiers = [{"agents": ["a1"]}, {"agents": ["a2"], "after_s": 2.0}]
    own = '[flows.own]\nsteps = [{ do = "queue", queue = "sales", prefer = "a2", prefer_wait_s = 3.0 }]'
    site: Site = await make_site(
        tables={"numbers": {OWN: "own"}, "queues.sales": {"agents": [], "tiers": tiers}}, extra=own
    )
    async with (
        desk(site, "a1", tmp_path) as first,
        desk(site, "a2", tmp_path) as second,
        Caller(site, tmp_path, ANN) as ann,
        Caller(site, tmp_path, BEN) as ben,
    ):
        assert "passed over a2: not asked yet for 2 s more" in await ben.explained()
        await rings(first, ann)
        await rings(second, ben)
        await hung_up(first)
        async with Caller(site, tmp_path, CAT, OWN) as cat:
            assert "passed over a1: kept for a2 for 3 s more" in await cat.explained()
            await rings(first, cat)
            assert "offered to a1 (o3), place 1 in sales: it is no longer kept" in await cat.explained()
            await hung_up(first)
        await hung_up(second)
    records = await site.until_records(3)
    assert 2.0 <= offered_after(record_of(ben, records), "queued") < 2.0 + PROMPT_S
    assert 3.0 <= offered_after(record_of(cat, records), "queued") < 3.0 + PROMPT_S
