"""The bilingual example walked by telephone: PJSIP and SIPp call, baresip are the advisers.

What a caller must hear is what `ccctl flow rehearse` says of the same keys; it is recognised in what the
phone recorded.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccd.config.load import check
from ccd.history.state import Record
from ccd.media.g711 import decode
from ccd.testing.flow_rehearsal import Caller, Played, rehearse_call
from tests.interop.console import ccctl
from tests.interop.daemon_site import need
from tests.interop.example_site import EXAMPLE, FRENCH, INTERNATIONAL, Company, ExampleSite, company
from tests.interop.hearing import (
    ENOUGH,
    RATE,
    Sound,
    beginning,
    find,
    first_loud,
    heard,
    likeness,
    must_be_heard,
    rendered,
)
from tests.interop.parties import bridged
from tests.interop.test_keys_by_phone import without_events
from tests.interop.test_softphones import CALLER, FIRST, softphone, until_ended
from tests.interop.wire_capture import Capture, Packet, can_capture
from tests.peers.digits_pcap import can_play, write_tones
from tests.peers.missing import lacking
from tests.peers.pjsip import PjsipPhone, have_pjsua
from tests.peers.sipp import Sipp
from tests.peers.tones import heard_ms, read_wav

NUMBER, SECOND_NUMBER = "+33612345678", "+33687654321"
ADA = {"id": "12345678", "name": "Ada Lenoir", "tier": "gold", "adviser": ""}
ANSWER = {"customer": "12345678", "customer_name": "Ada Lenoir", "tier": "gold"}
BILL = {"balance": "42.50", "due": "2026-12-01"}
OPEN = datetime.fromisoformat("2026-11-24T10:00:00+01:00")
LISTEN_S = 1.4
"""So much of a prompt is heard before a key."""
SPOKEN_S = 4.0
"""So long a question is asked and answered aloud."""
LATE_S = 0.1


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("espeak-ng", "baresip")
    if not have_pjsua():
        lacking("pjsua2 is missing")


@asynccontextmanager
async def running(folder: Path, opened: bool = True) -> AsyncIterator[tuple[ExampleSite, Company]]:
    """The example at work; at its end nothing bad stands in the log."""
    async with company() as outside:
        site = ExampleSite(folder / "site", outside.base, opened)
        async with site:
            yield site, outside
        complaints = site.complaints()
        assert not complaints, "\n".join(complaints)


def customer(site: ExampleSite, folder: Path, number: str = NUMBER, **options: Any) -> PjsipPhone:
    return PjsipPhone(
        number,
        registrar=site.address,
        register=False,
        domain=site.address,
        tone_hz=CALLER,
        folder=folder / number,
        **options,
    )


async def walk(site: ExampleSite, phone: PjsipPhone, way: str, method: str = "rfc2833") -> None:
    """`STEP KEYS, …`: at each step listen for a while, then press the keys."""
    for each in way.split(", "):
        step, keys = each.split(" ")
        await at_step(site, step, phone.user)
        await asyncio.sleep(LISTEN_S)
        for key in keys:
            await phone.press(key, method=method)
            await asyncio.sleep(0.25 if len(keys) > 1 else 0)


async def at_step(site: ExampleSite, step: str, number: str = NUMBER) -> None:
    """Until the flow of this caller is there."""

    async def look() -> bool:
        rows = (await site.ask("interactions"))["listed"]
        return (number, step) in [(row["origin"], row["step"]) for row in rows]

    await site.until(f"the flow of {number} is at {step}", look, 20.0)


async def waits(site: ExampleSite, queue: str, number: str = NUMBER) -> None:
    async def look() -> bool:
        rows = (await site.ask("interactions"))["listed"]
        return (number, queue, "waiting") in [(row["origin"], row["queue"], row["phase"]) for row in rows]

    await site.until(f"waiting in {queue}", look)


async def record_of(site: ExampleSite, number: str, count: int = 1) -> list[Record]:
    """What was filed of this caller, once there is so much of it."""

    async def look() -> list[Record]:
        found = [each for each in site.records() if each.origin == number]
        return found if len(found) >= count else []

    found: list[Record] = await site.until(f"{count} records of {number}", look)
    return found


def rehearsed(
    dialled: str,
    keys: str,
    folder: Path = EXAMPLE,
    at: float = OPEN.timestamp(),
    **answers: dict[str, str] | None,
) -> Played:
    """What the rehearsal says of the same call, on a day when the office is open."""
    settings, faults = check(folder, environ={})
    assert settings is not None, faults
    flow = settings.rules.numbers[dialled]
    return rehearse_call(settings.rules, Caller(flow, NUMBER, dialled, tuple(keys), answers), at)


def said(played: Played, language: str) -> list[tuple[str, str]]:
    """Prompts and texts in their order; without the music, and what comes so soon after that it is cut."""
    return [(name, language) for name in played.hears if not name.startswith("music")]


def told(record: Record, what: str, key: str) -> list[str]:
    return [str(note.details[key]) for note in record.timeline if note.what == what]


def last_of_the_prompt(received: list[Packet], prompt: Sound) -> float:
    """When the last packet came that holds a piece of the prompt, found by the sound itself."""
    pieces = [np.frombuffer(decode(each.payload, "PCMU"), dtype="<i2").astype(float) for each in received]
    part = beginning(prompt)
    fit, at_s = likeness(np.concatenate(pieces), part)
    assert fit >= ENOUGH, f"the prompt is not there: {fit:.2f}"
    begin = round(at_s * RATE) - first_loud(prompt)
    last, at, others = 0.0, 0, 0
    for packet, piece in zip(received, pieces, strict=True):
        place, at = at - begin, at + len(piece)
        expected = prompt[max(place, 0) : max(place, 0) + len(piece)]
        norm = float(np.linalg.norm(piece) * np.linalg.norm(expected))
        if place < 0 or len(expected) < len(piece) or np.abs(expected).max() < 0.05 * np.abs(prompt).max():
            continue
        if norm and float(piece @ expected) / norm > 0.9:
            last, others = packet.at_s, 0
        elif last:
            others += 1
        if others == 3:  # it was cut: what is like it by chance later on is something else
            break
    return last


async def by_tones(site: ExampleSite, folder: Path) -> Record:
    """SIPp, which offers no telephone events, presses 2 and 2 by tones, and an adviser takes the outage."""
    capture = folder / "tones.pcap"
    write_tones(capture, "22", gap_ms=1500)
    keys = {
        "digits_pcap": str(capture),
        "digit_wait_ms": "5500",
        "caller": SECOND_NUMBER,
        "linger_ms": "100",
    }
    scenario = without_events("uac_digits_wait_bye")
    async with softphone(site, "driss", FIRST + 400, folder, answer="auto") as driss:
        await site.login("driss")
        async with Sipp(scenario, site.address, calls=1, service=FRENCH, keys=keys, timeout_s=40.0) as sipp:
            await driss.event("CALL_ESTABLISHED", timeout_s=20)
            await bridged(site)
            await asyncio.sleep(0.5)
            await driss.hangup()
            result = await sipp.wait()
    assert result.successful == 1, result.errors
    return (await record_of(site, SECOND_NUMBER))[0]


async def by_events(site: ExampleSite, folder: Path, phone: PjsipPhone) -> Record:
    """PJSIP walks to the bills, speaks with an adviser, and answers the survey."""
    await phone.dial(FRENCH)
    await walk(site, phone, "welcome/choose 1, bill/next 2")
    await waits(site, "billing")
    async with softphone(site, "anna", FIRST, folder, answer="auto") as anna:
        await site.login("anna")
        await anna.event("CALL_ESTABLISHED")
        await bridged(site)
        await asyncio.sleep(2.2)
        await anna.hangup()
        await walk(site, phone, "rate/#1 1, rate/#2 5, rate/#3 9")
        await at_step(site, "rate/#4")
        await asyncio.sleep(LISTEN_S + SPOKEN_S)  # the question, the tone, and some words
        await phone.press("#")
        await until_ended(phone)
        await site.ask("agent.logout", agent="anna")
    return (await record_of(site, NUMBER))[0]


async def with_the_accounts_down(site: ExampleSite, phone: PjsipPhone) -> Record:
    """The same caller once more: an adviser is told of, not a dead end."""
    await phone.dial(FRENCH)
    await walk(site, phone, "welcome/#2 1")  # typed ahead of the menu
    await at_step(site, "bill/down")
    await asyncio.sleep(LISTEN_S)
    await phone.hangup()
    await until_ended(phone)
    return (await record_of(site, NUMBER, 2))[1]


@pytest.mark.long
async def test_the_french_way_by_events_and_by_tones_to_the_survey_and_with_a_service_down(
    tmp_path: Path,
) -> None:
    need("sipp")
    async with running(tmp_path) as (site, outside), customer(site, tmp_path) as phone:
        outside.callers |= {NUMBER: ADA, SECOND_NUMBER: {**ADA, "id": "87654321"}}
        outside.accounts = {"12345678": BILL}
        tones = asyncio.ensure_future(by_tones(site, tmp_path)) if can_play() else None
        first = await by_events(site, tmp_path, phone)
        outside.accounts = None
        second = await with_the_accounts_down(site, phone)
        pressed = await tones if tones is not None else None

    sound = heard(phone.heard())
    end_s = must_be_heard(sound, said(rehearsed(FRENCH, "12", callers=ANSWER, bills=BILL), "fr"))
    must_be_heard(sound, [(f"survey/{name}", "fr") for name in ("offer", "csat", "nps", "thanks")], end_s)
    assert find(sound, "Le musée ouvre ses portes demain matin.", "fr")[0] < ENOUGH, "what nobody said"
    samples, rate = read_wav(phone.heard())
    assert heard_ms(samples, FIRST, rate) >= 1500, "the adviser"
    assert (first.outcome, first.agents, first.queue) == ("handled", ["anna"], "billing")
    *keyed, spoken = first.answers
    assert [(each.question, each.answer) for each in keyed] == [("satisfied", "5"), ("recommend", "9")]
    assert (spoken.question, bool(spoken.path)) == ("why", True) and spoken.seconds > 0.5

    down = said(rehearsed(FRENCH, "1", callers=ANSWER), "fr")
    must_be_heard(heard(phone.heard(2)), [down[0], down[-1]])
    assert told(second, "asked outside", "service")[-1] == "bills"
    assert told(second, "asked outside", "outcome")[-1] == "failed"

    if pressed is None:
        lacking("SIPp plays captures only with CAP_NET_RAW: all but the tones was seen")
    assert told(pressed, "chose", "key") == ["2", "2"]
    assert (pressed.outcome, pressed.agents, pressed.queue) == ("handled", ["driss"], "outages")


async def by_info(site: ExampleSite, folder: Path, phone: PjsipPhone) -> Record:
    """PJSIP asks for English and an adviser by SIP INFO, and in the line for a callback, which is made."""
    async with softphone(site, "ben", FIRST, folder, answer="auto") as ben:
        await phone.dial(INTERNATIONAL)
        await at_step(site, "international/#2")
        await asyncio.sleep(2.0)  # both languages are asked, the second one after the first
        await walk(site, phone, "international/#2 2, who/#2 12345678, welcome/choose 0", "info")
        await waits(site, "reception")
        await asyncio.sleep(LISTEN_S)
        await phone.press("1", method="info")
        await walk(site, phone, "(callback)/read 1", "info")  # typed ahead of what follows the number
        await until_ended(phone)
        await site.login("ben")
        await ben.event("CALL_ESTABLISHED")
        await phone.event("incoming")
        await bridged(site)
        await asyncio.sleep(2.0)
        await phone.hangup()
        return (await record_of(site, NUMBER))[0]


async def cuts(site: ExampleSite, folder: Path) -> list[Packet]:
    """PJSIP has the main menu repeated three times, each time in the middle of it; the RTP of the machine."""
    with Capture() as seen:
        async with customer(site, folder, SECOND_NUMBER, codecs=("pcmu",)) as phone:
            await phone.dial(FRENCH)
            await at_step(site, "welcome/choose", SECOND_NUMBER)
            for pause_s in (2.0, 1.6, 2.3):
                await asyncio.sleep(pause_s)
                await phone.press("*")
            await asyncio.sleep(0.5)
            own = phone.rtp_ports
    return [each for each in seen.packets if each.source in own or each.target in own]


def must_cut(packets: list[Packet]) -> None:
    """From the first packet of a key that PJSIP sends to the last one with a sound of the prompt: 100 ms."""
    (menu, _) = said(rehearsed(FRENCH, "", callers=ANSWER), "fr")[2]
    prompt = rendered(menu, "fr")
    events = [each for each in packets if each.payload_type >= 96]
    pressed = [
        each
        for before, each in zip([None, *events], events, strict=False)
        if before is None or each.at_s - before.at_s > 0.5
    ]
    assert len(pressed) == 3
    came = [each for each in packets if each.target == pressed[0].source and each.payload_type == 0]
    cut_ms, since_s = [], 0.0
    for key in pressed:
        part = [each for each in came if since_s < each.at_s < key.at_s + 0.4]
        cut_ms.append(round(1000 * (last_of_the_prompt(part, prompt) - key.at_s)))
        since_s = key.at_s
    # the prompt has pauses: a key in one of them says nothing, unless the prompt goes on after it
    telling = sorted(each for each in cut_ms if each >= -60)
    assert telling, f"no key fell into the speech of the prompt: {cut_ms}"
    # all but one: a machine that is busy otherwise may be late
    assert telling[max(0, len(telling) - 2)] <= 1000 * LATE_S, cut_ms


@pytest.mark.long
async def test_the_english_way_by_info_to_a_callback_and_a_key_that_cuts_a_prompt(tmp_path: Path) -> None:
    async with running(tmp_path) as (site, outside):
        outside.callers |= {SECOND_NUMBER: ADA}
        packets = asyncio.ensure_future(cuts(site, tmp_path)) if can_capture() else None
        async with customer(site, tmp_path, port=site.trunk_port, answer="auto") as phone:
            record = await by_info(site, tmp_path, phone)
        captured = await packets if packets is not None else None

    sound = heard(phone.heard())
    played = rehearsed(INTERNATIONAL, "2123456780", callers={}, customers=ANSWER)
    first, *others = played.hears
    end_s = must_be_heard(sound, [(first, "fr"), *said(played, "en")[1:]])
    must_be_heard(sound, [("callback/number", "en"), ("callback/kept", "en")], end_s)
    assert others and (record.outcome, record.agents, record.queue) == ("handled", ["ben"], "reception")
    assert told(record, "callback kept", "number") == [NUMBER]
    samples, rate = read_wav(phone.heard(2))
    assert heard_ms(samples, FIRST, rate) >= 1200, "the adviser who called back"

    if captured is None:
        lacking("capturing needs CAP_NET_RAW: all but the key that cuts a prompt was seen")
    must_cut(captured)


@pytest.mark.long
async def test_a_message_is_left_while_closed_and_heard_when_open(tmp_path: Path) -> None:
    async with (
        running(tmp_path, opened=False) as (site, _),
        customer(site, tmp_path) as phone,
        softphone(site, "chloe", FIRST, tmp_path, answer="auto") as chloe,
    ):
        await phone.dial(FRENCH)
        await at_step(site, "welcome/closed")
        await asyncio.sleep(3.0)  # of a long text, which is rendered first
        await phone.press("1")
        await at_step(site, "welcome/message")
        await asyncio.sleep(9.0)  # the prompt, the beep, and some seconds of a tone
        await phone.press("#")
        await until_ended(phone)
        await site.login("chloe")
        (file,) = site.recordings()
        samples, rate = read_wav(file)
        left_ms = heard_ms(samples, CALLER, rate)
        assert left_ms >= 1500 and chloe.count("CALL_INCOMING") == 0, "it rests while the queue is closed"
        played = rehearsed(FRENCH, "1", site.folder, datetime.now().timestamp())
        site.opened = True
        site.write()
        await ccctl(site, "reload")
        await chloe.event("CALL_ESTABLISHED")
        await asyncio.sleep(left_ms / 1000 + 2.0)
        await chloe.press("#")
        await chloe.event("CALL_CLOSED")
        (record,) = await site.until_records(1)
    assert (record.outcome, record.agents) == ("handled", ["chloe"])
    must_be_heard(
        heard(phone.heard()), [*said(played, "fr")[:1], ("voicemail/leave", "fr"), ("voicemail/kept", "fr")]
    )
    samples, rate = read_wav(chloe.heard()[0])
    assert heard_ms(samples, CALLER, rate) >= left_ms - 300, "the whole message"
