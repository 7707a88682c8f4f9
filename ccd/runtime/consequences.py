"""What each answer of an engine does to the others: one function a type, one table of them.

Answers are the wants of a flow (`ivr.do`), the decisions of routing and the events of bridging.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ccd.bridging import events as ev
from ccd.bridging.announcing import announce
from ccd.bridging.state import Phase
from ccd.history.state import Note
from ccd.history.timeline import add_note
from ccd.model.nouns import Cause, OfferEnd, Outcome
from ccd.routing import decisions as dec
from ccd.routing.phases import Phase as PlacePhase
from ccd.runtime import (
    after_calls,
    bots,
    callbacks,
    charges,
    consults,
    customers,
    deletions,
    emergency,
    erasing,
    links,
    overflowing,
    own_calls,
    recalls,
    relaxations,
    spoken_answers,
    survey_links,
    voicemail,
    wrap_ups,
)
from ccd.runtime.filing import record_row
from ccd.runtime.languages import of_agent
from ccd.runtime.leaving import leave
from ccd.runtime.saying import comfort_of, whisper
from ccd.runtime.spoken import remember
from ccd.runtime.wants import WANTS

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_OFFERABLE = (Phase.WAITING, Phase.OFFERED)
_HANDLED, _CONNECTED = Outcome.HANDLED, PlacePhase.CONNECTED  # a look into an enum costs 600 instructions
_WITHDRAWN = {OfferEnd.CUSTOMER_LEFT: Cause.CANCELLED, OfferEnd.NO_ANSWER: Cause.LAPSED}


# -- routing -------------------------------------------------------------------------------------------


def _offer(centre: "Centre", decision: dec.Offer) -> None:
    talk = centre.talks.get(decision.interaction)
    info = centre.state.interactions.get(decision.interaction)
    rule = centre.state.rules.agents.get(decision.agent)
    if talk is None or info is None or rule is None or talk.phase not in _OFFERABLE:
        centre.push(centre.router.missed(decision.offer, OfferEnd.WITHDRAWN, centre.now))
        return
    leg = ""
    if not callbacks.call_first(centre, info, talk, decision):
        card = centre.card(info)
        language = of_agent(centre, decision.agent)
        leg = centre.talks.offer(
            talk, decision.offer, decision.agent, rule.devices, card, centre.now, language
        )
    centre.history.offer_made(
        info.id,
        decision.queue,
        decision.agent,
        decision.offer,
        decision.waited_s,
        centre.now,
        leg=leg,
    )


def _withdrawn(centre: "Centre", decision: dec.OfferWithdrawn) -> None:
    talk = centre.talks.get(decision.interaction)
    if talk is not None:
        cause = _WITHDRAWN.get(decision.end, Cause.ANSWERED_ELSEWHERE)
        winner = centre.state.rules.agents.get(decision.by)
        by = winner.display or winner.name if winner is not None else decision.by
        centre.talks.withdraw_offer(talk, decision.offer, cause, by)
    note = {"agent": decision.agent, "offer": decision.offer, "end": decision.end.value}
    if decision.by:
        note["by"] = decision.by
    centre.history.note(decision.interaction, centre.now, "offer_withdrawn", **note)


def _missed(centre: "Centre", decision: dec.Missed) -> None:
    centre.history.offer_missed(
        decision.interaction, decision.queue, decision.agent, decision.offer, decision.end, centre.now
    )


def _stayed(centre: "Centre", decision: dec.Stayed) -> None:
    why = centre.in_force.why(decision.queue, decision.why)
    queue, pct = decision.queue, decision.pct
    centre.history.note(decision.interaction, centre.now, "stays", queue=queue, why=why, share_pct=pct)


def _position(centre: "Centre", decision: dec.Position) -> None:
    talk = centre.talks.get(decision.interaction)
    if talk is not None:
        rule = centre.state.rules.queues.get(centre.state.interactions[decision.interaction].queue)
        comfort = comfort_of(centre, talk, rule) if rule is not None else ()
        announce(centre.talks, talk, decision.position, decision.wait_s, comfort)


def _availability(centre: "Centre", decision: dec.AvailabilityChanged) -> None:
    """The agent's state stands in routing; the fact that asked for it stands in the ledger."""


