"""Two parties who are joined and both send nothing, though each answers by SIP: told when that has lasted.

Each look at a silent party (`ccd.voice.liveness`) is repeated as long as it stays silent, so no timer is
needed: what was told of the other one not long ago still holds.
"""

from typing import TYPE_CHECKING

from ccd.model import facts

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg

GRACE_S = 15.0
"""A silent party is told of again after `dead_after_s`, and may take 20 T1 to answer."""


def look(leg: "CallLeg", silent_s: float) -> None:
    """A party answered that sends nothing, and has not for so long."""
    channel = leg.channel
    now, media = channel.clock.now(), channel.settings.media
    leg.silent_since, leg.silent_at = now - silent_s, now
    other = channel.legs.get(leg.peer)
    if other is None or not media.silent_call_s or now - other.silent_at > media.dead_after_s + GRACE_S:
        return
    both_s = now - max(leg.silent_since, other.silent_since)
    if both_s >= media.silent_call_s:
        channel.post(facts.MediaLost(leg.id, round(both_s, 1), alive=True, both=True))
