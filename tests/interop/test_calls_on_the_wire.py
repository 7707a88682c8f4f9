"""Calls that go as phones never do on purpose: races, refusals, odd SDP (RFC 3261, 3264, 4733, 3515)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from tests.interop.daemon_site import DIRECT, PASSWORD, PRESS, Site
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.wire import Call, Rtp, Ua, sdp

Make = Callable[..., Any]
NOWHERE = "0.0.0.0"  # noqa: S104  how phones of old say hold


async def test_a_call_goes_through_with_the_queue_in_the_display(make_site: Make) -> None:
    site: Site = await make_site()
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        shown = taken.invite.get("From")
        assert "Sales" in shown and "0:00" in shown and "+33140000001" in shown
        assert taken.invite.get("X-CCD-Interaction") == "1"
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and record.agents == ["a1"]
    assert not [each for each in outside.seen if each.get("CSeq").endswith("BYE") and each.method]


async def test_bye_from_the_agent_ends_the_caller_too(make_site: Make) -> None:
    site: Site = await make_site()
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert (await taken.bye()).status == 200
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled"


async def test_cancel_while_the_agent_rings(make_site: Make) -> None:
    """The caller, answered by the queue, leaves: the phone stops ringing, with the reason."""
    site: Site = await make_site()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        ringing = await Call.taken(agent)
        assert (await call.bye()).status == 200
        cancelled = await ringing.expect("CANCEL")
        assert "Reason" in dict(cancelled.headers)
        ringing.reply(487)
        await ringing.expect("ACK")
        (record,) = await site.until_records(1)
        assert record.outcome == "abandoned"
        assert (await site.figures("sales"))["abandoned"] == 1
        assert (await site.agent("a1"))["doing"] == "idle"


async def test_cancel_that_crosses_the_answer_of_the_phone(make_site: Make) -> None:
    """The phone's 200 and our CANCEL cross: the 200 gets its ACK and then BYE (RFC 3261 §9.1)."""
    site: Site = await make_site()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        ringing = await Call.taken(agent)
        assert (await call.bye()).status == 200
        await ringing.expect("CANCEL")
        ringing.accept()
        await ringing.expect("ACK")
        await ringing.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "abandoned" and record.agents == []


