"""Peers that are odd in ways that real ones are: proxies, moved media, crossed requests, bad answers."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.interop.daemon_site import DIRECT, PASSWORD, Site
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.wire import Call, Rtp, Ua, sdp

Make = Callable[..., Any]


async def test_both_hang_up_at_once(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        outside.send(call.within("BYE"))
        agent.send(taken.within("BYE"))
        for leg in (call, taken):
            said = await leg.response(200, method="BYE")
            assert said.status in {200, 481}
        (record,) = await site.until_records(1)
        assert record.outcome == "handled"
        assert (await site.agent("a1"))["doing"] == "idle"

        async def gone() -> bool:
            return bool((await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]["legs"] == 0)

        await site.until("no leg is left", gone)


async def test_a_phone_that_answers_without_a_codec_in_common(make_site: Make) -> None:
    """ACK, BYE, and the next agent rings; the caller notices nothing."""
    site: Site = await make_site(agents=2)
    async with phone(site) as odd, phone(site, "a2") as good, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(odd)
        taken.accept(sdp(codecs="18"))
        await taken.expect("ACK")
        await taken.expect("BYE")
        other = await Call.taken(good)
        other.accept()
        await other.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.agents == ["a2"]


async def test_a_phone_that_sends_elsewhere_is_unreachable(make_site: Make) -> None:
    """302 is not followed: the next agent rings."""
    site: Site = await make_site(agents=2)
    async with phone(site) as moved, phone(site, "a2") as good, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(moved)
        taken.reply(302, [("Contact", "<sip:else@192.0.2.7>")])
        await taken.expect("ACK")
        other = await Call.taken(good)
        other.accept()
        await other.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    ends = [note.details.get("end") for note in record.timeline if note.what == "offer_ended"]
    assert ends == ["unreachable"]


async def test_a_proxy_stays_in_the_path(make_site: Make) -> None:
    """Record-Route of the carrier's proxy (RFC 3261 §12.1.1): our BYE carries it as Route and goes there."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside, await Ua.open(site.address) as proxy:
        hop = f"<sip:127.0.0.1:{proxy.port};lr>"
        call = await outside.call(DIRECT, headers=[("Record-Route", hop)])
        answer = await call.response(200)
        assert answer.all("Record-Route") == [hop]
        call.ack()
        taken = await Call.taken(agent)
        taken.accept()
        await taken.expect("ACK")
        await bridged(site)
        assert (await taken.bye()).status == 200
        bye = await proxy.incoming("BYE")
        assert bye.get("Route") == hop and f":{outside.port}" in bye.uri
        proxy.reply(bye, 200)
        await site.until_records(1)


async def test_media_that_moves_to_another_port(make_site: Make) -> None:
    """re-INVITE with a new address (a phone that changed its network): audio follows."""
    site: Site = await make_site(agents=1)
    before, after, far = await Rtp.open(), await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=before.port))
        await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        await bridged(site)
        await far.talk(taken.invite.media, 0.2, b"\x2a" * 160)
        await before.hears(b"\x2a" * 160, 1)
        assert (await call.ask("INVITE", body=sdp(port=after.port, version=2))).status == 200
        await before.quiet(0.1)
        came = len(before.packets)
        await far.talk(taken.invite.media, 0.3, b"\x2b" * 160)
        await after.hears(b"\x2b" * 160, 11)
        assert len(before.packets) == came
        assert (await call.bye()).status == 200
    for each in (before, after, far):
        each.close()


async def test_a_caller_who_leaves_while_a_transfer_rings(make_site: Make) -> None:
    site: Site = await make_site(agents=2)
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call, taken = await talk(site, outside, first)
        assert (await taken.ask("REFER", [("Refer-To", "<sip:302@interop.invalid>")])).status == 202
        ringing = await Call.taken(second)
        assert (await call.bye()).status == 200
        await ringing.expect("CANCEL")
        ringing.reply(487)
        await ringing.expect("ACK")
        await taken.expect("BYE")
        (record,) = await site.until_records(1)
        assert record.outcome == "handled" and record.agents == ["a1"]
        for name in ("a1", "a2"):
            assert (await site.agent(name))["doing"] == "idle"


async def test_a_transferor_who_does_not_wait(make_site: Make) -> None:
    """BYE right after REFER, and the target refuses: the caller is queued again, and now it is taken."""
    site: Site = await make_site(agents=2)
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call, taken = await talk(site, outside, first)
        assert (await taken.ask("REFER", [("Refer-To", "<sip:302@interop.invalid>")])).status == 202
        ringing = await Call.taken(second)
        assert (await taken.bye()).status == 200
        ringing.reply(486)
        await ringing.expect("ACK")
        again = await Call.taken(second)  # the longest idle of the two
        assert "Sales" in again.invite.get("From")
        again.accept()
        await again.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.agents == ["a1", "a2"] and record.outcome == "handled"


