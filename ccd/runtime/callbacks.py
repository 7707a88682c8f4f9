"""Callbacks as a whole: who may leave the line, when the next attempt is due, and what becomes of it.

One callback a number and queue is pending; who asks again is told that it is kept already. It is the same
interaction from the call that came to the conversation: one timeline, counted once.
"""

from typing import TYPE_CHECKING, Any

from ccd.bridging import callbacks
from ccd.bridging import events as ev
from ccd.bridging.state import Phase, Talk
from ccd.history.state import Detail
from ccd.ivr import do
from ccd.ivr.callbacks import ALREADY, CLOSED_THEN, DENIED, NO_NUMBER, NO_TIME, TOO_LATE, script_of
from ccd.ivr.hours import local_time
from ccd.model import facts
from ccd.model.calendar import is_open
from ccd.model.callback_rules import CallbackRule, RetryAfter
from ccd.model.moment import moment
from ccd.model.nouns import Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.numbers import to_e164
from ccd.model.timetable import timetable_of
from ccd.routing import decisions as dec
from ccd.routing.callbacks import USUAL, customer_first
from ccd.routing.phases import Phase as PlacePhase
from ccd.routing.state import Callback as PlaceCallback
from ccd.runtime import asides, line_times
from ccd.runtime.languages import as_the_flow, of_agent
from ccd.runtime.leaving import leave
from ccd.runtime.state import Callback, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_VOICE = ChannelClass.VOICE

NUMBER, AT = "callback_number", "callback_at"
"""Variables that say how a callback is kept."""
LONGEST_AHEAD_S = 31 * 86_400.0
"""So far ahead a callback may be asked for."""
_IN_LINE = (Phase.WAITING, Phase.OFFERED)


def rule_of(centre: "Centre", queue: str) -> CallbackRule:
    """How a queue calls back."""
    rule = centre.state.rules.queues.get(queue)
    return (rule.callback if rule is not None else None) or USUAL


def callback_number(centre: "Centre", info: Interaction) -> str:
    """Where a customer who is away is to be called back; empty when the customer holds a line."""
    talk = centre.talks.get(info.id)
    return talk.number if talk is not None and talk.away else ""


def refusal(centre: "Centre", queue: str, number: str) -> str:
    """Why a number cannot be called back for a queue (our own would call ourselves); empty when it can."""
    rule = rule_of(centre, queue)
    if queue not in centre.state.rules.queues:
        return TOO_LATE
    if not number.startswith("+"):
        return NO_NUMBER
    if number in centre.state.rules.numbers or number.startswith(rule.deny):
        return DENIED
    if rule.allow and not number.startswith(rule.allow):
        return DENIED
    return ALREADY if key_of(number, queue) in centre.state.callbacks else ""


def key_of(number: str, queue: str) -> str:
    """Under which a pending callback is found: one a number and queue."""
    return f"{number} {queue}"


# -- asking ----------------------------------------------------------------------------------------


def key(centre: "Centre", talk: Talk, digit: str) -> None:
    """A key pressed while waiting: the one that asks for a callback begins its flow, the wait goes on."""
    info = centre.state.interactions[talk.interaction]
    rule = rule_of(centre, info.queue)
    if (
        digit != rule.key
        or talk.phase not in _IN_LINE
        or talk.away
        or talk.customer.kind is not LegKind.AUDIO
    ):
        return
    number = to_e164(info.origin, centre.state.rules.country)
    centre.history.note(info.id, centre.now, "asks for a callback", queue=info.queue)
    step_aside(centre, talk, rule.flow or script_of(number), {"number": number} if number else {})


def step_aside(centre: "Centre", talk: Talk, flow: str, values: dict[str, str]) -> None:
    """Run a flow while the wait goes on; `values` are variables that it begins with."""
    talk.asking, talk.playing = True, ""
    name, kind = talk.interaction, talk.customer.kind
    centre.push(centre.flows.step_aside(name, flow, centre.now, talk.language, values, kind=kind))


def stop_asking(centre: "Centre", talk: Talk) -> None:
    """The wait is over in another way: what asked how to call back is left."""
    if talk.asking:
        talk.asking, talk.playing = False, ""
        centre.flows.step_back(talk.interaction)


def stays(centre: "Centre", want: do.Stay) -> None:
    """The customer did not want it after all, or it cannot be: the music goes on, the wait never stopped."""
    talk = centre.talks.get(want.interaction)
    if talk is not None and talk.asking:
        talk.asking, talk.playing = False, ""
        if talk.phase is Phase.TALKING:
            asides.back(centre, talk)
            return
        centre.history.note(want.interaction, centre.now, "stays in the line")
        if talk.phase in (*_IN_LINE, Phase.CONNECTING):
            centre.talks.start_music(talk)