def _pending(centre: "Centre", decision: dec.AvailabilityPending) -> None:
    """The agent's state stands in routing; it becomes `AvailabilityChanged` when the work is done."""


def _pause_ended(centre: "Centre", decision: dec.PauseEnded) -> None:
    centre.history.paused(decision.agent, decision.reason, decision.paid, decision.seconds, centre.now)


def _pause_too_long(centre: "Centre", decision: dec.PauseTooLong) -> None:
    """An alarm stands for it as long as it lasts (`troubles`)."""


def _stale(centre: "Centre", decision: dec.StaleOffer) -> None:
    """Handled where the answer was asked for (`_accepted`)."""


def _handled(centre: "Centre", decision: dec.Handled) -> None:
    info = centre.state.interactions.get(decision.interaction)
    if info is not None:
        info.outcome = _HANDLED
    centre.history.handled(
        decision.interaction,
        decision.queue,
        decision.agent,
        decision.waited_s,
        decision.in_service_level,
        centre.now,
        decision.worked_s,
    )


def _left_queue(centre: "Centre", decision: dec.LeftQueue) -> None:
    info = centre.state.interactions.get(decision.interaction)
    if info is not None and info.outcome is not _HANDLED:
        info.outcome = decision.outcome
    centre.history.left_queue(
        decision.interaction, decision.queue, decision.outcome, decision.waited_s, centre.now
    )


def _finished(centre: "Centre", decision: dec.Finished) -> None:
    centre.history.finished(
        decision.interaction, decision.queue, decision.agent, decision.talked_s, centre.now
    )


def _changed(centre: "Centre", decision: dec.Changed) -> None:
    """Another queue: its music, whisper and figures from here on; the place is routing's."""
    info = centre.state.interactions.get(decision.interaction)
    talk = centre.talks.get(decision.interaction)
    if info is None or talk is None:
        return
    before, after = str(decision.before), str(decision.after)
    centre.history.note(info.id, centre.now, "changed", queue=decision.queue, before=before, after=after)
    if decision.queue != info.queue:
        info.queue = decision.queue
        rule = centre.state.rules.queues[decision.queue]
        centre.talks.wait(
            talk, rule.music, whisper=rule.whisper, record=rule.record, whisper_say=rule.whisper_say
        )
        centre.history.queued(info.id, info.queue, centre.now, info.priority or 0)


def _place_kept(centre: "Centre", decision: dec.PlaceKept) -> None:
    for_s = round(decision.until - centre.now, 1)
    centre.history.note(decision.interaction, centre.now, "place kept", queue=decision.queue, for_s=for_s)


def _place_forgotten(centre: "Centre", decision: dec.PlaceForgotten) -> None:
    centre.history.forget(decision.interaction)


def _place_taken_back(centre: "Centre", decision: dec.PlaceTakenBack) -> None:
    """Both interactions say so; that of the lost place is filed anew with it."""
    info = centre.state.interactions.get(decision.interaction)
    if info is not None:
        info.entered_at = decision.entered_at
    of, by = decision.place_of, decision.interaction
    lost_s = round(decision.lost_s, 1)
    centre.history.note(by, centre.now, "took place back", queue=decision.queue, of=of, lost_s=lost_s)
    record = centre.history.add_later(of, centre.now, "place taken back", queue=decision.queue, by=by)
    if record is not None:
        centre.records.append(record_row(record))
    else:  # its legs are still ending
        centre.history.note(of, centre.now, "place taken back", queue=decision.queue, by=by)


def _traced(centre: "Centre", decision: dec.Traced) -> None:
    trace = decision.trace
    cue = (trace.cue == "rules" and centre.rules_cue) or trace.cue
    if centre.in_force.resting:
        cue = centre.in_force.cue(trace.queue, trace.what, cue)
    if cue != trace.cue:
        trace = msgspec.structs.replace(trace, cue=cue)
    centre.history.trace(decision.interaction, trace)


# -- bridging ------------------------------------------------------------------------------------------


