"""Who waits in a queue, in order, against a plain sorted list; and the shelves on which buckets stand."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.model.nouns import ChannelClass, LegKind
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.routing.index import Index
from ccd.routing.shelves import MOST_ON_SHELF
from ccd.routing.standing import Standing, Turn
from ccd.routing.state import AgentState, Place, QueueTotals, RoutingState

RATES = (0.0, 0.5)
NOW = 100.0

moves = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from(RATES)), max_size=120)


def turn_of(number: int) -> Turn:
    """A few equal orders and entries, so that later parts decide."""
    return (float(number % 3), float(number % 5), number, f"i{number}")


@given(moves)
def test_it_is_a_sorted_list_whoever_steps_out_and_in_again(
    steps: list[tuple[bool, int, float]],
) -> None:
    standing = Standing()
    there: dict[int, float] = {}
    for comes, number, rate in steps:
        if comes and number not in there:
            there[number] = rate
            standing.step_in(turn_of(number), rate)
        elif not comes and number in there:
            standing.step_out(turn_of(number), there.pop(number))
        assert len(standing) == len(there)
        assert sorted(standing) == sorted((rate, turn_of(each)) for each, rate in there.items())
        at = [(turn_of(each)[0] - rate * NOW, *turn_of(each)[1:]) for each, rate in there.items()]
        own = turn_of(number)
        mine = (own[0] - rate * NOW, *own[1:])
        assert standing.rank(own, rate, NOW) == 1 + sum(other < mine for other in at)


def hall(queues: int, waiting: list[tuple[int, ChannelClass, int]]) -> Index:
    """One agent who serves all queues; the waiting by queue, channel class and priority."""
    rules = Rules(
        agents={"ann": AgentRule(name="ann", skills={"a": 5})},
        queues={f"q{n}": QueueRule(name=f"q{n}", by_skill=True, requirement="a >= 2") for n in range(queues)},
    )
    state = RoutingState(agents={"ann": AgentState("ann")})
    state.queues = {name: QueueTotals() for name in rules.queues}
    for number, (queue, channel_class, priority) in enumerate(waiting):
        kind = LegKind.AUDIO if channel_class is ChannelClass.VOICE else LegKind.TEXT
        name, entered = f"i{number}", NOW + number % 4
        state.places[name] = Place(
            name, f"q{queue}", channel_class, kind, priority, entered, entered, seq=number
        )
    return Index(rules, state, {})


classes = st.sampled_from([ChannelClass.VOICE, ChannelClass.LIVE_TEXT, ChannelClass.DEFERRED_TEXT])


@given(
    st.lists(st.tuples(st.integers(0, 4), classes, st.integers(0, 3)), max_size=30),
    st.integers(0, 15),
)
def test_the_best_work_is_the_first_of_all_that_there_is_room_for(
    waiting: list[tuple[int, ChannelClass, int]], room_for: int
) -> None:
    index = hall(5, waiting)
    desk = index.desks["ann"]
    desk.room_for = room_for
    left = dict(index.places)
    while True:
        fits = [
            place
            for place in left.values()
            if room_for >> index.queues[place.queue].kinds[place.channel_class] & 1
        ]
        expected = min(
            fits, key=lambda place: index.queues[place.queue].standing(place, NOW + 10), default=None
        )
        found = index.best_work(desk, NOW + 10)
        assert found is expected
        if expected is None:
            break
        index.step_out(index.queues[expected.queue], expected)
        del left[expected.interaction]


def test_a_shelf_holds_a_few_buckets_and_one_that_is_guarded_stands_alone() -> None:
    every = [
        (queue, each, 0)
        for queue in range(5)
        for each in (ChannelClass.VOICE, ChannelClass.LIVE_TEXT, ChannelClass.DEFERRED_TEXT)
    ]
    index = hall(5, every)
    shelves = index.serves(index.desks["ann"])
    assert sum(len(shelf.buckets) for shelf in shelves) == len(every)
    assert max(len(shelf.buckets) for shelf in shelves) <= MOST_ON_SHELF
    rules = Rules(
        agents={"ann": AgentRule(name="ann")},
        queues={name: QueueRule(name=name, by_skill=True, max_active=1) for name in ("a", "b")},
    )
    state = RoutingState(agents={"ann": AgentState("ann")})
    state.queues = {name: QueueTotals() for name in rules.queues}
    for name in rules.queues:
        state.places[name] = Place(name, name, ChannelClass.VOICE, LegKind.AUDIO, 0, NOW, NOW, seq=1)
    assert len(Index(rules, state, {}).shelves.all) == 2
