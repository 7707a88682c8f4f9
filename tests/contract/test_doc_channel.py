"""The channel in docs/channels/write-one.md, as it stands there, passes the contract suite."""

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

from ccd_webchat.settings import WebchatSettings

from ccd.channels.port import Channel
from ccd.clock import SystemClock
from ccd.ids import SeededChance
from ccd.model import commands as do
from ccd.model.facts import AnyFact, LegArrived, TextReceived
from ccd.testing.contract import ChannelContract, Outside, of_type, until

DOCS = Path(__file__).parents[2] / "docs" / "channels"


def the_channel() -> dict[str, Any]:
    """The namespace of the document's first block of Python."""
    code = re.search(r"```python\n(.*?)```", (DOCS / "write-one.md").read_text(), re.S)
    assert code is not None
    space: dict[str, Any] = {"__name__": "write_one"}
    exec(compile(code[1], "write-one.md", "exec"), space)  # noqa: S102  the document is ours
    return space


class LineOutside:
    """Connections to the documented channel."""

    def __init__(self, settings: Any, spec: Any) -> None:
        self.channel: Channel = spec.build("till", settings, SystemClock(), SeededChance())
        self.facts: list[AnyFact] = []
        self.lines: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._others: list[asyncio.StreamWriter] = []

    @classmethod
    async def begin(cls) -> "LineOutside":
        space = the_channel()
        outside = cls(space["LineSettings"](port=0), space["SPEC"])
        await outside.channel.start(outside.facts.append)
        return outside

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self.channel.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._others.append(writer)
        return reader, writer

    async def arrive(self) -> str:
        before = len(of_type(self.facts, LegArrived))
        reader, writer = await self.connect()
        writer.write(b"hello\n")
        await until(lambda: len(of_type(self.facts, LegArrived)) > before, "the leg arrives")
        leg = of_type(self.facts, LegArrived)[-1].leg
        self.lines[leg] = (reader, writer)
        return leg

    async def leave(self, leg: str) -> None:
        self.lines[leg][1].close()

    async def babble(self) -> None:
        for data in (b"\xff" * 10_000, b"\x00" * 5000 + b"\n"):
            reader, writer = await self.connect()
            writer.write(data)
            assert await reader.read() == b""

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0.002)

    async def close(self) -> None:
        for writer in self._others:
            writer.close()
        await self.settle()
        await self.channel.stop()


class TestLine(ChannelContract):
    async def open(self) -> Outside:
        return await LineOutside.begin()


async def test_its_texts_go_both_ways() -> None:
    outside = await LineOutside.begin()
    leg = await outside.arrive()
    received = of_type(outside.facts, TextReceived)[0]
    assert (received.text, received.leg) == ("hello", leg)
    outside.channel.perform(do.AcknowledgeText(leg, received.message))
    outside.channel.perform(do.SendText(leg, "s1", "good day"))
    reader, _ = outside.lines[leg]
    assert await asyncio.wait_for(reader.readline(), 5) == b"kept 1\n"
    assert await asyncio.wait_for(reader.readline(), 5) == b"good day\n"
    await outside.close()


def test_the_web_chats_page_names_every_option_with_its_default() -> None:
    text = (DOCS / "webchat.md").read_text()
    example = tomllib.loads(re.search(r"```toml\n(.*?)```", text, re.S)[1])["channels"]["web"]  # type: ignore[index]
    assert example.pop("adapter") == "webchat"
    WebchatSettings(**example)
    table = text.split("| key |")[1].split("\n\n")[0]
    for field in WebchatSettings.__struct_fields__:
        assert f"`{field}`" in table, f"docs/channels/webchat.md says nothing of {field}"
        default = getattr(WebchatSettings(), field)
        shown = {True: "true", (): "[]", "": ""}.get(
            default, f"{default:g}" if isinstance(default, float) else default
        )
        assert f"`{shown}`" in table or shown == ""