def _customer_gone(centre: "Centre", event: ev.CustomerGone) -> None:
    talk = centre.talks.get(event.interaction)
    info = centre.state.interactions.get(event.interaction)
    if talk is None or info is None:
        return
    place = centre.router.state.places.get(info.id)
    gave_up = place is not None and place.phase is not _CONNECTED
    consults.customer_gone(centre, talk)
    leave(centre, info, talk, event.cause)
    if place is not None and gave_up:
        recalls.lost(centre, info, talk, place)


def _accepted(centre: "Centre", event: ev.AgentAccepted) -> None:
    talk = centre.talks.get(event.interaction)
    if talk is None:
        return
    decisions = centre.router.answered(event.offer, centre.now)
    if decisions and any(isinstance(decision, dec.StaleOffer) for decision in decisions):
        centre.talks.withdraw_offer(talk, event.offer, Cause.LAPSED)
    elif talk.away:
        voicemail.answered(centre, talk)
    else:
        parts, language = whisper(centre, talk)
        centre.talks.connect(talk, centre.now, parts, language)
    centre.push(decisions)


def _agent_missed(centre: "Centre", event: ev.AgentMissed) -> None:
    centre.push(centre.router.missed(event.offer, event.end, centre.now))


def _bridged(centre: "Centre", event: ev.Bridged) -> None:
    info, talk = centre.state.interactions.get(event.interaction), centre.talks.get(event.interaction)
    if info is not None and talk is not None and talk.agent is not None:
        remember(centre.state.spoken, info.origin, talk.agent.agent, centre.now)
        for name in info.known_as:
            if name != info.origin:
                remember(centre.state.spoken, name, talk.agent.agent, centre.now)
        after_calls.remember(centre, info, talk)
    centre.flows.stop(event.interaction, centre.now)
    if info is not None:
        callbacks.over(centre, info)
    centre.push(centre.router.bridged(event.interaction, centre.now))
    if talk is not None and talk.agent is not None and talk.agent.held:
        centre.push(centre.router.hold(event.interaction, True, centre.now))


def _talk_over(centre: "Centre", event: ev.TalkOver) -> None:
    """While a transfer rings, the agent's work ends with the transfer (`_transferred`)."""
    talk = centre.talks.get(event.interaction)
    if talk is not None and talk.phase is not Phase.TRANSFERRING:
        centre.flows.step_back(event.interaction)
        centre.push(centre.router.finish(event.interaction, centre.now))
        info = centre.state.interactions.get(event.interaction)
        if info is not None and info.dialled_by:
            centre.free_helper(info)
            own_calls.over(centre, info)
        after_calls.begin(centre, talk, event.agent)


def _own_answered(centre: "Centre", event: ev.OwnAnswered) -> None:
    info = centre.state.interactions.get(event.interaction)
    if info is not None:
        speak = tuple(agent for agent in (info.dialled_by, event.agent) if agent)
        centre.history.own_answered(info.id, speak, centre.now)


def _prompt_over(centre: "Centre", event: ev.PromptOver) -> None:
    if event.interaction in centre.state.saying and emergency.said(centre, event.interaction, event.play):
        return
    centre.push(centre.flows.prompt_ended(event.interaction, event.play, event.completed, centre.now))


def _outside_failed(centre: "Centre", event: ev.OutsideFailed) -> None:
    talk = centre.talks.get(event.interaction)
    info = centre.state.interactions.get(event.interaction)
    if talk is None or info is None:
        return
    centre.free_helper(info)
    centre.history.note(info.id, centre.now, "outside failed", cause=event.cause.value)
    if info.dialled_by and not talk.customer.answered and not centre.flows.where(info.id):
        leave(centre, info, talk, event.cause)  # its phone is told by the status of the cause
        return
    centre.talks.back_to_flow(talk)
    overflowing.resume(centre, info.id, event.cause.value)


def _transferred(centre: "Centre", event: ev.TransferDone) -> None:
    info = centre.state.interactions.get(event.interaction)
    if info is None:
        return
    info.helper = ""
    to = event.to_agent or event.address
    centre.history.note(info.id, centre.now, "transferred", agent=event.from_agent, to=to)
    record = centre.history.record(info.id)
    if record is not None and event.to_agent:
        record.agents.append(event.to_agent)
    centre.push(centre.router.move(info.id, event.to_agent or None, centre.now))


