"""Services outside over real sockets: each thing that a server may do wrong, and what comes of it.

The server is a real one (aiohttp, or a bare socket where HTTP itself is to be broken) on loopback.
"""

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from ccd.channels.secrets import Secrets
from ccd.model.commands import AskOutside
from ccd.model.facts import AnyFact, OutsideAnswered
from ccd.model.rules import Rules
from ccd.model.settings import OutsideSettings, Secret, Settings
from ccd.outside import channel as channel_module
from ccd.outside.channel import OutsideChannel
from tests.peers.ports import free_port

TIMEOUT_S = 10.0
SHORT_S = 0.5
"""For what is to take too long."""
ENOUGH_S = 20.0


class Kept:
    """Secrets of a caller."""

    def get(self, ref: str) -> str | None:
        return {"s1": "1234"}.get(ref)


class Site:
    """A server, the channel that asks it, and the facts that came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.facts: list[OutsideAnswered] = []
        self.base = ""
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.ok
        self.channel = OutsideChannel({}, Secrets(), "ccd/test")
        self._came = asyncio.Event()
        self._count = 0

    async def ok(self, _: web.Request) -> web.StreamResponse:
        body = {"customer": {"tier": "gold", "owners": [{"name": "eve"}]}, "open": True, "n": 3, "none": None}
        return web.json_response(body)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = dict(request.headers.items())
        self.requests.append((request.method, request.raw_path, headers, await request.read()))
        return await self.answer(request)

    async def open(self, secrets: Any = None, **settings: Any) -> None:
        """A channel with the service `crm`."""
        known = {"kind": "http", "url": self.base + "/c/{number}", "timeout_s": TIMEOUT_S, "failures": 1000}
        service = OutsideSettings(name="crm", **{**known, **settings})
        self.channel = OutsideChannel({"crm": service}, secrets or Secrets(), "ccd/test")
        await self.channel.start(self.post)

    def post(self, fact: AnyFact) -> None:
        assert isinstance(fact, OutsideAnswered)
        self.facts.append(fact)
        self._came.set()

    def ask(self, timeout_s: float = TIMEOUT_S, secrets: dict[str, str] | None = None, **values: str) -> None:
        self._count += 1
        values = values or {"number": "+331"}
        leg = f"outside:1.a{self._count}"
        self.channel.perform(AskOutside(leg, "1", "crm", values, timeout_s, secrets or {}))

    async def come(self, count: int) -> None:
        """Wait until so many facts are there."""
        async with asyncio.timeout(ENOUGH_S):
            while len(self.facts) < count:
                self._came.clear()
                await self._came.wait()

    async def answered(self, timeout_s: float = TIMEOUT_S, **values: str) -> OutsideAnswered:
        """Ask, and what comes of it."""
        before = len(self.facts)
        self.ask(timeout_s, **values)
        await self.come(before + 1)
        return self.facts[-1]

    def row(self) -> dict[str, Any]:
        (row,) = self.channel.report("services")
        return row  # type: ignore[no-any-return]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    port = runner.addresses[0][1]
    site.base = f"http://127.0.0.1:{port}"
    yield site
    await site.channel.stop()
    await runner.cleanup()


async def test_a_good_answer_becomes_fields(site: Site) -> None:
    await site.open(
        take={"tier": "customer.tier", "owner": "customer.owners.0.name", "gone": "a.b", "n": "n"}
    )
    fact = await site.answered()
    assert fact.ok and fact.values == {"tier": "gold", "owner": "eve", "n": "3"}
    assert (fact.interaction, fact.ask, fact.note) == ("1", "1.a1", "") and fact.took_ms > 0


async def test_without_take_the_plain_fields_at_the_top_are_taken(site: Site) -> None:
    await site.open()
    assert (await site.answered()).values == {"open": "true", "n": "3"}


async def test_values_are_encoded_and_headers_sent(site: Site) -> None:
    await site.open(headers={"X-Line": "1"}, secret_headers={"Authorization": Secret("Bearer t")})
    await site.answered(number="a/b?c=d&e #%ü")
    method, path, headers, body = site.requests[0]
    assert (method, path, body) == ("GET", "/c/a%2Fb%3Fc%3Dd%26e%20%23%25%C3%BC", b"")
    assert headers["X-Line"] == "1" and headers["Authorization"] == "Bearer t"
    assert headers["User-Agent"] == "ccd/test" and headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in headers


@pytest.mark.parametrize("dots", [".", ".."])
async def test_dots_do_not_lead_to_another_place(site: Site, dots: str) -> None:
    await site.open()
    assert not (await site.answered(number=dots)).ok
    assert site.requests == []


async def test_post_sends_the_other_values_as_json(site: Site) -> None:
    await site.open(secrets=Kept(), method="POST", cache_s=60.0)
    site.ask(number="1", text="Grüße")
    site.ask(secrets={"pin": "s1"}, number="1")
    site.ask(secrets={"pin": "gone"}, number="1")
    await site.come(3)
    bodies = sorted((json.loads(body) for *_, body in site.requests), key=str)
    assert bodies == [{"pin": "1234"}, {"text": "Grüße"}]
    (refused,) = [fact for fact in site.facts if not fact.ok]
    assert refused.note == "the secret for pin is kept no longer"
    assert all("1234" not in str(fact) for fact in site.facts)


async def test_a_code_is_made_kept_and_sent_and_what_repeats_it_is_left_out(site: Site) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return web.json_response({"id": "m-1", "sent": body["text"], "code": body["code"]})

    secrets = Secrets()
    await site.open(secrets=secrets, method="POST", url=site.base + "/sms", cache_s=60.0)
    site.answer = echo
    for ref in ("secret:1.s1", "secret:1.s2"):
        values = {"to": "+331", "text": "Your code is {code}."}
        leg = f"outside:{ref}"
        site.channel.perform(AskOutside(leg, "1", "crm", values, TIMEOUT_S, {}, ref, 8))
    await site.come(2)
    codes = {secrets.get(ref) for ref in ("secret:1.s1", "secret:1.s2")}
    bodies = [json.loads(body) for *_, body in site.requests]
    assert {body["code"] for body in bodies} == codes and len(codes) == 2
    assert all(len(body["code"]) == 8 for body in bodies)
    assert all(body["text"] == f"Your code is {body['code']}." for body in bodies)
    assert [fact.values for fact in site.facts] == [{"id": "m-1"}] * 2


@pytest.mark.parametrize("status", [204, 404, 410])
async def test_some_answers_say_that_nothing_is_known(site: Site, status: int) -> None:
    async def unknown(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    site.answer = unknown
    await site.open()
    fact = await site.answered()
    assert fact.ok and fact.values == {}


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def hang_in_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"tier": ')
    await asyncio.sleep(60)
    return response


async def drip(request: web.Request) -> web.StreamResponse:
    """One byte again and again: each read succeeds, the whole never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(600):
            await response.write(b" ")
            await asyncio.sleep(0.05)
    return response


