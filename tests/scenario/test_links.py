"""The whole centre on virtual time. A link in a message: the customer goes on in a chat, in one chain."""

from typing import Any

import msgspec
import pytest

from ccd.channels.links import digest
from ccd.history.explain import explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.links import REFUSED, LinkRule, LinkTexts
from ccd.model.nouns import Cause
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import AnyStep, Enqueue, Hangup, Play, Set
from ccd.model.steps_outside import Send
from ccd.model.steps_surveys import Survey
from ccd.runtime import links
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import TICK, listed, rules, whats

CALLER = "+33612345678"
PAGE = "https://chat.example.com/"
RULE = LinkRule("web", "chat_after_call", keep=("order",), valid_s=600.0, url=PAGE)
SEND = Send(
    service="texts",
    values={"to": "{caller}", "text": "Write to us: {link} about {var.order}"},
    link=RULE,
    timeout_s=2.0,
)
KNOWN = Set(values={"order": "4711", "other": "x", "language": "fr", "customer": "c7"})
ASKS = Survey(name="ok", kind="csat", say="How was it?")


def with_link(*chat: AnyStep, send: Send = SEND, then: AnyStep | None = None) -> Rules:
    """A call that is sent a link in its flow, and the flow that the link opens."""
    made = rules(KNOWN, send, then or Hangup(prompt="bye"))
    flow = FlowRule(name="chat_after_call", steps=chat or (Enqueue(queue="help"),))
    return msgspec.structs.replace(made, flows={**made.flows, flow.name: flow})


def called(made: Rules, *, seconds: float = 5.0, **call: Any) -> tuple[SimulatedCentre, str, str]:
    """The centre, the call's leg and the token of the link that it was sent."""
    sim = SimulatedCentre(made)
    sim.outside.answers["texts"] = Answers({"id": "1"})
    leg = sim.call(**call)
    sim.run(seconds)
    (token,) = sim.outside.links.values()
    return sim, leg, token


def read(sim: SimulatedCentre, leg: str) -> list[str]:
    return [text for of, text in sim.web.sent if of == leg]


def test_a_link_opens_a_conversation_that_knows_the_customer_and_belongs_to_the_call() -> None:
    sim, call, token = called(with_link())
    assert sim.outside.sent == {"1.a1": {"to": CALLER, "text": f"Write to us: {PAGE}#{token} about 4711"}}
    sim.login("cat")
    chat = sim.chat(token=token)
    sim.run(5)
    assert sim.agent_of(chat) == "cat"
    info = sim.centre.state.interactions["2"]
    assert info.address == CALLER and info.origin == "visitor-1" and info.customer == CALLER
    sim.hang_up(chat)
    before, after = sim.record(call), sim.record(chat)
    assert (before.chain, before.continued_as) == ("1", ["2"])
    assert (after.chain, after.continues) == ("1", "1")
    assert "continued as 2" in explain(before) and "continues 1" in explain(after)
    assert whats(sim, call)[-1] == "continued" and "continues" in whats(sim, chat)
    sim.check_replay()


def test_the_flow_begins_with_what_goes_along_and_with_nothing_else() -> None:
    sim, _, token = called(with_link(ASKS, Hangup()))
    chat = sim.chat(token=token)
    run = sim.centre.flows.state.running[sim.interaction_of(chat)]
    assert run.variables == {"order": "4711", "customer": "c7"} and run.language == "fr"
    assert read(sim, chat) == ["How was it?"]


def test_agents_see_the_number_that_called_and_the_name() -> None:
    sim, _, token = called(with_link())
    sim.login("cat")
    sim.chat(token=token, name="Ada")
    sim.run(5)
    (offer,) = sim.performed(cmd.DialLeg)
    assert isinstance(offer, cmd.DialLeg)
    assert (offer.card.caller, offer.card.caller_name, offer.card.continues) == (CALLER, "Ada", "1")


def test_the_console_says_from_what_a_running_one_goes_on() -> None:
    sim, _, token = called(with_link())
    sim.chat(token=token)
    (row,) = listed(sim)
    assert row["continues"] == "1"


def test_a_call_that_is_still_there_goes_on() -> None:
    sim, call, token = called(with_link(then=Enqueue(queue="sales")))
    chat = sim.chat(token=token)
    assert call in sim.voice.legs and chat in sim.web.legs
    assert sim.centre.history.state.open["1"].continued_as == ["2"]
    sim.login("ann")
    sim.run(5)
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    assert sim.record(call).continued_as == ["2"]
    sim.check_replay()


