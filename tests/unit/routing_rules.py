"""Rules of small centres, drawn at random: everything that the routing engine can be told."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule, Exceptional, Span
from ccd.model.nouns import ChannelClass, OfferEnd
from ccd.model.rules import AgentRule, QueueRule, Relax, Rules, Target, Tier
from ccd.routing.strategies import RING_ALL, STRATEGIES

AGENTS = ("ann", "bob", "cat", "dan")
QUEUES = ("sales", "help", "web")
VOICE, CHAT, MAIL = ChannelClass.VOICE, ChannelClass.LIVE_TEXT, ChannelClass.DEFERRED_TEXT
CLASSES = (VOICE, CHAT, MAIL)
REQUIREMENTS = (
    "",
    "",
    "",
    "",
    "french >= 5",
    "french or billing >= 3",
    "billing and not french >= 8",
    "german",
)

SHIFTS = CalendarRule(
    name="shifts",
    zone="UTC",
    week=((Span(0, 1440),),) * 7,
    exceptional=tuple(Exceptional(start, start + 9.0) for start in (1005.0, 1030.0, 1060.0, 1100.0, 1150.0)),
)
"""Open but for some short closings; the tests begin at 1000."""

some_agents = st.lists(st.sampled_from(AGENTS), unique=True, min_size=1)
relaxations = st.sampled_from(
    [
        (),
        (),
        (Relax(5.0, drop=("french",)),),
        (Relax(3.0, at_most={"french": 3}), Relax(8.0, drop=("billing",), open=("help",))),
        (
            Relax(3.0, at_most={"french": 5}),
            Relax(7.0, at_most={"french": 2}),
            Relax(9.0, at_most={"french": 4}),
        ),
        (Relax(5.0, open=("sales", "web")),),
        (Relax(when="waiting >= 2", drop=("french",)), Relax(7.0, at_most={"billing": 2})),
        (Relax(4.0, when="queue.help.longest_wait_s > 6 or waiting > 2", open=("help", "web")),),
        (
            Relax(when="longest_wait_s > 9", drop=("billing",)),
            Relax(6.0, when="waiting > 1", drop=("french",)),
        ),
    ]
)
tiers = st.sampled_from(
    [
        (),
        (),
        (Tier(("ann",)), Tier(("bob", "cat"), 5.0)),
        (Tier(("cat", "ann"), 4.0), Tier(("dan",), 8.0)),
        (Tier(("dan",), 0.0),),
    ]
)
queue_rules = st.builds(
    QueueRule,
    name=st.just(""),
    agents=some_agents.map(tuple),
    strategy=st.sampled_from([*STRATEGIES, *[RING_ALL] * 4]),
    ring_all_max=st.sampled_from([16, 16, 1, 2]),
    priority=st.integers(0, 2),
    ring_timeout_s=st.sampled_from([5.0, 20.0]),
    text_timeout_s=st.sampled_from([9.0, 60.0]),
    retry_same_after_s=st.sampled_from([4.0, 30.0]),
    wrap_up=st.sampled_from([None, None, None, None, "until_ended"]),
    wrap_up_s=st.sampled_from([0.0, 3.0, 10.0]),
    wrap_up_extend_s=st.just(4.0),
    wrap_up_extensions=st.sampled_from([0, 1]),
    dispositions=st.sampled_from([{}, {}, {"1": "sale"}]),
    disposition=st.sampled_from([None, "required"]),
    load=st.sampled_from([{}, {}, {CHAT: 50}, {VOICE: 60}]),
    max_wait_s=st.sampled_from([None, None, 15.0]),
    max_length=st.sampled_from([None, None, 0, 2]),
    overflow=st.just(Target(flow="out")),
    on_miss=st.sampled_from([{}, {OfferEnd.NO_ANSWER: 2, OfferEnd.REJECTED: 1}]),
    requirement=st.sampled_from(REQUIREMENTS),
    by_skill=st.booleans(),
    relax=relaxations,
    tiers=tiers,
    weight=st.sampled_from([0, 0, 1]),
    age_per_min=st.sampled_from([{}, {}, {VOICE: 15.0}, {VOICE: 60.0, CHAT: 15.0}]),
    max_active=st.sampled_from([None, None, None, 1, 2]),
    reserve=st.sampled_from([{}, {VOICE: 1}, {VOICE: 1}, {VOICE: 2}]),
    interrupts=st.sampled_from([{}, {}, {VOICE: (MAIL,)}, {VOICE: (MAIL, CHAT)}]),
    weights=st.sampled_from([{}, {"ann": 5}]),
    join_empty=st.sampled_from(["never", "never", "logged_out", "not_ready"]),
    leave_empty=st.sampled_from(["never", "never", "logged_out", "not_ready"]),
    max_load=st.sampled_from([None, None, 0.5, 1.5]),
    estimate_wait=st.booleans(),
    calendar=st.sampled_from(["", "", "", "shifts"]),
    on_close=st.sampled_from(["serve", "overflow"]),
    callback=st.sampled_from([None, CallbackRule(first="customer", ring_s=6.0)]),
)
agent_rules = st.builds(
    AgentRule,
    name=st.just(""),
    capacity=st.sampled_from([100, 100, 99, 60, 200]),
    wrap_up=st.sampled_from([None, None, None, None, "none", "until_ended"]),
    wrap_up_s=st.sampled_from([None, 0.0, 2.0]),
    skills=st.dictionaries(st.sampled_from(["french", "billing", "german"]), st.sampled_from([2, 4, 6, 9])),
    load=st.sampled_from([{}, {}, {CHAT: 20}, {VOICE: 50}]),
    most=st.sampled_from([{}, {}, {CHAT: 1}, {CHAT: 2, VOICE: 1}]),
    works_on_hold=st.booleans(),
)


THEMES: dict[str, tuple[str, ...]] = {
    "skill": ("requirement", "by_skill", "relax", "tiers", "skills"),
    "room": ("load", "most", "capacity", "works_on_hold", "reserve", "interrupts", "max_active"),
    "order": ("strategy", "weights", "ring_all_max", "priority", "weight", "age_per_min"),
    "limits": ("max_wait_s", "max_length", "max_load", "join_empty", "leave_empty", "calendar", "on_close"),
    "after": ("wrap_up", "wrap_up_s", "wrap_up_extensions", "dispositions", "disposition"),
    "others": ("on_miss", "callback", "estimate_wait"),
}
"""What a small centre is about. Where everything is drawn at once, one thing hides the other: of agents who
are not able, in wrap-up and at their ceiling none is left to be kept by a reserve."""


@st.composite
def rule_sets(draw: st.DrawFn, themes: set[str] | None = None) -> Rules:
    """`themes`: about these; None: about all, or one or two of them."""
    some = st.sets(st.sampled_from(sorted(THEMES)), min_size=1, max_size=2)
    about = themes or draw(st.just(set(THEMES)) | some)
    plain = {field for theme, fields in THEMES.items() if theme not in about for field in fields}

    def drawn(name: str, rules: st.SearchStrategy[Any], usual: AgentRule | QueueRule, **more: Any) -> Any:
        kept = {field: getattr(usual, field) for field in plain if field in usual.__struct_fields__}
        return msgspec.structs.replace(draw(rules), **{**kept, **more, "name": name})

    everybody: dict[str, Any] = {} if "skill" in about else {"agents": AGENTS}
    return Rules(
        agents={name: drawn(name, agent_rules, AgentRule("")) for name in AGENTS},
        queues={name: drawn(name, queue_rules, QueueRule(""), **everybody) for name in QUEUES},
        calendars={"shifts": SHIFTS},
    )