async def test_cancel_before_our_answer(make_site: Make) -> None:
    """INVITE and CANCEL in one breath: 200 for the CANCEL, 487 for the INVITE, one record."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        with site.standing_still():  # else it may answer before we come to cancel
            call = await outside.call(DIRECT)
            call.cancel()
        finals = {}
        async with asyncio.timeout(20):
            while len(finals) < 2:
                message = await call.heard.get()
                if message.status >= 200:
                    finals[message.cseq[1]] = message
        assert finals["CANCEL"].status == 200
        assert finals["INVITE"].status == 487
        call.ack_refusal(finals["INVITE"])
        await site.until_records(1)
        await site.until_idle()
        assert len({bytes(each) for each in outside.seen if each.status == 487}) == 1, "copies apart"
        with contextlib.suppress(TimeoutError):  # its phone may have been told before the CANCEL came
            missed = await Call.taken(agent, 0.5)
            await missed.expect("CANCEL")
            missed.reply(487)
            await missed.expect("ACK")
        again, taken = await talk(site, outside, agent)
        assert (await again.bye()).status == 200
        await taken.expect("BYE")


async def test_each_refusal_of_the_phone_is_its_own_end_of_the_offer(make_site: Make) -> None:
    rule = {"ring_timeout_s": 1.0, "retry_same_after_s": 0.2}
    site: Site = await make_site(agents=1, tables={"queues.sales": rule})
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        for status in (486, 603):
            offered = await Call.taken(agent)
            offered.reply(status)
            await offered.expect("ACK")
        silent = await Call.taken(agent)
        await silent.expect("CANCEL")
        silent.reply(487)
        await silent.expect("ACK")
        last = await Call.taken(agent)
        last.accept()
        await last.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
        misses = (await site.figures("sales"))["misses"]
    ends = [note.details.get("end") for note in record.timeline if note.what == "offer_ended"]
    assert ends[:3] == ["busy", "rejected", "no_answer"], record.timeline
    assert misses == {"busy": 1, "rejected": 1, "no_answer": 1}


async def test_auto_pause_after_missed_calls(make_site: Make) -> None:
    rule = {"ring_timeout_s": 5.0, "retry_same_after_s": 0.1, "on_miss": {"rejected": 2}}
    site: Site = await make_site(agents=1, tables={"queues.sales": rule})
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        for _ in range(2):
            offered = await Call.taken(agent)
            offered.reply(603)
            await offered.expect("ACK")

        async def paused() -> bool:
            return (await site.agent("a1"))["availability"] == "paused"

        await site.until("pause", paused)
        assert (await site.agent("a1"))["reason"] == "missed"
        await call.bye()


async def test_a_second_device_answers_too_late(make_site: Make) -> None:
    """Two phones of one agent pick up together: one conversation, the other gets ACK and BYE."""
    tables = {
        "devices.second": {"password": "env:CCD_INTEROP_PASSWORD"},
        "agents.a1": {"devices": ["a1", "second"]},
    }
    site: Site = await make_site(agents=1, tables=tables)
    async with phone(site) as first, phone(site, "second", login=False) as second, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        one, two = await Call.taken(first), await Call.taken(second)
        one.accept()
        two.accept()
        await one.expect("ACK")
        await two.expect("ACK")
        ended = await two.expect("BYE")
        assert "200" in ended.get("Reason") or "26" in ended.get("Reason"), ended.headers
        await bridged(site)
        await call.bye()
        await one.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled" and record.agents == ["a1"]


async def test_the_device_that_lost_is_told_that_it_is_answered_elsewhere(make_site: Make) -> None:
    tables = {
        "devices.second": {"password": "env:CCD_INTEROP_PASSWORD"},
        "agents.a1": {"devices": ["a1", "second"]},
    }
    site: Site = await make_site(agents=1, tables=tables)
    async with phone(site) as first, phone(site, "second", login=False) as second, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        one, two = await Call.taken(first), await Call.taken(second)
        one.accept()
        await one.expect("ACK")
        cancelled = await two.expect("CANCEL")
        assert "Call completed elsewhere" in cancelled.get("Reason")
        two.reply(487)
        await two.expect("ACK")
        await call.bye()


async def test_a_lost_ack_of_the_phone_is_asked_for_again(make_site: Make) -> None:
    """Copies of the phone's 200 are each acknowledged, one conversation comes of it."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        answer = taken.accept()
        await taken.expect("ACK")
        agent.send(answer)
        await taken.expect("ACK")
        await bridged(site)
        await call.bye()
        (record,) = await site.until_records(1)
    assert record.agents == ["a1"]


async def test_a_caller_whose_ack_is_lost_gets_the_200_again(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        call = await outside.call(DIRECT)
        first = await call.response(200)
        second = await call.response(200)
        assert bytes(first) == bytes(second)
        call.ack()
        await asyncio.sleep(1.2)
        assert sum(each.status == 200 for each in outside.seen) <= 3
        await call.bye()


async def test_a_caller_who_never_acknowledges_is_hung_up(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"sip": {"t1_ms": 50}})
    async with caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.response(200)
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "abandoned"


async def test_the_same_invite_twice_is_one_call(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        call = await outside.call(DIRECT)
        outside.send(call.invite)
        outside.send(call.invite)
        await call.answered()
        outside.send(call.invite)
        await asyncio.sleep(0.3)
        assert (await site.ask("interactions"))["all"] == 1
        await call.bye()
        assert len(await site.until_records(1)) == 1


async def test_hold_in_all_three_ways(make_site: Make) -> None:
    """sendonly, inactive and the old 0.0.0.0 (RFC 3264 §8.4): the caller hears music, then the agent."""
    site: Site = await make_site(agents=1)
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp(port=rtp.port))
        await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=4444))
        await taken.expect("ACK")
        await bridged(site)
        ways = (sdp(port=4444, way="sendonly", version=2), sdp(port=4444, way="inactive", version=3))
        for n, body in enumerate((*ways, sdp(NOWHERE, 4444, version=4))):
            held = await taken.ask("INVITE", body=body)
            assert held.status == 200
            expected = ("recvonly", "inactive", "recvonly|inactive|sendrecv|sendonly")[n].split("|")
            assert any(f"a={way}" in held.body for way in expected), held.body
            rtp.packets.clear()
            await rtp.until("music, not silence", lambda: len({packet[12:] for packet in rtp.packets}) > 5)
            await rtp.until("it goes on", lambda: len(rtp.packets) > 10)
            back = await taken.ask("INVITE", body=sdp(port=4444, version=10 + n))
            assert back.status == 200 and "a=sendrecv" in back.body
            await rtp.quiet()  # the silent agent is bridged again, no music any more
        await call.bye()
        (record,) = await site.until_records(1)
    rtp.close()
    words = [note.what for note in record.timeline]
    assert words.count("held") == 3 and words.count("resumed") == 3


