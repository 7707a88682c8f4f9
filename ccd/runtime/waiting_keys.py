"""Keys pressed, or written, while waiting: for a callback, for voicemail, or one of `[queues.Q.keys]`.

They count until an agent has taken the interaction. Phones that ring go on ringing while a flow runs aside,
and the first to answer ends it; who leaves takes the offers along, and no agent has missed anything.
"""

from typing import TYPE_CHECKING

from ccd.bridging.state import Phase, Talk
from ccd.history.explain import PRESSED
from ccd.model.nouns import Cause
from ccd.model.rules import Target
from ccd.model.waiting_keys import WaitingKey
from ccd.routing import decisions as dec
from ccd.runtime import callbacks, voicemail

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def pressed(centre: "Centre", talk: Talk, digit: str) -> None:
    """A waiting customer pressed a key; one without a meaning does nothing."""
    if not voicemail.waiting_key(centre, talk, digit) and not own_key(centre, talk, digit):
        callbacks.key(centre, talk, digit)


def own_key(centre: "Centre", talk: Talk, key: str) -> bool:
    """Whether it is one of the queue's own keys; then what it does is begun. A text of one key counts too."""
    info = centre.state.interactions[talk.interaction]
    rule = centre.state.rules.queues.get(info.queue)
    does = rule.keys.get(key) if rule is not None else None
    if does is None or talk.away or talk.phase not in (Phase.WAITING, Phase.OFFERED):
        return False
    centre.history.note(info.id, centre.now, PRESSED, key=key, queue=info.queue, does=say(does))
    if does.flow:
        callbacks.step_aside(centre, talk, does.flow, {})
    else:
        centre.push(centre.router.withdraw(info.id, centre.now, Cause.TRANSFERRED))
        centre.push([dec.Overflow(info.id, info.queue, Target(flow=does.leave), f"key {key}")])
    return True


def say(does: WaitingKey) -> str:
    """What a key does, in words."""
    return f"runs {does.flow}" if does.flow else f"leaves for {does.leave}"
