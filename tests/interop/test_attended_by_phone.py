"""Attended transfer by telephone: a word before, then customer and colleague hear each other only."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccd.history.explain import ATTENDED
from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.test_own_calls_by_phone import dial, refused, until_doing
from tests.interop.wire import Call, Rtp, Ua, sdp
from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone
from tests.peers.tones import heard_ms, profile, read_wav, write_tone

Make = Callable[..., Any]
DOMAIN = "interop.invalid"
OUTSIDE = "+33199887766"
FIRST, SECOND, CALLER, MUSIC = 450, 850, 650, 1050
"""Hz: what the two agents, the customer and the music sound like."""
ALLOWED = {"own_calls": {"may_dial": ["+331"], "record": True}, "queues.sales": {"record": True}}


def replaces(consult: Call, target: str = "302") -> list[tuple[str, str]]:
    """Refer-To that names the dialog of a call of this phone's own."""
    remote, local = (each.rpartition("tag=")[2] for each in (consult.remote, consult.local))
    call_id = consult.invite.call_id.replace("@", "%40")
    dialog = f"{call_id}%3Bto-tag%3D{remote}%3Bfrom-tag%3D{local}"
    return [("Refer-To", f"<sip:{target}@interop.invalid?Replaces={dialog}>")]


def around(samples: list[float], hertz: float, rate: int) -> tuple[int, int]:
    """From when to when a tone is there, in ms (grain 100 ms)."""
    there = [index for index, level in enumerate(profile(samples, hertz, rate)) if level >= 0.05]
    assert there, f"{hertz} Hz is not heard"
    return there[0] * 100, there[-1] * 100 + 100


