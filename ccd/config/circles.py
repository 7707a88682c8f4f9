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
        chain, ways = [start], [iter(() if start in done else into[start])]
        while chain:
            at = next(ways[-1], None)
            if at is None:
                done.add(chain.pop())
                ways.pop()
            elif at in chain:
                circle = [*chain[chain.index(at) :], at]
                if told.isdisjoint(circle):
                    told.update(circle)
                    yield circle
            elif at in into and at not in done:
                chain.append(at)
                ways.append(iter(into[at]))
