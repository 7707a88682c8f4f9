"""What the engine shows to people: plain values made on request, never on the hot path."""

from heapq import heapify, heappop
from typing import Any, NamedTuple

import msgspec

from ccd.model.calendar import Cause, OpenState, is_open
from ccd.model.nouns import Availability
from ccd.routing.ability import Bits
from ccd.routing.callbacks import hears_message, is_away, is_called
from ccd.routing.desk import Desk
from ccd.routing.desks import totals_at
from ccd.routing.expecting import Expecting, WaitView
from ccd.routing.index import Index
from ccd.routing.opening import reopens_at
from ccd.routing.phases import Phase
from ccd.routing.queues import QueueIndex
from ccd.routing.served import service_level_pct
from ccd.routing.shares import ShareView, view_shares
from ccd.routing.state import AgentState, AgentTotals, Place, QueueTotals, RoutingState, WrapUp
from ccd.routing.unmanned import nobody

Figure = float | bool | str | None


class QueueView(msgspec.Struct, frozen=True):
    """One queue now."""

    queue: str
    display: str
    waiting: int
    """Those in an offer and callbacks included."""
    callbacks: int
    """Of those, how many hold no line and are to be called back."""
    ringing: int
    talking: int
    longest_wait_s: float
    """Of those who hold the line."""
    agents: int
    logged_in: int
    free: int
    """Open for work with room for at least one interaction of some channel class."""
    busy: int
    wrap_up: int
    paused: int
    totals: QueueTotals
    ewt_s: float | None
    """Expected wait of one who arrives now; None: nobody is ready, or the queue does not ask for it."""
    ewt: WaitView | None
    """How sure that is; None: the queue does not ask for it."""
    closed: str = ""
    """Why it is closed, in words; empty: open."""
    closed_until: float | None = None
    """When it opens, epoch seconds; None: it is open, or never."""
    closed_by: str = ""
    """Who closed it by hand; empty: nobody."""
    nobody: dict[str, int] = {}
    """Why none of its agents can be rung: how many, by reason; empty: one can, or there is none."""
    shares: tuple[ShareView, ...] = ()
    """Whom it shares out who overflows to, and how often each had its turn."""


class AgentView(msgspec.Struct, frozen=True):
    """One agent now."""

    agent: str
    display: str
    availability: Availability
    reason: str
    since_s: float
    """How long this availability."""
    reachable: bool
    unreachable_why: str
    doing: str
    """One word: `logged_out`, `paused`, `no_device`, `ringing`, `calling`, `listening`, `talking`, `wrap_up`
    or `idle`."""
    doing_s: float
    """How long: ringing, calling and listening since the last offer, talking since the first of the
    conversations."""
    load: int
    capacity: int
    interactions: tuple[str, ...]
    """Offered to or held by the agent."""
    outside: tuple[str, ...]
    wrap_up_s: float
    """Left of the time of wrap-up; 0 when it has none."""
    wrap_up: str
    """What wrap-up waits for: `runs` (its time), `open` (the agent), `owed` (a disposition); empty: none."""
    wrap_up_since_s: float
    owes: tuple[str, ...]
    """Interactions of which the agent must say how they ended before wrap-up can end."""
    wrap_up_left_s: float | None
    """Left until wrap-up is too long, below 0 when it is; None: no limit runs."""
    pause_left_s: float | None
    """Left of the longest time of a pause, below 0 when it is too long; None: no limit runs."""
    pending: str
    """Declared for when the work at hand is done: `paused`, `logged_out`; empty: nothing."""
    pending_reason: str
    idle_s: float
    """In the line for work since; 0 unless idle."""
    queues: tuple[str, ...]
    occupancy_pct: float
    totals: AgentTotals


def occupancy_pct(totals: AgentTotals) -> float:
    """(busy + wrap) / (busy + wrap + idle) in per cent since login; 0 before there is anything to count."""
    worked = totals.busy_s + totals.wrap_s
    whole = worked + totals.idle_s
    return 100.0 * worked / whole if whole > 0 else 0.0