def check_phones(first: PjsipPhone, second: Baresip, outside: PjsipPhone, consult: int) -> None:
    """What each of the three heard, and in which order."""
    samples, rate = read_wav(outside.heard())
    assert heard_ms(samples, FIRST, rate) >= 1000 and heard_ms(samples, MUSIC, rate) >= 1500
    assert heard_ms(samples, SECOND, rate) >= 2000 and heard_ms(samples, CALLER, rate) == 0
    mine, theirs = around(samples, FIRST, rate), around(samples, SECOND, rate)
    rest = samples[mine[1] * rate // 1000 :]  # while the first phone rang there was music too
    music = tuple(mine[1] + each for each in around(rest, MUSIC, rate))
    assert mine[1] <= music[0] + 100 and music[1] <= theirs[0] + 100, (mine, music, theirs)

    samples, rate = read_wav(second.heard()[0])
    asked, joined = around(samples, FIRST, rate), around(samples, CALLER, rate)
    assert asked[1] <= joined[0] + 100, "first the colleague, then the customer"
    assert joined[1] - joined[0] >= 2000 and heard_ms(samples, MUSIC, rate) == 0

    for number, present, absent in ((1, CALLER, SECOND), (consult, SECOND, CALLER)):
        samples, rate = read_wav(first.heard(number))
        assert heard_ms(samples, present, rate) >= 1000 and heard_ms(samples, absent, rate) == 0


def check_recordings(site: Site) -> None:
    """One for each agent, the customer on the left, and one of the word before."""
    before, after, asked = site.recordings()
    for recording, left, right, nobody in (
        (before, CALLER, FIRST, SECOND),
        (after, CALLER, SECOND, FIRST),
        (asked, SECOND, FIRST, CALLER),
    ):
        for channel, own, other in ((0, left, right), (1, right, left)):
            samples, rate = read_wav(recording, channel)
            assert heard_ms(samples, own, rate) >= 1000, (recording.name, channel)
            assert heard_ms(samples, other, rate) == heard_ms(samples, nobody, rate) == 0, recording.name


def pjsip(site: Site, folder: Path, user: str, hertz: float, **more: Any) -> PjsipPhone:
    """An agent's phone with several lines."""
    more = {"password": PASSWORD, "domain": DOMAIN, **more}
    return PjsipPhone(user, registrar=site.address, tone_hz=hertz, folder=folder / user, **more)


def customer(site: Site, folder: Path, *, mux: bool = False) -> PjsipPhone:
    more = {"password": "", "register": False, "domain": site.address, "mux": mux}
    return pjsip(site, folder, "+33140000009", CALLER, **more)


# -- people --------------------------------------------------------------------------------------------


async def test_a_word_before_and_then_both_hear_each_other(make_site: Make, tmp_path: Path) -> None:
    """PJSIP with two lines asks baresip, and joins the customer with it: tones, music, recordings. The
    customer's RTCP shares the port of its audio (RFC 5761)."""
    need("baresip")
    (tmp_path / "music").mkdir()
    write_tone(tmp_path / "music" / "default.wav", MUSIC, 20.0)
    site: Site = await make_site(tables={**ALLOWED, "media": {"music": [str(tmp_path / "music")]}})

    first = pjsip(site, tmp_path, "a1", FIRST, answer="auto")
    outside = customer(site, tmp_path, mux=True)
    second = Baresip(
        "a2",
        PASSWORD,
        registrar=site.address,
        domain=DOMAIN,
        tone_hz=SECOND,
        folder=tmp_path / "a2",
        answer="auto",
    )
    async with first, second, outside:
        await site.login("a1")
        await outside.dial(DIRECT)
        await first.state("CONFIRMED")
        await bridged(site)
        await site.login("a2")
        await asyncio.sleep(1.5)
        await first.hold(1)
        consult = await first.dial("302")
        await second.event("CALL_ESTABLISHED")
        await first.state("CONFIRMED", call=consult)
        await asyncio.sleep(2.0)
        assert (await site.agent("a1"))["doing"] == "talking"
        await first.attend(1, consult)
        told = await first.event("transfer", where=lambda event: event["final"])
        assert told["code"] == 200
        await first.event("recorded")
        await first.event("recorded")
        assert (await site.agent("a2"))["doing"] == "talking"
        await until_doing(site, "a1", "idle")
        await asyncio.sleep(2.5)
        await outside.hangup()
        await second.event("CALL_CLOSED")
        await outside.event("recorded")
        records = await site.until_records(2)
    record = next(each for each in records if not each.dialled_by)
    consulted = next(each for each in records if each.dialled_by)
    assert (record.agents, record.outcome) == (["a1", "a2"], "handled")
    assert (consulted.dialled_by, consulted.consults) == ("a1", record.interaction)

    check_phones(first, second, outside, consult)
    check_recordings(site)


async def test_the_key_is_pressed_while_it_still_rings(make_site: Make, tmp_path: Path) -> None:
    """PJSIP names the early dialog (`early-only`); the colleague, PJSIP too, answers the customer."""
    site: Site = await make_site(tables=ALLOWED)
    first = pjsip(site, tmp_path, "a1", FIRST, answer="auto")
    second = pjsip(site, tmp_path, "a2", SECOND)
    outside = customer(site, tmp_path)
    async with first, second, outside:
        await site.login("a1")
        await outside.dial(DIRECT)
        await first.state("CONFIRMED")
        await bridged(site)
        await first.hold(1)
        consult = await first.dial("302")
        incoming = await second.event("incoming")
        assert f"about {(await site.ask('interactions'))['listed'][0]['interaction']}" in incoming["invite"]
        await first.state("EARLY", call=consult)
        await first.attend(1, consult)
        await first.state("DISCONNECTED", call=consult)
        await asyncio.sleep(1.0)
        assert second.count("incoming") == 1, "it goes on ringing, and is not rung anew"
        await second.accept()
        await first.state("DISCONNECTED", call=1)
        await bridged(site)
        await asyncio.sleep(2.0)
        await outside.hangup()
        await second.event("recorded")
        await outside.event("recorded")
        records = await site.until_records(2)
    assert records[0].agents == ["a1", "a2"]
    for path, present, absent in ((outside.heard(), SECOND, CALLER), (second.heard(), CALLER, FIRST)):
        samples, rate = read_wav(path)
        assert heard_ms(samples, present, rate) >= 1500 and heard_ms(samples, absent, rate) == 0


# -- on the wire ---------------------------------------------------------------------------------------


async def test_the_messages_of_a_completed_one_outside(make_site: Make) -> None:
    """202, NOTIFY 100, NOTIFY 200 terminated, BYE of both legs; the audio goes from end to end."""
    site: Site = await make_site(agents=1, tables=ALLOWED)
    near, far = await Rtp.open(), await Rtp.open()
    carrier = await Ua.open(site.address, port=site.trunk_port)
    async with carrier, phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=near.port))
        answer = await call.answered()
        taken = await Call.taken(agent)
        taken.accept()
        await taken.expect("ACK")
        await bridged(site)
        consult = await dial(agent, OUTSIDE)
        asked = await Call.taken(carrier)
        asked.accept(sdp(port=far.port))
        await asked.expect("ACK")
        assert "replaces" in (await consult.answered()).get("Supported")
        assert (await taken.ask("REFER", replaces(consult, OUTSIDE))).status == 202
        assert "100" in (await taken.expect("NOTIFY")).body
        told = await taken.expect("NOTIFY")
        assert "SIP/2.0 200" in told.body and "terminated" in told.get("Subscription-State")
        await taken.expect("BYE")
        await consult.expect("BYE")
        await near.talk(answer.media, 0.5, b"\x2b" * 160)
        await far.hears(b"\x2b" * 160)
        assert (await asked.bye()).status == 200
        await call.expect("BYE")
        records = await site.until_records(2)
    moved = [note.details for each in records for note in each.timeline if note.what == "transferred"]
    assert moved == [{"agent": "a1", "to": OUTSIDE}]


