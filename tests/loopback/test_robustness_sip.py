"""Hostile SIP against a running daemon: nothing falls, nothing grows, calls go on (RFC 3261 §26, RFC 4475).

Bounded in count and time, to loopback only. Each test ends with a normal call, and its site's log must
hold no traceback and no fault line (`make_site` looks).
"""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.parties import caller, phone, talk
from tests.interop.wire import Call, Message, Ua, credentials, sdp

Make = Callable[..., Any]
TORTURE = sorted((Path(__file__).parents[1] / "data" / "rfc4475").glob("*.dat"))
SEED = 20261122


async def counters(site: Site) -> dict[str, Any]:
    return dict((await site.ask("status"))["daemon"]["counters"]["voice"]["sip"])


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


async def settled(outside: Ua) -> Message:
    """The daemon worked off what was thrown at it; asked again, as phones do when a datagram is lost."""
    asked = outside.request("OPTIONS", "sip:127.0.0.1")
    for _ in range(10):
        with contextlib.suppress(TimeoutError):
            return await outside.ask(asked, 1.0)
    raise AssertionError("no answer to OPTIONS in 10 s")


async def one_call(site: Site, outside: Ua, agent: Ua) -> None:
    """A whole call: caller, queue, agent, conversation, hang-up."""
    call, taken = await talk(site, outside, agent)
    assert (await call.bye()).status == 200
    await taken.expect("BYE")
    await site.until_idle()
    await site.ask("agent.ready", agent=agent.user)


@contextlib.asynccontextmanager
async def raw(site: Site, host: str = "127.0.0.1") -> AsyncIterator[Ua]:
    """A socket from another address of loopback: neither trunk nor phone."""
    async with await Ua.open(site.address, host=host, user="stranger") as ua:
        ua.answers_options = False
        yield ua


