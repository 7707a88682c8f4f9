"""The longest wait of a queue, as conditions ask for it: the same as by looking at all, without doing so."""

import random

import pytest

from ccd.model.nouns import Cause, ChannelClass, LegKind
from ccd.model.rules import QueueRule, Rules
from ccd.routing.callbacks import is_away
from ccd.routing.queues import QueueIndex
from ccd.routing.router import Router
from tests.unit.test_runtime_centre import ACTIONS, WEIGHTED, Chaos, wake


def walked(router: Router, name: str, now: float) -> float:
    """By looking at all that wait."""
    index = router._matching.index
    places = [index.places[each] for each in index.queues[name].order(now)]
    return max((now - place.entered_at for place in places if not is_away(place)), default=0.0)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_that_of_who_waits_longest_whatever_happens(seed: int) -> None:
    chance, chaos = random.Random(seed), Chaos()
    wake(chaos)
    waited, happens = 0, [name for name in WEIGHTED if name not in {"close", "drain"}]
    for _ in range(400):
        ACTIONS[chance.choice(happens)](chaos, chance.randrange(12), chance.randrange(30))
        router = chaos.centre.router
        for name in router._matching.index.queues:
            asked = router.queue_figure(name, "longest_wait_s", chaos.now)
            assert asked == max(0.0, walked(router, name, chaos.now))
            waited += bool(asked)
    assert waited > 10


def test_who_is_not_asked_keeps_no_heap_and_many_questions_walk_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []
    order = QueueIndex.order

    def counted(queue: QueueIndex, now: float) -> list[str]:
        walks.append(queue.rule.name)
        return order(queue, now)

    router = Router(Rules(queues={"q": QueueRule(name="q")}))
    queue = router._matching.index.queues["q"]
    call = {"channel_class": ChannelClass.VOICE, "kind": LegKind.AUDIO}
    for number in range(500):
        router.enqueue(f"w{number}", "q", 1000.0 + number, priority=number % 3, **call)  # type: ignore[arg-type]
    assert queue.oldest is None
    monkeypatch.setattr(QueueIndex, "order", counted)
    for number in range(499):
        now = 2000.0 + number
        router.enqueue(f"n{number}", "q", now, **call)  # type: ignore[arg-type]
        router.withdraw(f"w{number}", now, Cause.NORMAL)
        assert router.queue_figure("q", "longest_wait_s", now) == now - (1000.0 + number + 1)
    assert len(walks) == 1
    assert queue.oldest is not None and len(queue.oldest) <= 64 + 4 * 500
