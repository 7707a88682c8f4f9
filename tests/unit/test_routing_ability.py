"""Sets of agents as bits against plain sets, and the choice of one of them against a look at each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.model.nouns import Availability, ChannelClass, LegKind
from ccd.model.requirements import parse_requirement
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.routing import choosing as choosing_module
from ccd.routing import decisions as d
from ccd.routing import index as index_module
from ccd.routing.ability import Ability, SkillTable, all_numbers_of, numbers_of
from ccd.routing.router import Router
from ccd.routing.stages import Stages, key_of, stage_at
from ccd.routing.strategies import RING_ALL, STRATEGIES
from tests.unit.routing_oracle import Oracle, times
from tests.unit.routing_rules import AGENTS, REQUIREMENTS, rule_sets

skills = st.dictionaries(st.sampled_from(["french", "billing", "second-line"]), st.integers(1, 10))
texts = st.recursive(
    st.sampled_from(
        [
            "french",
            "billing >= 5",
            "second-line > 3",
            "french < 4",
            "billing <= 8",
            "french == 7",
            "billing != 2",
        ]
    ),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)


@given(agents=st.lists(st.none() | skills, max_size=40), text=texts)
def test_who_meets_a_requirement(agents: list[dict[str, int] | None], text: str) -> None:
    table = SkillTable(agents)
    requirement = parse_requirement(text)
    bits = table.meeting(requirement)
    expected = [n for n, held in enumerate(agents) if held is not None and requirement.met_by(held)]
    assert all_numbers_of(bits) == expected
    assert list(numbers_of(bits)) == expected[::-1]
    mask = Ability(bits, requirement, table.width).mask
    assert [n for n in range(len(agents)) if mask[n >> 3] >> (n & 7) & 1] == expected


@given(agents=st.lists(skills, min_size=1, max_size=30))
def test_cut_up_by_level(agents: list[dict[str, int]]) -> None:
    table = SkillTable(agents)
    requirement = parse_requirement("french or billing >= 2")
    ability = Ability(table.meeting(requirement), requirement, table.width)
    found = [all_numbers_of(bits) for bits in ability.by_level(agents.__getitem__)]
    sums = {n: agents[n].get("french", 0) + agents[n].get("billing", 0) for n in all_numbers_of(ability.bits)}
    levels = sorted(set(sums.values()), reverse=True)
    assert found == [[n for n in sums if sums[n] == level] for level in levels]


@settings(max_examples=120, deadline=None)
@given(rules=rule_sets(), own=st.sampled_from(REQUIREMENTS))
def test_who_may_be_asked_at_each_stage_and_in_which_order(rules: Rules, own: str) -> None:
    oracle = Oracle(rules)
    table = SkillTable(rules.agents[name].skills for name in AGENTS)
    for queue in rules.queues.values():
        stages = Stages(queue, rules, table, {name: number for number, name in enumerate(AGENTS)})
        row = len(times(queue))
        assert [step.after_s for step in stages.steps[:row]] == times(queue)
        assert len(stages.steps) == row << len(stages.conditional)
        conditions = [at for at, relax in enumerate(queue.relax) if relax.when]
        assert names(stages.members) == oracle.members(queue)
        for number, step in enumerate(stages.steps):
            given = [at for bit, at in enumerate(conditions) if number // row >> bit & 1]
            keys = [key_of(queue.relax[at]) for at in given]
            assert stage_at(queue, step.after_s, keys) == number
            stage = (number % row, frozenset(given))
            able = [name for name in AGENTS if oracle.able(name, queue, stage, own)]
            assert names(stages.ability(number, own).bits) == able
            assert set(able) <= set(names(stages.reach))
            asked = {name: oracle.rank(name, queue, stage) for name in AGENTS}
            ranks = sorted({rank for rank in asked.values() if rank is not None})
            groups = [[name for name in AGENTS if asked[name] == rank] for rank in ranks]
            assert [names(rank) for rank in step.ranks] == (groups if len(groups) > 1 else [])


def names(bits: int) -> list[str]:
    return [AGENTS[number] for number in all_numbers_of(bits)]


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != RING_ALL])
@pytest.mark.parametrize("few", [0, 12], ids=["walks the line", "walks the set"])
def test_one_of_many_is_the_first_by_the_strategy(
    strategy: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the choice is looked for: among 60 free of whom some may take it, time after time."""
    chosen = []
    for size in (few, 10_000):  # the second always walks the set
        monkeypatch.setattr(choosing_module, "FEW", size)
        router = _many(strategy)
        chosen.append([_take(router, number) for number in range(90)])
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) > 5 or strategy == "top_down"


def _many(strategy: str) -> Router:
    agents = {f"a{n:02}": AgentRule(f"a{n:02}", skills={"french": n % 5} if n % 5 else {}) for n in range(60)}
    queue = QueueRule("q", by_skill=True, requirement="french", strategy=strategy, retry_same_after_s=0.0)
    router = Router(Rules(agents=agents, queues={"q": queue}))
    for place, name in enumerate(sorted(agents, key=lambda name: name[::-1])):
        router.set_reachable(name, True, 1.0)
        router.set_availability(name, Availability.READY, "", "test", 1.0 + place)
    return router


def _take(router: Router, number: int) -> str:
    now, name = 100.0 + number, f"i{number}"
    asked = "french >= 4" if number % 3 else ""
    out = router.enqueue(
        name, "q", now, channel_class=ChannelClass.VOICE, kind=LegKind.AUDIO, requirement=asked
    )
    (offer,) = (one for one in out if isinstance(one, d.Offer))
    router.answered(offer.offer, now)
    router.bridged(name, now)
    router.finish(name, now + number % 4)
    return offer.agent


def test_ever_other_requirements_leave_no_buckets_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MOST_BUCKETS", 4)
    agents = {"ann": AgentRule("ann", skills={"french": 5}, capacity=110)}
    router = Router(Rules(agents=agents, queues={"q": QueueRule("q", agents=("ann",))}))
    router.set_reachable("ann", True, 0.0)
    router.set_availability("ann", Availability.READY, "", "test", 0.0)
    router.occupy("ann", "own", 100, 0.0)
    for number in range(1, 11):
        router.enqueue(
            f"i{number}",
            "q",
            0.0,
            channel_class=ChannelClass.VOICE,
            kind=LegKind.AUDIO,
            requirement=f"french >= {number}",
        )
        router.occupy("ann", "own", 100, 0.0)  # room for a mail: ann looks at what waits
    assert router.waiting("q") == [f"i{number}" for number in range(1, 11)]
    served = []
    out = router.vacate("ann", "own", 1.0)
    while offers := [one for one in out if isinstance(one, d.Offer)]:
        served.append(offers[0].interaction)
        router.answered(offers[0].offer, 1.0)
        router.bridged(served[-1], 1.0)
        out = router.finish(served[-1], 1.0)
    assert served == ["i1", "i2", "i3", "i4", "i5"]
    assert router.waiting("q") == ["i6", "i7", "i8", "i9", "i10"]
