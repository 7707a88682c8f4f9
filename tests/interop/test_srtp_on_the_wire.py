"""SRTP as phones and carriers seldom do it: keys that change, forks, downgrades, phones side by side."""

import base64
import re
import struct
from collections.abc import Callable
from typing import Any

from ccd.media.srtp import Srtp
from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_carriers import FLOW, OUT, carrier, trunks
from tests.interop.wire import Call, Message, Rtp, sdp
from tests.peers.ports import free_port

Make = Callable[..., Any]
SUITE = "AES_CM_128_HMAC_SHA1_80"
_CRYPTO = re.compile(rf"a=crypto:(\d+) {SUITE} inline:(\S+)")


def key_in(message: Message) -> bytes:
    """By which we are sent audio: of the suite that everybody has."""
    found = _CRYPTO.search(message.body)
    assert found is not None, message.body
    return base64.b64decode(found[2])


def secure(key: bytes, port: int = 4000, version: int = 1) -> str:
    """A description of encrypted audio; `key` is by which its sender sends."""
    plain = sdp(port=port, codecs="0", version=version).replace("RTP/AVP", "RTP/SAVP")
    return plain + f"a=crypto:1 {SUITE} inline:{base64.b64encode(key).decode()}|2^31\r\n"


def packet(number: int, octet: bytes, ssrc: int = 5) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, ssrc) + octet * 160


async def heard(site: Site, rtp: Rtp, wanted: Callable[[bytes], bool], say: Callable[[], None]) -> None:
    """Something is said until it is heard."""

    async def look() -> bool:
        say()
        return any(wanted(each) for each in rtp.packets)

    await site.until("heard", look, every_s=0.02)


class Carrier:
    """Its audio, under keys that change."""

    def __init__(
        self, site: Site, rtp: Rtp, outside: Rtp, to_us: tuple[str, int], from_us: tuple[str, int]
    ) -> None:
        self.site, self.rtp, self.outside = site, rtp, outside
        self.target, self.back = to_us, from_us
        self.number = 100

    async def talks(self, srtp: Srtp, octet: bytes) -> None:
        """It says something that the caller hears, in clear; and the other way."""

        def say() -> None:
            self.number += 1
            self.rtp.throw(srtp.seal(packet(self.number, octet)), self.target)

        await heard(self.site, self.outside, lambda data: data[12:] == octet * 160, say)
        self.rtp.packets.clear()

        def answer() -> None:
            self.outside.send(self.back, payload=octet * 160)

        await heard(self.site, self.rtp, lambda data: srtp.open(data)[12:] == octet * 160, answer)
        assert not any(octet * 8 in data for data in self.rtp.packets)


async def test_keys_that_change_through_a_call(make_site: Make) -> None:
    """Early media of one fork, the answer of another, a refresh, a new key, a plain offer that is refused."""
    port = free_port()
    site: Site = await make_site(agents=1, extra=FLOW, tables=trunks(port, srtp="required"))
    first, second, third = (bytes([n]) * 30 for n in (1, 2, 3))
    far, near = await Rtp.open(), await Rtp.open()
    async with carrier(site.port, port) as trunk, caller(site) as outside:
        call = await outside.call(OUT, sdp(port=near.port, codecs="0"))
        answered = await call.answered()
        taken = await Call.taken(trunk, ring=False)
        assert " RTP/SAVP " in taken.invite.body
        ours = key_in(taken.invite)
        audio = Carrier(site, far, near, taken.invite.media, answered.media)
        taken.reply(183, body=secure(first, far.port))
        await audio.talks(Srtp(SUITE, first, ours), b"\x21")
        taken.accept(secure(second, far.port))
        await taken.expect("ACK")
        spoken = Srtp(SUITE, second, ours)
        await audio.talks(spoken, b"\x22")
        refreshed = await taken.ask("INVITE", body=secure(second, far.port))
        assert refreshed.status == 200 and key_in(refreshed) == ours
        await audio.talks(spoken, b"\x23")
        refused = await taken.ask("INVITE", body=sdp(port=far.port, codecs="0", version=2))
        assert refused.status == 488 and "SRTP is required here" in refused.get("Warning")
        await audio.talks(spoken, b"\x24")
        anew = await taken.ask("INVITE", body=secure(third, far.port, version=3))
        assert anew.status == 200 and key_in(anew) != ours
        await audio.talks(Srtp(SUITE, third, key_in(anew)), b"\x25")
        assert (await taken.bye()).status == 200
        await call.expect("BYE")
        await site.until_records(1)


async def test_phones_that_ring_together_have_keys_of_their_own(make_site: Make) -> None:
    """One must be encrypted; the other takes plain audio, and when it refuses that it is asked again."""
    both = {
        "devices.b1": {"password": "env:CCD_INTEROP_PASSWORD", "srtp": "required"},
        "agents.a1": {"devices": ["a1", "b1"]},
    }
    site: Site = await make_site(agents=1, tables=both)
    async with (
        phone(site, login=False) as may,
        phone(site, "b1", login=False) as must,
        caller(site) as outside,
    ):
        await site.login()
        call = await outside.call(DIRECT)
        await call.answered()
        plain, encrypted = await Call.taken(may, ring=False), await Call.taken(must)
        assert " RTP/AVP " in plain.invite.body and "a=crypto" not in plain.invite.body
        assert " RTP/SAVP " in encrypted.invite.body
        plain.reply(488)
        await plain.expect("ACK")
        plain.invite = again = await plain.expect("INVITE")
        assert " RTP/SAVP " in again.body and key_in(again) != key_in(encrypted.invite)
        plain.accept(secure(bytes(30)))
        await plain.expect("ACK")
        await encrypted.expect("CANCEL")
        encrypted.reply(487)
        await bridged(site)
        assert (await call.bye()).status == 200
        await plain.expect("BYE")
        await site.until_records(1)
