"""The control socket against clients that are broken, greedy or many. Bounded, local."""

import asyncio
import json
import random
import stat
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ccd.control.client import ControlClient, Declined
from ccd.control.server import CONNECTIONS
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site

Make = Callable[..., Any]
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    10**400,
    1e308,
    "",
    "x" * 5000,
    "\x00\x1b[2J\n",
    "../../etc/passwd",
    "' OR 1=1 --",
    [],
    {},
    {"a": {"b": [1]}},
)
HARMLESS = {"drain", "reload"}
"""Verbs that a wrong call may well carry out; they are called at the end."""


async def conversed(site: Site, *lines: bytes) -> list[dict[str, Any]]:
    """Write lines, read as many answers; fewer when the daemon hangs up."""
    reader, writer = await asyncio.open_unix_connection(
        str(site.runtime_dir / "control.sock"), limit=4_000_000
    )
    answers = []
    try:
        for line in lines:
            writer.write(line + b"\n")
            async with asyncio.timeout(20):
                heard = await reader.readline()
            if not heard:
                break
            answers.append(json.loads(heard))
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answers


async def test_garbage_gets_words_and_does_not_end_the_server(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1)
    chance = random.Random(11)
    for line in (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{" * 1000,
        b"[" * 60_000,
        b'{"verb": 7}',
        b'{"verb": "status", "args": []}',
        b'{"verb": "status", "id": {}}',
        b'{"verb": "\\ud800"}',
        b'{"verb": "' + b"s" * 60_000 + b'"}',
        b"\xff\xfe\x00",
        b"GET / HTTP/1.1",
    ):
        (answer,) = await conversed(site, line)
        assert answer["ok"] is False and answer["error"]["kind"] == "usage", (line[:40], answer)
        assert "Traceback" not in answer["error"]["problem"]
    (answer,) = await conversed(site, b"x" * 200_000)
    assert answer["error"]["code"] == "control.line"
    for _ in range(100):
        await conversed(site, chance.randbytes(chance.randint(1, 200)).replace(b"\n", b" "))
    assert (await site.ask("status"))["daemon"]


async def test_every_verb_with_wrong_types_is_refused_in_words(make_site: Make) -> None:  # noqa: F811
    """No argument of any verb leads to a fault inside the daemon."""
    site: Site = await make_site(agents=1)
    (answer,) = await conversed(site, b'{"verb": "no such verb"}')
    listed = [word.strip(" .") for word in answer["error"]["cure"].removeprefix("known:").split(",")]
    assert len(listed) > 15, answer
    names = ("agent", "interaction", "queue", "reason", "call", "limit", "on", "cause", "device", "trunk")
    questions = []
    for verb in sorted(set(listed) - HARMLESS - {"watch"}):
        for value in VALUES:
            questions += [{"id": 1, "verb": verb, "args": {name: value}} for name in names]
            questions.append({"id": 1, "verb": verb, "args": dict.fromkeys(names, value)})
    for start in range(0, len(questions), 500):
        lines = [json.dumps(each).encode() for each in questions[start : start + 500]]
        for question, each in zip(lines, await conversed(site, *lines), strict=True):
            if not each["ok"]:
                assert each["error"]["kind"] != "fault", (question, each)
                assert each["error"]["problem"], question
    for verb in HARMLESS:
        (each,) = await conversed(site, json.dumps({"verb": verb, "args": {"on": [1]}}).encode())
        assert each["ok"] is False and each["error"]["kind"] != "fault", each
    assert (await site.agent("a1"))["availability"] is not None


async def test_many_clients_are_bounded_and_silent_ones_do_no_harm(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1)
    path = str(site.runtime_dir / "control.sock")
    held = [await asyncio.open_unix_connection(path) for _ in range(60)]
    try:
        assert (await site.ask("status"))["daemon"]
        more = [await asyncio.open_unix_connection(path) for _ in range(20)]
        async with asyncio.timeout(20):
            heard = [await reader.readline() for reader, _ in more[10:]]
        assert all(json.loads(line)["error"]["code"] == "control.busy" for line in heard)
        held += more
    finally:
        for _, writer in held:
            writer.close()
    await asyncio.sleep(0.1)

    async def answered() -> bool:
        return bool((await conversed(site, b'{"verb": "status"}'))[0]["ok"])

    await site.until("room again", answered)
    # one who asks for much and reads nothing
    _, deaf = await asyncio.open_unix_connection(path)
    deaf.transport.pause_reading()  # type: ignore[attr-defined]
    deaf.write(b'{"verb": "watch"}\n' + b'{"verb": "status"}\n' * 2000)
    await asyncio.sleep(0.2)
    assert (await site.ask("status"))["daemon"]
    deaf.transport.abort()


async def test_one_too_many_is_told_to_come_again(make_site: Make) -> None:  # noqa: F811
    """Whether the daemon closed before the question was written or after: "not now" (4), never "down" (3)."""
    site: Site = await make_site(agents=1)
    path = site.runtime_dir / "control.sock"
    held = [await asyncio.open_unix_connection(str(path)) for _ in range(CONNECTIONS)]

    def ask(pause_s: float) -> str:
        with ControlClient(path) as client:
            threading.Event().wait(pause_s)
            client.ask("status")
        return ""

    try:
        for pause_s in (0.0, 0.05) * 5:
            with pytest.raises(Declined) as told:
                await asyncio.to_thread(ask, pause_s)
            assert told.value.kind == "try_later"
    finally:
        for _, writer in held:
            writer.close()


async def test_only_the_group_may_ask(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1)
    mode = stat.S_IMODE((site.runtime_dir / "control.sock").stat().st_mode)
    assert mode & 0o007 == 0, oct(mode)