def _transfer_failed(centre: "Centre", event: ev.TransferFailed) -> None:
    """The agent has the customer again; if the agent is gone, the customer gets the old place back."""
    info = centre.state.interactions.get(event.interaction)
    if info is None:
        return
    centre.free_helper(info)
    centre.history.note(info.id, centre.now, "transfer failed", cause=event.cause.value)
    if event.stranded:
        centre.enqueue(info, info.queue, again=True)


def _closed(centre: "Centre", event: ev.Closed) -> None:
    info = centre.state.interactions.pop(event.interaction, None)
    if info is None:
        return
    centre.flows.stop(info.id, centre.now)
    centre.state.saying.pop(info.id, None)
    centre.messages.pop(info.id, None)
    if info.message_path:
        deletions.over(centre, info, voicemail.rule_of(centre, info.queue).keep_days)
    spoken_answers.over(centre, info)
    if info.callback is not None:
        callbacks.forget(centre, info)
    if info.bot is not None:
        bots.let_go(centre, info)
    if info.charges:
        charges.closed(centre, info)
    if info.helper:
        centre.free_helper(info)
    if info.dialled_by:
        own_calls.over(centre, info)
    if info.after_call is not None:
        survey_links.send(centre, info, event.cause)
    record = centre.history.close(info.id, info.outcome, event.cause, event.ended_at or centre.now)
    if record is None:
        return
    customers.ended(centre, info, record)
    if centre.state.erasing:
        erasing.closing(centre, info, record)
    if info.id in centre.router.state.lost:
        centre.history.keep_lost(record)
    centre.records.append(record_row(record))
    if info.continues is not None:
        links.over(centre, info)


def _noted(centre: "Centre", event: ev.Noted) -> None:
    record = centre.history.record(event.interaction)
    if record is not None:
        add_note(record, Note(centre.now, event.what, event.details))


CONSEQUENCES: dict[type, Callable[["Centre", Any], None]] = {
    **WANTS,
    dec.Offer: _offer,
    dec.OfferWithdrawn: _withdrawn,
    dec.Missed: _missed,
    dec.Overflow: overflowing.overflowed,
    dec.Stayed: _stayed,
    dec.Relaxed: relaxations.relaxed,
    dec.Position: _position,
    dec.AvailabilityChanged: _availability,
    dec.AvailabilityPending: _pending,
    dec.PauseEnded: _pause_ended,
    dec.PauseTooLong: _pause_too_long,
    dec.StaleOffer: _stale,
    dec.Handled: _handled,
    dec.LeftQueue: _left_queue,
    dec.CallbackOver: callbacks.given_up,
    dec.Finished: _finished,
    dec.WrapUpStarted: wrap_ups.started,
    dec.WrapUpExtended: wrap_ups.extended,
    dec.WrapUpTooLong: wrap_ups.too_long,
    dec.WrapUpEnded: wrap_ups.ended,
    dec.DispositionNoted: wrap_ups.noted,
    dec.DispositionSettled: wrap_ups.settled,
    dec.Changed: _changed,
    dec.PlaceKept: _place_kept,
    dec.PlaceForgotten: _place_forgotten,
    dec.PlaceTakenBack: _place_taken_back,
    dec.Traced: _traced,
    ev.CustomerGone: _customer_gone,
    ev.AgentAccepted: _accepted,
    ev.AgentMissed: _agent_missed,
    ev.Bridged: _bridged,
    ev.TalkOver: _talk_over,
    ev.LineLeft: callbacks.line_left,
    ev.CallFailed: voicemail.call_failed,
    ev.CustomerReached: callbacks.reached,
    ev.PromptOver: _prompt_over,
    ev.OutsideFailed: _outside_failed,
    ev.OwnAnswered: _own_answered,
    ev.TransferDone: _transferred,
    ev.TransferFailed: _transfer_failed,
    ev.Closed: _closed,
    ev.Noted: _noted,
    **voicemail.CONSEQUENCES,
    **spoken_answers.CONSEQUENCES,
}
"""Every answer has its function; a test holds the table whole."""
