"""When something is on fire: notices for all who call, and queues closed by hand.

A notice is said once a call, as soon as it is answered and before its flow begins; a queue that is closed by
hand says its announcement to whom it sends away, then sends them where it would if its calendar were closed.
Both end by themselves at their time, before the next fact is looked at. A text leg gets the words as a text.
"""

from typing import TYPE_CHECKING

from ccd.bridging import texts
from ccd.bridging.state import Phase, Talk
from ccd.model import facts
from ccd.model.emergency import Closure, Notice
from ccd.model.nouns import LegKind, PromptPart
from ccd.routing import decisions as dec
from ccd.routing.phases import Phase as PlacePhase
from ccd.runtime import overflowing
from ccd.runtime.beginning import begin_flow as enter
from ccd.runtime.state import CentreState, Interaction, Line, Saying

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

SAY_LIMIT_S = 120.0
"""What is said counts as over after so long, whether or not its end was told."""


# -- facts -----------------------------------------------------------------------------------------


def set_notice(centre: "Centre", fact: facts.NoticeSet) -> None:
    """From here on it is said to who calls; one whose end has passed already is none."""
    state = centre.state
    state.notices_made += 1
    if fact.until <= centre.now:
        return
    name = f"n{state.notices_made}"
    state.notices[name] = Notice(
        notice=name,
        by=fact.by,
        since=centre.now,
        until=fact.until,
        text=fact.text,
        prompt=fact.prompt,
        numbers=fact.numbers,
        flows=fact.flows,
        language=fact.language,
    )


def remove_notice(centre: "Centre", fact: facts.NoticeRemoved) -> None:
    """Nobody is told it any more; who hears it just now hears it to its end."""
    centre.state.notices.pop(fact.notice, None)


def close_queue(centre: "Centre", fact: facts.QueueClosed) -> None:
    """Closed at once; closed again, the new end, reason and words count."""
    if fact.queue not in centre.state.rules.queues or (fact.until is not None and fact.until <= centre.now):
        return
    before = centre.router.state.closures.get(fact.queue)
    since = centre.now if before is None else before.since
    closure = Closure(fact.by, since, fact.until, fact.reason, fact.text, fact.prompt)
    details = {"reason": fact.reason} if fact.reason else {}
    _note(centre, fact.queue, "queue closed", by=fact.by, **details)
    centre.push(centre.router.shut(fact.queue, closure, centre.now))


def open_queue(centre: "Centre", fact: facts.QueueOpened) -> None:
    """It takes again what its calendar lets it."""
    _open(centre, fact.queue, fact.by)


def _open(centre: "Centre", queue: str, by: str) -> None:
    if queue in centre.router.state.closures:
        _note(centre, queue, "queue opened", by=by)
        centre.push(centre.router.reopen(queue, centre.now))


def _note(centre: "Centre", queue: str, what: str, **details: str) -> None:
    """On the timeline of each interaction that waits or rings in the queue."""
    for place in centre.router.state.places.values():
        if place.queue == queue and place.phase is not PlacePhase.CONNECTED:
            centre.history.note(place.interaction, centre.now, what, queue=queue, **details)


# -- time ------------------------------------------------------------------------------------------


def next_end(state: CentreState) -> float | None:
    """When the first notice, closing or saying is over; None: there is none."""
    closures = state.routing.closures if state.routing is not None else {}
    if not (state.notices or closures or state.saying):
        return None
    ends = [each.until for each in state.notices.values()]
    ends += [each.until for each in closures.values() if each.until is not None]
    ends += [each.until for each in state.saying.values()][:1]
    return min(ends, default=None)


def end_due(centre: "Centre") -> None:
    """End every notice and closing whose time is over, and what nobody told the end of."""
    state, now = centre.state, centre.now
    for name in [each.notice for each in state.notices.values() if each.until <= now]:
        del state.notices[name]
    closures = centre.router.state.closures.items()
    for queue in [name for name, each in closures if each.until is not None and each.until <= now]:
        _open(centre, queue, "policy:until")
    while state.saying and (first := next(iter(state.saying.items())))[1].until <= now:
        said(centre, first[0], first[1].play)


# -- saying ----------------------------------------------------------------------------------------


def begin_flow(centre: "Centre", info: Interaction, flow: str, language: str) -> None:
    """Begin the flow of one who has just arrived, after the notices that are for it."""
    talk = centre.talks.state.talks[info.id]
    notices = [each for each in centre.state.notices.values() if _is_for(each, info, (flow,))]
    for each in notices:
        words = each.text or f"prompt {each.prompt}"
        centre.history.note(info.id, centre.now, "notice", notice=each.notice, said=words, by=each.by)
    rule = centre.state.rules.flows.get(flow)
    own = rule.language if rule is not None and info.continues is None else ""
    usual = own or language
    lines = [Line(_part(each.text, each.prompt), each.language or usual) for each in notices]
    _say(centre, info, talk, Saying("", 0.0, lines, flow=flow))


def excuse(centre: "Centre", info: Interaction, talk: Talk, decision: dec.Overflow) -> bool:
    """Say the announcement of a queue closed by hand before it sends this one on; False: it has none."""
    closure = centre.router.state.closures.get(decision.queue)
    if closure is None or not (closure.text or closure.prompt) or talk.away:
        return False
    centre.talks.back_to_flow(talk)
    lines = [Line(_part(closure.text, closure.prompt), talk.language)]
    _say(centre, info, talk, Saying("", 0.0, lines, target=decision.target, why=decision.why))
    return True


def said(centre: "Centre", interaction: str, play: str) -> bool:
    """What was said is over: the next, or on; False: it was something else."""
    saying = centre.state.saying.get(interaction)
    if saying is None or saying.play != play:
        return False
    del centre.state.saying[interaction]
    info, talk = centre.state.interactions.get(interaction), centre.talks.get(interaction)
    if info is not None and talk is not None and talk.phase is Phase.FLOW:
        _say(centre, info, talk, saying)
    return True


def _say(centre: "Centre", info: Interaction, talk: Talk, saying: Saying) -> None:
    """Say the next line, or go on when there is none."""
    while saying.lines:
        line = saying.lines.pop(0)
        if info.kind is LegKind.TEXT:
            if line.part.text:
                centre.talks.answer(talk)
                texts.tell(centre.talks, talk, line.part.text)
            continue
        saying.play, saying.until = centre.talks.play_id(), centre.now + SAY_LIMIT_S
        centre.state.saying[info.id] = saying
        centre.talks.play(talk, saying.play, (line.part,), line.language, False)
        return
    if saying.flow:
        enter(centre, info, saying.flow, talk.language, answered=talk.customer.answered)
    else:
        overflowing.send_on(centre, info, talk, saying.target, saying.why)


def in_force(state: CentreState, info: Interaction, flow: str) -> list[Notice]:
    """The notices that are for an interaction now: for all, for its number, for the flow that answers that,
    or for the one that it is in."""
    if not state.notices:
        return []
    flows = (flow, state.rules.numbers.get(info.target, ""))
    return [each for each in state.notices.values() if _is_for(each, info, flows)]


def _is_for(notice: Notice, info: Interaction, flows: tuple[str, ...]) -> bool:
    everybody = not notice.numbers and not notice.flows
    return everybody or info.target in notice.numbers or any(flow in notice.flows for flow in flows)


def _part(text: str, prompt: str) -> PromptPart:
    return PromptPart(text=text) if text else PromptPart(prompt)
