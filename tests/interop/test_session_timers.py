"""Session timers (RFC 4028), UPDATE (RFC 3311) and the question after silence, with the real daemon.

The least session time is set to a few seconds here: the rule is 90.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, PRESS, Site, need
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.test_own_calls_by_phone import OUTSIDE, allowed, dial
from tests.interop.wire import Call, Message, Rtp, Ua, sdp
from tests.peers import sipp
from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone
from tests.peers.sipp import Sipp

Make = Callable[..., Any]
TIMES = {"session_expires_s": 6, "session_least_s": 4}
SHORT = {"sip": {**TIMES, "t1_ms": 100}}
UNHURRIED = {"sip": {**TIMES, "t1_ms": 2000}}
"""With SIPp, which sends its answer again, and counts that, whenever we do not have it within T1."""
KNOWS = ("Supported", "timer")


def wants(value: str) -> list[tuple[str, str]]:
    return [KNOWS, ("Session-Expires", value)]


PATIENT = [*wants("600;refresher=uac"), ("Min-SE", "600")]
"""Of a caller who need not be looked after for the length of a test."""


async def call_with(outside: Ua, *headers: tuple[str, str], number: str = PRESS) -> tuple[Call, Message]:
    """A call that waits in the menu, and how it was answered."""
    call = await outside.call(number, headers=headers)
    return call, await call.answered()


# -- the bare wire ------------------------------------------------------------------------------------


async def test_a_caller_that_was_to_refresh_and_does_not_is_hung_up(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables=SHORT)
    async with caller(site) as outside:
        call, answer = await call_with(outside, *wants("6;refresher=uac"))
        assert answer.get("Session-Expires") == "6;refresher=uac" and answer.get("Require") == "timer"
        assert "UPDATE" in answer.get("Allow") and "timer" in answer.get("Supported")
        await asyncio.sleep(2.0)
        again = await call.ask("UPDATE", wants("6;refresher=uac"))
        assert again.status == 200 and again.get("Session-Expires") == "6;refresher=uac"
        began = asyncio.get_running_loop().time()
        bye = await call.expect("BYE")
        assert 3.5 < asyncio.get_running_loop().time() - began < 5.9, "6 s less a third"
        assert "102" in bye.get("Reason")
        (record,) = await site.until_records(1)
    assert record.cause == "expired"
    assert "not refreshed" in str([note.details for note in record.timeline])


async def test_we_refresh_by_update_or_by_re_invite_and_481_ends_the_call(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables=SHORT)
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, headers=[*wants("60;refresher=uas"), ("Allow", "INVITE, UPDATE")])
        answer = await call.answered()
        assert answer.get("Session-Expires") == "6;refresher=uas", "shortened to ours"
        taken = await Call.taken(agent)
        assert taken.invite.get("Session-Expires") == "6" and "timer" in taken.invite.get("Supported")
        assert "UPDATE" in taken.invite.get("Allow")
        taken.accept()  # knows nothing of timers
        await taken.expect("ACK")
        await bridged(site)
        update = await call.heard.get()
        assert (update.method, update.body) == ("UPDATE", "")
        outside.reply(update, 200, [("Session-Expires", "6;refresher=uac"), ("Require", "timer")])
        invite = await taken.expect("INVITE")
        assert invite.body == taken.invite.body, "same version, same everything"
        agent.reply(invite, 200, [("Contact", agent.contact)], sdp())
        await taken.expect("ACK")
        assert (await call.expect("UPDATE")).get("Session-Expires") == "6;refresher=uac"
        second = await taken.expect("INVITE")
        agent.reply(second, 481)
        await taken.expect("ACK")
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled"
    whats = [note.what for note in record.timeline]
    assert "held" not in whats and "resumed" not in whats


async def test_too_short_for_us_and_too_short_for_them(make_site: Make) -> None:
    """422 both ways: we say ours, and ask once more with theirs."""
    site: Site = await make_site(agents=1, tables=SHORT)
    async with phone(site) as agent, caller(site) as outside:
        refused = await outside.call(PRESS, headers=wants("3"))
        answer = await refused.response(300)
        refused.ack_refusal(answer)
        assert answer.status == 422 and answer.get("Min-SE") == "4"
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        taken.reply(422, [("Min-SE", "90")])
        await taken.expect("ACK")
        again = await taken.expect("INVITE")
        assert again.get("Session-Expires") == again.get("Min-SE") == "90"
        assert again.cseq[0] == taken.invite.cseq[0] + 1 and again.body == taken.invite.body
        taken.invite = again
        taken.reply(200, [("Session-Expires", "90;refresher=uac"), ("Require", "timer")], sdp())
        await taken.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")


async def test_requests_before_the_answer(make_site: Make) -> None:
    """UPDATE, INFO and OPTIONS in early dialogs of both sides; with SDP only where it can be."""
    site: Site = await make_site(agents=1, tables=allowed())
    near, moved, far = [await Rtp.open() for _ in range(3)]
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        call = await dial(agent, OUTSIDE, sdp(port=near.port))
        taken = await Call.taken(carrier)
        await call.response(180)
        assert (await call.ask("UPDATE")).status == 200
        too_early = await call.ask("UPDATE", body=sdp(port=moved.port, version=2))
        assert too_early.status == 500 and too_early.get("Retry-After"), "ours was not said yet"
        keys = [("Content-Type", "application/dtmf-relay")]
        assert (await call.ask("INFO", keys, "Signal=5\r\nDuration=160\r\n")).status == 200
        assert (await call.ask("OPTIONS")).status == 200
        assert (await call.ask("REFER", [("Refer-To", "<sip:302@interop.invalid>")])).status == 403
        unknown = await call.ask("UPDATE", [("Require", "wonder")])
        assert unknown.status == 420 and unknown.get("Unsupported") == "wonder"
        assert (await taken.ask("UPDATE")).status == 200, "who is called may ask too"
        taken.reply(183, body=sdp(port=far.port))
        assert (await call.response(181)).status == 183
        changed = await call.ask("UPDATE", body=sdp(port=moved.port, version=2))
        assert changed.status == 200 and changed.media
        await far.talk(taken.invite.media, 0.5, b"\x2a" * 160)
        await moved.hears(b"\x2a" * 160)
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        answer = await call.answered()
        assert answer.body == changed.body
        confirmed = await call.ask("UPDATE", body=sdp(port=near.port, version=3))
        assert confirmed.status == 200 and confirmed.media == answer.media
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_records(1)


async def test_silent_but_there_is_not_hung_up(make_site: Make) -> None:
    """Silence suppression, a hold in another PBX: it answers OPTIONS, so it stays, until it knows no call."""
    tables = {"media": {"dead_after_s": 1.0}, "sip": {"t1_ms": 100}}
    site: Site = await make_site(agents=1, tables=tables)
    rtp = await Rtp.open()
    async with caller(site) as outside:
        outside.answers_options = False  # but by hand
        call = await outside.call(PRESS, sdp(port=rtp.port))
        answer = await call.answered()
        await rtp.talk(answer.media, 0.5)
        for _ in range(3):
            await call.expect("OPTIONS")
        row = (await site.ask("interactions"))["listed"][0]
        shown = await site.ask("interaction.show", interaction=row["interaction"])
        assert sum("silent" in line for line in shown["timeline"]) == 1, shown["timeline"]
        asked = await call.heard.get()
        while asked.method != "OPTIONS":
            asked = await call.heard.get()
        outside.reply(asked, 481)
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.cause == "media_lost"


async def test_two_who_both_send_nothing_are_not_left_joined_for_ever(make_site: Make) -> None:
    tables = {"media": {"dead_after_s": 0.5, "silent_call_s": 2.0}, "sip": {"t1_ms": 100}}
    site: Site = await make_site(agents=1, tables=tables)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        await taken.expect("BYE", 12.0)
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert (record.cause, record.outcome) == ("silent", "handled")
    assert "both silent" in [note.what for note in record.timeline]


async def test_a_diverted_call_says_whence(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        headers = [("Diversion", "<sip:+33140506070@pbx>;reason=no-answer")]
        call = await outside.call(PRESS, headers=headers)
        await call.answered()
        row = (await site.ask("interactions"))["listed"][0]
        shown = await site.ask("interaction.show", interaction=row["interaction"])
        assert shown["diverted_from"] == "+33140506070"
        assert any("+33140506070" in line for line in shown["timeline"])
        assert (await call.bye()).status == 200


async def test_odd_descriptions(make_site: Make) -> None:
    """An `o=` that is no number is taken; IPv6 audio in a centre without IPv6 is refused, with why."""
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        call = await outside.call(PRESS, sdp().replace("o=wire 1 1", "o=wire a1b2-c3 x"))
        await call.answered()
        assert (await call.bye()).status == 200
        refused = await outside.call(PRESS, sdp(host="2001:db8::7"))
        answer = await refused.response(300)
        refused.ack_refusal(answer)
        assert answer.status == 488 and answer.get("Warning").startswith("301 ccd"), answer.headers


# -- SIPp ---------------------------------------------------------------------------------------------


@pytest.fixture
def _sipp() -> None:
    need("sipp")


@pytest.mark.usefixtures("_sipp")
async def test_sipp_calls_with_a_session_time(make_site: Make, tmp_path: Path) -> None:
    """SIPp as two callers at once: one refreshes itself twice, the other is refreshed twice."""
    site: Site = await make_site(agents=1, tables=UNHURRIED)
    runs = [
        sipp.run(
            f"uac_refresh_{who}",
            site.address,
            calls=3,
            rate=3,
            service=PRESS,
            keys=sipp.PATIENT,
            folder=tmp_path / who,
            timeout_s=60.0,
        )
        for who in ("uac", "uas")
    ]
    for result in await asyncio.gather(*runs):
        assert result.clean, result
    records = await site.until_records(6)
    assert {record.cause for record in records} == {"normal"}


@pytest.mark.usefixtures("_sipp")
async def test_sipp_phone_wants_a_longer_time_and_refreshes(make_site: Make, tmp_path: Path) -> None:
    """SIPp as the agent's phone: 422, then it refreshes by UPDATE, and hangs up."""
    site: Site = await make_site(agents=1, tables=UNHURRIED)
    phones = Sipp("uas_refresh", folder=tmp_path / "phones", calls=1, timeout_s=60, keys=sipp.PATIENT)
    accounts = [(name, PASSWORD) for name in site.agents]
    await sipp.register(accounts, site.address, port=phones.port, domain="interop.invalid")
    await site.login()
    async with phones, caller(site) as outside:
        call = await outside.call(DIRECT, headers=PATIENT)
        await call.answered()
        await bridged(site)
        await call.expect("BYE", 20.0)
        result = await phones.wait()
        assert result.clean, result
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and record.talked_s > 6


