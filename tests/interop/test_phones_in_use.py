"""What agents' phones do on a working day beside calls: codes while the centre closes, keys sent in two ways,
another codec in mid-call, a codec that we do not have."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ccd.media.g711 import decode, encode
from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_own_calls_by_phone import dial, refused
from tests.interop.wire import Call, Rtp, Ua, sdp
from tests.peers.ports import free_port

Make = Callable[..., Any]
KEYED = "+33177777778"
KEYED_FLOW = """
[flows.keyed]
[[flows.keyed.steps]]
do = "answer"
[[flows.keyed.steps]]
do = "collect"
variable = "number"
least = 4
most = 4
wait_s = 3.0
valid = "regex:9999"
bad_input_limit = 1
[[flows.keyed.steps]]
do = "hangup"
"""


async def test_agents_may_pause_and_go_home_while_the_centre_drains(make_site: Make) -> None:
    """`ccctl drain` refuses calls, not what agents say of themselves: the shift ends just then."""
    site: Site = await make_site(agents=2, tables={"own_calls": {"may_dial": ["+331"]}})
    async with phone(site) as agent:
        await site.ask("drain", on=True)
        code = await dial(agent, "*421")
        await code.answered()
        assert (await site.agent("a1"))["availability"] == "paused"
        await code.bye()
        code = await dial(agent, "*44")
        await code.answered()
        assert (await site.agent("a1"))["availability"] == "logged_out"
        await code.bye()
        for number in ("302", "0123456789"):
            answer = await refused(await dial(agent, number))
            assert (answer.status, bool(answer.get("Retry-After"))) == (503, True), "a call is a call"


async def test_a_phone_that_sends_each_key_in_two_ways_presses_it_once(make_site: Make) -> None:
    """ "RFC 2833 + SIP INFO" in phones' menus: `12` must not become `1122`."""
    site: Site = await make_site(agents=1, tables={"numbers": {KEYED: "keyed"}}, extra=KEYED_FLOW)
    rtp = await Rtp.open()
    async with caller(site) as outside:
        call = await outside.call(KEYED, sdp(port=rtp.port))
        answer = await call.answered()
        for key in "1123":
            await rtp.press(answer.media, key)
            body = f"Signal={key}\r\nDuration=160\r\n"
            assert (await call.ask("INFO", [("Content-Type", "application/dtmf-relay")], body)).status == 200
            await asyncio.sleep(0.05)
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    tries = [note.details for note in record.timeline if note.what == "bad input"]
    assert [tried["typed"] for tried in tries] == ["1123"], "never `11112233`"


async def test_a_codec_changed_in_mid_call(make_site: Make) -> None:
    """PCMU to PCMA and back by re-INVITE, on one side, then the other: both go on hearing each other."""
    site: Site = await make_site(agents=1)
    near, far = await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=near.port, codecs="0 101"))
        here = (await call.answered()).media
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port, codecs="0 101"))
        await taken.expect("ACK")
        await bridged(site)
        there = taken.invite.media
        for moving, rtp in ((call, near), (taken, far)):
            for version, kind in ((2, 8), (3, 0)):
                body = sdp(port=rtp.port, codecs=f"{kind} 101", version=version)
                changed = await moving.ask("INVITE", body=body)
                assert changed.status == 200 and f"RTP/AVP {kind}" in changed.body
                await both_hear(near, here, far, there, {near: 0, far: 0, rtp: kind})
        assert (await call.bye()).status == 200


async def both_hear(
    near: Rtp, here: tuple[str, int], far: Rtp, there: tuple[str, int], kinds: dict[Rtp, int]
) -> None:
    """A level each, sent and heard in the codec of each side."""
    for speaker, to, listener in ((near, here, far), (far, there, near)):
        listener.packets.clear()
        spoken = level(kinds[speaker])
        async for _ in _frames(20):
            speaker.send(to, spoken, kinds[speaker])
        await listener.until(f"{kinds} is heard", partial(loud, listener, kinds[listener]))


def loud(listener: Rtp, kind: int) -> bool:
    """Whether half of what was said has come, in that codec."""
    heard = [packet for packet in listener.packets if packet[1] & 0x7F == kind]
    return sum(loudness(packet[12:], kind) > 1000 for packet in heard) >= 10


async def _frames(count: int) -> Any:
    from tests.interop.pacing import paced

    async for number in paced(count):
        yield number


def level(kind: int) -> bytes:
    samples = b"".join(value.to_bytes(2, "little", signed=True) for value in (4000, -4000) * 80)
    return encode(samples, "PCMA" if kind == 8 else "PCMU")


def loudness(payload: bytes, kind: int) -> int:
    samples = decode(payload, "PCMA" if kind == 8 else "PCMU")
    return abs(int.from_bytes(samples[:2], "little", signed=True))


async def test_a_phone_without_a_codec_of_ours_is_told_so(make_site: Make) -> None:
    """G.722 alone: 488, in words, for what it dials; for an offer it is passed over, with the reason."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        answer = await refused(await dial(agent, "*43", sdp(codecs="9")))
        assert answer.status == 488 and "PCM" in answer.get("Warning")
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        taken.reply(488)
        await taken.expect("ACK")
        taken.invite = await taken.expect("INVITE")  # it may have meant that it takes SRTP only
        assert " RTP/SAVP " in taken.invite.body
        taken.reply(488)

        async def passed_over() -> bool:
            told = await site.ask("interaction.explain", interaction="1")
            return any(
                "passed over a1: rang" in line and "refused our audio" in line for line in told["lines"]
            )

        await site.until("it is told that the phone did not take it", passed_over)
        await call.bye()
        (record,) = await site.until_records(1)
    causes = [note.details["sip_status"] for note in record.timeline if note.what == "cause"]
    assert causes == [488], record.timeline
    assert [row["device"] for row in site.log_lines() if row["event"] == "phone refused our audio"] == ["a1"]
    ends = [note.details["end"] for note in record.timeline if note.what == "offer_ended"]
    assert ends == ["incompatible"], "and not unreachable: the phone is there"


async def test_phones_in_two_networks_are_each_told_our_address_there(make_site: Make) -> None:
    """The desk phone inside, the softphone at home: both ring, and whichever answers is heard."""
    outer = free_port()
    advertised = f"""
[[sip.transports]]
protocol = "udp"
host = "127.0.0.1"
port = {outer}
advertise = "203.0.113.10"
"""
    site: Site = await make_site(agents=1, tables={"media": {"host": "0.0.0.0"}}, extra=advertised)  # noqa: S104
    async with (
        phone(site) as desk,
        await Ua.open(f"127.0.0.1:{outer}", user="a1") as home,
        caller(site) as outside,
    ):
        assert (await home.register(PASSWORD)).status == 200
        call = await outside.call(DIRECT)
        await call.answered()
        inside, at_home = await Call.taken(desk), await Call.taken(home)
        assert inside.invite.media[0] == "127.0.0.1"
        assert at_home.invite.media == ("203.0.113.10", inside.invite.media[1])
        at_home.accept()
        await at_home.expect("ACK")
        await bridged(site)
        held = await at_home.ask("INVITE", body=sdp(way="sendonly", version=2))
        assert held.media[0] == "203.0.113.10", "and it stays that"
        assert (await call.bye()).status == 200
