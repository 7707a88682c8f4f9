"""Agents' phones and callers on the bare wire, in a word each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.wire import Call, Ua


@asynccontextmanager
async def phone(
    site: Site, name: str = "a1", *, login: bool = True, protocol: str = "UDP"
) -> AsyncIterator[Ua]:
    """A registered phone of an agent, who is logged in."""
    async with await Ua.open(site.address, user=name, protocol=protocol, host=site.host) as ua:
        registered = await ua.register(PASSWORD)
        assert registered.status == 200, registered.start
        if login:
            await site.login(name)
        yield ua


@asynccontextmanager
async def caller(site: Site, number: str = "+33140000001", protocol: str = "UDP") -> AsyncIterator[Ua]:
    """Somebody outside, behind the trunk."""
    async with await Ua.open(site.address, user=number, protocol=protocol, host=site.host) as ua:
        yield ua


async def talk(site: Site, outside: Ua, agent: Ua, number: str = DIRECT) -> tuple[Call, Call]:
    """A call that is up between both; (the caller's, the agent's)."""
    call = await outside.call(number)
    await call.answered()
    taken = await Call.taken(agent)
    taken.accept()
    await taken.expect("ACK")
    await bridged(site)
    return call, taken


async def bridged(site: Site, count: int = 1) -> None:
    """Until so many interactions are in conversation."""

    async def look() -> bool:
        rows = (await site.ask("interactions"))["listed"]
        return sum(row["phase"] == "talking" for row in rows) >= count

    await site.until(f"{count} in conversation", look)


async def at_step(site: Site, step: str, number: str = "") -> None:
    """Until the flow of a caller (the only one, or the one with this number) is there: `FLOW/STEP`."""

    async def look() -> bool:
        rows = (await site.ask("interactions"))["listed"]
        return any(row["step"] == step and number in ("", row["origin"]) for row in rows)

    await site.until(f"the flow is at {step}", look, 20.0)


async def being_written(site: Site, name: str = "*") -> Path:
    """Until a recording of that name has sound on disk, of its first second and more; where it grows.

    What is hung up before may have no sound at all: a recording begins a moment after the conversation.
    """

    async def look() -> Path | None:
        return next((site.folder / "state" / "recordings").rglob(f"{name}.wav.part"), None)

    path: Path = await site.until(f"{name} is being recorded", look)
    return path
