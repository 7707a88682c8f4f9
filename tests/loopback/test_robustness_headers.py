"""What strangers say ends up in headers of ours: it must come out as well-formed SIP, and steer nothing.

Caller names, numbers, chat names and texts with line breaks, quotes, backslashes, control characters, bytes
that are no UTF-8. What the phone gets is read by `sipmessage`, a parser that is not ours.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import sipmessage

from ccd.model.commands import OfferCard
from ccd.voice.targets import quotable, shown_name
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.console import ccctl
from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import caller, phone
from tests.interop.wire import Call, Message, sdp

Make = Callable[..., Any]
NAMES = (
    "plain",
    'quote " inside',
    "back\\slash\\",
    "line\r\nX-Injected: yes",
    "nul\x00bell\x07esc\x1b[2Jdel\x7f",
    "right\u202eto\u2066left",
    "\u2028separator\u0085next",
    "<sip:evil@x>;tag=1",
    "émile ☎ 电话 🙂",
    "a" * 5000,
    '";tag=stolen',
    "\ud800",
    "",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_shown_name_is_one_plain_line(name: str) -> None:
    """Of any name comes what may stand between quotes."""
    shown = shown_name(OfferCard("1", queue="Sales", caller_name=name, caller="+33140000001"))
    assert len(shown) <= 80 and shown.isprintable() and not set(shown) & set('"\\\r\n')
    address = sipmessage.Address.parse(f'"{quotable(name)}" <sip:x@y>;tag=z')
    assert address.uri.user == "x" and dict(address.parameters) == {"tag": "z"}


def well_formed(message: Message) -> sipmessage.Request:
    """The request as a foreign parser reads it."""
    parsed = sipmessage.Message.parse(bytes(message))
    assert isinstance(parsed, sipmessage.Request)
    assert "X-Injected" not in dict(message.headers) and parsed.from_address is not None
    return parsed


def bent(text: bytes, where: bytes, data: bytes) -> bytes:
    return data.replace(where, text)


FROM_LINES = (
    b'"quote \\" and \\\\ inside" <sip:+33140000001@x>',
    b'"esc \x1b[31m red" <sip:+33140000001@x>',
    b'"\xe9mile latin" <sip:+33140000001@x>',
    b'"nul \x00" <sip:+33140000001@x>',
    b'"tab\tin" <sip:+33140000001@x>',
    b'"\xff\xfe\x80" <sip:+33140000001@x>',
    b'"del \x7f \xc2\x85 \xe2\x80\xae" <sip:+33140000001@x>',
    b'"%0d%0aX-Injected: yes" <sip:%0d%0aX-Injected:%20yes@x>',
    b"<sip:%22%3e%0d%0a@x>",
    b"<tel:+33140000001;phone-context=%0d%0a>",
    b"<sip:%00%ff%fe@x>",
    b'"' + b"n" * 4000 + b'" <sip:' + b"9" * 2000 + b"@x>",
)


async def test_callers_names_reach_the_phone_well_formed(make_site: Make) -> None:  # noqa: F811
    """Every From that we take becomes an INVITE that a foreign parser reads; the rest is refused."""
    site: Site = await make_site(agents=1)
    refused = 0
    async with phone(site) as agent, caller(site) as outside:
        for line in FROM_LINES:
            asked = outside.request("INVITE", f"sip:{DIRECT}@127.0.0.1", [("From", "FROM;tag=f")], sdp())
            heard = outside.listen(asked.call_id)
            outside.send(bytes(asked).replace(b"FROM;", line + b";"))
            async with asyncio.timeout(20):
                answer = await heard.get()
                while answer.status < 200:
                    answer = await heard.get()
            call = Call(outside, asked)
            call.remote = answer.get("To")
            if answer.status != 200:
                assert answer.status == 400, answer.start
                refused += 1
                continue
            call.local = line.decode("latin-1") + ";tag=f"
            taken = await Call.taken(agent)
            well_formed(taken.invite)
            rows = (await site.ask("interactions"))["listed"]
            await ccctl_shows_it_plainly(site)
            taken.reply(486)
            for row in rows:
                await site.ask("interaction.hangup", interaction=row["interaction"])
            await outside_hears_bye(outside, asked.call_id)
            await site.until_idle()
            await site.ask("agent.ready", agent="a1")
    assert refused < len(FROM_LINES) - 4, "the valid ones must be taken"


async def ccctl_shows_it_plainly(site: Site) -> None:
    """Nothing of it reaches the administrator's terminal as a control character."""
    said = (await ccctl(site, "interactions")).encode()
    assert said and not {0x1B, 0x00, 0x07, 0x7F} & set(said), said


async def outside_hears_bye(outside: Any, call_id: str) -> None:
    """The BYE to the caller is well formed too; answered."""
    heard = outside.listen(call_id)
    async with asyncio.timeout(20):
        while True:
            message = await heard.get()
            if message.method == "BYE":
                outside.reply(message, 200)
                return
            if message.status == 200 and message.cseq[1] == "INVITE":
                call = [("From", message.get("From")), ("To", message.get("To")), ("Call-ID", call_id)]
                outside.send(outside.request("ACK", message.contact, [*call, ("CSeq", "1 ACK")]))


async def test_chat_names_and_texts_reach_the_phone_well_formed(make_site: Make) -> None:  # noqa: F811
    """Markup stays text, control characters and line breaks of a name do not reach headers."""
    site: Site = await make_site(agents=1, chat=True)
    url = f"ws://127.0.0.1:{site.chat_port}/chat"
    async with phone(site) as agent, aiohttp.ClientSession() as web:
        for name in NAMES[:-2]:
            async with web.ws_connect(url) as socket:
                await socket.send_json({"type": "hello", "name": name[:60]})
                assert (await socket.receive_json(timeout=5))["type"] == "welcome"
                text = f"<script>alert('{len(name)}')</script>\x00\x1b[2J\r\nX: y \ud83d\ude42"
                await socket.send_json({"type": "text", "id": "1", "text": text})
                request = await agent.incoming("MESSAGE")
                agent.reply(request, 200)
                well_formed(request)
                assert (
                    "<script>" in request.body and "\x1b" not in request.body and "\x00" not in request.body
                )
                assert request.get("Content-Type").startswith("text/plain")
                await socket.send_json({"type": "bye"})
            await site.until_idle()
            while not agent.fresh.empty():
                agent.reply(agent.fresh.get_nowait(), 200)
            await site.ask("agent.ready", agent="a1")


async def test_dialled_numbers_cannot_break_out(make_site: Make) -> None:  # noqa: F811
    """The number called is shown, routed and written down; escapes in it stay letters."""
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for user in (
            "%0d%0aX:%20y",
            "%00",
            "%22%3e",
            "a%40b",
            "%e9",
            "%ED%A0%80",
            "+" + "9" * 3000,
            "*41",
            "-",
        ):
            asked = outside.request("INVITE", f"sip:{user}@127.0.0.1", [], sdp())
            response = await outside.ask(asked)
            assert response.status in {400, 404, 484}, (user, response.start)
            Call(outside, asked).ack_refusal(response)
        assert (await site.ask("interactions"))["all"] == 0