async def status_500(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text='{"tier": "gold"}')


async def rubbish(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\xfe<html>\x00")


async def deep(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"[" * 60_000)


async def bare_text(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b'"gold"')


async def torn(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"tier": "gold"}')
    assert request.transport is not None
    request.transport.abort()
    return response


async def huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(160):
            await response.write(b" " * 65_536)
    return response


async def compressed(_: web.Request) -> web.StreamResponse:
    response = web.json_response({"tier": "gold"})
    response.enable_compression(web.ContentCoding.gzip)
    response.headers["Content-Encoding"] = "gzip"
    return response


async def redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(f"http://{request.host}/elsewhere")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hang, "no answer within"),
        (hang_in_body, "no answer within"),
        (drip, "no answer within"),
        (status_500, "status 500"),
        (rubbish, "no JSON"),
        (deep, "no JSON"),
        (bare_text, "no JSON object"),
        (torn, "broken answer"),
        (huge, "over 64 KiB"),
        (compressed, "compressed"),
        (redirect, "redirects are not followed"),
    ],
)
async def test_what_a_server_may_do_wrong_is_a_failure_in_time(
    site: Site, answer: Callable[[web.Request], Awaitable[web.StreamResponse]], why: str
) -> None:
    site.answer = answer
    await site.open(take={"tier": "tier"})
    fact = await site.answered(SHORT_S if why == "no answer within" else TIMEOUT_S)
    assert not fact.ok and why in fact.note and fact.values == {}
    assert len(site.requests) == 1, "a redirect must not be followed, a failure not repeated"
    site.answer = site.ok
    assert (await site.answered()).ok, "the next one is asked as if nothing had been"
    assert site.row()["failed"] == 1 and site.row()["answered"] == 1


async def test_a_refused_connection(site: Site) -> None:
    await site.open(url=f"http://127.0.0.1:{free_port()}/{{number}}")
    fact = await site.answered()
    assert not fact.ok and fact.note.startswith("no connection")


async def test_a_name_that_does_not_exist(site: Site) -> None:
    await site.open(url="http://crm.invalid/{number}", timeout_s=5.0)
    fact = await site.answered(5.0)
    assert not fact.ok and ("cannot be resolved" in fact.note or "no answer within" in fact.note)


