"""Which target is used: rest, going back, and what a call tries."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.voice.locating import Place
from ccd.voice.trunk_targets import FORGIVEN_S, MOST_REST_S, MOST_TRIES, REST_S, Targets

START = 1000.0


def place(n: int, priority: int = 0) -> Place:
    return Place(f"192.0.2.{n}", 5060, f"s{n}.test", priority)


def targets(*priorities: int) -> Targets:
    made = Targets()
    made.take([place(n, priority) for n, priority in enumerate(priorities, start=1)])
    made.in_use = made.choose(START)
    return made


def numbers(made: Targets, now: float) -> list[int]:
    return [int(each.place.address.rpartition(".")[2]) for each in made.for_a_call(now)]


def test_the_best_priority_is_used_until_it_fails_and_again_when_it_has_rested() -> None:
    made = targets(10, 20)
    first, second = made.all
    assert made.in_use is first
    first.fail(START)
    assert made.choose(START) is second
    made.in_use = second
    assert made.next_review(START) == START + REST_S
    assert made.choose(START + REST_S - 0.001) is second
    assert made.choose(START + REST_S) is first


def test_among_equals_the_one_in_use_stays() -> None:
    made = targets(10, 10)
    first, second = made.all
    first.fail(START)
    made.in_use = made.choose(START)
    assert made.in_use is second
    assert made.choose(START + 1e6) is second
    assert made.next_review(START) is None
    made.take([place(2, 10), place(1, 10)])
    assert made.choose(START + 1e6) is second


def test_each_further_failure_doubles_the_rest_up_to_a_limit_and_is_forgiven_in_time() -> None:
    made = targets(10, 20)
    first = made.all[0]
    now, rests = START, []
    for _ in range(8):
        first.fail(now)
        first.fail(now + 1.0)  # a second call that was under way: the same failure
        rests.append(first.rest_until - now - 1.0)
        now = first.rest_until
    assert rests[:4] == [REST_S, 2 * REST_S, 4 * REST_S, 8 * REST_S]
    assert rests[-1] == MOST_REST_S
    now += FORGIVEN_S + 1.0
    first.fail(now)
    assert first.rest_until - now == REST_S


def test_a_call_tries_the_one_in_use_then_the_others_and_not_too_many() -> None:
    made = targets(10, 20, 20, 30, 40, 50)
    assert numbers(made, START) == [1, 2, 3, 4][:MOST_TRIES]
    made.all[0].busy_until = START + 5.0
    assert numbers(made, START) == [2, 3, 4, 5]
    made.in_use = made.all[2]
    assert numbers(made, START) == [3, 2, 4, 5]
    assert numbers(made, START + 5.0)[0] == 1


def test_where_all_are_bad_the_least_bad_one_is_used() -> None:
    made = targets(10, 20)
    for each in made.all:
        each.fail(START)
    assert made.choose(START) is made.all[0]
    assert numbers(made, START) == [1, 2]


def test_what_is_known_of_a_target_survives_a_new_answer() -> None:
    made = targets(10, 20)
    first = made.all[0]
    first.fail(START)
    assert not made.take([place(2, 5), place(1, 10)])
    assert made.at("192.0.2.1", 5060) is first
    assert made.in_use is first
    assert made.take([place(3)])
    assert made.in_use is None
    assert made.at("192.0.2.1", 5060) is None


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 400.0)), max_size=20),
)
def test_whatever_fails_there_is_one_in_use_and_it_is_among_the_least_bad(
    priorities: list[int], failures: list[tuple[int, float]]
) -> None:
    made = targets(*priorities)
    now = START
    for which, later in failures:
        now += later
        made.all[which % len(made.all)].fail(now)
        made.in_use = made.choose(now)
        assert made.in_use is not None
        assert made.in_use.badness(now) == min(each.badness(now) for each in made.all)
        at = made.next_review(now)
        assert at is None or now < at <= now + MOST_REST_S
    later = now + MOST_REST_S
    made.in_use = made.choose(later)
    assert made.in_use is not None
    assert made.in_use.place.priority == min(priorities)
