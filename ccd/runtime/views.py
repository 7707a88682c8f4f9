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
from ccd.history import surveys
from ccd.history.state import Record
from ccd.model.profiles import ProfileOn
from ccd.model.rules import ProfileRule
from ccd.routing.views import AgentView, QueueView
from ccd.runtime import callbacks, charges, voicemail
from ccd.runtime.alarm_board import may_alarm, unserved
from ccd.runtime.centre import Centre
from ccd.runtime.profiles import base_rules
from ccd.runtime.state import Interaction
from ccd.runtime.surveys import alarming

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


class Glance:
    """All agents and queues as of one moment: made once for all parts of an answer."""

    __slots__ = ("agents", "now", "queues")

    def __init__(self, centre: Centre, now: float, *, troubled: bool = False) -> None:
        """`troubled`: only agents about whom there may be an alarm, few of them as a rule."""
        rules, router = centre.state.rules, centre.router
        self.now = now
        known = router.state.agents
        names = [name for name in sorted(rules.agents) if not troubled or may_alarm(known.get(name), now)]
        agents = [router.agent_view(name, now) for name in names]
        self.agents: list[AgentView] = [view for view in agents if view is not None]
        queues = [router.queue_view(name, now) for name in sorted(rules.queues)]
        self.queues: list[QueueView] = [view for view in queues if view is not None]

    def waiting(self) -> dict[str, int]:
        """How many wait in each queue."""
        return {view.queue: view.waiting for view in self.queues}


# -- the whole ---------------------------------------------------------------------------------


def status(centre: Centre, glance: Glance) -> View:
    """The centre in a few figures."""
    state = centre.state
    doing = Counter(view.doing for view in glance.agents)
    return {
        "draining": state.draining,
        "interactions": len(state.interactions),
        "phases": dict(Counter(talk.phase.value for talk in centre.talks.state.talks.values())),
        "interactions_made": state.interactions_made,
        "waiting": sum(view.waiting for view in glance.queues),
        "agents": {"all": len(state.rules.agents), **dict(doing)},
        "queues": len(state.rules.queues),
        "profiles": [row for row in profiles(centre, glance.now) if row["on"]],
        "devices_bound": len(state.bindings),
    }


def alarms(centre: Centre, glance: Glance) -> list[View]:
    """What a person should look at."""
    state = centre.state
    found = [alarm("trunk down", name, why) for name, why in sorted(state.trunks.items())]
    for device, why in sorted(state.lost.items()):
        owner = centre.owners.get(device, "")
        found.append(alarm("phone lost", f"{device} ({owner})" if owner else device, why))
    phoneless = [view for view in glance.agents if view.doing == "no_device"]
    found += [
        alarm("ready without a phone", view.agent, view.unreachable_why)
        for view in phoneless
        if not _has_lost(centre, view.agent)
    ]
    found += [
        alarm("pause too long", view.agent, f"{view.reason} for {-view.pause_left_s:.0f} s more than allowed")
        for view in glance.agents
        if view.pause_left_s is not None and view.pause_left_s <= 0
    ]
    found += [
        alarm("wrap-up too long", view.agent, _wrap_up_waits(view))
        for view in glance.agents
        if view.wrap_up_left_s is not None and view.wrap_up_left_s <= 0
    ]
    resting = centre.in_force.resting
    found += [
        alarm("queue suspended", view.queue, f"{view.waiting} waiting by profile {resting[view.queue][0]}")
        for view in glance.queues
        if view.waiting and view.queue in resting
    ]
    found += [
        alarm("queue closed by hand", view.queue, view.closed) for view in glance.queues if view.closed_by
    ]
    found += [
        alarm("notice to callers", each.notice, f"by {each.by}: {each.text or f'prompt {each.prompt}'}")
        for each in state.notices.values()
        if each.until > glance.now
    ]
    found += [
        alarm(*told)
        for view in glance.queues
        if view.queue not in resting and (told := unserved(view)) is not None
    ]
    found += [
        alarm("low score", each.interaction, f"{each.question} {each.answer} ({each.survey}), {each.agent}")
        for each in alarming(centre, glance.now)
    ]
    found += [alarm(*each) for each in charges.alarms(centre)]
    return found + [alarm("figures", "", fault) for fault in centre.history.check(glance.waiting())]


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


def alarm(what: str, name: str, why: str) -> View:
    """One alarm: the kind of thing, which one, and why."""
    return {"what": what, "name": name, "why": why}