def recorded() -> list[bytes]:
    """Whole messages to start from: those of RFC 4475, and what our own parties send."""
    found = [path.read_bytes() for path in TORTURE]
    ua = Ua("127.0.0.1", ("127.0.0.1", 5060), "UDP")
    headers = [
        (
            "Authorization",
            'Digest username="a1", realm="interop.invalid", nonce="x", uri="sip:x", '
            'response="y", qop=auth, nc=00000001, cnonce="z"',
        )
    ]
    uri = f"sip:{DIRECT}@127.0.0.1"
    methods = ("INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE", "CANCEL", "ACK", "REFER", "INFO")
    headers.append(("Refer-To", "<sip:9@x>"))
    found += [bytes(ua.request(each, uri, headers, sdp() if each == "INVITE" else "")) for each in methods]
    answers = [f"SIP/2.0 {status} X" for status in (100, 180, 200, 401, 486, 503)]
    return found + [bytes(Message(each, ua.request("INVITE", uri).headers, sdp())) for each in answers]


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """One message with a few things wrong: bytes changed, lines doubled, lost, exchanged, values blown up."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 4)):
        lines = bytes(data).split(b"\r\n")
        at = chance.randrange(len(lines))
        kind = chance.randrange(9)
        if kind == 0 and data:
            data[chance.randrange(len(data))] = chance.randrange(256)
        elif kind == 1 and data:
            del data[chance.randrange(len(data)) :]
        elif kind == 2:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif kind == 3 and len(lines) > 2:
            del lines[at]
        elif kind == 4:
            lines[at] += chance.choice(
                [b";" * 300, b"\x00", b"\xff\xfe", b'"', b"<", b">>", b",,", b"%00%zz"]
            )
        elif kind == 5:
            lines[at] = re.sub(
                rb"\d+", lambda _: str(chance.choice([0, -1, 2**31, 10**40])).encode(), lines[at]
            )
        elif kind == 6:
            lines[at] = lines[at].partition(b":")[0] + b": " + chance.randbytes(chance.randint(0, 80))
        elif kind == 7:
            other = chance.choice(seeds).split(b"\r\n")
            lines[at] = chance.choice(other)
        else:
            lines[at] = re.sub(rb"[a-z]+", lambda m: m[0] * chance.choice([1, 50]), lines[at], count=2)
        if kind in {2, 3, 4, 5, 6, 7, 8}:
            data = bytearray(b"\r\n".join(lines))
    return bytes(data[:60_000])


async def test_mutated_messages_by_datagram(make_site: Make) -> None:  # noqa: F811
    """4,000 broken messages, from the trunk's address and a stranger's; a call before, during and after."""
    site: Site = await make_site(agents=1)
    chance, seeds = random.Random(SEED), recorded()
    async with (
        phone(site) as agent,
        caller(site) as outside,
        raw(site) as friend,
        raw(site, "127.0.0.9") as bad,
    ):
        await one_call(site, outside, agent)
        call, taken = await talk(site, outside, agent)
        for burst in range(40):
            for _ in range(50):
                friend.send(mutated(chance, seeds))
                bad.send(mutated(chance, seeds))
            await asyncio.sleep(0.02)
            if burst == 20:
                assert (await call.ask("OPTIONS")).status == 200
        assert (await settled(outside)).status == 200
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        seen = await counters(site)
        assert seen["bad_messages"] > 1000, seen
        await agent.register(PASSWORD, 0)  # else the next socket could have this phone's port
        assert all(
            400 <= each.status < 700 or each.status in {100, 180, 200} or each.method for each in bad.seen
        )
    await hung_up_everything(site)
    async with phone(site) as agent, caller(site) as outside:
        await one_call(site, outside, agent)
    assert memory_mb(site.pid) < 200


async def hung_up_everything(site: Site) -> None:
    """What fuzzing made is ended from our side."""
    rows = (await site.ask("interactions"))["listed"]
    while rows:
        for row in rows:
            with contextlib.suppress(AssertionError):  # it may be over by now
                await site.ask("interaction.hangup", interaction=row["interaction"])
        await asyncio.sleep(0.05)
        rows = (await site.ask("interactions"))["listed"]


async def test_an_invite_without_contact_is_refused_at_the_door(make_site: Make) -> None:  # noqa: F811
    """It could be answered but never ended: 400, and no interaction is made of it."""
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for contact in ("", "*"):
            invite = outside.request("INVITE", f"sip:{DIRECT}@127.0.0.1", [("Contact", contact)], sdp())
            response = await outside.ask(invite)
            assert response.status == 400, (contact, response.start)
            Call(outside, invite).ack_refusal(response)
        call = await outside.call(DIRECT, headers=[("Contact", "<tel:+33140000001>")])
        await call.answered()
        await hung_up_everything(site)

        async def gone() -> bool:
            return bool((await counters(site))["legs"] == 0)

        await site.until("no leg is left", gone)


async def test_streams_torn_slow_and_many(make_site: Make) -> None:  # noqa: F811
    """TCP: byte by byte, half open, two hundred at once, garbage, endless headers; calls go on by TCP too."""
    site: Site = await make_site(agents=1, tables={"sip": {"t1_ms": 50}})
    chance, seeds = random.Random(SEED), recorded()
    host, port = "127.0.0.1", site.port
    async with contextlib.AsyncExitStack() as stack:
        writers: list[asyncio.StreamWriter] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
            stack.callback(writer.close)
            return reader, writer

        idle = [await connect() for _ in range(200)]
        for _, writer in idle[:100]:
            writer.write(chance.choice(seeds)[: chance.randint(1, 400)])
        whole = bytes(Ua("127.0.0.1", (host, port), "TCP").request("OPTIONS", "sip:127.0.0.1"))
        reader, writer = await connect()
        for octet in whole:
            writer.write(bytes([octet]))
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n")).startswith(b"SIP/2.0 200")
        for garbage in (
            b"\x00" * 200_000,
            b"OPTIONS sip:x SIP/2.0\r\n" + b"X: y\r\n" * 50_000,
            whole.replace(b"Content-Length: 0", b"Content-Length: 999999999"),
            whole.replace(b"Content-Length: 0", b"Content-Length: -1"),
            whole.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 9"),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            reader, writer = await connect()
            writer.write(garbage)
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    await reader.read()  # until the daemon cuts it
        twisted = [await connect() for _ in range(60)]
        for _, writer in twisted:
            for _ in range(4):
                writer.write(mutated(chance, seeds))
            with contextlib.suppress(OSError):  # it may be cut by now
                writer.write_eof()
        for reader, _ in twisted:
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    await reader.read()  # until the daemon has read it all
        await hung_up_everything(site)  # a call that came of one of them would be served first
        async with phone(site, protocol="TCP") as agent, caller(site, protocol="TCP") as outside:
            await one_call(site, outside, agent)
        seen = await counters(site)
        assert seen["connections_cut"] >= 4 and seen["bad_messages"] > 20, seen
    assert memory_mb(site.pid) < 200


async def test_what_cannot_be_read_whole_is_answered(make_site: Make) -> None:  # noqa: F811
    """A header or URI of 20 kB: 513, 414, far smaller than what was asked; cut headers: 400; all counted."""
    site: Site = await make_site(agents=0)
    async with raw(site) as ua:
        before = (await counters(site))["bad_messages"]
        for uri, headers, status in (
            ("sip:127.0.0.1", [("X-Padding", "y" * 20_000)], 513),
            ("sip:127.0.0.1", [(f"X-{n}", "z") for n in range(700)], 513),
            (f"sip:{'x' * 20_000}@127.0.0.1", [("To", "<sip:127.0.0.1>")], 414),
        ):
            asked = ua.request("OPTIONS", uri, headers)
            answer = await ua.ask(asked)
            assert answer.status == status and len(bytes(answer)) < len(bytes(asked)) / 10
        asked = ua.request("OPTIONS", "sip:127.0.0.1", [("Subject", "cut")])
        ua.send(bytes(asked).partition(b"\r\n\r\n")[0])

        async def counted() -> bool:
            return bool((await counters(site))["bad_messages"] == before + 4)

        await site.until("all four are counted", counted)
        assert any(each.status == 400 for each in ua.seen)


async def test_huge_and_deep_messages_cost_little(make_site: Make) -> None:  # noqa: F811
    """64 kB headers, deep Via and Route lists, many of them: answered or dropped, memory bounded."""
    site: Site = await make_site(agents=1)
    async with raw(site, "127.0.0.9") as bad, caller(site) as outside:
        before = memory_mb(site.pid)
        shapes = (
            [("Via", f"SIP/2.0/UDP 10.0.0.{n % 250};branch=z9hG4bKd{n}") for n in range(400)],
            [("Record-Route", f"<sip:10.0.0.{n % 250};lr>") for n in range(400)],
            [("Via", ", ".join(f"SIP/2.0/UDP 10.0.0.{n % 250};branch=z9hG4bKe{n}" for n in range(1200)))],
            [("X-Padding", "y" * 7000) for _ in range(8)],
            [("X-Padding", "y" * 55_000)],
            [("Route", ",".join(["<sip:10.0.0.1;lr>"] * 400))],
            [("From", "<sip:x@y" + ";a=b" * 1900 + ">;tag=1")],
            [("Subject", '"' + "\\" * 7000)],
            [(f"X-{n}", "z") for n in range(700)],
        )
        for count in range(1500):
            headers = shapes[count % len(shapes)]
            message = bad.request("OPTIONS", "sip:127.0.0.1", [("Via", "")])
            message.headers = [bad.via(), *message.headers, *headers]
            bad.send(message)
            if count % 25 == 0:
                await asyncio.sleep(0.01)
        assert (await settled(outside)).status == 200
        call = await outside.call(DIRECT)
        await call.answered()
        assert (await call.bye()).status == 200
        grown = memory_mb(site.pid) - before
        assert grown < 150, f"{grown} MB more"
        (record,) = await site.until_records(1)
        trace = await site.ask("sip.trace", interaction=record.interaction)
        assert len(trace["messages"]) >= 4, "the trace still holds the call"


async def test_floods_of_strangers_leave_room_for_calls(make_site: Make) -> None:  # noqa: F811
    """INVITE, CANCEL, REGISTER and OPTIONS from an unknown address, a low ceiling on calls: ours get through.

    A stranger's INVITE is challenged without state, so it uses up neither the rate of calls nor transactions.
    """
    site: Site = await make_site(agents=1, tables={"sip": {"max_new_calls_per_s": 4.0, "max_dialogs": 20}})
    async with phone(site) as agent, caller(site) as outside, raw(site, "127.0.0.9") as bad:
        before = await counters(site)
        for burst in range(30):
            for _ in range(50):
                bad.send(bad.request("INVITE", f"sip:{DIRECT}@127.0.0.1", body=sdp()))
            for method in ("CANCEL", "REGISTER", "OPTIONS", "ACK", "BYE"):
                bad.send(bad.request(method, "sip:a1@interop.invalid"))
            if burst in {10, 20}:
                await settled(outside)
                await one_call(site, outside, agent)
            await asyncio.sleep(0.02)
        await settled(outside)
        await one_call(site, outside, agent)
        seen = await counters(site)
        assert seen["refused"] == {}, seen["refused"]
        assert seen["transactions"] - before["transactions"] < 300, seen
        challenged = [each for each in bad.seen if each.status == 401 and each.cseq[1] == "INVITE"]
        assert len(challenged) > 1000
        assert all(each.get("WWW-Authenticate") for each in challenged)


async def test_calls_beyond_the_limits_are_refused_and_counted(make_site: Make) -> None:  # noqa: F811
    """A flood from the trunk itself: 503 with Retry-After beyond the rate, those inside it go on."""
    site: Site = await make_site(agents=1, tables={"sip": {"max_new_calls_per_s": 20.0, "max_dialogs": 30}})
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        flood = [await outside.call(DIRECT) for _ in range(200)]
        answers = [await each.response(200, 10.0) for each in flood]
        refused = [each for each in answers if each.status == 503]
        assert len(refused) >= 150 and all(each.get("Retry-After") for each in refused)
        for each, answer in zip(flood, answers, strict=True):
            if answer.status == 200:
                each.ack()
                assert (await each.bye()).status == 200
            else:
                each.ack_refusal(answer)
        seen = await counters(site)
        assert sum(seen["refused"].values()) == len(refused) and set(seen["refused"]) <= {"rate", "dialogs"}
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_idle()
        await site.ask("agent.ready", agent="a1")
        await one_call(site, outside, agent)


async def test_forged_requests_of_other_dialogs_do_nothing(make_site: Make) -> None:  # noqa: F811
    """ACK, BYE, CANCEL, re-INVITE, REFER, INFO with tag, branch or Call-ID guessed wrong: 481 or silence."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside, raw(site, "127.0.0.9") as bad:
        call, taken = await talk(site, outside, agent)
        real = [("From", call.local), ("To", call.remote), ("Call-ID", call.invite.call_id)]
        wrong = [
            [real[0], ("To", re.sub("tag=.*", "tag=guess", call.remote)), real[2]],
            [("From", re.sub("tag=.*", "tag=guess", call.local)), *real[1:]],
            [*real[:2], ("Call-ID", call.invite.call_id + "x")],
        ]
        for headers in wrong:
            for method in ("BYE", "INVITE", "REFER", "INFO", "ACK"):
                extra = [("CSeq", f"900 {method}"), ("Refer-To", "<sip:9@x>")]
                bad.send(
                    bad.request(method, call.target, [*headers, *extra], sdp() if method == "INVITE" else "")
                )
        cancel = [("From", call.local), ("To", call.invite.get("To")), real[2], ("CSeq", "1 CANCEL")]
        bad.send(bad.request("CANCEL", call.invite.uri, cancel))

        async def answered() -> bool:
            return len(bad.seen) >= 12

        await site.until("all but the ACKs are answered", answered)
        assert {each.status for each in bad.seen} <= {481, 100}, bad.seen
        # right tags, an old or absurd CSeq: refused as out of order, the call stays
        late = bad.request("BYE", call.target, [*real, ("CSeq", "1 BYE")])
        assert (await bad.ask(late)).status == 500
        row = (await site.ask("interactions"))["listed"][0]
        assert row["phase"] == "talking"
        assert (await call.bye()).status == 200
        await taken.expect("BYE")