# -- softphones ---------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(110)
async def test_pjsip_on_both_sides_through_a_refresh(make_site: Make, tmp_path: Path) -> None:
    """PJSIP insists on 90 s: it refuses our 6 (422), and one of it and us refreshes after 45."""
    site: Site = await make_site(agents=1, tables={"sip": {"session_expires_s": 6, "session_least_s": 4}})
    timers = {"timer_s": 90, "timer_least_s": 90}
    agent = PjsipPhone(
        "a1",
        PASSWORD,
        registrar=site.address,
        domain="interop.invalid",
        answer="auto",
        folder=tmp_path / "a",
        **timers,
    )
    outside = PjsipPhone(
        "+33140000009",
        registrar=site.address,
        register=False,
        domain=site.address,
        folder=tmp_path / "c",
        **timers,
    )
    async with agent, outside:
        await site.login()
        await outside.dial(DIRECT)
        await outside.state("CONFIRMED")
        await bridged(site)
        await asyncio.sleep(62.0)  # beyond 90 s less a third: who had not refreshed would be hung up
        await bridged(site)
        trace = [row["message"] for row in (await site.ask("sip.trace"))["messages"]]
        await outside.hangup()
        (record,) = await site.until_records(1)
    assert record.cause == "normal" and record.talked_s > 60
    begun = [text.partition("\r\n")[0] + "|" + text for text in trace]
    assert any(" 422 " in line.partition("|")[0] and "Min-SE: 90" in line for line in begun), "it wanted more"
    refreshes = [line for line in begun if line.startswith(("UPDATE ", "INVITE ")) and ";refresher=" in line]
    assert len({_header(line, "Call-ID") for line in refreshes}) == 2, "both calls were refreshed"


