"""What is wrong in the centre just now: alarms found by a look that costs little, whatever the size.

The engines keep who can be an alarm (`ccd.routing.presence`), so nobody is sought. Of a kind that can befall
hundreds at a time (phones of a network that fails) the first ones are named and the others counted.
"""

from collections.abc import Iterable
from itertools import islice
from math import inf
from typing import Any, Final

from ccd.routing.state import AgentState
from ccd.routing.unmanned import Staffing
from ccd.routing.views import view_wrap_up
from ccd.runtime import charges
from ccd.runtime.alarm_board import unserved
from ccd.runtime.centre import Centre
from ccd.runtime.surveys import alarming

View = dict[str, Any]
MOST_NAMED: Final = 50
"""Alarms of one kind that are named; one more line counts the others. Those that were first are named, so
that one more does not end another."""


class Troubles:
    """The queues and agents about whom there may be an alarm, as of one moment."""

    __slots__ = ("now", "overdue", "phoneless", "queues")

    def __init__(self, centre: Centre, now: float) -> None:
        self.now = now
        self.queues: list[Staffing] = centre.router.staffings(now)
        self.phoneless = centre.router.phoneless()
        self.overdue = centre.router.overdue(now)


def alarm(what: str, name: str, why: str) -> View:
    """One alarm: the kind of thing, which one, and why."""
    return {"what": what, "name": name, "why": why}


def alarms(centre: Centre, now: float) -> list[View]:
    """What a person should look at."""
    return found(centre, Troubles(centre, now))


def found(centre: Centre, troubles: Troubles) -> list[View]:
    """The same, of a look that was made."""
    state, now = centre.state, troubles.now
    rows = [alarm("trunk down", name, why) for name, why in sorted(state.trunks.items())]
    rows += _lost(centre)
    rows += _phoneless(centre, troubles.phoneless)
    rows += _overdue(troubles.overdue, now)
    rows += _queues(centre, troubles.queues)
    rows += [
        alarm("notice to callers", each.notice, f"by {each.by}: {each.text or f'prompt {each.prompt}'}")
        for each in state.notices.values()
        if each.until > now
    ]
    rows += _unserved(centre, troubles.queues)
    rows += [
        alarm("low score", each.interaction, f"{each.question} {each.answer} ({each.survey}), {each.agent}")
        for each in alarming(centre, now)
    ]
    rows += [alarm(*each) for each in charges.alarms(centre)]
    waiting = {each.queue: each.waiting for each in troubles.queues}
    return rows + [alarm("figures", "", fault) for fault in centre.history.check(waiting)]


def _more(what: str, all_: int, verb: str) -> list[View]:
    """The line that counts those who are not named."""
    more = all_ - MOST_NAMED
    return [alarm(what, "", f"{more} more, {all_} in all: see `ccctl {verb}`")] if more > 0 else []


def _lost(centre: Centre) -> Iterable[View]:
    """Phones that do not answer."""
    lost, owners = centre.state.lost, centre.owners
    first = [(f"{device} ({owners[device]})" if device in owners else device, why) for device, why in
             islice(lost.items(), MOST_NAMED)]  # fmt: skip
    yield from [alarm("phone lost", name, why) for name, why in sorted(first)]
    yield from _more("phone lost", len(lost), "devices")


def _phoneless(centre: Centre, phoneless: list[AgentState]) -> Iterable[View]:
    """Who is ready and has no phone, unless that was told as a phone that is lost."""
    lost, rules = centre.state.lost, centre.state.rules.agents
    idle = [agent for agent in phoneless if not (agent.held or agent.outside or agent.wrap_up)]
    if lost:
        idle = [each for each in idle if lost.keys().isdisjoint(rules[each.name].devices)]
    first = sorted(idle[:MOST_NAMED], key=lambda agent: agent.name)
    yield from [alarm("ready without a phone", agent.name, agent.unreachable_why) for agent in first]
    yield from _more("ready without a phone", len(idle), "agents")


def _overdue(overdue: list[AgentState], now: float) -> Iterable[View]:
    """Who is too long in a pause, then who is in wrap-up."""
    over = [(agent, now - until) for agent in overdue if (until := _pause_ends(agent)) <= now]
    for agent, by_s in sorted(over[:MOST_NAMED], key=lambda each: each[0].name):
        yield alarm("pause too long", agent.name, f"{agent.reason} for {by_s:.0f} s more than allowed")
    yield from _more("pause too long", len(over), "agents")
    late = [agent for agent in overdue if _wrap_up_ends(agent) <= now]
    for agent in sorted(late[:MOST_NAMED], key=lambda each: each.name):
        yield alarm("wrap-up too long", agent.name, _wrap_up_waits(agent, now))
    yield from _more("wrap-up too long", len(late), "agents")


def _pause_ends(agent: AgentState) -> float:
    """When its pause is at its longest; infinite: never."""
    pause = agent.pause
    return inf if pause is None or pause.until is None else pause.until


def _wrap_up_ends(agent: AgentState) -> float:
    """The same of its wrap-up."""
    wrap_up = agent.wrap_up
    return inf if wrap_up is None or wrap_up.longest_at is None else wrap_up.longest_at


def _wrap_up_waits(agent: AgentState, now: float) -> str:
    """By how much it is too long, and for what it waits."""
    owes = view_wrap_up(agent.wrap_up, now)["owes"]
    waits = f", disposition of {', '.join(owes)} missing" if owes else ""
    return f"{now - _wrap_up_ends(agent):.0f} s more than allowed{waits}"


def _queues(centre: Centre, queues: list[Staffing]) -> Iterable[View]:
    """What people did to queues: suspended by a profile, closed by hand."""
    resting = centre.in_force.resting
    for view in queues:
        if view.waiting and view.queue in resting:
            why = f"{view.waiting} waiting by profile {resting[view.queue][0]}"
            yield alarm("queue suspended", view.queue, why)
    yield from [alarm("queue closed by hand", view.queue, view.shut) for view in queues if view.shut]


def _unserved(centre: Centre, queues: list[Staffing]) -> Iterable[View]:
    """Queues in which somebody waits for nobody."""
    resting = centre.in_force.resting
    for view in queues:
        if view.queue not in resting and (told := unserved(view)) is not None:
            yield alarm(*told)
