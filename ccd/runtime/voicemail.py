"""Voicemail as a whole: a message takes the place of its customer, waits in the queue, and an agent hears it.

It is the same interaction from the call to the end, of channel class `task` once the customer left: one
timeline. Its place is that of a callback (`ccd.runtime.callbacks`) whose agent comes first.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging import events as ev
from ccd.bridging import recording
from ccd.bridging import voicemail as lines
from ccd.bridging.callbacks import AFTER_S, GOODBYE_S
from ccd.bridging.state import Message, Phase, Talk
from ccd.ivr import do
from ccd.ivr.callbacks import DENIED, NO_NUMBER
from ccd.ivr.voicemail_scripts import USUAL, flow_name
from ccd.model import facts
from ccd.model.nouns import Cause, ChannelClass, LegKind, PromptPart
from ccd.model.numbers import to_e164
from ccd.model.rules import Target
from ccd.model.voicemail_rules import VoicemailRule
from ccd.routing import decisions as dec
from ccd.routing.phases import Phase as PlacePhase
from ccd.routing.state import Callback as PlaceCallback
from ccd.runtime import callbacks, deletions
from ccd.runtime.languages import as_the_flow
from ccd.runtime.leaving import leave
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

KEPT_S = 3650 * 86_400.0
"""A message waits for ever, in practice: only a person ends it."""
AGAIN, CALL, LATER, DONE = "1", "2", "3", "#"
"""Keys on the phone of the agent who listens."""


def rule_of(centre: "Centre", queue: str) -> VoicemailRule:
    """How messages are taken for a queue."""
    rule = centre.state.rules.queues.get(queue)
    return (rule.voicemail if rule is not None else None) or USUAL


def flow_of(target: Target) -> str:
    """The flow that a target leads to; a voicemail is one that is built in."""
    return target.flow or (flow_name(target.voicemail) if target.voicemail else "")


def is_full(centre: "Centre", queue: str) -> bool:
    """Whether a queue takes no further message."""
    most = rule_of(centre, queue).most
    if most is None:
        return False
    return sum(_queue_of(centre, name) == queue for name in centre.messages) >= most


def _queue_of(centre: "Centre", name: str) -> str:
    """Queue for which a message is spoken, waits or is heard; empty: there is none any more."""
    talk, info = centre.talks.get(name), centre.state.interactions.get(name)
    if talk is None or info is None or talk.message is None:
        return ""
    return talk.message.queue if talk.speaks else info.queue


def note_full(centre: "Centre", info: Interaction, queue: str) -> None:
    """For the timeline."""
    centre.history.note(
        info.id, centre.now, "voicemail full", queue=queue, most=rule_of(centre, queue).most or 0
    )


def target_of(centre: "Centre", info: Interaction, target: Target) -> Target:
    """The target, or where its voicemail leads when that is full."""
    if not target.voicemail or not is_full(centre, target.voicemail):
        return target
    note_full(centre, info, target.voicemail)
    return rule_of(centre, target.voicemail).on_full


# -- leaving one ----------------------------------------------------------------------------------


def waiting_key(centre: "Centre", talk: Talk, digit: str) -> bool:
    """Whether a key pressed while waiting is the one for a message; then the customer leaves the line.

    It leaves the queue as who overflows does: whoever rings is still, and the message enters anew.
    """
    info = centre.state.interactions[talk.interaction]
    rule = centre.state.rules.queues.get(info.queue)
    voicemail = rule.voicemail if rule is not None else None
    if voicemail is None or digit != voicemail.key or talk.phase not in (Phase.WAITING, Phase.OFFERED):
        return False
    if talk.away or talk.customer.kind is not LegKind.AUDIO:
        return False
    if voicemail.on_full == Target() and is_full(centre, info.queue):
        note_full(centre, info, info.queue)
        return True
    centre.history.note(info.id, centre.now, "asks for voicemail", queue=info.queue)
    centre.push(centre.router.withdraw(info.id, centre.now, Cause.TRANSFERRED))
    centre.push([dec.Overflow(info.id, info.queue, Target(voicemail=info.queue), "voicemail")])
    return True


def _beep(centre: "Centre", want: do.Beep) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        lines.beep(centre.talks, talk, want.play)


def _take(centre: "Centre", want: do.TakeMessage) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.history.note(want.interaction, centre.now, "speaks a message", queue=want.queue)
        centre.messages[want.interaction] = None
        as_the_flow(centre, talk)
        message = Message(want.queue, want.min_s, want.goodbye, goes_on=want.goes_on)
        lines.take(centre.talks, talk, message, want.silence_s)


def _no_room(centre: "Centre", want: do.NoRoom) -> None:
    info = centre.state.interactions.get(want.interaction)
    if info is not None:
        note_full(centre, info, want.queue)


def _end(centre: "Centre", want: do.EndMessage) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        lines.stop(centre.talks, talk, centre.now)


def _spoken(centre: "Centre", event: ev.MessageSpoken) -> None:
    """The message is whole: it takes its place, or there was none."""
    talk, info = centre.talks.get(event.interaction), centre.state.interactions.get(event.interaction)
    if talk is None or info is None or talk.message is None or talk.phase is not Phase.FLOW:
        return
    message = talk.message
    if message.path and event.spoken_s >= max(message.min_s, 0.001):
        _keep(centre, info, talk, message)
        return
    if message.path:  # too little to be a message, and nobody's to keep
        deletions.keep(centre, message.path, 0.0)
    talk.message = None
    centre.messages.pop(info.id, None)
    spoken_s = round(event.spoken_s, 1)
    centre.history.note(info.id, centre.now, "no message", spoken_s=spoken_s)
    if talk.customer_gone:
        leave(centre, info, talk, Cause.NORMAL)
    else:
        centre.push(centre.flows.no_message(info.id, centre.now))


def _keep(centre: "Centre", info: Interaction, talk: Talk, message: Message) -> None:
    now, queue, path = centre.now, message.queue, message.path
    seconds = round(message.seconds, 1)
    centre.history.note(info.id, now, "voicemail kept", queue=queue, seconds=seconds, path=path)
    goes_on = message.goes_on and not talk.customer_gone
    info.channel_class, info.message_path = ChannelClass.TASK, path
    talk.away = True  # so that no music begins
    rests_until = now + (AFTER_S if goes_on else GOODBYE_S)
    kept = PlaceCallback(now + KEPT_S, now, rests_until, agent_first=True)
    centre.enqueue(info, message.queue, info.priority, callback=kept)
    number = to_e164(info.origin, centre.state.rules.country)
    if goes_on and talk.phase is Phase.WAITING:  # else its queue is gone
        callbacks.go_on(centre, info, talk, number, {})
        return
    centre.flows.stop(info.id, now)  # not sooner: entry rules ask for what it set
    if talk.phase is Phase.WAITING:
        lines.keep(centre.talks, talk, number, now)


# -- hearing it -----------------------------------------------------------------------------------


def answered(centre: "Centre", talk: Talk) -> None:
    """The agent is there for a customer who is not: play the message, or call."""
    if talk.message is None:
        callbacks.call(centre, talk)
        return
    agent = talk.agent.agent if talk.agent is not None else ""
    centre.history.note(talk.interaction, centre.now, "voicemail played", agent=agent)
    lines.listen(centre.talks, talk, centre.now)


def agent_key(centre: "Centre", talk: Talk, digit: str) -> None:
    """A key on the phone of the agent who listens; others mean nothing."""
    info, now = centre.state.interactions[talk.interaction], centre.now
    if digit == AGAIN:
        lines.play(centre.talks, talk, now)
    elif digit == CALL:
        _call(centre, info, talk)
    elif digit == LATER:
        put_off(centre, info, "key")
    elif digit == DONE:
        done(centre, info, talk)


def _call(centre: "Centre", info: Interaction, talk: Talk) -> None:
    """The agent wants the customer called, here and now."""
    why = callbacks.refusal(centre, info.queue, talk.number)
    if why in (NO_NUMBER, DENIED):
        centre.history.note(info.id, centre.now, "no callback", why=why, number=talk.number)
        lines.say(centre.talks, talk, (PromptPart(f"callback/{why}"),))
    else:
        callbacks.call(centre, talk)


def put_off(centre: "Centre", info: Interaction, why: str) -> None:
    """Back to its place, to be offered again after a while: the agent is free at once."""
    later_s = rule_of(centre, info.queue).later_s
    centre.history.note(info.id, centre.now, "voicemail put off", why=why, for_s=later_s)
    centre.push(centre.router.rest(info.id, centre.now + later_s, "later", centre.now))


def done(centre: "Centre", info: Interaction, talk: Talk) -> None:
    """The agent is through with it: handled, and over."""
    since = talk.message.listened_at if talk.message is not None else centre.now
    centre.history.note(info.id, centre.now, "voicemail done")
    centre.push(centre.router.bridged(info.id, centre.now, since))
    leave(centre, info, talk, Cause.NORMAL)


def _done(centre: "Centre", event: ev.MessageDone) -> None:
    talk, info = centre.talks.get(event.interaction), centre.state.interactions.get(event.interaction)
    if talk is not None and info is not None and talk.phase is Phase.LISTENING:
        done(centre, info, talk)


def _put_off(centre: "Centre", event: ev.MessagePutOff) -> None:
    info = centre.state.interactions.get(event.interaction)
    if info is not None:
        put_off(centre, info, "no key")


def call_failed(centre: "Centre", event: ev.CallFailed) -> None:
    """A customer was called and did not answer: a message is back in its place, and offered again."""
    info, talk = centre.state.interactions.get(event.interaction), centre.talks.get(event.interaction)
    if info is None or talk is None or talk.message is None:
        callbacks.failed(centre, event)
        return
    why, after_s = callbacks.retry_after(callbacks.rule_of(centre, info.queue).retry_s, event)
    centre.history.note(info.id, centre.now, "callback failed", cause=event.cause.value)
    centre.push(centre.router.rest(info.id, centre.now + after_s, why, centre.now))


def restarted(centre: "Centre") -> None:
    """After a restart: a message that rang or was heard is back in its place."""
    for name, talk in centre.talks.state.talks.items():
        place = centre.router.state.places.get(name)
        if talk.message is None or not talk.away or place is None:
            continue
        centre.flows.stop(name, centre.now)
        if place.phase in (PlacePhase.OFFERED, PlacePhase.ACCEPTED):
            centre.push(centre.router.rest(name, centre.now, "restart", centre.now))


def seconds(talk: Talk | None) -> float:
    """Length of the message that waits; 0: none does."""
    return talk.message.seconds if talk is not None and talk.message is not None and talk.away else 0.0


def view(centre: "Centre", info: Interaction, now: float) -> dict[str, Any] | None:
    """A message that waits or is heard, for people; None: there is none."""
    talk, place = centre.talks.get(info.id), centre.router.state.places.get(info.id)
    if talk is None or talk.message is None or place is None or place.callback is None:
        return None
    rests = place.phase is PlacePhase.RESTING
    return {
        "seconds": talk.message.seconds,
        "path": talk.message.path,
        "number": talk.number,
        "next_s": max(0.0, place.callback.rests_until - now) if rests else 0.0,
    }


def listing(centre: "Centre", now: float, queue: str = "") -> list[dict[str, Any]]:
    """Messages that wait or are heard, the oldest first."""
    rows = []
    for name in centre.messages:
        info, talk = centre.state.interactions.get(name), centre.talks.get(name)
        if info is None or talk is None or talk.speaks or (queue and _queue_of(centre, name) != queue):
            continue
        told = view(centre, info, now)
        if told is not None:
            agent = talk.agent.agent if talk.agent is not None else ""
            row = {"interaction": name, "queue": info.queue, "origin": info.origin, "display": info.display}
            rows.append(
                {**row, **told, "phase": talk.phase.value, "agent": agent, "age_s": now - info.arrived_at}
            )
    return sorted(rows, key=lambda row: (-row["age_s"], row["interaction"]))


# -- recordings -----------------------------------------------------------------------------------


def _switch(centre: "Centre", want: do.SwitchRecording) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.history.note(want.interaction, centre.now, "recording", switch=want.switch)
        recording.switch(talk, want.switch)


def mask_asked(centre: "Centre", fact: facts.MaskAsked) -> None:
    """By the console; what has ended since is left alone."""
    talk = centre.talks.get(fact.interaction)
    if talk is not None:
        recording.mask(centre.talks, talk, fact.on, fact.by)


def mask_key(centre: "Centre", talk: Talk, digit: str) -> None:
    """A key pressed by the agent in conversation: the queue's mask key turns silence on, or off."""
    info = centre.state.interactions[talk.interaction]
    rule = centre.state.rules.queues.get(info.queue)
    if rule is not None and digit == rule.mask_key and talk.agent is not None:
        recording.mask(centre.talks, talk, not talk.masked, f"phone:{talk.agent.device}")


def agent_digit(centre: "Centre", talk: Talk, leg: str, digit: str) -> None:
    """A key on an agent's phone."""
    if talk.agent is None or talk.agent.leg != leg:
        return
    if talk.phase is Phase.LISTENING:
        agent_key(centre, talk, digit)
    elif talk.phase is Phase.TALKING:
        mask_key(centre, talk, digit)


CONSEQUENCES: dict[type, Callable[["Centre", Any], None]] = {
    do.Beep: _beep,
    do.TakeMessage: _take,
    do.EndMessage: _end,
    do.NoRoom: _no_room,
    do.SwitchRecording: _switch,
    ev.MessageSpoken: _spoken,
    ev.MessageDone: _done,
    ev.MessagePutOff: _put_off,
}
"""To be added to those of `ccd.runtime.consequences`."""