def _header(text: str, name: str) -> str:
    return next(line.partition(":")[2].strip() for line in text.split("\r\n") if line.startswith(f"{name}:"))


def softphone(site: Site, folder: Path) -> Baresip:
    """The agent's, which answers by itself."""
    return Baresip(
        "a1", PASSWORD, registrar=site.address, domain="interop.invalid", answer="auto", folder=folder / "a1"
    )


async def test_baresip_knows_no_timers_and_is_refreshed(make_site: Make, tmp_path: Path) -> None:
    """We ask it by UPDATE or re-INVITE every 3 s; the call and its audio do not notice."""
    need("baresip")
    site: Site = await make_site(agents=1, tables=SHORT)
    near = await Rtp.open()
    async with softphone(site, tmp_path) as agent, caller(site) as outside:
        await site.login()
        call = await outside.call(DIRECT, sdp(port=near.port), headers=PATIENT)
        await call.answered()
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(0.5)
        near.packets.clear()
        await asyncio.sleep(8.0)
        trace = [
            row["message"] for row in (await site.ask("sip.trace"))["messages"] if row["direction"] == "out"
        ]
        asked = [
            text for text in trace if text.startswith(("UPDATE ", "INVITE ")) and ";refresher=uac" in text
        ]
        assert len(asked) >= 2
        await near.until("audio went on", lambda: len(near.packets) > 380)
        assert near.longest_hole_s() < 0.5
        assert (await call.bye()).status == 200
        await agent.event("CALL_CLOSED")
        (record,) = await site.until_records(1)
    assert record.cause == "normal"


