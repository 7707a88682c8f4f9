"""Call pickup by telephone: INVITE with Replaces (RFC 3891) and the feature code, heard at the customer's."""

from collections.abc import Callable
from typing import Any

from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_own_calls_by_phone import dial, refused
from tests.interop.wire import Call, Rtp, Ua, sdp

Make = Callable[..., Any]
FIRST, MOVED = b"\x2b" * 160, b"\x31" * 160
"""What the two phones sound like."""


async def take_over(ua: Ua, of: Call, *more: str, port: int = 4000) -> Call:
    """An INVITE that names the dialog of another phone's call."""
    to_tag, from_tag = (each.rpartition("tag=")[2] for each in (of.remote, of.local))
    value = ";".join([of.invite.call_id, f"to-tag={to_tag}", f"from-tag={from_tag}", *more])
    place = f"sip:301@{ua.server[0]}:{ua.server[1]}"
    first = ua.request("INVITE", place, [("Replaces", value)], sdp(port=port))
    challenged = await ua.ask(first)
    Call(ua, first).ack_refusal(challenged)
    call = Call(ua, ua.again(first, challenged))
    ua.send(call.invite)
    return call


async def test_a_call_is_picked_up_where_it_rings_and_moved_to_another_phone(make_site: Make) -> None:
    """a2 answers what rings at a1, `early-only`; a second phone of a2 goes on with it, and the first again by
    the feature code. a1 may not."""
    site: Site = await make_site(agents=2)
    customer, near, cell = await Rtp.open(), await Rtp.open(), await Rtp.open()
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=customer.port))
        await call.answered()
        ringing = await Call.taken(first)
        taken = await take_over(second, ringing, "early-only", port=near.port)
        answer = await taken.answered()
        cancelled = await ringing.expect("CANCEL")
        assert "cause=200" in cancelled.get("Reason"), "answered elsewhere: the phone shows no missed call"
        ringing.reply(487)
        await bridged(site)
        await near.talk(answer.media, 0.5, FIRST)
        await customer.hears(FIRST)

        late = await take_over(first, taken, "early-only")
        assert (await refused(late)).status == 486
        stranger = await take_over(first, taken)
        assert (await refused(stranger)).status == 403
        async with await Ua.open(site.address, user="a2", host=site.host) as other:
            assert (await other.register(PASSWORD)).status == 200
            moved = await take_over(other, taken, port=cell.port)
            answer = await moved.answered()
            gone = await taken.expect("BYE")
            assert "cause=200" in gone.get("Reason")
            await cell.talk(answer.media, 0.5, MOVED)
            await customer.hears(MOVED)
            back = await dial(second, "*8")
            await back.answered()
            await moved.expect("BYE")
            assert (await site.agent("a2"))["doing"] == "talking"
            assert (await call.bye()).status == 200
            await back.expect("BYE")
        (record,) = await site.until_records(1)
    assert (record.agents, record.outcome) == (["a2"], "handled")
    asked = [note.details for note in record.timeline if note.what == "pickup"]
    assert [each["result"] for each in asked] == ["answers", "refused", "moved", "moved"]
