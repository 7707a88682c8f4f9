"""Circles among queues that send on to each other: what goes round in one would never end."""

from collections.abc import Iterator, Mapping

from ccd.model.rules import Target


def led_to(target: Target) -> list[str]:
    """The queues that a target leads to, also by shares."""
    return [name for name in (target.queue, *(share.queue for share in target.share)) if name]


def circles(into: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Circles by what leads to what, the first member again at the end; no member is told twice."""
    told: set[str] = set()
    done: set[str] = set()
    for start in into:
        for circle in _from(start, [], into, done):
            if told.isdisjoint(circle):
                told.update(circle)
                yield circle


def _from(at: str, chain: list[str], into: Mapping[str, list[str]], done: set[str]) -> Iterator[list[str]]:
    """Circles met on the way from here; what was looked at before is not looked at again."""
    if at in chain:
        yield [*chain[chain.index(at) :], at]
    elif at in into and at not in done:
        for follower in into[at]:
            yield from _from(follower, [*chain, at], into, done)
        done.add(at)