async def test_a_softphone_that_died_is_told_from_a_caller_who_is_silent(
    make_site: Make, tmp_path: Path
) -> None:
    """Neither sends audio any more: the caller's end answers when it is asked, the killed phone does not."""
    need("baresip")
    site: Site = await make_site(agents=1, tables={"media": {"dead_after_s": 1.0}, "sip": {"t1_ms": 100}})
    near = await Rtp.open()
    async with softphone(site, tmp_path) as agent, caller(site) as outside:
        await site.login()
        call = await outside.call(DIRECT, sdp(port=near.port))
        answer = await call.answered()
        await agent.event("CALL_ESTABLISHED")
        await bridged(site)
        await near.talk(answer.media, 0.2)
        await asyncio.sleep(3.0)
        await bridged(site)
        agent.kill()
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    whats = [note.what for note in record.timeline]
    assert record.cause == "media_lost" and whats.count("silent") == 1 and whats.count("media lost") == 1
    assert [note.details["role"] for note in record.timeline if note.what == "silent"] == ["customer"]


async def test_talks_without_any_of_it_go_on_as_before(make_site: Make) -> None:
    """0: we do not ask, and nobody is asked anything."""
    site: Site = await make_site(agents=1, tables={"sip": {"session_expires_s": 0}})
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert not taken.invite.get("Session-Expires") and "timer" in taken.invite.get("Supported")
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