def wanted(centre: "Centre", want: do.CallBack) -> None:
    """A flow asks that the customer be called back: keep it, or say to the flow why not."""
    talk, info = centre.talks.get(want.interaction), centre.state.interactions.get(want.interaction)
    if talk is None or info is None:
        return
    queue = info.queue if talk.asking else want.queue
    number = to_e164(want.number or info.origin, centre.state.rules.country)
    at, why = wished(centre, queue, want)
    why = refusal(centre, queue, number) or why
    if talk.customer.kind is not LegKind.AUDIO or (talk.asking and talk.phase not in _IN_LINE):
        why = TOO_LATE
    if why:
        centre.history.note(info.id, centre.now, "no callback", why=why, queue=queue, number=number)
        centre.push(centre.flows.refuse(info.id, why, centre.now))
    else:
        as_the_flow(centre, talk)
        info.priority = info.priority if want.priority is None else want.priority
        keep(centre, info, talk, queue, number, wished_at=at, goes_on=want.goes_on, calendar=want.calendar)


def wished(centre: "Centre", queue: str, want: do.CallBack) -> tuple[float, str]:
    """The time that the customer would like (0: in turn), and why that cannot be."""
    if not want.at:
        return 0.0, ""
    rules = centre.state.rules
    rule = rules.queues.get(queue)
    calendar = rules.calendars.get(want.calendar or (rule.calendar if rule is not None else ""))
    if calendar is None:  # a reload took it away: nobody knows whose time it is
        return 0.0, NO_TIME
    at = moment(want.at, timetable_of(calendar).zone, centre.now)
    if at is None or not centre.now < at <= centre.now + LONGEST_AHEAD_S:
        return 0.0, NO_TIME
    return (at, "") if is_open(calendar, at).open else (0.0, CLOSED_THEN)


def asked(centre: "Centre", fact: facts.CallbackAsked) -> None:
    """By the console. What has been accepted, or has ended, since it was asked stays as it is."""
    talk, info = centre.talks.get(fact.interaction), centre.state.interactions.get(fact.interaction)
    if talk is None or info is None:
        return
    number = to_e164(fact.number or info.origin, centre.state.rules.country)
    why = cannot_leave(talk) or refusal(centre, info.queue, number)
    if why:
        centre.history.note(info.id, centre.now, "no callback", by=fact.by, why=why, number=number)
        return
    stop_asking(centre, talk)
    keep(centre, info, talk, info.queue, number, fact.by)


def cannot_leave(talk: Talk) -> str:
    """Why there is no line to leave; empty when there is one."""
    held = talk.phase in _IN_LINE and not talk.away and talk.customer.kind is LegKind.AUDIO
    return "" if held else TOO_LATE


def keep(
    centre: "Centre",
    info: Interaction,
    talk: Talk,
    queue: str,
    number: str,
    by: str = "",
    wished_at: float = 0.0,
    goes_on: bool = False,
    calendar: str = "",
) -> None:
    """The customer leaves the line and keeps the place, or begins one; until `wished_at` the place rests.

    `goes_on`: the flow has more to say before the line goes down. `calendar`: whose time it tells.
    """
    rule, now = rule_of(centre, queue), centre.now
    longest_s = callbacks.AFTER_S if goes_on else callbacks.GOODBYE_S
    until, rests_until = max(now, wished_at) + rule.valid_s, max(now + longest_s, wished_at)
    info.callback = Callback(number, now, queue, wished_at=wished_at)
    centre.state.callbacks[key_of(number, queue)] = info.id
    details: dict[str, Detail] = {"by": by} if by else {}
    if wished_at:
        details["in_s"] = round(wished_at - now)
    centre.history.note(info.id, now, "callback kept", number=number, queue=queue, **details)
    if talk.phase is Phase.FLOW:
        talk.away = True  # so that no music begins
        centre.enqueue(info, queue, info.priority, callback=PlaceCallback(until, now, rests_until))
    else:
        centre.push(centre.router.call_back(info.id, until, rests_until, now))
    if goes_on:
        told = {NUMBER: number, AT: _local(centre, queue, calendar, wished_at)}
        go_on(centre, info, talk, number, told)
    else:
        centre.flows.stop(info.id, now)  # not sooner: entry rules ask for what it set
        callbacks.leave_line(centre.talks, talk, number, now)


