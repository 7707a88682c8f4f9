"""The verbs of the console over a real centre: what they show, what they post, what they refuse."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ccd.errors import Misconfigured, Refused
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, ChannelClass, LegKind
from ccd.model.rules import PauseReason
from ccd.model.settings import LedgerSettings
from tests.unit.control_room import BY, DISPOSITIONS, RULES, Room, until

VERBS = {
    "customer.erase",
    "customer.forget",
    "customer.show",
    "notices",
    "notice.add",
    "notice.remove",
    "queue.close",
    "queue.open",
    "status", "top", "agents", "agent.explain", "agent.login", "agent.logout", "agent.pause", "agent.ready",
    "agent.reasons",
    "agent.wrap_up", "queues", "interactions", "interactions.ended", "interaction.show",
    "interaction.explain", "interaction.change", "interaction.callback", "interaction.disposition",
    "interaction.mask", "interaction.hangup", "profiles", "profile.show",
    "profile.on", "profile.off", "trunks", "services", "bots", "devices",
    "voicemail", "survey.answers", "payments", "payment.settle", "sip.trace",
    "report", "reload", "diff", "drain", "flow.stats",
}  # fmt: skip


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        yield running


def stored(room: Room, kind: type[Any]) -> list[Any]:
    """Facts of one type in the ledger, as a restart would read them."""
    decode = msgspec.msgpack.Decoder(facts.AnyFact).decode
    found = [decode(entry.fact) for entry in room.ledger.read(0)]
    return [fact for fact in found if isinstance(fact, kind)]


async def test_the_table_has_every_verb(room: Room) -> None:
    assert set(room.verbs) == VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_arguments_that_do_not_exist_are_refused_by_every_verb(room: Room, verb: str) -> None:
    with pytest.raises(Refused) as caught:
        await room.ask(verb, colour="red")
    assert caught.value.code == "control.args"
    assert "arguments are:" in caught.value.message


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("agent.login", {}),
        ("agent.login", {"agent": 7}),
        ("agent.pause", {"agent": "alice", "reason": None}),
        ("interactions", {"limit": "many"}),
        ("interactions.ended", {"since": "2h"}),
        ("interaction.show", {"interaction": ["1"]}),
        ("drain", {"on": "yes"}),
    ],
)
async def test_arguments_of_a_wrong_kind_are_refused(room: Room, verb: str, args: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="wrong arguments"):
        await room.ask(verb, **args)


async def test_every_looking_verb_gives_json(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    await room.call(display="é")
    for verb in (
        "status", "top", "agents", "queues", "interactions", "interactions.ended",
        "trunks", "services", "bots", "devices", "report", "flow.stats",
    ):  # fmt: skip
        assert json.loads(json.dumps(await room.ask(verb))), verb
    for verb in ("interaction.show", "interaction.explain", "sip.trace"):
        assert json.loads(json.dumps(await room.ask(verb, interaction="1"))), verb


# -- agents ------------------------------------------------------------------------------------------


async def test_login_makes_ready_and_names_who_asked(room: Room) -> None:
    room.bind("alice")
    shown = await room.ask("agent.login", agent="alice")
    assert (shown["availability"], shown["doing"]) == ("ready", "idle")
    asked = stored(room, facts.AvailabilityAsked)
    assert asked == [facts.AvailabilityAsked("alice", Availability.READY, by=BY)]
    assert room.centre.router.state.agents["alice"].by == BY


@pytest.mark.parametrize(("said", "reason"), [("lunch", "lunch"), ("2", "training"), ("", "pause")])
async def test_pause_takes_a_reason_by_name_or_code(room: Room, said: str, reason: str) -> None:
    await room.ready("alice")
    shown = await room.ask("agent.pause", agent="alice", reason=said)
    assert (shown["availability"], shown["reason"]) == ("paused", reason)


async def test_an_unknown_reason_is_refused_and_nothing_is_posted(room: Room) -> None:
    await room.ready("alice")
    with pytest.raises(Refused, match="did you mean lunch"):
        await room.ask("agent.pause", agent="alice", reason="lunhc")
    assert len(stored(room, facts.AvailabilityAsked)) == 1


async def test_any_reason_will_do_where_none_is_set_up(room: Room) -> None:
    room.runtime.post(facts.RulesLoaded(msgspec.structs.replace(RULES, pause_reasons={})))
    await room.runtime.settled()
    shown = await room.ask("agent.pause", agent="alice", reason="dentist")
    assert shown["reason"] == "dentist"


@pytest.mark.parametrize(
    "verb", ["agent.explain", "agent.login", "agent.logout", "agent.pause", "agent.ready"]
)
async def test_an_unknown_agent_is_refused_with_the_nearest_name(room: Room, verb: str) -> None:
    with pytest.raises(Refused, match="did you mean alice") as caught:
        await room.ask(verb, agent="alicia")
    assert caught.value.code == "agent.unknown"
    assert not stored(room, facts.AvailabilityAsked)


async def test_logout_while_talking_keeps_the_conversation(room: Room) -> None:
    await room.ready("alice")
    leg, agent_leg = await room.talk()
    shown = await room.ask("agent.logout", agent="alice")
    assert (shown["availability"], shown["doing"]) == ("logged_out", "talking")
    assert room.channel.legs[leg].peer == agent_leg


async def test_logout_when_done_waits_for_the_work_and_the_last_request_counts(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    shown = await room.ask("agent.logout", agent="alice", when_done=True)
    assert (shown["availability"], shown["pending"]) == ("ready", "logged_out")
    shown = await room.ask("agent.pause", agent="alice", reason="lunch", when_done=True)
    assert (shown["pending"], shown["pending_reason"]) == ("paused", "lunch")
    await room.leave(leg, after_s=5)
    assert (await room.ask("agents"))[0]["pending"] == "paused", "wrap-up is work"
    room.clock.advance(30)
    await room.ask("agent.ready", agent="alice")
    shown = await room.ask("agent.logout", agent="alice", when_done=True)
    assert (shown["availability"], shown["pending"]) == ("logged_out", ""), "no work: at once"


async def test_wrap_up_is_extended_and_ended_by_hand(room: Room) -> None:
    await room.rules(sales={"wrap_up_s": 30.0, "wrap_up_extend_s": 45.0, "wrap_up_extensions": 1})
    await room.ready("alice")
    for verb in ({"extend": True}, {"end": True}):
        with pytest.raises(Refused, match="alice is not in wrap-up"):
            await room.ask("agent.wrap_up", agent="alice", **verb)
    leg, _ = await room.talk()
    await room.leave(leg, after_s=5)
    assert (await room.ask("agent.wrap_up", agent="alice", extend=True))["wrap_up_s"] == 75.0
    assert stored(room, facts.WrapUpExtendAsked) == [facts.WrapUpExtendAsked("alice", BY)]
    with pytest.raises(Refused, match="may not be extended any more"):
        await room.ask("agent.wrap_up", agent="alice", extend=True)
    assert (await room.ask("agent.wrap_up", agent="alice", end=True))["doing"] == "idle"
    assert stored(room, facts.WrapUpEndAsked) == [facts.WrapUpEndAsked("alice", BY)]


async def test_a_disposition_of_an_interaction_that_never_was_is_another_mistake(room: Room) -> None:
    with pytest.raises(Refused, match="there is no interaction '99'"):
        await room.ask("interaction.disposition", interaction="99", code="1")
    leg = await room.call()
    with pytest.raises(Refused, match="neither in conversation nor in wrap-up"):
        await room.ask("interaction.disposition", interaction="1", code="1")
    await room.leave(leg)
    with pytest.raises(Refused, match="nobody can say any more how interaction 1 ended"):
        await room.ask("interaction.disposition", interaction="1", code="1")


async def test_the_reasons_for_a_pause_are_listed(room: Room) -> None:
    lunch = PauseReason("lunch", paid=False, longest_s=1800.0, on_longest="ready")
    rules = msgspec.structs.replace(room.centre.state.rules, pause_reasons={"2": lunch, "1": "training"})
    room.runtime.post(facts.RulesLoaded(rules))
    await room.runtime.settled()
    assert await room.ask("agent.reasons") == [
        {"code": "1", "reason": "training", "paid": True, "longest_s": None, "on_longest": "alarm"},
        {"code": "2", "reason": "lunch", "paid": False, "longest_s": 1800.0, "on_longest": "ready"},
    ]


async def test_a_wrap_up_that_owes_a_disposition_is_not_ended_without_it(room: Room) -> None:
    await room.rules(sales=DISPOSITIONS)
    await room.ready("alice")
    leg, _ = await room.talk()
    await room.leave(leg, after_s=5)
    with pytest.raises(Refused, match="disposition of interaction 1 is missing") as caught:
        await room.ask("agent.wrap_up", agent="alice", end=True)
    assert "ccctl interaction disposition 1 CODE` (1 sale, 2 call_back)" in caught.value.message
    shown = await room.ask("agent.ready", agent="alice")
    assert (shown["doing"], shown["pending"], shown["owes"]) == ("wrap_up", "ready", ("1",))
    with pytest.raises(Refused, match="there are: 1 sale, 2 call_back"):
        await room.ask("interaction.disposition", interaction="1", code="7")
    assert not stored(room, facts.DispositionGiven)
    answer = await room.ask("interaction.disposition", interaction="1", code="2")
    assert answer == {"interaction": "1", "disposition": "call_back", "agents": ["alice"]}
    shown = await room.ask("interaction.show", interaction="1")
    assert (shown["running"], shown["record"]["disposition"]) == (False, "call_back")
    assert (await room.ask("agents"))[0]["doing"] == "idle"
    with pytest.raises(Refused, match="nobody can say any more how interaction 1 ended"):
        await room.ask("interaction.disposition", interaction="1", code="1")


@pytest.mark.parametrize("asked", [{}, {"extend": True, "end": True}])
async def test_a_wrap_up_verb_needs_one_wish(room: Room, asked: dict[str, bool]) -> None:
    with pytest.raises(Refused, match="extend it, or end it"):
        await room.ask("agent.wrap_up", agent="alice", **asked)
    with pytest.raises(Refused, match="there is no agent 'eve'"):
        await room.ask("agent.wrap_up", agent="eve", end=True)


async def test_ready_ends_wrap_up(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    await room.leave(leg, after_s=5)
    (before, *_) = await room.ask("agents", queue="sales")
    assert (before["doing"], before["wrap_up_s"]) == ("wrap_up", 30.0)
    shown = await room.ask("agent.ready", agent="alice")
    assert (shown["doing"], shown["wrap_up_s"]) == ("idle", 0.0)


async def test_agents_of_a_queue(room: Room) -> None:
    assert [row["agent"] for row in await room.ask("agents")] == ["alice", "bob", "carol"]
    assert [row["agent"] for row in await room.ask("agents", queue="support")] == ["carol"]
    with pytest.raises(Refused, match="did you mean support"):
        await room.ask("agents", queue="suport")


# -- interactions --------------------------------------------------------------------------------------


async def test_show_follows_an_interaction_from_running_to_ended(room: Room) -> None:
    await room.ready("alice")
    leg, agent_leg = await room.talk()
    running = await room.ask("interaction.show", interaction="1")
    assert (running["running"], running["phase"], running["agent"]) == (True, "talking", "alice")
    assert [(party["role"], party["leg"]) for party in running["parties"]] == [
        ("customer", leg),
        ("agent", agent_leg),
    ]
    await room.leave(leg, after_s=12)
    ended = await room.ask("interaction.show", interaction="1")
    assert (ended["running"], ended["record"]["outcome"]) == (False, "handled")
    assert ended["record"]["talked_s"] == pytest.approx(12)
    assert any("bridged" in line for line in ended["timeline"])


async def test_an_interaction_that_ended_just_now_is_found() -> None:
    """Its record is still on its way to the ledger."""
    async with Room(LedgerSettings(commit_every_ms=50.0)) as room:
        leg = await room.call()
        room.channel.end(leg, Cause.CANCELLED)
        await until(lambda: "1" not in room.centre.state.interactions)
        assert room.ledger.record("1") is None
        shown = await room.ask("interaction.show", interaction="1")
        assert shown["record"]["outcome"] == "abandoned"


async def test_an_unknown_interaction_is_refused(room: Room) -> None:
    verbs = ("show", "explain", "change", "callback", "hangup")
    for verb in (*(f"interaction.{verb}" for verb in verbs), "sip.trace"):
        with pytest.raises(Refused, match="no interaction '4711'"):
            await room.ask(verb, interaction="4711")


async def test_explain_says_who_was_passed_over_running_or_ended(room: Room) -> None:
    await room.ready("alice")
    await room.ask("agent.pause", agent="bob", reason="lunch")
    leg, _ = await room.talk()
    running = await room.ask("interaction.explain", interaction="1")
    assert any("offered to alice" in line for line in running["lines"])
    assert any("passed over bob" in line and "lunch" in line for line in running["lines"])
    await room.leave(leg)
    ended = await room.ask("interaction.explain", interaction="1")
    assert ended["lines"][: len(running["lines"])] == running["lines"]
    assert ended["traces"] == running["traces"]


async def test_hangup_ends_all_legs_and_says_who_did_it(room: Room) -> None:
    await room.ready("alice")
    leg, agent_leg = await room.talk()
    assert await room.ask("interaction.hangup", interaction="1") == {"interaction": "1", "hung_up": True}
    await room.runtime.settled()
    assert set(room.channel.ended) == {leg, agent_leg}
    shown = await room.ask("interaction.show", interaction="1")
    assert not shown["running"]
    assert any(f"by {BY}" in line for line in shown["timeline"])


async def test_a_change_acts_at_once_and_tells_both_places(room: Room) -> None:
    for _ in range(3):
        await room.call()
    changed = await room.ask("interaction.change", interaction="3", priority=9)
    assert changed == {
        "interaction": "3",
        "queue": "sales",
        "before": 3,
        "after": 1,
        "agent": "",
        "ringing": [],
    }
    moved = await room.ask("interaction.change", interaction="1", queue="support")
    assert (moved["queue"], moved["before"], moved["after"]) == ("support", 2, 1)
    report = {row["queue"]: row for row in (await room.ask("report"))["total"]["queues"]}
    assert (report["sales"]["overflowed"], report["support"]["offered"]) == (1, 1)
    shown = await room.ask("interaction.show", interaction="1")
    assert any("changed: queue support, before 2, after 1" in line for line in shown["timeline"])
    assert any(line.endswith(f"change: by {BY}, queue support") for line in shown["timeline"])
    assert any(f"by {BY}" in line for line in shown["timeline"])
    await room.ready("alice")
    assert room.centre.router.agent_of("3") == "alice"


async def test_a_recording_is_masked_by_hand(room: Room) -> None:
    leg = await room.call()
    for on in (True, True, False):
        told = await room.ask("interaction.mask", interaction="1", on=on)
        assert told == {"interaction": "1", "masked": on, "recordings": 0}
    room.channel.end(leg)
    await room.runtime.settled()
    with pytest.raises(Refused, match="interaction 1 has ended already"):
        await room.ask("interaction.mask", interaction="1", on=True)
    shown = await room.ask("interaction.show", interaction="1")
    lines = [line for line in shown["timeline"] if "masked" in line]
    assert len(lines) == 2 and all(BY in line for line in lines)


async def test_a_waiting_call_becomes_a_callback_by_hand(room: Room) -> None:
    await room.call()
    second = await room.call()
    with pytest.raises(Refused, match="'nobody' is no number that can be called back"):
        await room.ask("interaction.callback", interaction="2", number="nobody")
    kept = await room.ask("interaction.callback", interaction="2", number="+33 1 23 45 67 89")
    assert kept == {"interaction": "2", "queue": "sales", "number": "+33123456789", "position": 2}
    room.channel.end(second)
    await room.runtime.settled()
    row = next(row for row in (await room.ask("interactions"))["listed"] if row["interaction"] == "2")
    assert (row["phase"], row["position"], row["callback"]["number"]) == ("waiting", 2, "+33123456789")
    assert (row["callback"]["attempts"], row["callback"]["last"]) == (0, "")
    queue = next(row for row in await room.ask("queues") if row["queue"] == "sales")
    assert (queue["waiting"], queue["callbacks"]) == (2, 1)
    with pytest.raises(Refused, match="no customer holds the line"):
        await room.ask("interaction.callback", interaction="2")
    with pytest.raises(Refused, match="is called back for queue sales already: 2"):
        await room.ask("interaction.callback", interaction="1", number="+33123456789")
    shown = await room.ask("interaction.show", interaction="2")
    assert any(f"by {BY}" in line and "callback kept" in line for line in shown["timeline"])
    await room.ask("interaction.hangup", interaction="2")
    ended = await room.ask("interaction.show", interaction="2")
    assert ended["record"]["outcome"] == "callback_failed"
    report = {row["queue"]: row for row in (await room.ask("report"))["total"]["queues"]}
    assert (report["sales"]["callback_failed"], report["sales"]["abandoned"]) == (1, 0)


async def test_what_cannot_be_changed_is_refused(room: Room) -> None:
    await room.call()
    with pytest.raises(Refused, match="column 10"):
        await room.ask("interaction.change", interaction="1", requirement="french > and")
    with pytest.raises(Refused, match="sales"):
        await room.ask("interaction.change", interaction="1", queue="sale")
    with pytest.raises(Refused, match="say what to change"):
        await room.ask("interaction.change", interaction="1")
    await room.ready("alice")
    await room.talk()
    talking = next(name for name in ("1", "2") if not room.centre.router.position(name))
    with pytest.raises(Refused, match="does not wait"):
        await room.ask("interaction.change", interaction=talking, priority=1)
    await room.leave(await room.call())
    with pytest.raises(Refused, match="has ended already"):
        await room.ask("interaction.change", interaction="3", priority=1)


async def test_hangup_of_an_ended_interaction_says_so(room: Room) -> None:
    await room.leave(await room.call())
    with pytest.raises(Refused, match="has ended already"):
        await room.ask("interaction.hangup", interaction="1")


async def test_interactions_can_be_narrowed(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    for number in ("+331", "+332", "+331", "+331"):
        await room.call(number)
    sales = await room.ask("interactions", queue="sales")
    assert [(row["interaction"], row["position"]) for row in sales["listed"]] == [
        ("1", 0),
        ("2", 1),
        ("4", 2),
        ("5", 3),
    ]
    assert [row["interaction"] for row in (await room.ask("interactions", agent="alice"))["listed"]] == ["1"]
    few = await room.ask("interactions", limit=2)
    assert (few["all"], len(few["listed"])) == (5, 2)
    with pytest.raises(Refused, match="no queue"):
        await room.ask("interactions", queue="nowhere")
    with pytest.raises(Refused, match="no agent"):
        await room.ask("interactions", agent="nobody")


def numbers(answer: dict[str, Any]) -> list[str]:
    return [row["interaction"] for row in answer["listed"]]


async def test_ended_interactions_the_newest_first(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    given_up = await room.call()
    running = await room.call("+332")
    await room.leave(given_up, after_s=4)
    await room.leave(leg, after_s=9)
    answer = await room.ask("interactions.ended")
    assert (numbers(answer), answer["more"], answer["at"]) == (["1", "2"], False, room.clock.now())
    first, second = answer["listed"]
    assert (first["outcome"], first["talked_s"], first["agents"]) == ("handled", 13.0, ["alice"])
    assert (first["channel"], first["origin"], first["target"], first["queue"]) == (
        "voice",
        "+33612345678",
        "+331",
        "sales",
    )
    assert (second["outcome"], second["waited_s"], second["agents"]) == ("abandoned", 4.0, [])
    assert second["ended_at"] == first["ended_at"] - 9
    await room.leave(running)
    assert numbers(await room.ask("interactions.ended")) == ["3", "1", "2"]


async def test_ended_interactions_can_be_narrowed(room: Room) -> None:
    for number in ("+331", "+332", "+331", "+333"):
        await room.leave(await room.call(number), after_s=60)
    assert numbers(await room.ask("interactions.ended")) == ["4", "3", "2", "1"]
    assert numbers(await room.ask("interactions.ended", queue="sales")) == ["3", "1"]
    few = await room.ask("interactions.ended", limit=2)
    assert (numbers(few), few["more"]) == (["4", "3"], True)
    exactly = await room.ask("interactions.ended", limit=4)
    assert (len(exactly["listed"]), exactly["more"]) == (4, False)
    assert numbers(await room.ask("interactions.ended", within_s=61)) == ["4", "3"]
    ended_at = few["listed"][1]["ended_at"]
    assert numbers(await room.ask("interactions.ended", since=ended_at)) == ["4", "3"]
    assert numbers(await room.ask("interactions.ended", since=ended_at, within_s=5)) == ["4"]
    assert numbers(await room.ask("interactions.ended", since=-1, within_s=1e300, limit=-1)) == []
    with pytest.raises(Refused, match="did you mean sales"):
        await room.ask("interactions.ended", queue="sale")


async def test_the_list_of_ended_is_bounded_whatever_is_asked(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccd.runtime.verbs.ENDED_LIMIT", 2)
    for _ in range(3):
        await room.leave(await room.call())
    answer = await room.ask("interactions.ended", limit=10**6)
    assert (len(answer["listed"]), answer["more"]) == (2, True)


async def test_a_record_that_cannot_be_read_hides_no_other(room: Room) -> None:
    await room.leave(await room.call())
    await room.leave(await room.call(), after_s=1)
    row = room.ledger.record("1")
    assert row is not None
    room.ledger.append([], [msgspec.structs.replace(row, body=b"spoilt")])
    good, spoilt = (await room.ask("interactions.ended"))["listed"]
    assert (good["interaction"], good["cause"]) == ("2", "normal")
    assert (spoilt["interaction"], spoilt["queue"], spoilt["outcome"]) == ("1", "sales", "abandoned")
    assert (spoilt["origin"], spoilt["cause"], spoilt["talked_s"]) == ("", "", None)
    assert good.keys() == spoilt.keys()


# -- channels --------------------------------------------------------------------------------------------


async def test_devices_name_their_agents_and_rows_their_channel(room: Room) -> None:
    rows = await room.ask("devices")
    assert [(row["device"], row["agent"], row["channel"]) for row in rows] == [
        ("alice", "alice", "voice"),
        ("bob", "bob", "voice"),
    ]
    (trunk,) = await room.ask("trunks")
    assert (trunk["trunk"], trunk["channel"]) == ("carrier", "voice")


async def test_trace_of_late_is_limited_to_the_newest(room: Room) -> None:
    whole = await room.ask("sip.trace")
    assert [message["at"] for message in whole["messages"]] == [1.0, 1.1, 1.2, 1.9, 2.0]
    newest = await room.ask("sip.trace", limit=1)
    assert (newest["all"], [message["at"] for message in newest["messages"]]) == (5, [2.0])


async def test_trace_of_an_interaction_asks_for_each_of_its_legs(room: Room) -> None:
    arrived = facts.LegArrived("voice:traced", "voice", ChannelClass.VOICE, LegKind.AUDIO, "+336", "+331")
    room.runtime.post(arrived)
    await room.runtime.settled()
    traced = await room.ask("sip.trace", interaction="1")
    assert traced["legs"] == ["voice:traced"]
    assert {message["leg"] for message in traced["messages"]} == {"voice:traced"}
    assert traced["all"] == 5


async def test_trace_shows_no_digest(room: Room) -> None:
    (*_, register) = (await room.ask("sip.trace"))["messages"]
    assert 'username="alice", response="…", uri="sip:ccd"' in register["message"]
    assert "6629fae" not in register["message"]


async def test_trace_knows_the_legs_of_an_ended_interaction(room: Room) -> None:
    await room.ready("alice")
    leg, agent_leg = await room.talk()
    await room.leave(leg)
    assert set((await room.ask("sip.trace", interaction="1"))["legs"]) == {leg, agent_leg}


# -- the daemon --------------------------------------------------------------------------------------------


async def test_status_counts_what_runs_and_tells_alarms(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    await room.call()
    shown = await room.ask("status")
    assert (shown["interactions"], shown["waiting"], shown["phases"]) == (2, 1, {"talking": 1, "waiting": 1})
    assert shown["agents"] == {"all": 3, "talking": 1, "logged_out": 2}
    assert shown["daemon"]["channels"] == {"voice": "voice"}
    assert shown["daemon"]["counters"]["runtime"]["facts"] == room.runtime.figures["facts"]
    assert shown["daemon"]["counters"]["voice"] == {"sip": {"transactions": 0, "refused": {}}}
    assert shown["daemon"]["memory_mb"] > 1


async def test_a_stalled_ledger_is_an_alarm(room: Room) -> None:
    room.ledger.full = True
    room.bind("alice")
    await until(lambda: room.runtime.pressure().stalled)
    assert (await room.ask("status"))["alarms"][0]["what"] == "ledger stalled"
    room.ledger.full = False
    await room.runtime.settled()
    assert (await room.ask("top"))["status"]["alarms"] == []


async def test_reload_passes_on_who_asked_and_what_is_wrong(room: Room) -> None:
    assert await room.ask("reload") == {"changes": ["+ agents.eve"], "next_start": []}
    room.fault = Misconfigured("config", "conf/ccd.toml:3: no — yes")
    with pytest.raises(Misconfigured):
        await room.ask("reload")
    assert room.reloads == [BY, BY]


async def test_what_waits_for_the_next_start_is_said(room: Room) -> None:
    room.next_start += ['~ sip.domain: "a" → "b"']
    assert (await room.ask("reload"))["next_start"] == room.next_start
    assert (await room.ask("status"))["daemon"]["next_start"] == room.next_start


async def test_diff_without_a_door_is_refused(room: Room) -> None:
    with pytest.raises(Refused, match="two folders"):
        await room.ask("diff")


async def test_drain_and_back(room: Room) -> None:
    await room.call()
    assert await room.ask("drain") == {"draining": True, "interactions": 1}
    assert await room.ask("drain", on=False) == {"draining": False, "interactions": 1}
    assert room.drains == [(True, BY), (False, BY)]


async def test_an_acting_verb_answers_under_steady_traffic() -> None:
    """`settled` would wait for a pause that does not come."""
    async with Room(LedgerSettings(commit_every_ms=0.0)) as room:
        running = True

        def more() -> None:
            if running:
                room.runtime.post(facts.DeviceReachable("bob"))
                asyncio.get_running_loop().call_soon(more)

        more()
        async with asyncio.timeout(10):
            shown = await room.ask("agent.login", agent="alice")
        running = False
        assert shown["availability"] == "ready"
        assert facts.AvailabilityAsked("alice", Availability.READY, by=BY) in stored(
            room, facts.AvailabilityAsked
        )


async def test_bots_are_listed_with_their_counts(room: Room) -> None:
    (row,) = await room.ask("bots")
    del row["channel"]
    assert row == {"bot": "clerk", "running": 1, "talked": 7, "ended": 3, "stopped": 2, "failed": 1}


async def test_a_certificate_to_renew_is_an_alarm_and_another_one_when_it_is_urgent(room: Room) -> None:
    row = {"file": "/etc/ccd/a.pem", "ends_at": 1.0, "urgent": False, "why": "ends on 2026-12-20, in 22 days"}
    room.channel.certificates = (row, row | {"file": "/etc/ccd/b.pem", "urgent": True})
    alarms = (await room.ask("status"))["alarms"]
    assert [(each["what"], each["name"]) for each in alarms] == [
        ("certificate to renew", "/etc/ccd/a.pem"),
        ("certificate ends", "/etc/ccd/b.pem"),
    ]
    assert alarms[0]["why"] == "ends on 2026-12-20, in 22 days: renew it, then `ccctl reload`"
    room.channel.certificates = ()
    assert (await room.ask("status"))["alarms"] == []


@pytest.mark.parametrize(
    ("told", "what", "why"),
    [
        ("scarcity", "audio ports used up", "2 of 8 are free"),
        ("turned_away", "calls turned away", "new calls got 503: 3"),
    ],
)
async def test_why_new_calls_are_refused_is_an_alarm(room: Room, told: str, what: str, why: str) -> None:
    setattr(room.channel, told, ({"why": why},))
    (alarm,) = (await room.ask("status"))["alarms"]
    assert (alarm["what"], alarm["why"]) == (what, why)
    setattr(room.channel, told, ())
    assert (await room.ask("status"))["alarms"] == []


@pytest.mark.parametrize(("ahead_s", "words"), [(30.0, "30 s ahead"), (90_000.0, "25.0 h ahead")])
async def test_a_machine_whose_clock_was_set_back_is_an_alarm(room: Room, ahead_s: float, words: str) -> None:
    room.ahead_s = ahead_s
    (alarm,) = (await room.ask("status"))["alarms"]
    assert alarm["what"] == "clock ahead" and words in alarm["why"]
    room.ahead_s = 0.0
    assert (await room.ask("status"))["alarms"] == []


async def test_a_service_that_is_passed_over_is_an_alarm(room: Room) -> None:
    room.channel.passed_over = True
    (row,) = await room.ask("services")
    assert (row["service"], row["failed"], row["passed_over"]) == ("crm", 5, True)
    alarms = (await room.ask("status"))["alarms"]
    (alarm,) = [each for each in alarms if each["what"] == "service passed over"]
    assert alarm["name"] == "crm" and "status 500" in alarm["why"]
