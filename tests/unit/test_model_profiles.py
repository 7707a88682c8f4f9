"""Profiles as pure functions: what each section changes, in which order, and that nothing sticks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.nouns import ChannelClass
from ccd.model.profiles import apply_profiles, changed, touched_keys, touched_queues
from ccd.model.rules import AgentRule, FlowRule, ProfileRule, QueueRule, Rules, Suspension, Target
from ccd.model.steps import Answer, Enqueue, Hangup

BASE = Rules(
    agents={name: AgentRule(name=name) for name in ("ann", "bob", "cat")},
    queues={
        "sales": QueueRule(name="sales", agents=("ann", "bob"), max_wait_s=300.0),
        "mail": QueueRule(name="mail", agents=("ann", "cat"), max_length=50, overflow=Target(flow="sorry")),
    },
    flows={
        "hello": FlowRule(name="hello", steps=(Enqueue(queue="sales"),)),
        "brief": FlowRule(name="brief", steps=(Enqueue(queue="sales"),), language="fr"),
        "sorry": FlowRule(name="sorry", steps=(Hangup(),)),
    },
    numbers={"+33100": "hello", "+33101": "sorry"},
)


def under(*profiles: ProfileRule) -> Rules:
    """The rules in force with these profiles on, in this order."""
    base = msgspec.structs.replace(BASE, profiles={profile.name: profile for profile in profiles})
    return apply_profiles(base, [profile.name for profile in profiles])


def profile(name: str = "rush", **parts: Any) -> ProfileRule:
    return ProfileRule(name=name, **parts)


def test_agents_move_between_queues() -> None:
    rules = under(profile(agents={"ann": {"leave": ["mail"]}, "cat": {"join": ["sales"], "leave": ["mail"]}}))
    assert rules.queues["sales"].agents == ("ann", "bob", "cat")
    assert rules.queues["mail"].agents == ()


def test_who_is_there_already_does_not_join_twice() -> None:
    assert under(profile(agents={"ann": {"join": ["sales"]}})).queues["sales"] == BASE.queues["sales"]


def test_an_agent_gets_other_keys() -> None:
    rules = under(profile(agents={"bob": {"capacity": 60, "wrap_up_s": 5.0, "join": ["mail"]}}))
    assert rules.agents["bob"] == AgentRule(name="bob", capacity=60, wrap_up_s=5.0)
    assert rules.queues["mail"].agents == ("ann", "cat", "bob")


def test_a_queue_gets_other_keys_and_keeps_the_rest() -> None:
    changes = {"max_wait_s": 60, "overflow": {"queue": "mail"}, "load": {"voice": 50}, "agents": ["cat"]}
    assert under(profile(queues={"sales": changes})).queues["sales"] == QueueRule(
        name="sales",
        agents=("cat",),
        max_wait_s=60.0,
        load={ChannelClass.VOICE: 50},
        overflow=Target(queue="mail"),
    )


@pytest.mark.parametrize("kind", [AgentRule, QueueRule])
def test_every_key_of_an_agent_and_a_queue_can_be_changed(kind: type[Any]) -> None:
    """Whatever keys the structs get: a key's own value put over it changes nothing, and all are taken."""
    rule = kind(name="x")
    for field in msgspec.structs.fields(kind):
        assert changed(rule, {field.name: msgspec.to_builtins(getattr(rule, field.name))}) == rule


def test_numbers_and_flows_are_answered_otherwise() -> None:
    rules = under(profile(numbers={"+33101": "hello"}, flows={"hello": "brief"}))
    assert rules.numbers == {"+33100": "hello", "+33101": "hello"}
    assert rules.flows["hello"] == BASE.flows["brief"]


def test_flows_may_change_places() -> None:
    rules = under(profile(flows={"hello": "sorry", "sorry": "hello"}))
    assert (rules.flows["hello"].name, rules.flows["sorry"].name) == ("sorry", "hello")


def test_a_suspended_queue_is_served_by_nobody_and_keeps_its_limits() -> None:
    mail = under(profile(suspend=Suspension(queues={"mail": Target()}))).queues["mail"]
    assert mail == msgspec.structs.replace(BASE.queues["mail"], agents=())


def test_a_queue_suspended_to_a_target_sends_everything_there() -> None:
    mail = under(profile(suspend=Suspension(queues={"mail": Target(queue="sales")}))).queues["mail"]
    assert (mail.agents, mail.max_length, mail.max_wait_s, mail.overflow) == (
        (),
        0,
        0.0,
        Target(queue="sales"),
    )