def test_only_a_digest_is_kept_and_no_token_stands_in_any_fact_state_or_record() -> None:
    sim, _, token = called(with_link())
    sim.chat(token=token)
    kept = [msgspec.json.encode(fact) for fact in sim.facts]
    kept += [sim.centre.dump(), *(row.body for row in sim.ledger.records(limit=100))]
    assert not any(token.encode() in each for each in kept)
    assert any(digest(token).encode() in each for each in kept)


def test_nothing_leaves_before_the_digest_is_kept() -> None:
    sim = SimulatedCentre(with_link())
    sim.call()
    assert sim.outside.asked and not sim.outside.sent and not sim.centre.opens
    sim.run(TICK)
    assert list(sim.outside.sent) == list(sim.centre.state.links) == ["1.a1"]


@pytest.mark.parametrize(("after", "opens"), [(600.0 - 5.0 - TICK, True), (600.0 - 5.0, False)])
def test_a_link_is_void_when_its_time_is_over(after: float, opens: bool) -> None:
    sim, _, token = called(with_link())
    sim.run(after)
    chat = sim.chat(token=token)
    assert (chat in sim.web.legs) is opens
    assert bool(sim.interaction_of(chat)) is opens
    if not opens:
        assert not sim.centre.state.links and not sim.centre.history.state.linked
    sim.check_replay()


@pytest.mark.parametrize("uses", [1, 2])
def test_a_link_opens_as_often_as_it_may(uses: int) -> None:
    send = msgspec.structs.replace(SEND, link=msgspec.structs.replace(RULE, uses=uses))
    sim, call, token = called(with_link(send=send))
    legs = [sim.chat(token=token) for _ in range(uses + 1)]
    assert [leg in sim.web.legs for leg in legs] == [True] * uses + [False]
    assert sim.record(call).continued_as == [str(2 + each) for each in range(uses)]


@pytest.mark.parametrize("token", ["", "unknown", "0" * 64])
def test_who_opens_nothing_reads_why_and_no_interaction_is_made(token: str) -> None:
    sim = SimulatedCentre(with_link())
    made = sim.centre.state.interactions_made
    leg = sim.web.arrive("visitor-1", "web:support", continues=digest(token))
    sim.act(lambda: None)
    assert read(sim, leg) == [REFUSED["en"]] and sim.web.ended[leg] is Cause.FORBIDDEN
    assert sim.centre.state.interactions_made == made
    sim.check_replay()


def test_the_refusal_is_written_in_the_language_of_the_centre_and_in_its_words() -> None:
    made = msgspec.structs.replace(with_link(), language="fr")
    sim = SimulatedCentre(made)
    assert read(sim, sim.chat(token="no")) == [REFUSED["fr"]]
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(made, links=LinkTexts(refused="Gone.")), "t"))
    assert read(sim, sim.chat(token="no")) == ["Gone."]


def test_while_the_daemon_is_drained_a_link_is_not_used_up() -> None:
    sim, _, token = called(with_link())
    sim.tell(facts.DrainAsked(True, "test"))
    sim.tell(facts.LegArrived("web:x", "web", *_WEB, "v", "web:support", continues=digest(token)))
    assert sim.centre.state.links["1.a1"].uses == 1
    sim.tell(facts.DrainAsked(False, "test"))
    assert sim.chat(token=token) in sim.web.legs


def test_a_link_survives_a_restart_and_so_does_its_conversation() -> None:
    send = msgspec.structs.replace(SEND, link=msgspec.structs.replace(RULE, uses=2))
    sim, call, token = called(with_link(send=send))
    sim.restart()
    chat = sim.chat(token=token)
    sim.restart()
    assert sim.interaction_of(chat) in sim.centre.state.interactions
    sim.login("cat")
    sim.run(3)
    sim.hang_up(chat)
    sim.chat(token=token)
    assert sim.record(call).continued_as == ["2", "3"]
    sim.check_replay()


def test_a_flow_that_was_taken_away_is_replaced_by_that_of_the_channel() -> None:
    made = with_link()
    sim, _, token = called(made)
    less = {name: flow for name, flow in made.flows.items() if name != "chat_after_call"}
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(made, flows=less), "t"))
    chat = sim.chat(token=token)
    assert "asks outside" in whats(sim, chat) and sim.record(chat).continues == "1"