def _local(centre: "Centre", queue: str, calendar: str, at: float) -> str:
    rules = centre.state.rules
    rule = rules.calendars.get(calendar or rules.queues[queue].calendar)
    return local_time(rule, at) if at and rule is not None else ""


def go_on(centre: "Centre", info: Interaction, talk: Talk, number: str, told: dict[str, str]) -> None:
    """Callback or message are kept: the flow goes on beside the place, for those who are still there."""
    if callbacks.stay_on(centre.talks, talk, number, centre.now):
        centre.push(centre.flows.kept(info.id, told, centre.now))
    else:
        centre.flows.stop(info.id, centre.now)


def leaves(centre: "Centre", want: do.LeaveLine) -> None:
    """The flow beside a callback or a message is over."""
    talk = centre.talks.get(want.interaction)
    if want.note:
        centre.history.note(want.interaction, centre.now, "flow ended", note=want.note)
    if talk is not None and talk.asking and talk.away and not talk.customer_gone:
        callbacks.hang_up(centre.talks, talk)


def line_left(centre: "Centre", event: ev.LineLeft) -> None:
    """The customer's line is down: from now on it may be that customer's turn."""
    centre.history.note(event.interaction, centre.now, "left the line")
    centre.flows.stop(event.interaction, centre.now)
    info = centre.state.interactions.get(event.interaction)
    if info is None or info.callback is None or info.callback.wished_at <= centre.now:
        centre.push(centre.router.wake(event.interaction, centre.now))


def view(centre: "Centre", info: Interaction, now: float) -> dict[str, Any] | None:
    """How a customer who holds no line is to be called back, for people; None: the customer holds one."""
    talk, place = centre.talks.get(info.id), centre.router.state.places.get(info.id)
    if talk is None or not talk.away or place is None or place.callback is None or info.callback is None:
        return None
    rests = place.phase is PlacePhase.RESTING
    return {
        "number": talk.number,
        "asked_s": max(0.0, now - info.callback.asked_at),
        "attempts": info.callback.attempts,
        "last": info.callback.last.value if info.callback.last is not None else "",
        "next_at": place.callback.rests_until if rests else None,
        "next_s": max(0.0, place.callback.rests_until - now) if rests else 0.0,
        "given_up_at": place.callback.until,
        "left_s": max(0.0, place.callback.until - now),
    }


def say_refusal(centre: "Centre", why: str, queue: str, number: str) -> str:
    """Why a callback is not kept, in words for who asked at the console."""
    if why == NO_NUMBER:
        shown = f"{number!r} is" if number else "a withheld number is"
        return f"{shown} no number that can be called back: give one, e.g. --number +33123456789"
    if why == DENIED:
        return f"{number} is not called back: it is ours, or see deny and allow of [queues.{queue}.callback]"
    if why == ALREADY:
        other = centre.state.callbacks[key_of(number, queue)]
        return f"{number} is called back for queue {queue} already: {other}"
    return "no customer holds the line in a queue there"


# -- calling ---------------------------------------------------------------------------------------


def call(centre: "Centre", talk: Talk) -> None:
    """The agent is there: call the customer."""
    info = centre.state.interactions[talk.interaction]
    until = centre.now + rule_of(centre, info.queue).ring_s
    line_times.begin(centre, info)
    callbacks.dial(centre.talks, talk, until, _shown(info))


def call_first(centre: "Centre", info: Interaction, talk: Talk, decision: dec.Offer) -> bool:
    """Whether the customer is called before the agent's phone rings: then that is begun."""
    place = centre.router.state.places.get(info.id)
    rule = centre.state.rules.queues.get(decision.queue)
    if place is None or rule is None or not customer_first(rule, place.callback):
        return False
    until = centre.now + rule_of(centre, decision.queue).ring_s
    line_times.begin(centre, info)
    callbacks.dial_first(centre.talks, talk, decision.offer, decision.agent, until, _shown(info))
    return True


def _shown(info: Interaction) -> str:
    """The number that the customer dialled, to be known again."""
    return info.target if info.target.startswith("+") else ""


def reached(centre: "Centre", event: ev.CustomerReached) -> None:
    """The customer who is called first answered: ring the agent who is kept for it."""
    talk, info = centre.talks.get(event.interaction), centre.state.interactions.get(event.interaction)
    rule = centre.state.rules.agents.get(event.agent)
    if talk is None or info is None:
        return
    centre.history.note(info.id, centre.now, "customer reached", agent=event.agent)
    centre.push(centre.router.reached(info.id, centre.now))
    if rule is None:  # a reload took the agent away while the customer's phone rang
        centre.talks.offer_over(talk)
        centre.push(centre.router.missed(event.offer, OfferEnd.WITHDRAWN, centre.now))
        return
    card, language = centre.card(info), of_agent(centre, event.agent)
    centre.talks.offer(talk, event.offer, event.agent, rule.devices, card, centre.now, language)


