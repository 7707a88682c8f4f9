"""Ringing that is acknowledged (RFC 3262): by PJSIP on both sides, by SIPp as a carrier that insists."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_own_calls_by_phone import DOMAIN, FAR, FIRST, OUTSIDE, allowed, until_doing
from tests.interop.wire import Call, Message, Rtp, Ua, sdp
from tests.peers.pjsip import PjsipPhone
from tests.peers.sipp import PATIENT, Sipp
from tests.peers.tones import check_heard

Make = Callable[..., Any]
TONE = b"\x2a" * 160


async def test_pjsip_insists_on_both_sides_and_people_hear_each_other(
    make_site: Make, tmp_path: Path
) -> None:
    """The agent's phone requires 100rel in its INVITE, the carrier answers 421 without; early media, then
    the answer. And the same phone is rung by the queue."""
    site: Site = await make_site(agents=1, tables=allowed())
    agent = PjsipPhone(
        "a1",
        PASSWORD,
        registrar=site.address,
        domain=DOMAIN,
        tone_hz=FIRST,
        answer="auto",
        folder=tmp_path / "agent",
        insists=True,
    )
    far = PjsipPhone(
        "carrier",
        port=site.trunk_port,
        tone_hz=FAR,
        folder=tmp_path / "far",
        register=False,
        insists=True,
    )
    async with agent, far, caller(site) as outside:
        await site.login()
        await agent.dial(f"sip:{OUTSIDE}@{DOMAIN}")
        await far.event("incoming")
        await far.accept(code=183)
        await agent.state("EARLY")
        await far.accept()
        await agent.state("CONFIRMED")
        await until_doing(site, "a1", "talking")
        await asyncio.sleep(2.0)
        trace = [row["message"] for row in (await site.ask("sip.trace"))["messages"]]
        await far.hangup()
        for each in (far, agent):
            await each.event("recorded")
        await site.until_records(1)
        call = await outside.call(DIRECT)
        await call.answered()
        await agent.state("CONFIRMED", call=2)
        await bridged(site)
        assert (await call.bye()).status == 200
        await site.until_records(2)
    firsts = [text.partition("\r\n")[0] for text in trace]
    assert sum(line.startswith("PRACK") for line in firsts) >= 4, "both sides, ringing and early media"
    assert any(" 421 " in line for line in firsts)
    assert not check_heard(far.heard(), FIRST, [FAR], at_least_ms=1200)
    assert not check_heard(agent.heard(), FAR, [FIRST], at_least_ms=1200)


async def dial_reliably(agent: Ua, body: str) -> Call:
    """An INVITE of an agent's phone that requires 100rel, with credentials."""
    first = agent.request("INVITE", f"sip:{OUTSIDE}@{DOMAIN}", [("Require", "100rel")], body)
    challenged = await agent.ask(first)
    assert challenged.status == 401, challenged.start
    Call(agent, first).ack_refusal(challenged)
    again = agent.again(first, challenged)
    call = Call(agent, again)
    agent.send(again)
    return call


async def acknowledged(call: Call, ringing: Message) -> Message:
    """The answer to a PRACK for that ringing."""
    number, method = call.invite.cseq
    return await call.ask("PRACK", [("RAck", f"{ringing.get('RSeq')} {number} {method}")])


async def test_sipp_plays_before_the_answer_and_a_phone_requires_it_too(
    make_site: Make, tmp_path: Path
) -> None:
    need("sipp")
    # T1: SIPp answers again, and counts that, whatever we send again
    site: Site = await make_site(agents=1, tables={**allowed(), "sip": {"t1_ms": 2000}})
    near, far = [await Rtp.open() for _ in range(2)]
    carrier = Sipp(
        "uas_prack",
        folder=tmp_path / "carrier",
        calls=1,
        port=site.trunk_port,
        keys={**PATIENT, "media": far.port, "linger_ms": 100},
        timeout_s=30,
    )
    async with carrier, phone(site) as agent:
        call = await dial_reliably(agent, sdp(port=near.port))
        ringing = await call.response(180)
        assert (ringing.status, ringing.get("Require")) == (180, "100rel")
        assert (await acknowledged(call, ringing)).status == 200
        progress = await call.response(183)
        assert int(progress.get("RSeq")) == int(ringing.get("RSeq")) + 1 and progress.media
        assert (await acknowledged(call, progress)).status == 200
        answer = await call.answered()
        assert not answer.body, "it was said in the 183"
        await until_doing(site, "a1", "talking")
        await near.talk(progress.media, 0.4, TONE)
        await far.hears(TONE, 13)  # the carrier said where in its 183 only
        assert (await call.bye()).status == 200
        result = await carrier.wait()
        assert result.clean, result
        await site.until_records(1)