def _wrap_up_waits(view: AgentView) -> str:
    """By how much it is too long, and for what it waits."""
    waits = f", disposition of {', '.join(view.owes)} missing" if view.owes else ""
    return f"{abs(view.wrap_up_left_s or 0.0):.0f} s more than allowed{waits}"


def _has_lost(centre: Centre, agent: str) -> bool:
    return any(device in centre.state.lost for device in centre.state.rules.agents[agent].devices)


def top(centre: Centre, glance: Glance, listed: int = 40) -> View:
    """One frame of `ccctl top`."""
    return {
        "at": glance.now,
        "status": status(centre, glance),
        "queues": queues(centre, glance),
        "agents": agents(glance),
        "interactions": interactions(centre, glance.now, limit=listed),
    }


# -- agents and queues ---------------------------------------------------------------------------


def agents(glance: Glance, queue: str = "") -> list[View]:
    """All agents, or those of one queue."""
    return [_agent_row(view) for view in glance.agents if not queue or queue in view.queues]


def agent(centre: Centre, name: str, now: float) -> View:
    """One agent; raises `Refused` when there is none of that name."""
    view = centre.router.agent_view(name, now)
    if view is None:
        raise Refused("agent.unknown", f"there is no agent {name!r}")
    return _agent_row(view)


def agent_reasons(centre: Centre, name: str, now: float) -> View:
    """One agent, what it holds, and for each of its queues who is next and why this agent does not get it."""
    found = centre.router.reasons(name, now)
    if found is None:
        raise Refused("agent.unknown", f"there is no agent {name!r}")
    shown = {"agent": agent(centre, name, now), "at": now, **plain(found)}
    for row, queue in zip(shown["queues"], found.queues, strict=True):
        row["why"] = "" if queue.passed is None else words.say_why(queue.passed, now, local_zone(now))
    return shown


def _agent_row(view: AgentView) -> View:
    """What `plain` gives, at a tenth of its cost: a centre has hundreds of agents and a frame a second."""
    row = msgspec.structs.asdict(view)
    row["availability"] = view.availability.value
    row["totals"] = msgspec.structs.asdict(view.totals)
    row["totals"]["pause_s"] = dict(view.totals.pause_s)
    return row


def queues(centre: Centre, glance: Glance) -> list[View]:
    """All queues, each with its figures of today."""
    today = {row.queue: row for row in centre.history.report(glance.now, glance.waiting()).queues}
    return [{**plain(view), "today": plain(today.get(view.queue))} for view in glance.queues]


def report(centre: Centre, glance: Glance) -> View:
    """Figures by queue and their sums, today and since the ledger began, with what does not add up in them.

    `brought` of the sums are those that left or wait without having been offered in that span: who waited
    at midnight, as to a day; other than 0 it is a fault as to the whole.
    """
    waiting = glance.waiting()
    today, total = centre.history.report(glance.now, waiting), centre.history.report_total(waiting)
    return {
        "today": _with_sums(plain(today)),
        "total": _with_sums(plain(total)),
        "pauses": plain(centre.history.pauses(glance.now)),
        "own_calls": plain(centre.history.own_calls(glance.now)),
        "flows": plain(centre.history.flows.report(glance.now)),
        "surveys": {
            "today": plain(surveys.report(centre.history.state, glance.now)),
            "total": plain(surveys.report_total(centre.history.state)),
        },
    }


def _with_sums(span: View) -> View:
    sums = {name: sum(row[name] for row in span["queues"]) for name in (OFFERED, *SHARES)}
    sums["brought"] = sum(sums[name] for name in SHARES) - sums[OFFERED]
    return {**span, "sums": sums}


# -- interactions --------------------------------------------------------------------------------


def interactions(
    centre: Centre, now: float, queue: str = "", agent: str = "", limit: int = MOST_LISTED
) -> View:
    """Running interactions, oldest first: `all` that match, and the first `limit` of them as `listed`."""
    found = [
        info
        for info in centre.state.interactions.values()
        if (not queue or info.queue == queue)
        and (not agent or agent in _agents_of(centre, info.id) or agent == info.dialled_by)
    ]
    shown = found[:limit]
    places = _places(centre, {info.queue for info in shown if info.queue})
    return {"all": len(found), "listed": [_row(centre, info, places, now) for info in shown]}


def _places(centre: Centre, names: set[str]) -> dict[str, int]:
    return {
        each: place
        for name in names
        for place, each in enumerate(centre.router.waiting(name, centre.now), start=1)
    }


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
    places = _places(centre, {info.queue} if info.queue else set())
    record, talk = centre.history.record(name), centre.talks.get(name)
    return {
        "running": True,
        **_row(centre, info, places, now),
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
