"""A PJSIP phone proves itself and pays, key by key in RFC 4733 events, against a real server on loopback.

The server checks what it got. Afterwards nothing of it is anywhere: not in the ledger, the log, the SIP
trace, recordings, nor in any other file of the daemon.
"""

import asyncio
import audioop
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ccd.media.g711 import decode, encode
from ccd.media.inband import ToneEar
from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.pacing import paced
from tests.interop.parties import bridged, caller, phone
from tests.interop.wire import Call, Rtp, Ua, sdp
from tests.peers.pjsip import PjsipPhone
from tests.unit.tone_keys import linear, silence, tone

Make = Callable[..., Any]
PAY = "+33177777778"
CARD, EXPIRY, CODE, PIN = "4929123456781236", "1239", "8615", "58204617"


class Services:
    """A CRM, a sender of text messages and a payment service in one; it keeps what it was sent."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.came = asyncio.Event()
        self.waits: asyncio.Event | None = None
        """Money is taken once this is set; None: at once."""
        self.runner: web.AppRunner | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        what = request.path.strip("/")
        body = await request.json()
        self.asked.append((what, body))
        self.came.set()
        if what == "pin":
            return web.json_response({"customer": body["customer"]} if body["pin"] == PIN else {})
        if what == "charge":
            if self.waits is not None:
                await self.waits.wait()
            good = (body["card_number"], body["expiry"], body["security_code"]) == (CARD, EXPIRY, CODE)
            said = {"paid": good, "reference": "R-4711", "last4": CARD[-4:]}
            return web.json_response(said | {"echo": body["card_number"], "card": body["card_number"]})
        return web.json_response({"customer": "77", "mobile": "+33611223344"} if what == "who" else {})

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/{what}", self.answer)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def got(self, what: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                for name, body in self.asked:
                    if name == what:
                        return body
                self.came.clear()
                await self.came.wait()


def flow(base: str) -> str:
    services = "".join(
        f'[services.{name}]\nkind = "http"\nurl = "{base}/{name}"\nmethod = "POST"\n'
        for name in ("who", "pin", "sms", "charge")
    )
    return f"""
{services}
[[flows.pay.steps]]
do = "record"
switch = "on"
[[flows.pay.steps]]
do = "identify"
caller_service = "who"
on_known = "pay"
on_refused = "no"
pin = {{ service = "pin" }}
one_time_code = {{ service = "sms", to = "{{var.mobile}}", text = "Code: {{code}}" }}
[[flows.pay.steps]]
id = "pay"
do = "pay"
service = "charge"
amount = "12.50"
currency = "EUR"
on_paid = "yes"
on_failure = "no"
[[flows.pay.steps]]
id = "yes"
do = "menu"
prompt = ""
wait_s = 30.0
choices = {{ 1 = "no" }}
[[flows.pay.steps]]
id = "no"
do = "hangup"
"""


ASIDE = """
[flows.card]
code = "*47"
[[flows.card.steps]]
do = "pay"
service = "charge"
amount = "12.50"
currency = "EUR"
"""


async def until_step(site: Site, *wanted: str) -> dict[str, Any]:
    """What is shown of the call once its variables or its prompts say that it is so far."""

    async def look() -> dict[str, Any] | None:
        listed = (await site.ask("interactions"))["listed"]
        if not listed:
            return None
        shown: dict[str, Any] = await site.ask("interaction.show", interaction=listed[0]["interaction"])
        said = json.dumps(shown)
        return shown if all(word in said for word in wanted) else None

    found: dict[str, Any] = await site.until(f"the call says {wanted}", look, 20.0)
    return found


async def until_asked(site: Site, service: str) -> None:
    """Until the call has the answer of a service: keys are secret from then on."""
    await until_step(site, f"asked outside: service {service}")


@pytest.mark.long
@pytest.mark.needs("pjsua2")
async def test_a_phone_proves_itself_and_pays_and_nothing_is_left(make_site: Make, tmp_path: Path) -> None:
    services = Services()
    base = await services.start()
    try:
        site: Site = await make_site(agents=1, tables={"numbers": {PAY: "pay"}}, extra=flow(base))
        payer = PjsipPhone(
            "+33140000001",
            registrar=site.address,
            register=False,
            domain=site.address,
            folder=tmp_path / "payer",
        )
        async with payer:
            await payer.dial(PAY)
            await payer.state("CONFIRMED")
            await services.got("who")
            await until_asked(site, "who")
            await payer.press(PIN + "#")
            assert await services.got("pin") == {"customer": "77", "pin": PIN}
            sms = await services.got("sms")
            code = sms["code"]
            assert sms == {"to": "+33611223344", "text": f"Code: {code}", "code": code} and len(code) == 6
            await until_asked(site, "sms")
            await payer.press(code + "#")
            await until_step(site, "pin+code")
            await asyncio.sleep(0.3)
            await payer.press(CARD + "#")
            await asyncio.sleep(8.0)
            await payer.press(EXPIRY + "#")
            await asyncio.sleep(3.5)
            await payer.press(CODE + "#")
            charged = await services.got("charge")
            shown = await until_step(site, "payment_result", "R-4711")
            assert charged.pop("request")
            assert charged == {
                "amount": "12.50",
                "currency": "EUR",
                "card_number": CARD,
                "expiry": EXPIRY,
                "security_code": CODE,
            }
            assert shown["variables"]["payment_result"] == "paid"
            assert shown["variables"]["payment_last4"] == CARD[-4:]
            trace = json.dumps(await site.ask("sip.trace"))
            told = json.dumps(shown)
            await payer.hangup()
        await site.until_records(1)
        await site.stop()
        files = [file for file in site.folder.rglob("*") if file.is_file()]
        kept = b"".join(file.read_bytes() for file in files)
        assert b"payment_reference" in kept and b"R-4711" in kept, "what was looked at is the ledger"
        for secret in (CARD, PIN, code):
            assert secret.encode() not in kept
            assert secret not in trace and secret not in told
        assert b"DigitPressed" not in kept, "not key by key either"
        assert not site.recordings(), "a flow without an agent is not recorded"
    finally:
        await services.stop()


HASTY = """
[services.charge]
kind = "http"
url = "{base}/charge"
method = "POST"
timeout_s = 10.0
[[flows.pay.steps]]
do = "pay"
service = "charge"
amount = "12.50"
currency = "EUR"
"""


@pytest.mark.needs("pjsua2")
async def test_who_hangs_up_while_the_card_is_charged_is_not_forgotten(
    make_site: Make, tmp_path: Path
) -> None:
    services = Services()
    services.waits = asyncio.Event()
    base = await services.start()
    try:
        extra = HASTY.format(base=base)
        site: Site = await make_site(agents=1, tables={"numbers": {PAY: "pay"}}, extra=extra)
        payer = PjsipPhone(
            "+33140000001",
            registrar=site.address,
            register=False,
            domain=site.address,
            folder=tmp_path / "payer",
        )
        async with payer:
            await payer.dial(PAY)
            await payer.state("CONFIRMED")
            await asyncio.sleep(0.3)
            await payer.press(CARD + "#")
            await asyncio.sleep(8.0)
            await payer.press(EXPIRY + "#")
            await asyncio.sleep(3.5)
            await payer.press(CODE + "#")
            request = (await services.got("charge"))["request"]
            await payer.hangup()
            await asyncio.sleep(1.0)
            services.waits.set()
            (record,) = await site.until_records(1)
        (row,) = await site.ask("payments")
        assert (row["request"], row["result"], row["reference"]) == (request, "paid", "R-4711")
        said = "\n".join((await site.ask("interaction.explain", interaction=record.interaction))["lines"])
        assert f"payment: result paid, amount 12.50 EUR, request {request}, reference R-4711" in said
        assert "the customer had hung up" in said and CARD not in said
        await site.ask("payment.settle", request=request, note="refunded")
        assert await site.ask("payments") == []
        assert not site.complaints()
    finally:
        await services.stop()


# -- with an agent who waits -----------------------------------------------------------------------


def keys_in(samples: bytes) -> str:
    """Keys whose tones are in linear audio of 8 kHz; one that a late packet parted in two is one."""
    heard: list[str] = []
    ear = ToneEar(heard.append)
    data = encode(samples, "PCMU")
    for at in range(0, len(data) - 159, 160):
        ear.put(data[at : at + 160], at, 8000, "PCMU")
    return "".join(key for key, _ in itertools.groupby(heard))


def keys_heard(rtp: Rtp) -> str:
    """Keys in what an RTP socket got: tones and telephone events alike."""
    events = [each for each in rtp.packets if each[1] & 0x7F == 101]
    return keys_in(b"".join(decode(each[12:], "PCMU") for each in rtp.packets)) + "e" * len(events)


async def dial(agent: Ua, code: str, port: int) -> Call:
    first = agent.request("INVITE", f"sip:{code}@interop.invalid", body=sdp(port=port))
    refused = Call(agent, first)
    agent.send(first)
    challenge = await refused.response(200)
    refused.ack_refusal(challenge)
    agent.password = PASSWORD
    call = Call(agent, agent.again(first, challenge))
    agent.send(call.invite)
    await call.answered()
    return call


async def speak(rtp: Rtp, to: tuple[str, int], sound: list[float]) -> None:
    data = encode(linear(sound), "PCMU")
    async for number in paced(len(data) // 160):
        rtp.send(to, data[160 * number :][:160])


async def key(rtp: Rtp, to: tuple[str, int], keys: str, way: str) -> None:
    for each in keys:
        if way == "events":
            await rtp.press(to, each)
            await asyncio.sleep(0.05)
        else:
            await speak(rtp, to, tone(each, 80) + silence(80))


@pytest.mark.parametrize("way", ["events", "tones"])
async def test_an_agent_waits_and_hears_no_key_and_no_recording_holds_one(make_site: Make, way: str) -> None:
    """The agent hears a tone before and after, so that hearing none in between says something."""
    services = Services()
    base = await services.start()
    customer, desk, aside = await Rtp.open(), await Rtp.open(), await Rtp.open()
    codecs = "0 101" if way == "events" else "0"
    flows = flow(base).replace("flows.pay.", "flows.old.") + ASIDE
    try:
        site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}}, extra=flows)
        async with phone(site) as agent, caller(site) as outside:
            call = await outside.call(DIRECT, sdp(port=customer.port, codecs=codecs))
            answer = await call.answered()
            taken = await Call.taken(agent)
            taken.accept(sdp(port=desk.port, codecs=codecs))
            await taken.expect("ACK")
            await bridged(site)
            to = answer.media
            await desk.talk(taken.invite.media, 0.2)
            await speak(customer, to, silence(200) + tone("7", 100) + silence(200))
            await desk.until("the key, in conversation", lambda: keys_heard(desk))
            assert keys_heard(desk) == "7"
            await dial(agent, "*47", aside.port)
            await until_step(site, "goes through a flow")
            desk.packets.clear()
            await asyncio.sleep(0.5)
            for keys, pause_s in ((CARD + "#", 0.5), (EXPIRY + "#", 0.5), (CODE, 0.0)):
                await key(customer, to, keys, way)
                await asyncio.sleep(pause_s)
            charged = await services.got("charge")
            assert (charged["card_number"], charged["expiry"]) == (CARD, EXPIRY)
            await until_step(site, "back with the agent")
            assert keys_heard(desk) == "" and len(desk.packets) > 100, "music, and no key"
            await asyncio.sleep(0.7)
            desk.packets.clear()
            await speak(customer, to, silence(200) + tone("9", 100) + silence(200))
            await desk.until("both hear each other again", lambda: keys_heard(desk))
            assert keys_heard(desk) == "9"
            assert (await call.bye()).status == 200
        await site.until_records(1)
        await site.stop()
        (recording,) = site.recordings()
        sound = recording.read_bytes()
        assert (sound[22], int.from_bytes(sound[24:28], "little")) == (2, 8000), "stereo"
        parties = [audioop.tomono(sound[44:], 2, left, 1 - left) for left in (1, 0)]
        assert sorted(map(keys_in, parties)) == ["", "79"]
        kept = b"".join(file.read_bytes() for file in site.folder.rglob("*") if file.is_file())
        assert CARD.encode() not in kept
    finally:
        await services.stop()