def doing(desk: Desk, index: Index) -> str:
    """What the agent does, in one word: work goes before what is declared."""
    state = desk.state
    if not state.held and not state.outside:
        return _idles(state)
    places = [index.places[name] for name in state.held]
    held = [place.phase for place in places]
    if Phase.CONNECTED in held or state.outside:
        return "talking"
    if any(hears_message(place) for place in places):
        return "listening"
    called = any(is_called(index.queues.get(place.queue), place) for place in places)
    return "calling" if called else "ringing"


def _idles(state: AgentState) -> str:
    """What an agent without work does."""
    if state.availability is not Availability.READY:
        return state.availability.value
    if state.wrap_up is not None:
        return "wrap_up"
    return "idle" if state.reachable else "no_device"


def doing_since(desk: Desk, index: Index, word: str) -> float:
    """Since when the agent does what `doing` says."""
    state = desk.state
    if word == "talking":
        places = [index.places[name] for name in state.held]
        begun = [place.bridged_at for place in places if place.phase is Phase.CONNECTED]
        return min([*begun, state.outside_since] if state.outside else begun)
    if word == "wrap_up" and state.wrap_up is not None:
        return state.wrap_up.began_at
    return state.line_since if state.held or word == "idle" else state.since


def pause_left_s(agent: AgentState, now: float) -> float | None:
    """Left of the longest time of a pause; below 0: so much too long."""
    pause = agent.pause
    return None if pause is None or pause.until is None else pause.until - now


def view_wrap_up(wrap_up: WrapUp | None, now: float) -> dict[str, Any]:
    """What is shown of a wrap-up: fields of `AgentView`."""
    if wrap_up is None:
        return {"wrap_up_s": 0.0, "wrap_up": "", "wrap_up_since_s": 0.0, "owes": (), "wrap_up_left_s": None}
    longest_at, until = wrap_up.longest_at, wrap_up.until
    return {
        "wrap_up_s": 0.0 if until is None else max(0.0, until - now),
        "wrap_up": wrap_up.stage.value,
        "wrap_up_since_s": max(0.0, now - wrap_up.began_at),
        "owes": tuple(each.interaction for each in wrap_up.owed if each.required and not each.given),
        "wrap_up_left_s": None if longest_at is None else longest_at - now,
    }


def view_agent(index: Index, desk: Desk, now: float) -> AgentView:
    """The agent as of `now`."""
    state = desk.state
    word = doing(desk, index)
    totals = totals_at(state, now)
    since = doing_since(desk, index, word)
    return AgentView(
        agent=state.name,
        display=desk.rule.display or state.name,
        availability=state.availability,
        reason=state.reason,
        since_s=max(0.0, now - state.since) if state.since else 0.0,
        reachable=state.reachable,
        unreachable_why="" if state.reachable else state.unreachable_why,
        doing=word,
        doing_s=max(0.0, now - since) if since else 0.0,
        load=state.load,
        capacity=desk.rule.capacity,
        interactions=tuple(state.held),
        outside=tuple(state.outside),
        **view_wrap_up(state.wrap_up, now),
        pause_left_s=pause_left_s(state, now),
        pending=state.pending.availability.value if state.pending else "",
        pending_reason=state.pending.reason if state.pending else "",
        idle_s=max(0.0, now - state.line_since) if word == "idle" else 0.0,
        queues=tuple(name for name, queue in index.queues.items() if queue.stages.members & desk.bit),
        occupancy_pct=occupancy_pct(totals),
        totals=totals,
    )


def _closed(queue: QueueIndex, now: float) -> OpenState | None:
    """Why and until when its calendar, or somebody, has it closed; None: it is open."""
    closure = queue.closure
    if closure is not None and closure.holds(now):
        until = reopens_at(queue.calendar, closure, now)
        return OpenState(False, Cause.EXCEPTION, closure.reason, closure.why(), until)
    hours = None if queue.calendar is None else is_open(queue.calendar, now)
    return hours if hours is not None and not hours.open else None


def _free(index: Index, queue: QueueIndex) -> int:
    roomy: Bits = 0
    for each in index.roomy:
        roomy |= each  # who is open for work and has room for that kind
    return (queue.stages.members & roomy).bit_count()