async def test_a_replayed_registration_moves_no_phone(make_site: Make) -> None:  # noqa: F811
    """Credentials that were overheard are worth nothing: the count of the nonce was used."""
    site: Site = await make_site(agents=1)
    async with await Ua.open(site.address, user="a1") as ua, raw(site, "127.0.0.9") as thief:
        ua.password = PASSWORD
        to = [("To", "<sip:a1@interop.invalid>"), ("Expires", "600")]
        first = ua.request("REGISTER", "sip:interop.invalid", to)
        good = ua.again(first, await ua.ask(first))
        assert (await ua.ask(good)).status == 200
        stolen = Message(good.start, list(good.headers))
        stolen.headers = [
            (
                name,
                {"Via": thief.via()[1], "Contact": "<sip:a1@127.0.0.9:6666>", "CSeq": "77 REGISTER"}.get(
                    name, value
                ),
            )
            for name, value in stolen.headers
        ]
        refused = await thief.ask(stolen)
        assert refused.status == 401 and "stale=true" in refused.get("WWW-Authenticate")
        thief.send(bytes(good).replace(ua.here.encode(), thief.here.encode()))
        await asyncio.sleep(0.2)
        (row,) = await site.ask("devices")
        assert [each["source"] for each in row["bindings"]] == [f"udp:{ua.here}"]