async def test_while_it_rings_the_customer_takes_over_the_ringing(make_site: Make) -> None:
    """Replaces of an early dialog (RFC 3891 §3 lets it be refused; here both calls end at us)."""
    site: Site = await make_site(agents=2)
    async with phone(site) as first, phone(site, "a2", login=False) as second, caller(site) as outside:
        call, taken = await talk(site, outside, first)
        consult = await dial(first, "302")
        ringing = await Call.taken(second)
        assert "about 1" in ringing.invite.get("From") and ringing.invite.get("X-CCD-Consults") == "1"
        await consult.response(180)
        assert (await taken.ask("REFER", replaces(consult))).status == 202
        assert (await refused(consult)).status == 480
        ringing.accept()
        await ringing.expect("ACK")
        assert "100" in (await taken.expect("NOTIFY")).body
        assert "SIP/2.0 200" in (await taken.expect("NOTIFY")).body
        await taken.expect("BYE")
        await bridged(site)
        assert (await call.bye()).status == 200
        await ringing.expect("BYE")
        records = await site.until_records(2)
    assert records[0].agents == ["a1", "a2"]


async def test_who_was_asked_hangs_up_while_the_key_is_pressed(make_site: Make) -> None:
    """Our BYE of the second line and the phone's REFER cross: the customer is still there."""
    site: Site = await make_site(agents=1, tables=ALLOWED)
    carrier = await Ua.open(site.address, port=site.trunk_port)
    async with carrier, phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        consult = await dial(agent, OUTSIDE)
        asked = await Call.taken(carrier)
        asked.accept()
        await asked.expect("ACK")
        await consult.answered()
        assert (await asked.bye()).status == 200
        assert (
            await taken.ask("REFER", replaces(consult, OUTSIDE))
        ).status == 202  # its BYE is not answered yet
        await taken.expect("NOTIFY")
        assert "SIP/2.0 481" in (await taken.expect("NOTIFY")).body
        await consult.expect("BYE")
        await bridged(site)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        records = await site.until_records(2)
    whys = [note.details["why"] for each in records for note in each.timeline if note.what == ATTENDED]
    assert whys == ["the other call is over, or never was one of ours"]


async def test_a_call_of_somebody_else_or_of_nobody_is_not_joined(make_site: Make) -> None:
    """By NOTIFY: a 481 to the REFER itself would end the customer's dialog (RFC 5057 §5.1)."""
    site: Site = await make_site(agents=2, tables=ALLOWED)
    carrier = await Ua.open(site.address, port=site.trunk_port)
    async with (
        carrier,
        phone(site) as first,
        phone(site, "a2", login=False) as second,
        caller(site) as outside,
    ):
        call, taken = await talk(site, outside, first)
        foreign = await dial(second, OUTSIDE)
        asked = await Call.taken(carrier)
        asked.accept()
        await asked.expect("ACK")
        await foreign.answered()
        assert (await taken.ask("REFER", replaces(foreign))).status == 202
        await taken.expect("NOTIFY")
        assert "SIP/2.0 403" in (await taken.expect("NOTIFY")).body
        assert (await foreign.bye()).status == 200
        await asked.expect("BYE")
        assert (await taken.ask("REFER", replaces(foreign))).status == 202
        await taken.expect("NOTIFY")
        assert "SIP/2.0 481" in (await taken.expect("NOTIFY")).body
        await bridged(site)
        assert (await call.bye()).status == 200
