"""Who overflows, shared out among several targets by percentage: whose turn it is, and who stays.

Counted, not drawn by lot: after any number of turns each target has had its share of them, rounded down or
up, and after a hundred exactly. That is the schedule of unit tasks with windows, the earliest deadline first
(Baruah, Cohen, Plaxton and Varvel, Proportionate Progress, 1996): target i may have its n-th turn from turn
floor((n - 1) / share) on and must have had it by turn ceil(n / share). What the shares leave of the hundred
is the share of those who stay in the line; who stays is not asked again by the same limit.
"""

from collections.abc import Sequence

import msgspec

from ccd.model.rules import QueueRule, Target, way_of
from ccd.routing.opening import overflow_target
from ccd.routing.state import Place, RoutingState, SharedOut

STAYS = "stays"


class ShareView(msgspec.Struct, frozen=True):
    """How often a target had its turn since these shares are in force."""

    key: str
    """`overflow` or `closed_to`."""
    to: str
    """`queue NAME`, `flow NAME`, `agent NAME`, `address NUMBER`, or `stays`."""
    pct: int
    count: int


def is_spared(place: Place, rule: QueueRule, why: str) -> bool:
    """Whether a place was among those who stay at this limit, where some do."""
    return why in place.spared and bool(overflow_target(rule, why).share)


def next_target(state: RoutingState, rule: QueueRule, why: str) -> Target | None:
    """Where the next one who overflows goes, which takes the turn; None: this one stays."""
    target = overflow_target(rule, why)
    if not target.share:
        return target
    shared = _counted(state, rule, why, target)
    at = turn(percentages(target), shared.taken)
    shared.taken[at] += 1
    shared.count[at] += 1
    if sum(shared.taken) == 100:
        shared.taken = [0] * len(shared.taken)
    if at == len(target.share):
        return None
    share = target.share[at]
    return Target(queue=share.queue, flow=share.flow, agent=share.agent, address=share.address)


def percentages(target: Target) -> list[int]:
    """Those of the targets in order, then of those who stay."""
    given = [share.pct for share in target.share]
    return [*given, max(0, 100 - sum(given))]


def share_of(rule: QueueRule, why: str, target: Target) -> int:
    """The percentage of those who overflow that goes to a target; 0: nothing is shared out."""
    for share in overflow_target(rule, why).share:
        if way_of(share) == way_of(target):
            return share.pct
    return 0


def turn(pcts: Sequence[int], taken: Sequence[int]) -> int:
    """Whose turn is next, when each was `taken` so often since the last full hundred."""
    now = sum(taken)
    open_ = [at for at, pct in enumerate(pcts) if taken[at] * 100 < (now + 1) * pct]
    return min(open_, key=lambda at: (-(-(taken[at] + 1) * 100 // pcts[at]), at))


def view_shares(state: RoutingState, rule: QueueRule) -> tuple[ShareView, ...]:
    """What a queue shares out, and how often each had its turn."""
    found: list[ShareView] = []
    for key in ("overflow", "closed_to"):
        target: Target = getattr(rule, key)
        shared = state.shared.get(rule.name, {}).get(key)
        counts = shared.count if shared is not None and shared.share == target.share else []
        names = [*map(way_of, target.share), STAYS] if target.share else []
        for at, (name, pct) in enumerate(zip(names, percentages(target), strict=False)):
            if name != STAYS or pct:
                found.append(ShareView(key, name, pct, counts[at] if counts else 0))
    return tuple(found)


def _counted(state: RoutingState, rule: QueueRule, why: str, target: Target) -> SharedOut:
    """The counts of these shares; others of that key than before begin at none."""
    key = "closed_to" if why == "closed" and target == rule.closed_to else "overflow"
    of_queue = state.shared.setdefault(rule.name, {})
    shared = of_queue.get(key)
    if shared is None or shared.share != target.share:
        none = [0] * (len(target.share) + 1)
        shared = of_queue[key] = SharedOut(target.share, none, list(none))
    return shared