def failed(centre: "Centre", event: ev.CallFailed) -> None:
    """An attempt came to nothing: when the next one is due, or that it was the last.

    One that the agent broke off is not counted as an attempt (the customer is not to lose it by the agent's
    doing), but the phone rang: it waits as after no answer.
    """
    info = centre.state.interactions.get(event.interaction)
    if info is None or info.callback is None:
        return
    callback, rule = info.callback, rule_of(centre, info.queue)
    callback.attempts += not event.by_agent
    callback.last = event.cause
    why, after_s = retry_after(rule.retry_s, event)
    number, cause, count = callback.number, event.cause.value, callback.attempts
    centre.history.note(info.id, centre.now, "callback failed", number=number, cause=cause, attempts=count)
    if callback.attempts >= rule.attempts:
        centre.push(centre.router.give_up(info.id, "attempts", centre.now))
    else:
        centre.push(centre.router.rest(info.id, centre.now + after_s, why, centre.now))


def retry_after(times: RetryAfter, event: ev.CallFailed) -> tuple[str, float]:
    """(why in a word, seconds until the next attempt) by what came of an attempt."""
    if event.by_agent:
        return "agent left", times.no_answer
    if event.cause is Cause.BUSY:
        return "busy", times.busy
    if event.cause in {Cause.NO_ANSWER, Cause.REJECTED, Cause.CANCELLED, Cause.LAPSED}:
        return "no_answer", times.no_answer
    return "unreachable", times.unreachable


# -- ends ------------------------------------------------------------------------------------------


def given_up(centre: "Centre", decision: dec.CallbackOver) -> None:
    """No further attempt: the interaction is over."""
    talk = centre.talks.get(decision.interaction)
    centre.history.note(decision.interaction, centre.now, "callback given up", why=decision.why)
    if talk is not None:
        centre.talks.end(talk, Cause.LAPSED, centre.now)
    centre.flows.stop(decision.interaction, centre.now)


def over(centre: "Centre", info: Interaction) -> None:
    """Customer and agent are joined: another callback may be asked for.

    One that is still kept for the same number and queue is made no more: the customer called again, and is
    not to be called for what is being talked about now.
    """
    if info.callback is not None:
        forget(centre, info)
    if info.channel_class is not _VOICE and info.kind is LegKind.AUDIO:
        info.channel_class = _VOICE  # a message whose customer was called is a call again
    if not centre.state.callbacks:
        return
    twin = twin_of(centre, info)
    talk = centre.talks.get(twin.id) if twin is not None else None
    if twin is not None and talk is not None:
        centre.history.note(twin.id, centre.now, "callback given up", why=f"served as {info.id}")
        leave(centre, twin, talk, Cause.TRANSFERRED)


def twin_of(centre: "Centre", info: Interaction) -> Interaction | None:
    """The callback that is kept for the number that this customer calls from, in the same queue."""
    pending = centre.state.callbacks
    if not pending:
        return None  # most of the time: no number is made whole for nothing
    number = to_e164(info.origin, centre.state.rules.country)
    return centre.state.interactions.get(pending.get(key_of(number, info.queue), ""))


def forget(centre: "Centre", info: Interaction) -> None:
    """It is no longer pending."""
    callback, pending = info.callback, centre.state.callbacks
    if callback is not None and pending.get(key_of(callback.number, callback.queue)) == info.id:
        del pending[key_of(callback.number, callback.queue)]


def restarted(centre: "Centre") -> None:
    """After a restart: an attempt that ran is made anew, and not counted; a goodbye is over."""
    for name in list(centre.state.callbacks.values()):
        place = centre.router.state.places.get(name)
        talk = centre.talks.get(name)
        if place is None or talk is None or not talk.away:
            continue
        centre.flows.stop(name, centre.now)
        if place.phase is PlacePhase.RESTING:
            kept = centre.state.interactions[name].callback
            if kept is not None and kept.last is None and kept.wished_at <= centre.now:
                centre.push(centre.router.wake(name, centre.now))
        elif place.phase is not PlacePhase.WAITING or (place.callback and place.callback.reached):
            centre.push(centre.router.rest(name, centre.now, "restart", centre.now))