def test_what_one_profile_suspends_no_later_one_serves() -> None:
    first = profile("first", suspend=Suspension(queues={"mail": Target()}))
    second = profile("second", agents={"bob": {"join": ["mail"]}}, queues={"mail": {"agents": ["bob"]}})
    assert under(first, second).queues["mail"].agents == ()


def test_a_channel_goes_to_a_flow_or_by_a_flow_to_a_queue() -> None:
    channels = {"web": Target(flow="sorry"), "voice": Target(queue="mail"), "sms": Target(flow="none")}
    rules = under(profile(suspend=Suspension(channels=channels)))
    assert rules.diverted == {"web": "sorry", "voice": "to queue mail"}
    assert rules.flows["to queue mail"].steps == (Answer(), Enqueue(queue="mail"))


def test_the_one_turned_on_later_counts() -> None:
    one, two = (
        profile(name, queues={"sales": {"priority": at}}) for at, name in enumerate(("one", "two"), 1)
    )
    assert under(one, two).queues["sales"].priority == 2
    assert under(two, one).queues["sales"].priority == 1


def test_what_is_not_there_is_let_be() -> None:
    odd = profile(
        agents={"eve": {"capacity": 1}, "ann": {"join": ["none"], "leave": ["none"]}},
        queues={"none": {"priority": 1}},
        numbers={"+33999": "hello"},
        flows={"hello": "none"},
        suspend=Suspension(queues={"none": Target()}),
    )
    assert msgspec.structs.replace(under(odd), profiles={}) == BASE
    assert apply_profiles(BASE, ["none"]) is BASE


def test_what_a_profile_touches() -> None:
    rush = profile(
        agents={"ann": {"join": ["sales"], "capacity": 50}},
        queues={"mail": {"priority": 3}},
        numbers={"+33100": "sorry"},
        suspend=Suspension(queues={"mail": Target()}, channels={"web": Target(flow="sorry")}),
    )
    assert set(touched_queues(rush)) == {"sales", "mail"}
    assert list(touched_keys(rush)) == [
        ("agents", "ann", "join", "sales"),
        ("agents", "ann", "capacity"),
        ("queues", "mail", "priority"),
        ("numbers", "+33100"),
        ("suspend", "queues", "mail"),
        ("suspend", "channels", "web"),
    ]


NAMES = st.sampled_from(["sales", "mail"])
TARGETS = st.sampled_from([Target(), Target(queue="sales"), Target(flow="sorry")])
MOVES = st.fixed_dictionaries(
    {},
    optional={
        "join": st.lists(NAMES, max_size=2, unique=True),
        "leave": st.lists(NAMES, max_size=2, unique=True),
        "capacity": st.integers(0, 200),
    },
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-5, 5),
        "max_wait_s": st.floats(0, 900),
        "overflow": st.just({"queue": "mail"}),
    },
)


@st.composite
def profiles(draw: st.DrawFn, name: str) -> ProfileRule:
    return ProfileRule(
        name=name,
        agents=draw(st.dictionaries(st.sampled_from(["ann", "bob", "cat"]), MOVES, max_size=3)),
        queues=draw(st.dictionaries(NAMES, CHANGES, max_size=2)),
        numbers=draw(st.dictionaries(st.sampled_from(sorted(BASE.numbers)), st.just("sorry"))),
        flows=draw(st.dictionaries(st.just("hello"), st.just("brief"))),
        suspend=Suspension(
            queues=draw(st.dictionaries(NAMES, TARGETS, max_size=2)),
            channels=draw(st.dictionaries(st.just("web"), st.just(Target(queue="mail")))),
        ),
    )


@given(one=profiles("one"), two=profiles("two"))
def test_profiles_change_no_more_than_they_say(one: ProfileRule, two: ProfileRule) -> None:
    rules = under(one, two)
    touched = {*touched_queues(one), *touched_queues(two)}
    for name, queue in BASE.queues.items():
        assert name in touched or rules.queues[name] == queue
    assert {*one.agents, *two.agents} >= {
        name for name in BASE.agents if rules.agents[name] != BASE.agents[name]
    }
    assert rules.agents.keys() == BASE.agents.keys() and rules.queues.keys() == BASE.queues.keys()
    packed = msgspec.msgpack.encode(rules)
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(packed, type=Rules)) == packed