def _logged_in(index: Index, queue: QueueIndex) -> int:
    return (queue.stages.members & index.logged_in).bit_count()


def _longest_wait_s(index: Index, queue: QueueIndex, now: float) -> float:
    """Since when the first of those waits who hold the line: of a heap, which forgets lazily who left.

    Only the first question after a reload, and one after many have left, walks all that wait.
    """
    heap = queue.oldest
    if heap is None:
        places = [index.places[name] for name in queue.order(now)]
        heap = [(each.entered_at, each.seq, each.interaction) for each in places if not is_away(each)]
        heapify(heap)
        queue.oldest = heap
    while heap:
        entered_at, _, name = heap[0]
        place = index.places.get(name)
        if place is not None and _holds_line(queue, place) and place.entered_at == entered_at:
            return now - entered_at
        heappop(heap)
    return 0.0


def _holds_line(queue: QueueIndex, place: Place) -> bool:
    return place.queue == queue.rule.name and place.phase is not Phase.CONNECTED and not is_away(place)


def view_figure(index: Index, queue: QueueIndex, expecting: Expecting, figure: str, now: float) -> Figure:
    """One figure of a queue (`ccd.model.entry.FIGURES`), and no other: conditions ask at each entry.

    None costs anything that grows with the waiting.
    """
    match figure:
        case "waiting":
            return queue.waiting()
        case "longest_wait_s":
            return max(0.0, _longest_wait_s(index, queue, now))
        case "agents":
            return _logged_in(index, queue)
        case "free":
            return _free(index, queue)
        case "open":
            return _closed(queue, now) is None
        case "service_level_pct":
            return service_level_pct(index.state, queue.rule.name, now)
        case "ewt_s":
            wait_s = expecting.view(queue, _free(index, queue), now)[0]
            return wait_s if _closed(queue, now) is None else None
    return None


class AtWork(NamedTuple):
    """Sets of agents, found once for all queues that are looked at."""

    of: Index
    """That numbers them: other rules number anew."""
    busy: Bits
    wrap_up: Bits


def at_work_now(index: Index) -> AtWork:
    """Who holds an offer or a conversation or calls on their own, and who wraps up. Walks all agents."""
    busy: Bits = 0
    wrap_up: Bits = 0
    for desk in index.desks.values():
        state = desk.state
        if state.held or state.outside:
            busy |= desk.bit
        if state.wrap_up is not None:
            wrap_up |= desk.bit
    return AtWork(index, busy, wrap_up)


def view_queue(
    index: Index, queue: QueueIndex, state: RoutingState, expecting: Expecting, work: AtWork, now: float
) -> QueueView:
    """The queue as of `now`. Walks its waiting for the longest wait."""
    members = queue.stages.members
    closed = _closed(queue, now)
    waiting = [turn[3] for _, turn in queue.standings]
    places = [index.places[name] for name in waiting]
    entered = [place.entered_at for place in places if place.callback is None or not is_away(place)]
    free = _free(index, queue)
    ewt_s, ewt = expecting.view(queue, free, now)
    return QueueView(
        queue=queue.rule.name,
        display=queue.rule.display or queue.rule.name,
        waiting=len(waiting),
        callbacks=len(waiting) - len(entered),
        ringing=queue.active - queue.talking,
        talking=queue.talking,
        longest_wait_s=max(0.0, now - min(entered)) if entered else 0.0,
        agents=queue.stages.count,
        logged_in=_logged_in(index, queue),
        free=free,
        busy=(members & work.busy).bit_count(),
        wrap_up=(members & work.wrap_up).bit_count(),
        paused=(members & index.logged_in & ~index.ready).bit_count(),
        totals=state.queues[queue.rule.name],
        ewt_s=ewt_s if closed is None else None,
        ewt=ewt,
        closed="" if closed is None else closed.why,
        closed_until=None if closed is None else closed.until,
        closed_by=queue.closure.by if queue.closure is not None and queue.closure.holds(now) else "",
        nobody=nobody(index, queue),
        shares=view_shares(state, queue.rule),
    )
