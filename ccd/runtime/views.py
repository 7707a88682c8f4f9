"""What people see of a running centre: plain JSON-able values, made on request from the engines' state.

Nothing here changes anything. Durations are seconds at `now`; times are seconds since the epoch.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Any

import msgspec

from ccd.bridging.state import Party, Role, Talk
from ccd.channels.ledger import RecordRow
from ccd.errors import Refused
from ccd.history import explain as words
from ccd.history.state import Record
from ccd.model.profiles import ProfileOn
from ccd.model.rules import ProfileRule
from ccd.routing.views import AgentView, QueueView
from ccd.runtime import callbacks, voicemail
from ccd.runtime.centre import Centre
from ccd.runtime.profiles import base_rules
from ccd.runtime.state import Interaction

View = dict[str, Any]
MOST_LISTED = 200
"""Interactions listed at a time unless more are asked for."""
OFFERED = "offered"
SHARES = ("handled", "abandoned", "overflowed", "callback_failed", "waiting")
"""Together they make up what was offered."""


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


def status(centre: Centre, doings: Mapping[str, int], now: float) -> View:
    """The centre in a few figures; `doings`: how many agents do what."""
    state = centre.state
    phases = Counter([talk.phase for talk in centre.talks.state.talks.values()])
    return {
        "draining": state.draining,
        "interactions": len(state.interactions),
        "phases": {phase.value: count for phase, count in phases.items()},
        "interactions_made": state.interactions_made,
        "waiting": sum(centre.router.queue_lengths().values()),
        "agents": {"all": len(state.rules.agents), **doings},
        "queues": len(state.rules.queues),
        "profiles": [row for row in profiles(centre, now) if row["on"]],
        "devices_bound": len(state.bindings),
    }


def profiles(centre: Centre, now: float) -> list[View]:
    """All profiles, those that are on first, in the order in which they were turned on."""
    state = centre.state
    known = base_rules(state).profiles
    on = [_profile_row(known[each.profile], each, now) for each in state.profiles]
    names = {each.profile for each in state.profiles}
    return on + [_profile_row(known[name], None, now) for name in sorted(known) if name not in names]


def _profile_row(rule: ProfileRule, on: ProfileOn | None, now: float) -> View:
    return {
        "profile": rule.name,
        "display": rule.display,
        "on": on is not None,
        "by": on.by if on is not None else "",
        "reason": on.reason if on is not None else "",
        "since": on.since if on is not None else None,
        "on_s": max(0.0, now - on.since) if on is not None else None,
        "until": on.until if on is not None else None,
        "left_s": max(0.0, on.until - now) if on is not None and on.until is not None else None,
    }


# -- agents and queues ---------------------------------------------------------------------------


def agent(centre: Centre, name: str, now: float) -> View:
    """One agent; raises `Refused` when there is none of that name."""
    view = centre.router.agent_view(name, now)
    if view is None:
        raise Refused("agent.unknown", f"there is no agent {name!r}")
    return agent_row(view)


def agent_reasons(centre: Centre, name: str, now: float) -> View:
    """One agent, what it holds, and for each of its queues who is next and why this agent does not get it."""
    found = centre.router.reasons(name, now)
    if found is None:
        raise Refused("agent.unknown", f"there is no agent {name!r}")
    shown = {"agent": agent(centre, name, now), "at": now, **plain(found)}
    for row, queue in zip(shown["queues"], found.queues, strict=True):
        row["why"] = "" if queue.passed is None else words.say_why(queue.passed, now, local_zone(now))
    return shown


def agent_row(view: AgentView) -> View:
    """What `plain` gives, at a tenth of its cost: a centre has hundreds of agents and a frame a second."""
    row = msgspec.structs.asdict(view)
    row["availability"] = view.availability.value
    row["totals"] = msgspec.structs.asdict(view.totals)
    row["totals"]["pause_s"] = dict(view.totals.pause_s)
    return row


def queue_rows(centre: Centre, shown: list[QueueView], now: float) -> list[View]:
    """These queues, each with its figures of today."""
    waiting = {view.queue: view.waiting for view in shown}
    today = {row.queue: row for row in centre.history.report(now, waiting).queues}
    return [{**plain(view), "today": plain(today.get(view.queue))} for view in shown]


def figures(span: Any) -> View:
    """Figures by queue, and their sums.

    `brought` of the sums are those that left or wait without having been offered in that span: who waited
    at midnight, as to a day; other than 0 it is a fault as to the whole.
    """
    return _with_sums(plain(span))


def _with_sums(span: View) -> View:
    sums = {name: sum(row[name] for row in span["queues"]) for name in (OFFERED, *SHARES)}
    sums["brought"] = sum(sums[name] for name in SHARES) - sums[OFFERED]
    return {**span, "sums": sums}


# -- interactions --------------------------------------------------------------------------------


def running(centre: Centre, queue: str = "", agent: str = "") -> list[Interaction]:
    """Running interactions that match, oldest first."""
    return [
        info
        for info in centre.state.interactions.values()
        if (not queue or info.queue == queue)
        and (not agent or agent in _agents_of(centre, info.id) or agent == info.dialled_by)
    ]


def places_in(centre: Centre, names: set[str]) -> dict[str, int]:
    """Who waits in these queues, and at which place: 1 = next."""
    return {
        each: place
        for name in names
        for place, each in enumerate(centre.router.waiting(name, centre.now), start=1)
    }


def interaction_row(centre: Centre, info: Interaction, places: dict[str, int], now: float) -> View:
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
        "diverted_from": info.diverted_from,
        "queue": info.queue,
        "position": places.get(info.id, 0),
        "agent": _agent_of(centre, info.id) or info.dialled_by,
        "ringing": list(centre.router.offers_of(info.id)),
        "dialled_by": info.dialled_by,
        "consults": info.consults,
        "step": centre.flows.where(info.id),
        "age_s": max(0.0, now - info.arrived_at),
        "waiting_s": max(0.0, now - info.entered_at) if waits else 0.0,
        "callback": callbacks.view(centre, info, now),
        "voicemail": voicemail.view(centre, info, now),
        "screen": dict(info.screen),
        "customer": info.identified,
        "continues": info.continues.interaction if info.continues is not None else "",
    }


def _agent_of(centre: Centre, interaction: str) -> str:
    """Who talks with it or is rung for it, also outside queues."""
    talk = centre.talks.get(interaction)
    if talk is not None and talk.agent is not None:
        return talk.agent.agent
    return centre.router.agent_of(interaction)


def _agents_of(centre: Centre, interaction: str) -> set[str]:
    """The same, with everybody whose phone rings too."""
    return {_agent_of(centre, interaction), *centre.router.offers_of(interaction)}


def interaction(centre: Centre, name: str, now: float) -> View | None:
    """A running interaction with its parties and timeline; None when it does not run."""
    info = centre.state.interactions.get(name)
    if info is None:
        return None
    places = places_in(centre, {info.queue} if info.queue else set())
    record, talk = centre.history.record(name), centre.talks.get(name)
    return {
        "running": True,
        **interaction_row(centre, info, places, now),
        "parties": _parties(talk) if talk is not None else [],
        "variables": centre.flows.shown(name),
        "recordings": list(talk.recordings) if talk is not None else [],
        "record": plain(record) if record is not None else None,
        "timeline": words.tell(record, zone(record)) if record is not None else [],
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
        "agent": record.agents[-1] if record.agents else record.dialled_by,
        "dialled_by": record.dialled_by,
        "direction": record.direction,
        "age_s": max(0.0, record.ended_at - record.began_at),
        "record": plain(record),
        "timeline": words.tell(record, zone(record)),
    }


def ended_row(row: RecordRow) -> View:
    """A line of the list of those that are over; of a record that cannot be read what its row has."""
    shown: View = {
        "interaction": row.interaction,
        "channel": row.channel,
        "origin": "",
        "target": "",
        "queue": row.queue,
        "outcome": row.outcome,
        "cause": "",
        "agents": [],
        "dialled_by": "",
        "direction": "",
        "waited_s": None,
        "talked_s": None,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
    }
    try:
        record = words.decode_record(row.body)
    except Refused:
        return shown
    told = ("origin", "target", "cause", "agents", "dialled_by", "direction", "waited_s", "talked_s")
    return {**shown, **{name: plain(getattr(record, name)) for name in told}}


def zone(record: Record) -> tzinfo:
    """The time zone of this machine when the interaction began: people read the clock on the wall."""
    return local_zone(record.began_at)


def local_zone(at: float) -> tzinfo:
    """The time zone of this machine at that moment."""
    return datetime.fromtimestamp(at).astimezone().tzinfo or UTC


def _parties(talk: Talk) -> list[View]:
    return [
        _party(role, party)
        for role, party in talk.parties()
        if role is not Role.CUSTOMER or not talk.customer_gone
    ]


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
        for _, party in talk.parties():
            legs[party.leg] = None
    return list(legs)
