"""What an agent's phone dials for itself, by telephone: people hear each other, phones are told the truth."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import caller, phone
from tests.interop.wire import Call, Message, Rtp, Ua, sdp
from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import check_heard, heard_ms, read_wav, write_tone

Make = Callable[..., Any]
DOMAIN = "interop.invalid"
OUTSIDE = "+33199887766"
FIRST, SECOND, FAR, MUSIC = 450, 850, 650, 1050
"""Hz: what two agents, the far end and the music sound like."""


def allowed(**own: Any) -> dict[str, dict[str, Any]]:
    return {"own_calls": {"may_dial": ["+331"], **own}, "agents.a1": {"caller_id": "+33123456780"}}


async def dial(agent: Ua, number: str, body: str = "") -> Call:
    """An INVITE of an agent's phone, with credentials."""
    place = f"{agent.server[0]}:{agent.server[1]}"
    first = agent.request("INVITE", f"sip:{number}@{place}", (), body or sdp())
    refused = await agent.ask(first)
    assert refused.status == 401, refused.start
    Call(agent, first).ack_refusal(refused)
    again = agent.again(first, refused)
    call = Call(agent, again)
    agent.send(again)
    return call


async def refused(call: Call) -> Message:
    """The final response, a refusal."""
    response = await call.response(300)
    call.ack_refusal(response)
    return response


async def until_doing(site: Site, agent: str, word: str) -> None:
    async def look() -> bool:
        return bool((await site.agent(agent))["doing"] == word)

    await site.until(f"{agent} is {word}", look)


# -- people --------------------------------------------------------------------------------------------


async def test_an_agent_and_somebody_outside_hear_each_other(make_site: Make, tmp_path: Path) -> None:
    """baresip dials in national form, PJSIP answers behind the trunk; hold, keys and a recording."""
    need("baresip")
    write_tone(_made(tmp_path / "music") / "default.wav", MUSIC, 20.0)
    tables = {**allowed(record=True), "media": {"music": [str(tmp_path / "music")]}}
    site: Site = await make_site(agents=1, tables=tables)
    far = PjsipPhone(
        "carrier", port=site.trunk_port, tone_hz=FAR, answer="auto", folder=tmp_path / "far", register=False
    )
    agent = Baresip(
        "a1",
        PASSWORD,
        registrar=site.address,
        domain=DOMAIN,
        tone_hz=FIRST,
        folder=tmp_path / "agent",
    )
    async with agent, far:
        await site.login()
        await agent.dial("0199887766")
        await agent.event("CALL_ESTABLISHED")
        assert (await site.agent("a1"))["doing"] == "talking"
        async with caller(site) as outside:
            waiting = await outside.call(DIRECT)
            await waiting.answered()
            await asyncio.sleep(3.0)
            assert (await site.agent("a1"))["interactions"] == [], "no offer on top"
            assert (await waiting.bye()).status == 200
        await agent.press("7")
        assert (await far.event("digit"))["digit"] == "7"
        await agent.hold()
        await asyncio.sleep(1.5)
        await agent.resume()
        await asyncio.sleep(1.0)
        await agent.hangup()
        await far.event("recorded")
        await site.until_records(2)
        await until_doing(site, "a1", "idle")
    record = next(each for each in site.records() if each.dialled_by)
    assert (record.direction, record.dialled_by, record.target) == ("out", "a1", OUTSIDE)
    assert record.outcome == "answered" and record.talked_s > 5
    assert not check_heard(far.heard(), FIRST, [FAR], at_least_ms=3000, gap_ms=4000)
    samples, rate = read_wav(far.heard())
    assert heard_ms(samples, MUSIC, rate) >= 1000, "music while on hold"
    (recording,) = site.recordings()
    for channel, own, other in ((0, FAR, FIRST), (1, FIRST, FAR)):
        samples, rate = read_wav(recording, channel)
        assert heard_ms(samples, own, rate) >= 3000 and heard_ms(samples, other, rate) == 0
    samples, rate = read_wav(agent.heard()[0])
    assert heard_ms(samples, FAR, rate) >= 2500, "and back"
    figures = await site.figures("sales")
    assert (figures["offered"], figures["abandoned"]) == (1, 1), "the caller; the own call is in no queue"


async def test_a_colleague_is_rung_and_heard(make_site: Make, tmp_path: Path) -> None:
    need("baresip")
    site: Site = await make_site()

    def softphone(name: str, hertz: float, **more: Any) -> Baresip:
        folder = tmp_path / name
        return Baresip(
            name, PASSWORD, registrar=site.address, domain=DOMAIN, tone_hz=hertz, folder=folder, **more
        )

    async with softphone("a1", FIRST) as first, softphone("a2", SECOND, answer="auto") as second:
        await site.login()
        await first.dial("302")
        await first.event("CALL_ESTABLISHED")
        await second.event("CALL_ESTABLISHED")
        await until_doing(site, "a2", "talking")
        await asyncio.sleep(2.0)
        await second.hangup()
        await first.event("CALL_CLOSED")
        await until_doing(site, "a1", "idle")
        await until_doing(site, "a2", "idle")
        (record,) = await site.until_records(1)
    assert (record.direction, record.agents, record.outcome) == ("internal", ["a1", "a2"], "answered")
    assert not check_heard(first.heard()[0], SECOND, [FIRST], at_least_ms=1500)
    assert not check_heard(second.heard()[0], FIRST, [SECOND], at_least_ms=1500)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# -- on the wire ---------------------------------------------------------------------------------------