async def test_a_server_that_speaks_no_http(site: Site) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 200 OK\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    await site.open(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{{number}}")
    fact = await site.answered()
    server.close()
    assert not fact.ok and "broken answer" in fact.note


# -- TLS ---------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(cert),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest_asyncio.fixture
async def tls(site: Site, tmp_path: Path) -> AsyncIterator[Callable[[str], Awaitable[tuple[str, Path]]]]:
    runners = []

    async def serve(name: str) -> tuple[str, Path]:
        cert, key = certificate(tmp_path, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", site.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        runners.append(runner)
        return f"https://localhost:{runner.addresses[0][1]}/{{number}}", cert

    yield serve
    await site.channel.stop()
    for runner in runners:
        await runner.cleanup()


async def test_a_certificate_that_nobody_signed_is_not_trusted(site: Site, tls: Any) -> None:
    url, _ = await tls("localhost")
    await site.open(url=url, timeout_s=5.0)
    fact = await site.answered(5.0)
    assert not fact.ok and "certificate is not to be trusted" in fact.note
    assert site.requests == []


async def test_a_certificate_for_another_name_is_not_trusted(site: Site, tls: Any) -> None:
    url, cert = await tls("other.invalid")
    await site.open(url=url, ca=str(cert), timeout_s=5.0)
    fact = await site.answered(5.0)
    assert not fact.ok and "certificate is not to be trusted" in fact.note
    assert site.requests == []


async def test_ones_own_authority_is_trusted(site: Site, tls: Any) -> None:
    url, cert = await tls("localhost")
    await site.open(url=url, ca=str(cert), timeout_s=5.0)
    assert (await site.answered(5.0)).ok


async def test_an_authority_that_is_not_there(site: Site, tmp_path: Path) -> None:
    await site.open(url="https://localhost:9/", ca=str(tmp_path / "none.pem"))
    assert "cannot be used" in (await site.answered()).note


# -- circuit, cache, limits --------------------------------------------------------------------------


async def test_after_failures_in_a_row_it_is_passed_over_and_then_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answer = status_500
    await site.open(failures=3, rest_s=60.0)
    for _ in range(3):
        await site.answered()
    fact = await site.answered()
    assert "passed over after 3 failures" in fact.note and len(site.requests) == 3
    row = site.row()
    assert row["passed_over"] and row["passed"] == 1 and row["rests_s"] > 0
    site.answer = site.ok
    later = channel_module.monotonic() + 61.0
    monkeypatch.setattr(channel_module, "monotonic", lambda: later)
    assert (await site.answered()).ok
    assert not site.row()["passed_over"] and len(site.requests) == 4


async def test_the_same_question_is_answered_from_the_cache(site: Site) -> None:
    await site.open(cache_s=60.0)
    first = await site.answered()
    second = await site.answered()
    other = await site.answered(number="+332")
    assert first.values == second.values == other.values and len(site.requests) == 2
    assert site.row()["cached"] == 1


async def test_a_failure_is_not_cached_and_neither_is_a_secret(site: Site) -> None:
    await site.open(secrets=Kept(), cache_s=60.0)
    site.answer = status_500
    await site.answered()
    site.answer = site.ok
    assert (await site.answered()).ok
    for _ in range(2):
        site.ask(secrets={"pin": "s1"}, number="+331")
    await site.come(4)
    assert len(site.requests) == 4


async def test_no_more_than_most_run_at_a_time(site: Site) -> None:
    now, highest = 0, 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal now, highest
        now += 1
        highest = max(highest, now)
        await asyncio.sleep(0.02)
        now -= 1
        return await site.ok(request)

    site.answer = slow
    await site.open(most=3)
    for number in range(12):
        site.ask(5.0, number=str(number))
    await site.come(12)
    assert highest == 3 and all(fact.ok for fact in site.facts)


async def test_a_reload_takes_a_service_away_and_brings_it_back(site: Site) -> None:
    await site.open()
    service = site.channel._services["crm"].settings
    site.answer = hang
    site.ask(SHORT_S)
    site.channel.reload(Settings(rules=Rules()))
    fact = await site.answered()
    assert fact.note == "there is no service crm any more"
    await site.come(2)
    site.answer = site.ok
    site.channel.reload(Settings(rules=Rules(), services={"crm": service}))
    assert (await site.answered()).ok


async def test_stop_ends_what_runs_without_a_word(site: Site) -> None:
    site.answer = hang
    await site.open(timeout_s=60.0)
    site.ask(60.0)
    await asyncio.sleep(0.05)
    await site.channel.stop()
    assert site.facts == []