async def test_guessing_passwords_is_stopped(make_site: Make) -> None:  # noqa: F811
    """After a few wrong answers 403 unheard; the same phone from its own address registers meanwhile."""
    site: Site = await make_site(agents=2)
    async with raw(site, "127.0.0.9") as bad, await Ua.open(site.address, user="a1") as own:
        bad.user = "a1"
        statuses = [(await bad.register(f"guess-{n}")).status for n in range(12)]
        assert statuses[0] == 401 and statuses[-1] == 403, statuses
        assert (await bad.register(PASSWORD)).status == 403
        assert (await own.register(PASSWORD)).status == 200
        bad.user = "nobody"  # an unknown name is answered like a wrong password
        assert (await bad.register("guess")).status == 401
        # another's password for my name: right, but not mine to use
        thief_uri = "sip:interop.invalid"
        first = own.request("REGISTER", thief_uri, [("To", "<sip:a2@interop.invalid>"), ("Expires", "60")])
        challenge = (await own.ask(first)).get("WWW-Authenticate")
        again = own.again(first, Message("x", [("WWW-Authenticate", challenge)]))
        again.headers = [
            (
                name,
                credentials(challenge, "REGISTER", thief_uri, "a1", PASSWORD)
                if name == "Authorization"
                else value,
            )
            for name, value in again.headers
        ]
        assert (await own.ask(again)).status == 403
        blocked = [row for row in site.log_lines() if row.get("event") == "sip_guessing_blocked"]
        assert len(blocked) == 1, blocked


async def test_refer_to_nonsense_and_by_the_wrong_party(make_site: Make) -> None:  # noqa: F811
    """A target that cannot be read is refused; a caller may not have us call others at our cost."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        answer = await call.ask("REFER", [("Refer-To", "<sip:+33899000000@127.0.0.1>")])
        assert answer.status in {202, 403, 603}
        told = await call.expect("NOTIFY")
        told = await call.expect("NOTIFY")
        assert "SIP/2.0 4" in told.body or "SIP/2.0 6" in told.body, told.body
        assert (await site.ask("interactions"))["listed"][0]["phase"] == "talking"
        for target in (
            "",
            "<>",
            "nonsense",
            '"',
            "<sip:>",
            "<http://x/y>",
            "<sip:1@x?Replaces=a%3Bb>",
            "\x01",
        ):
            assert (await taken.ask("REFER", [("Refer-To", target)])).status in {400, 501}, target
        for target in ("<sip:%00@x>", "<sip:" + "9" * 3000 + "@x>", "<tel:+1>", "<sip:*41@x>"):
            status = (await taken.ask("REFER", [("Refer-To", target)])).status
            assert status in {202, 400, 491}, (target, status)
            await asyncio.sleep(0.1)
        assert (await call.bye()).status == 200