async def test_transfers_that_cannot_be_tried(make_site: Make) -> None:
    """A caller may not transfer; to a call that is none of ours nobody can; the talk goes on."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        replaced = "<sip:302@interop.invalid?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>"
        assert (await taken.ask("REFER", [("Refer-To", replaced)])).status == 202
        assert "100" in (await taken.expect("NOTIFY")).body
        assert "SIP/2.0 481" in (await taken.expect("NOTIFY")).body
        assert (await taken.ask("REFER", [("Refer-To", "what is this")])).status == 400
        assert (await taken.ask("REFER")).status == 400
        assert (await call.ask("REFER", [("Refer-To", "<sip:302@interop.invalid>")])).status in {202, 403}
        await bridged(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.agents == ["a1"]


async def test_a_request_of_yesterday_and_one_too_many_hops(make_site: Make) -> None:
    """A lower CSeq in the dialog is 500 (§12.2.2); Max-Forwards 0 is 483."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert (await call.ask("INFO")).status == 200
        call.number -= 2
        assert (await call.ask("INFO")).status == 500
        call.number += 5
        tired = outside.request("INVITE", f"sip:{DIRECT}@127.0.0.1", [("Max-Forwards", "0")], sdp())
        said = await outside.ask(tired)
        assert said.status in {483, 200}, said.start
        Call(outside, tired).ack_refusal(said)
        await bridged(site)
        assert (await taken.bye()).status == 200
        await call.expect("BYE")


async def test_a_phone_that_registers_anew_in_the_middle_of_a_call(make_site: Make) -> None:
    """Another port, another binding; the call goes on where it was, the next one goes to the new place."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside, await Ua.open(site.address, user="a1") as fresh:
        call, taken = await talk(site, outside, agent)
        assert (await agent.register(PASSWORD, 0)).status == 200
        assert (await fresh.register(PASSWORD)).status == 200
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_records(1)
        again, _ = await talk(site, outside, fresh)
        assert (await again.bye()).status == 200


async def test_the_agent_presses_reject_and_the_caller_leaves_together(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        taken.reply(603)
        assert (await call.bye()).status == 200
        await taken.expect("ACK")
        (record,) = await site.until_records(1)
        assert record.outcome == "abandoned"
        assert (await site.agent("a1"))["doing"] == "idle"


async def test_a_provisional_answer_and_then_nothing(make_site: Make) -> None:
    """The phone rings for ever and does not even answer the CANCEL: the caller is served by the other."""
    rule = {"ring_timeout_s": 1.0, "retry_same_after_s": 60.0}
    site: Site = await make_site(agents=2, tables={"queues.sales": rule, "sip": {"t1_ms": 50}})
    async with phone(site) as dead, phone(site, "a2") as good, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        await Call.taken(dead)
        dead.mute = True
        other = await Call.taken(good)
        other.accept()
        await other.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        await other.expect("BYE")

        async def forgotten() -> bool:
            return bool((await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]["legs"] == 0)

        await site.until("no leg is left", forgotten)


async def test_calls_leave_nothing_behind(make_site: Make) -> None:
    """After a hundred short calls of all kinds no leg, dialog or port is missing."""
    site: Site = await make_site(agents=1, tables={"sip": {"t1_ms": 50}}, media_ports=300)
    async with phone(site) as agent, caller(site) as outside:
        for number in range(40):
            call = await outside.call(DIRECT)
            await call.answered()
            taken = await Call.taken(agent)
            if number % 4 == 0:
                assert (await call.bye()).status == 200
                await taken.expect("CANCEL")
                taken.reply(487)
                await taken.expect("ACK")
            else:
                taken.accept()
                await taken.expect("ACK")
                ending, other = (call, taken) if number % 2 else (taken, call)
                assert (await ending.bye()).status == 200
                await other.expect("BYE")
        await site.until_records(40)

        async def empty() -> bool:
            sip = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]
            return bool(sip["legs"] == 0 and sip["dialogs"] == 0)

        await site.until("no leg and no dialog", empty)
        media = (await site.ask("status"))["daemon"]["counters"]["voice"]["media"]
        assert media


async def test_a_tcp_phone_that_comes_back_on_another_connection(make_site: Make) -> None:
    """Its network changed in mid-talk (RFC 5626): what we have to say reaches it by the new connection."""
    site: Site = await make_site(agents=1)
    async with phone(site, protocol="TCP") as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        await agent.close()
        await asyncio.sleep(0.2)
        async with await Ua.open(site.address, user="a1", protocol="TCP") as fresh:
            assert (await fresh.register(PASSWORD)).status == 200
            await bridged(site)
            assert (await call.bye()).status == 200
            bye = await fresh.incoming("BYE")
            assert bye.call_id == taken.invite.call_id
            fresh.reply(bye, 200)
            (record,) = await site.until_records(1)
            again, _ = await talk(site, outside, fresh)
            assert (await again.bye()).status == 200
    assert record.outcome == "handled" and record.cause == "normal"


async def test_a_phone_that_gives_up_digits_while_some_are_on_their_way(make_site: Make) -> None:
    """Found by twisted messages: a re-INVITE without telephone-event in the midst of digits to that phone."""
    site: Site = await make_site(agents=1)
    far = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        await bridged(site)
        for digit in "123456":
            assert (await call.ask("INFO", [("Content-Type", "application/dtmf")], digit)).status == 200
        await far.until("the first of them is on its way", far.digits)
        assert (await taken.ask("INVITE", body=sdp(port=far.port, codecs="0", version=2))).status == 200
        await bridged(site)
        assert (await call.ask("INFO", [("Content-Type", "application/dtmf")], "9")).status == 200
        info = await taken.expect("INFO")
        assert "Signal=9" in info.body, "from now on by INFO"
        # Who presses a key before the bridge is carried out (its fact is stored first) presses it for nobody.
        assert far.digits() in "123456", "none twice, and in their order"
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.cause == "normal"
