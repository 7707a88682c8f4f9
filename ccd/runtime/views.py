"""What people see of a running centre: plain JSON-able values, made on request from the engines' state.

Nothing here changes anything. Durations are seconds at `now`; times are seconds since the epoch.
"""

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from ccd.bridging.state import Party, Role, Talk
from ccd.errors import Refused
from ccd.history import explain as words
from ccd.history.state import Record
from ccd.routing.views import AgentView, QueueView
from ccd.runtime.centre import Centre
from ccd.runtime.state import Interaction

View = dict[str, Any]
MOST_LISTED = 200
"""Interactions listed at a time unless more are asked for."""


def plain(value: Any) -> Any:
    """Structs as objects with all their fields (also those that are stored short), enums as their words."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value


# -- the whole ---------------------------------------------------------------------------------


def status(centre: Centre, now: float) -> View:
    """The centre in a few figures."""
    state = centre.state
    doing = Counter(view.doing for view in _agent_views(centre, now))
    return {
        "draining": state.draining,
        "interactions": len(state.interactions),
        "phases": dict(Counter(talk.phase.value for talk in centre.talks.state.talks.values())),
        "interactions_made": state.interactions_made,
        "waiting": sum(view.waiting for view in _queue_views(centre, now)),
        "agents": {"all": len(state.rules.agents), **dict(doing)},
        "queues": len(state.rules.queues),
        "devices_bound": len(state.bindings),
        "alarms": alarms(centre, now),
    }


def alarms(centre: Centre, now: float) -> list[View]:
    """What a person should look at: `what`, `name`, `why`."""
    state = centre.state
    found = [{"what": "trunk down", "name": name, "why": why} for name, why in sorted(state.trunks.items())]
    for device, why in sorted(state.lost.items()):
        owner = centre.owners.get(device, "")
        found.append({"what": "phone lost", "name": f"{device} ({owner})" if owner else device, "why": why})
    found += [
        {"what": "ready without a phone", "name": view.agent, "why": view.unreachable_why}
        for view in _agent_views(centre, now)
        if view.doing == "no_device"
        and not any(device in state.lost for device in state.rules.agents[view.agent].devices)
    ]
    found += [
        {
            "what": "queue without agents",
            "name": queue.queue,
            "why": f"{queue.waiting} waiting, nobody logged in",
        }
        for queue in _queue_views(centre, now)
        if queue.waiting and not queue.logged_in
    ]
    faults = centre.history.check(waiting_by_queue(centre, now))
    return found + [{"what": "figures", "name": "", "why": fault} for fault in faults]


def top(centre: Centre, now: float, listed: int = 40) -> View:
    """One frame of `ccctl top`."""
    return {
        "at": now,
        "status": status(centre, now),
        "queues": queues(centre, now),
        "agents": agents(centre, now),
        "interactions": interactions(centre, now, limit=listed),
    }


# -- agents and queues ---------------------------------------------------------------------------


def agents(centre: Centre, now: float, queue: str = "") -> list[View]:
    """All agents, or those of one queue."""
    views = _agent_views(centre, now)
    return [plain(view) for view in views if not queue or queue in view.queues]


def agent(centre: Centre, name: str, now: float) -> View:
    """One agent; raises `Refused` when there is none of that name."""
    view = centre.router.agent_view(name, now)
    if view is None:
        raise Refused("agent.unknown", f"there is no agent {name!r}")
    shown: View = plain(view)
    return shown


def queues(centre: Centre, now: float) -> list[View]:
    """All queues, each with its figures of today."""
    today = {row.queue: row for row in centre.history.report(now, waiting_by_queue(centre, now)).queues}
    shown = []
    for view in _queue_views(centre, now):
        row = today.get(view.queue)
        shown.append({**plain(view), "today": plain(row) if row is not None else None})
    return shown


def waiting_by_queue(centre: Centre, now: float) -> dict[str, int]:
    """How many wait in each queue."""
    return {view.queue: view.waiting for view in _queue_views(centre, now)}


def report(centre: Centre, now: float) -> View:
    """Figures by queue, today and since the ledger began, with what does not add up in them."""
    waiting = waiting_by_queue(centre, now)
    today, total = centre.history.report(now, waiting), centre.history.report_total(waiting)
    return {"today": plain(today), "total": plain(total)}


def _agent_views(centre: Centre, now: float) -> list[AgentView]:
    views = (centre.router.agent_view(name, now) for name in sorted(centre.state.rules.agents))
    return [view for view in views if view is not None]


def _queue_views(centre: Centre, now: float) -> list[QueueView]:
    views = (centre.router.queue_view(name, now) for name in sorted(centre.state.rules.queues))
    return [view for view in views if view is not None]


# -- interactions --------------------------------------------------------------------------------


def interactions(
    centre: Centre, now: float, queue: str = "", agent: str = "", limit: int = MOST_LISTED
) -> View:
    """Running interactions, oldest first: `all` that match, and the first `limit` of them as `listed`."""
    found = [
        info
        for info in centre.state.interactions.values()
        if (not queue or info.queue == queue) and (not agent or _agent_of(centre, info.id) == agent)
    ]
    shown = found[:limit]
    places = _places(centre, {info.queue for info in shown if info.queue})
    return {"all": len(found), "listed": [_row(centre, info, places, now) for info in shown]}


def _places(centre: Centre, names: set[str]) -> dict[str, int]:
    return {each: place for name in names for place, each in enumerate(centre.router.waiting(name), start=1)}


def _row(centre: Centre, info: Interaction, places: dict[str, int], now: float) -> View:
    talk = centre.talks.get(info.id)
    waits = info.id in places
    return {
        "interaction": info.id,
        "channel": info.channel,
        "channel_class": info.channel_class.value,
        "phase": talk.phase.value if talk is not None else "closing",
        "origin": info.origin,
        "display": info.display,
        "target": info.target,
        "queue": info.queue,
        "position": places.get(info.id, 0),
        "agent": _agent_of(centre, info.id),
        "step": centre.flows.where(info.id),
        "age_s": max(0.0, now - info.arrived_at),
        "waiting_s": max(0.0, now - info.entered_at) if waits else 0.0,
    }


def _agent_of(centre: Centre, interaction: str) -> str:
    """Who talks with it or is rung for it, also outside queues."""
    talk = centre.talks.get(interaction)
    if talk is not None and talk.agent is not None:
        return talk.agent.agent
    return centre.router.agent_of(interaction)


def interaction(centre: Centre, name: str, now: float) -> View | None:
    """A running interaction with its parties and timeline; None when it does not run."""
    info = centre.state.interactions.get(name)
    if info is None:
        return None
    places = _places(centre, {info.queue} if info.queue else set())
    record, talk = centre.history.record(name), centre.talks.get(name)
    return {
        "running": True,
        **_row(centre, info, places, now),
        "parties": _parties(talk) if talk is not None else [],
        "variables": centre.flows.variables(name),
        "recordings": list(talk.recordings) if talk is not None else [],
        "record": plain(record) if record is not None else None,
        "timeline": words.tell(record) if record is not None else [],
    }


def ended(record: Record) -> View:
    """An interaction that is over, from its record."""
    return {
        "running": False,
        "interaction": record.interaction,
        "channel": record.channel,
        "channel_class": record.channel_class.value,
        "phase": "ended",
        "origin": record.origin,
        "target": record.target,
        "queue": record.queue,
        "agent": record.agents[-1] if record.agents else "",
        "age_s": max(0.0, record.ended_at - record.began_at),
        "record": plain(record),
        "timeline": words.tell(record),
    }


def _parties(talk: Talk) -> list[View]:
    roles = ((Role.CUSTOMER, talk.customer), (Role.AGENT, talk.agent), (Role.THIRD, talk.third))
    return [_party(role, party) for role, party in roles if party is not None]


def _party(role: Role, party: Party) -> View:
    return {"role": role.value, **plain(party)}


def legs_of(centre: Centre, name: str, record: Record | None) -> list[str]:
    """Every leg that an interaction had or has, in the order in which they came."""
    legs: dict[str, None] = {}
    info, talk = centre.state.interactions.get(name), centre.talks.get(name)
    if info is not None:
        legs[info.leg] = None
    kept = record or centre.history.record(name)
    for note in kept.timeline if kept is not None else []:
        leg = note.details.get("leg")
        if isinstance(leg, str) and leg:
            legs[leg] = None
    if talk is not None:
        for party in (talk.customer, talk.agent, talk.third):
            if party is not None:
                legs[party.leg] = None
    return list(legs)