async def test_a_reinvite_without_sdp_gets_our_offer(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        outside.send(call.within("INVITE"))
        response = await call.response(200)
        assert response.status == 200 and "m=audio" in response.body
        call.ack(sdp(port=4020))
        assert (await taken.bye()).status == 200
        await call.expect("BYE")


async def test_sdp_that_cannot_be_taken_leaves_the_call_as_it_was(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, _ = await talk(site, outside, agent)
        refused = call.within("INVITE", body=sdp(codecs="18"))
        outside.send(refused)
        response = await call.response(200)
        assert response.status == 488
        again = Call(outside, refused)
        again.ack_refusal(response)
        await bridged(site)
        assert (await call.bye()).status == 200


async def test_a_call_without_sdp_is_offered_ours(make_site: Make) -> None:
    """Delayed offer (RFC 3261 §13.2.1): our SDP in the 200, the caller's in the ACK."""
    site: Site = await make_site(agents=1)
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, "")
        response = await call.response(200)
        assert "m=audio" in response.body and "telephone-event" in response.body
        call.ack(sdp(port=rtp.port))
        taken = await Call.taken(agent)
        await rtp.until("music reaches the address of the ACK", lambda: rtp.packets)
        taken.accept()
        await taken.expect("ACK")
        await bridged(site)
        await call.bye()
        (record,) = await site.until_records(1)
    rtp.close()
    assert record.outcome == "handled"


async def test_digits_by_info_choose_in_the_menu_and_cross_the_bridge_both_ways(make_site: Make) -> None:
    """A caller with INFO, an agent with RFC 4733: each digit reaches the other in the other's way."""
    site: Site = await make_site(agents=1)
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(PRESS, sdp(codecs="0"))
        await call.answered()
        kind = ("Content-Type", "application/dtmf-relay")
        assert (await call.ask("INFO", [kind], "Signal=2\r\nDuration=160\r\n")).status == 200
        taken = await Call.taken(agent)
        taken.accept(sdp(port=rtp.port))
        await taken.expect("ACK")
        await bridged(site)
        assert (await call.ask("INFO", [("Content-Type", "application/dtmf")], "7")).status == 200
        ours = taken.invite.media
        await rtp.talk(ours, 0.3)
        await rtp.press(ours, "#")
        info = await call.expect("INFO")
        assert "Signal=#" in info.body
        await rtp.until("the key of INFO", rtp.digits)
        assert rtp.digits() == "7"
        await call.bye()
        (record,) = await site.until_records(1)
    rtp.close()
    assert record.queue == "support"


async def test_digits_by_rfc4733_cross_the_bridge(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    rtp, far = await Rtp.open(), await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(PRESS, sdp(port=rtp.port))
        answer = await call.answered()
        await rtp.talk(answer.media, 0.2)
        await rtp.press(answer.media, "1")
        taken = await Call.taken(agent)
        taken.accept(sdp(port=far.port))
        await taken.expect("ACK")
        await bridged(site)
        await rtp.talk(answer.media, 0.2)
        for digit in "52":
            await rtp.press(answer.media, digit)
            await rtp.talk(answer.media, 0.1)
        await far.until("both keys", lambda: len(far.digits()) == 2)
        assert far.digits() == "52"
        await call.bye()
    rtp.close()
    far.close()


async def test_an_agent_who_vanishes_between_accept_and_bridge(make_site: Make) -> None:
    """BYE during the whisper: the caller keeps the place and the next agent rings."""
    rule = {"whisper": "whisper/sales", "retry_same_after_s": 30.0}
    site: Site = await make_site(agents=2, tables={"queues.sales": rule})
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call = await outside.call(DIRECT)
        await call.answered()
        taken = await Call.taken(first)
        taken.accept()
        await taken.expect("ACK")
        assert (await taken.bye()).status == 200
        other = await Call.taken(second)
        other.accept()
        await other.expect("ACK")
        await bridged(site)
        await call.bye()
        (record,) = await site.until_records(1)
    ends = [note.details.get("end") for note in record.timeline if note.what == "offer_ended"]
    assert ends[0] == "vanished" and record.agents == ["a2"]


async def test_blind_transfer_to_an_agent_a_queue_and_nobody(make_site: Make) -> None:
    """REFER (RFC 3515): NOTIFY tells how it goes; one record for the whole way."""
    site: Site = await make_site(agents=2)
    async with phone(site) as first, phone(site, "a2") as second, caller(site) as outside:
        call, taken = await talk(site, outside, first)

        async def refer(leg: Call, target: str) -> tuple[int, str]:
            header = ("Refer-To", f"<sip:{target}@interop.invalid>")
            response = await leg.ask("REFER", [header])
            begun = await leg.expect("NOTIFY")
            assert "100" in begun.body and "refer" in begun.get("Event")
            return response.status, (await leg.expect("NOTIFY")).body

        status, told = await refer(taken, "999999")
        assert status == 202 and "SIP/2.0 2" not in told, "no such number: the call goes on"
        await bridged(site)
        header = ("Refer-To", "<sip:302@interop.invalid>")
        assert (await taken.ask("REFER", [header])).status == 202
        other = await Call.taken(second)
        other.accept()
        await other.expect("ACK")
        await taken.expect("BYE")
        await bridged(site)
        notified = [each for each in first.seen if each.method == "NOTIFY"]
        assert "200" in notified[-1].body and "terminated" in notified[-1].get("Subscription-State")
        # on to a queue: the first agent is free again and gets the call
        assert (await other.ask("REFER", [("Refer-To", "<sip:202@interop.invalid>")])).status == 202
        third = await Call.taken(first)
        assert "Support" in third.invite.get("From")
        third.accept()
        await third.expect("ACK")
        await bridged(site)
        await call.bye()
        (record,) = await site.until_records(1)
    assert record.agents == ["a1", "a2", "a1"] and record.outcome == "handled"


async def test_blind_transfer_outside_by_the_trunk(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"own_calls": {"may_transfer": ["+331"]}})
    carrier = await Ua.open(site.address, port=site.trunk_port)
    async with carrier, phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert (await taken.ask("REFER", [("Refer-To", "<sip:+33199887766@interop.invalid>")])).status == 202
        third = await Call.taken(carrier)
        assert "+33199887766" in third.invite.uri
        third.accept()
        await third.expect("ACK")
        await taken.expect("BYE")
        assert (await third.bye()).status == 200
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    assert any(note.what == "transferred" for note in record.timeline)


async def test_feature_codes_from_the_phone(make_site: Make) -> None:
    """*41 ready, *421 lunch, *43 ready, *44 logged out; each answered, spoken, and hung up by us."""
    site: Site = await make_site(agents=1)
    rtp = await Rtp.open()
    async with phone(site, login=False) as agent:
        for code, availability, reason in (
            ("*41", "ready", ""),
            ("*421", "paused", "lunch"),
            ("*43", "ready", ""),
            ("*44", "logged_out", ""),
        ):
            uri = f"sip:{code}@interop.invalid"
            first = agent.request("INVITE", uri, body=sdp(port=rtp.port))
            refused = Call(agent, first)
            agent.send(first)
            challenge = await refused.response(200)
            assert challenge.status == 401
            refused.ack_refusal(challenge)
            agent.password = PASSWORD
            call = Call(agent, agent.again(first, challenge))
            agent.send(call.invite)
            await call.answered()
            await call.expect("BYE")
            seen = await site.agent("a1")
            assert (seen["availability"], seen["reason"]) == (availability, reason)
            await rtp.until("a spoken answer or a tone", lambda: len(rtp.packets) > 10)
            rtp.packets.clear()
    rtp.close()