def test_a_chat_sends_a_link_too_and_the_chain_is_that_of_the_first() -> None:
    again = Send(service="texts", values={"text": "{link}"}, link=RULE, timeout_s=2.0)
    sim, _, token = called(with_link(again, Enqueue(queue="help")))
    first = sim.chat(token=token)
    sim.run(1)
    second = sim.chat(token=sim.outside.links["2.a1"])
    info = sim.centre.state.interactions[sim.interaction_of(second)]
    assert info.address == CALLER
    sim.hang_up(first)
    sim.hang_up(second)
    assert (sim.record(second).continues, sim.record(second).chain) == ("2", "1")
    assert sim.record(first).continued_as == ["3"] and sim.record(first).chain == "1"
    assert "continues 2 (chain 1)" in explain(sim.record(second))
    sim.check_replay()


def test_keys_that_nobody_may_see_do_not_go_along() -> None:
    secret = msgspec.structs.replace(RULE, keep=("card",))
    made = with_link(Play(prompts=("x",)), Enqueue(queue="help"), send=SEND)
    send = msgspec.structs.replace(SEND, link=secret)
    flow = FlowRule(name="straight", steps=(Set(values={"card": "secret:1.k1"}), send, Hangup()))
    sim, _, token = called(msgspec.structs.replace(made, flows={**made.flows, "straight": flow}))
    chat = sim.chat(token=token)
    assert "card" not in sim.centre.flows.variables(sim.interaction_of(chat))


def test_at_the_most_the_oldest_link_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST_LINKS", 2)
    sim = SimulatedCentre(with_link())
    for _ in range(3):
        sim.call()
        sim.run(3)
    tokens = list(sim.outside.links.values())
    assert list(sim.centre.state.links) == ["2.a1", "3.a1"]
    assert list(sim.centre.history.state.linked) == ["2", "3"]
    assert [sim.chat(token=token) in sim.web.legs for token in tokens] == [False, True, True]
    sim.run(700)
    assert not sim.centre.state.links and not sim.centre.opens


def test_what_is_due_is_bounded_though_links_are_used_up_before_their_time() -> None:
    sim = SimulatedCentre(with_link())
    for _ in range(70):
        sim.call()
        sim.run(3)
    for token in list(sim.outside.links.values()):
        sim.hang_up(sim.chat(token=token))
        sim.run(1)
    sim.call()
    sim.run(3)
    state = sim.centre.state
    assert len(state.links) == 1 and len(state.link_ends) == 1, "the time of those used up is not kept"
    sim.run(700)
    assert not state.links and not state.link_ends
    sim.check_replay()


def test_the_record_is_held_until_nobody_can_add_to_it_any_more() -> None:
    sim, call, token = called(with_link())
    held = sim.centre.history.state.linked
    assert held["1"].holds == 1 and held["1"].record is not None
    chat = sim.chat(token=token)
    assert held["1"].holds == 1, "the link is used up, the conversation runs"
    sim.hang_up(chat)
    assert not held and sim.record(call).continued_as == ["2"]


def test_a_conversation_lost_by_a_fault_of_ours_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sim, _, token = called(with_link())
    sim.login("cat")
    sim.chat(token=token)
    assert list(sim.centre.history.state.linked) == ["1"]
    monkeypatch.setattr(type(sim.centre.flows), "stop", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sim.run(5)
    assert not sim.centre.state.interactions and not sim.centre.history.state.linked


def test_a_failure_to_send_goes_its_way_and_stands_in_the_timeline() -> None:
    send = msgspec.structs.replace(SEND, on_failure="sorry")
    made = with_link(send=send, then=Hangup(prompt="sorry", id="sorry"))
    sim = SimulatedCentre(made)
    sim.outside.answers["texts"] = Answers(ok=False, note="no credit")
    call = sim.call()
    sim.run(5)
    assert "asked outside" in whats(sim, call)


def test_the_outcome_of_a_message_stands_in_the_record_of_a_call_that_is_over() -> None:
    sim = SimulatedCentre(with_link(then=Hangup()))
    sim.outside.answers["texts"] = Answers({"id": "1"}, after=1.5)
    call = sim.call()
    sim.run(0.5)
    assert "asked outside" not in whats(sim, call)
    sim.run(2)
    assert whats(sim, call)[-1] == "asked outside"
    sim.check_replay()


_WEB = (facts.ChannelClass.LIVE_TEXT, facts.LegKind.TEXT)
