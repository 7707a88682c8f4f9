"""Wrap-up and dispositions from the desk: baresip dials `*45` and `*46`, a phone writes `/disposition`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccd.history.state import Record
from tests.interop.console import ccctl
from tests.interop.daemon_site import Site, need
from tests.interop.test_chat import conversation, softphone, visiting
from tests.interop.test_routing_by_phone import (
    ANN,
    BEN,
    PROMPT_S,
    Caller,
    desk,
    hung_up,
    moment,
    offered,
    record_of,
    rings,
)
from tests.peers.baresip import Baresip

Make = Callable[..., Any]
ENDS = {"dispositions": {"1": "sale", "2": "call_back"}, "disposition": "required"}


async def dials(phone: Baresip, code: str) -> None:
    """The agent dials a code on a free line and hears the answer to its end."""
    await phone.dial(code)
    await phone.event("CALL_ESTABLISHED")
    await phone.event("CALL_CLOSED")


def said(record: Record) -> list[str]:
    return [str(note.details["disposition"]) for note in record.timeline if note.what == "disposition"]


@pytest.mark.long
async def test_an_agent_takes_more_time_and_says_how_it_ended(make_site: Make, tmp_path: Path) -> None:
    """Said on a second line in the call and changed in wrap-up, which `*45` makes longer."""
    need("baresip", "sipp")
    rule = {"wrap_up_s": 6.0, "wrap_up_extend_s": 3.0, "wrap_up_extensions": 1, **ENDS}
    site: Site = await make_site(agents=1, tables={"queues.sales": rule})
    async with desk(site, "a1", tmp_path) as phone, Caller(site, tmp_path, ANN) as ann:
        await rings(phone, ann)
        async with Caller(site, tmp_path, BEN) as ben:
            await dials(phone, "*469")
            assert (await ann.row())["record"]["disposition"] == "", "there is no such one"
            await dials(phone, "*462")
            assert (await ann.row())["record"]["disposition"] == "call_back"
            await phone.resume()
            await hung_up(phone)
            await dials(phone, "*45")
            await dials(phone, "*461")
            assert (await site.agent("a1"))["doing"] == "wrap_up", "given, but its time is not over"
            await rings(phone, ben)
            shown = await ccctl(site, "interaction", "show", ann.interaction)
            assert "disposition  sale (phone:a1)" in shown
            await hung_up(phone)
            await site.ask("interaction.disposition", interaction=ben.interaction, code="sale")
    records = await site.until_records(2)
    first, second = record_of(ann, records), record_of(ben, records)
    assert said(first) == ["call_back", "sale"] and said(second) == ["sale"]
    waited = offered(second) - moment(first, "agent_left")
    assert 9.0 <= waited < 9.0 + PROMPT_S


async def test_a_call_that_must_be_told_the_end_of_keeps_the_agent_until_then(
    make_site: Make, tmp_path: Path
) -> None:
    need("baresip", "sipp")
    site: Site = await make_site(agents=1, tables={"queues.sales": ENDS})
    async with desk(site, "a1", tmp_path) as phone, Caller(site, tmp_path, ANN) as ann:
        await rings(phone, ann)
        await hung_up(phone)
        async with Caller(site, tmp_path, BEN) as ben:
            assert "passed over a1: wrap-up until a disposition is given" in await ben.explained()
            await dials(phone, "*43")
            agents = await ccctl(site, "agents")
            assert f"in wrap-up: disposition of {ann.interaction} missing, then ready" in agents
            await phone.dial("*462")
            event = await phone.event("CALL_INCOMING")
            assert ben.number in event["peeruri"]
            await site.ask("agent.logout", agent="a1")
            await site.ask("interaction.hangup", interaction=ben.interaction)
    records = await site.until_records(2)
    assert record_of(ann, records).disposition == "call_back"
    assert "call_back" in await ccctl(site, "report", "--dispositions")


async def test_a_writer_says_how_it_ended_also_after_the_end(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, chat=True, tables={"queues.chat": ENDS})
    async with softphone(site, "a1", tmp_path) as agent, visiting(site) as visitor:
        await site.login()
        await visitor.hello(name="Ada")
        await visitor.send("text", text="Where is my parcel?", id="m1")
        who, _ = await conversation(agent)
        await agent.message(who, "Here.")
        assert (await visitor.get("text"))["text"] == "Here."
        await agent.message(who, "/disposition 9")
        _, told = await conversation(agent)
        assert told == "(there is no disposition '9' — there are: 1 sale, 2 call_back)"
        await agent.message(who, "/close")
        await visitor.get("ended")
        await agent.message(who, "Anything else?")
        status = await agent.event("message_status", where=lambda event: event["body"] == "Anything else?")
        assert status["code"] == 404
        assert (await site.agent("a1"))["owes"] == ["1"]
        await agent.message(who, "/disposition 2")
        assert await conversation(agent) == (who, "(disposition: call_back)")
        assert (await site.agent("a1"))["doing"] == "idle"
        (record,) = await site.until_records(1)
    assert (record.disposition, record.disposition_by) == ("call_back", "phone:a1")
    assert record.outcome == "handled"
