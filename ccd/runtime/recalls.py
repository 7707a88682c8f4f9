"""Recalls: who hangs up while waiting is called back, in the place that was lost.

The call that was given up counts as abandoned, as ever; the recall is an interaction of its own that names
it, a callback like one that was asked for (`ccd.runtime.callbacks`). It rests at first, as most people call
again by themselves; whoever does is not called.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Talk
from ccd.model.nouns import Cause, LegKind
from ccd.model.numbers import to_e164
from ccd.routing.phases import Phase
from ccd.routing.state import Callback as PlaceCallback
from ccd.routing.state import Place
from ccd.runtime import callbacks
from ccd.runtime.beginning import begin
from ccd.runtime.leaving import leave
from ccd.runtime.state import Callback, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def is_recall(info: Interaction) -> bool:
    """Whether nobody asked for it: the place that its customer lost is left to them to take back."""
    return info.callback is not None and bool(info.callback.recall_of)


def lost(centre: "Centre", info: Interaction, talk: Talk, place: Place) -> None:
    """A customer gave up waiting in this place: keep a recall, where the queue has them and the number can be
    called."""
    rule = callbacks.rule_of(centre, place.queue)
    # an agent's own call, or one that was called back already
    ours = info.dialled_by or info.callback is not None
    if not rule.recall or ours or info.kind is not LegKind.AUDIO:
        return
    number = to_e164(info.origin, centre.state.rules.country)
    why = callbacks.refusal(centre, place.queue, number)
    if centre.now - place.enqueued_at < rule.recall_waited_s:
        why = "gave up at once"
    if why:
        centre.history.note(info.id, centre.now, "no recall", why=why)
        return
    recall = _open(centre, info, talk, place.queue, number, info.entered_at)
    centre.history.note(info.id, centre.now, "recall kept", by=recall.id)
    now = centre.now
    kept = PlaceCallback(now + rule.valid_s, now, now + rule.recall_after_s)
    centre.enqueue(recall, place.queue, info.priority, callback=kept)


def keep(centre: "Centre", info: Interaction, queue: str) -> Interaction | None:
    """A customer is to be called for another reason (a low score, a payment): keep a recall in this queue,
    where the number can be called. The recall; None: there is none."""
    number = to_e164(info.address, centre.state.rules.country)
    talk = centre.talks.get(info.id)
    kind = info.continues.kind if info.continues is not None else info.kind
    why = callbacks.refusal(centre, queue, number) if kind is LegKind.AUDIO else "not a call"
    if why or talk is None:
        centre.history.note(info.id, centre.now, "no recall", why=why)
        return None
    rule, now = callbacks.rule_of(centre, queue), centre.now
    recall = _open(centre, info, talk, queue, number, entered_at=now)
    centre.history.note(info.id, now, "recall kept", by=recall.id)
    kept = PlaceCallback(now + rule.valid_s, now, now + rule.recall_after_s)
    centre.enqueue(recall, queue, callback=kept)
    return recall


def _open(
    centre: "Centre", info: Interaction, talk: Talk, queue: str, number: str, entered_at: float
) -> Interaction:
    """The interaction of a recall: its customer holds no line, and has waited since `entered_at`.

    Of one that goes on from a call, the call is what is recalled.
    """
    now, call = centre.now, info.continues or info
    of = info.continues.interaction if info.continues is not None else info.id
    recall = Interaction(
        id="",
        leg="",
        channel=call.channel,
        channel_class=call.channel_class,
        kind=call.kind,
        origin=number,
        display=info.display,
        target=call.target,
        arrived_at=now,
        entered_at=entered_at,
        priority=info.priority,
        requirement=info.requirement,
        callback=Callback(number, now, queue, recall_of=of),
    )
    begin(centre, recall, talk.language, {"recall_of": of})
    centre.state.callbacks[callbacks.key_of(number, queue)] = recall.id
    return recall


def called_again(centre: "Centre", info: Interaction) -> None:
    """Somebody enters a queue on the line: a recall of that number which rests is made no more."""
    twin = callbacks.twin_of(centre, info)
    if twin is None or not is_recall(twin):
        return
    place, talk = centre.router.state.places.get(twin.id), centre.talks.get(twin.id)
    if talk is not None and place is not None and place.phase in (Phase.RESTING, Phase.WAITING):
        centre.history.note(twin.id, centre.now, "callback given up", why=f"called again as {info.id}")
        leave(centre, twin, talk, Cause.TRANSFERRED)
