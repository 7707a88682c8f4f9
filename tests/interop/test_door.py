"""What is answered at the door: methods, requirements, bodies, limits (RFC 3261 §8.2, §11, §21)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, Site, need
from tests.interop.parties import bridged, caller, phone, talk
from tests.interop.wire import Call, Rtp, Ua, sdp
from tests.peers import sipp

Make = Callable[..., Any]


async def test_methods_and_bodies_that_we_do_not_take(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    uri = f"sip:{DIRECT}@127.0.0.1"
    async with caller(site) as outside:

        async def said(
            method: str, headers: list[tuple[str, str]] | None = None, body: str = ""
        ) -> tuple[int, Any]:
            asked = outside.request(method, uri, headers or [], body)
            response = await outside.ask(asked)
            if method == "INVITE":
                Call(outside, asked).ack_refusal(response)
            return response.status, response

        status, response = await said("OPTIONS")
        assert status == 200 and "INVITE" in response.get("Allow") and "sdp" in response.get("Accept")
        for method in ("PUBLISH", "SUBSCRIBE", "WHATEVER"):
            status, response = await said(method)
            assert status in {405, 489} or (method == "WHATEVER" and status in {405, 501}), (method, status)
            assert "INVITE" in response.get("Allow")
        status, response = await said("INVITE", [("Require", "100rel, wonder")], sdp())
        assert (status, response.get("Unsupported")) == (420, "wonder"), "100rel we know"
        status, response = await said("INVITE", [("Content-Type", "application/pidf+xml")], "<presence/>")
        assert status == 415 and "application/sdp" in response.get("Accept"), response.headers
        assert (await said("INVITE", body=sdp(codecs="18 97")))[0] == 488
        assert (await said("INVITE", body="this is no sdp"))[0] in {400, 488}
        for method in ("BYE", "INFO", "UPDATE", "NOTIFY"):
            to = ("To", f"<{uri}>;tag=nobody")
            assert (await said(method, [to]))[0] == 481
        assert (await said("INVITE", [("To", f"<{uri}>;tag=nobody")], sdp()))[0] == 481
        assert (await site.ask("interactions"))["all"] == 0


async def test_rubbish_is_counted_and_nothing_else(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    async with caller(site) as outside:
        for rubbish in (
            b"\x00\xff" * 300,
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"INVITE sip:x@y SIP/2.0\r\n\r\n",
            b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nCSeq: 99999999999 INVITE\r\n\r\n",
            b"SIP/2.0 200 OK\r\nCall-ID: nobody\r\n\r\n",
            b"\r\n\r\n",
            b"X" * 60_000,
        ):
            outside.send(rubbish)
        response = await outside.ask(outside.request("OPTIONS", "sip:127.0.0.1"))
        assert response.status == 200
        counters = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]
        assert sum(value for value in counters.values() if isinstance(value, int)) > 0


async def test_a_number_without_flow_and_a_stranger(make_site: Make) -> None:
    """404 for what the trunk sends astray; who is neither trunk nor device is challenged."""
    site: Site = await make_site(agents=1, tables={"trunks.carrier": {"sources": ["192.0.2.1"]}})
    async with await Ua.open(site.address) as stranger:
        call = await stranger.call(DIRECT)
        response = await call.response(200)
        assert response.status == 401 and "Digest" in response.get("WWW-Authenticate")
        call.ack_refusal(response)
        assert (await stranger.register("wrong")).status in {401, 403}
    other: Site = await make_site(agents=1)
    async with caller(other) as outside:
        call = await outside.call("+33999999999")
        response = await call.response(200)
        assert response.status == 404
        call.ack_refusal(response)
        await other.until_idle()


async def test_a_device_registers_with_both_digests_and_bounds(make_site: Make) -> None:
    """RFC 8760: SHA-256 is offered; 423 for a time that is too short; two bindings; unregistering."""
    site: Site = await make_site(agents=1)
    async with await Ua.open(site.address, user="a1") as one, await Ua.open(site.address, user="a1") as two:
        refused = await one.ask(
            one.request("REGISTER", "sip:interop.invalid", [("To", "<sip:a1@interop.invalid>")])
        )
        offered = refused.all("WWW-Authenticate")
        assert refused.status == 401 and any("SHA-256" in each for each in offered), offered
        assert any("MD5" in each for each in offered) and all("qop" in each for each in offered)
        assert (await one.register(PASSWORD, 5)).status == 423
        assert (await one.register(PASSWORD)).status == 200
        both = await two.register(PASSWORD)
        assert both.status == 200 and len(both.all("Contact")) + both.get("Contact").count(",") == 2
        (row,) = await site.ask("devices")
        assert len(row["bindings"]) == 2
        assert (await one.register("wrong")).status in {401, 403}
        gone = await two.register(PASSWORD, 0)
        assert gone.status == 200
        (row,) = await site.ask("devices")
        assert len(row["bindings"]) == 1


async def test_too_many_calls_are_refused_in_time(make_site: Make) -> None:
    """503 with Retry-After instead of a growing queue; the rest of the calls notice nothing."""
    site: Site = await make_site(agents=1, tables={"sip": {"max_dialogs": 3, "retry_after_s": 7}})
    async with caller(site) as outside:
        calls = []
        for _ in range(3):
            call = await outside.call(DIRECT)
            await call.answered()
            calls.append(call)
        extra = await outside.call(DIRECT)
        refused = await extra.response(200)
        assert refused.status == 503 and refused.get("Retry-After") == "7"
        extra.ack_refusal(refused)
        assert (await outside.ask(outside.request("OPTIONS", "sip:127.0.0.1"))).status == 200
        for call in calls:
            assert (await call.bye()).status == 200
        again = await outside.call(DIRECT)
        await again.answered()
        await again.bye()
        status = (await site.ask("status"))["daemon"]["counters"]["voice"]["sip"]
        assert status["refused"] == {"dialogs": 1}
        (alarm,) = (await site.ask("status"))["alarms"]
        assert (
            alarm["what"] == "calls turned away" and "1 for more calls than sip.max_dialogs" in alarm["why"]
        )


async def test_a_burst_above_the_rate_is_refused(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"sip": {"max_new_calls_per_s": 4.0}})
    async with caller(site) as outside:
        calls = [await outside.call(DIRECT) for _ in range(12)]
        answers = [await call.response(200) for call in calls]
        refused = [each for each in answers if each.status == 503]
        assert len(refused) >= 8 and all(each.get("Retry-After") for each in refused)
        for call, answer in zip(calls, answers, strict=True):
            if answer.status == 200:
                call.ack()
                assert (await call.bye()).status == 200
            else:
                call.ack_refusal(answer)


async def test_a_trunk_with_two_channels_takes_two_calls(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"trunks.carrier": {"channels": 2}})
    async with caller(site) as outside:
        calls = []
        for _ in range(2):
            call = await outside.call(DIRECT)
            await call.answered()
            calls.append(call)
        third = await outside.call(DIRECT)
        refused = await third.response(200)
        assert refused.status == 503
        third.ack_refusal(refused)
        assert (await calls[0].bye()).status == 200
        again = await outside.call(DIRECT)
        await again.answered()
        for call in (calls[1], again):
            assert (await call.bye()).status == 200


async def test_a_phone_over_tcp_rings_on_its_own_connection(make_site: Make) -> None:
    """RFC 5923 and NAT: the INVITE comes back over the connection that the phone opened."""
    site: Site = await make_site(agents=1)
    async with phone(site, protocol="TCP") as agent, caller(site, protocol="TCP") as outside:
        call, taken = await talk(site, outside, agent)
        assert "transport=tcp" in taken.invite.contact.lower()
        assert (await taken.bye()).status == 200
        await call.expect("BYE")
        await agent.close()

        async def unreachable() -> bool:
            return not (await site.agent("a1"))["reachable"]

        await site.until("the closed connection unbinds the phone", unreachable)


async def test_a_call_over_ipv6(make_site: Make) -> None:
    site: Site = await make_site(agents=1, host="::1")
    rtp = await Rtp.open("::1")
    async with phone(site) as agent, caller(site) as outside:
        call = await outside.call(DIRECT, sdp("::1", rtp.port), host=f"[::1]:{site.port}")
        answer = await call.answered()
        assert "c=IN IP6 ::1" in answer.body
        taken = await Call.taken(agent)
        assert "IP6" in taken.invite.body
        await rtp.until("music over IPv6", lambda: rtp.packets)
        taken.accept(sdp("::1", 4100))
        await taken.expect("ACK")
        await bridged(site)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
    rtp.close()


@pytest.mark.alone
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_by_udp_and_tcp(make_site: Make, transport: str) -> None:
    """Ten callers and their agents, both with SIPp."""
    need("sipp")
    site: Site = await make_site(agents=5)
    crowd = sipp.Sipp("uas_agent", timeout_s=60)
    accounts = [(name, PASSWORD) for name in site.agents]
    await sipp.register(accounts, site.address, port=crowd.port, domain="interop.invalid")
    await site.login()
    async with crowd:
        keys = {**sipp.PATIENT, "talk_ms": 300}
        result = await sipp.run(
            "uac_call",
            site.address,
            service=DIRECT,
            calls=10,
            rate=10,
            keys=keys,
            transport=transport,
            timeout_s=40,
        )
        assert result.clean and result.calls == 10, result.errors
        await site.until_idle()
        assert len(site.records()) == 10