async def test_ringing_and_the_far_ends_own_sound_come_before_the_answer(make_site: Make) -> None:
    """180, then 183 with SDP that carries audio, then a 200 with the same SDP; the number shown is ours."""
    site: Site = await make_site(agents=1, tables=allowed())
    near, far = await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        call = await dial(agent, "0199887766", sdp(port=near.port))
        taken = await Call.taken(carrier, ring=False)
        assert taken.invite.uri.startswith(f"sip:{OUTSIDE}@")
        assert "+33123456780" in taken.invite.get("From")
        taken.reply(180)
        assert (await call.response(180)).status == 180
        taken.reply(183, body=sdp(port=far.port))
        progress = await call.response(181)
        assert progress.status == 183 and progress.body
        await far.talk(taken.invite.media, 0.5, b"\x2a" * 160)
        await near.hears(b"\x2a" * 160)  # the announcement is heard before the answer
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        answer = await call.answered()
        assert answer.body == progress.body
        await near.talk(answer.media, 0.5, b"\x2b" * 160)
        await far.hears(b"\x2b" * 160)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "answered"


async def test_an_announcement_and_then_a_refusal(make_site: Make) -> None:
    """A silent phone is no lost phone before the answer; the media port is free again after the refusal."""
    site: Site = await make_site(agents=1, tables={**allowed(), "media": {"dead_after_s": 1.0}})
    far = await Rtp.open()
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        call = await dial(agent, OUTSIDE)
        taken = await Call.taken(carrier, ring=False)
        taken.reply(183, body=sdp(port=far.port))
        assert (await call.response(181)).status == 183
        await far.talk(taken.invite.media, 3.0)
        taken.reply(404)
        await taken.expect("ACK")
        assert (await refused(call)).status == 404
        (record,) = await site.until_records(1)
        await until_doing(site, "a1", "idle")
    assert "media lost" not in [note.what for note in record.timeline]


@pytest.mark.parametrize(
    "answers", [{486: 486, 603: 603, 404: 404, 480: 480}, {503: 503}, {500: 503}], ids=str
)
async def test_the_phone_gets_the_status_of_the_cause(make_site: Make, answers: dict[int, int]) -> None:
    site: Site = await make_site(agents=1, tables=allowed())
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        for answer, told in answers.items():
            call = await dial(agent, OUTSIDE)
            taken = await Call.taken(carrier)
            taken.reply(answer)
            await taken.expect("ACK")
            assert (await refused(call)).status == told
            await until_doing(site, "a1", "idle")
        records = await site.until_records(len(answers))
    assert [record.outcome for record in records] == ["unanswered"] * len(answers)


async def test_what_is_not_allowed_is_refused_and_no_answer_and_cancel_are_clean(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables=allowed(ring_timeout_s=5.0))
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        assert (await refused(await dial(agent, "+4420719460000"))).status == 403
        assert (await refused(await dial(agent, "4711"))).status == 404
        assert (await refused(await dial(agent, "301"))).status == 486, "its own extension"
        assert carrier.fresh.empty()

        call = await dial(agent, OUTSIDE)
        taken = await Call.taken(carrier)
        await call.response(180)
        call.cancel()
        await taken.expect("CANCEL")
        taken.reply(487)
        await taken.expect("ACK")
        assert (await refused(call)).status == 487
        await until_doing(site, "a1", "idle")

        call = await dial(agent, OUTSIDE)
        taken = await Call.taken(carrier)
        await taken.expect("CANCEL")
        taken.reply(487)
        await taken.expect("ACK")
        response = await refused(call)
        assert response.status == 480 and "cause=19" in response.get("Reason")
        await site.until_records(5)
    outcomes = [record.outcome for record in site.records()]
    assert outcomes == ["refused"] * 3 + ["unanswered"] * 2


async def test_a_trunk_that_is_down_is_503_with_a_note(make_site: Make) -> None:
    tables = {**allowed(), "trunks.carrier": {"qualify_s": 1.0}, "sip": {"qualify_timeout_s": 1.0}}
    site: Site = await make_site(agents=1, tables=tables)
    async with phone(site) as agent:
        assert (await refused(await dial(agent, OUTSIDE))).status == 503, "nobody listens, not known yet"

        async def down() -> bool:
            return "carrier" in str((await site.ask("status"))["alarms"])

        await site.until("an alarm about the trunk", down)
        response = await refused(await dial(agent, OUTSIDE))
        assert response.status == 503 and response.get("Retry-After")
        record = (await site.until_records(2))[1]
    notes = [str(note.details.get("note", "")) for note in record.timeline]
    assert any("no trunk is up" in note for note in notes)


async def test_a_killed_daemon_files_the_call_as_lost(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables=allowed())
    async with phone(site) as agent, await Ua.open(site.address, port=site.trunk_port) as carrier:
        call = await dial(agent, OUTSIDE)
        taken = await Call.taken(carrier)
        taken.accept()
        await taken.expect("ACK")
        await call.answered()
        await asyncio.sleep(0.3)
        await site.kill()
        await site.start()
        (record,) = await site.until_records(1)
        assert record.cause.value == "restart" and record.dialled_by == "a1"
        assert (await site.agent("a1"))["outside"] == []
