"""Facts of the media engine → facts of the core."""

from typing import TYPE_CHECKING

from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.voice import engine
from ccd.voice.keyed_twice import Way

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel


def hear(channel: "VoiceChannel", fact: engine.AnyMediaFact) -> None:
    """Translate one fact; those of legs that are gone say nothing any more."""
    if isinstance(fact, engine.PlayEnded):
        if channel.lines.play_ended(fact):
            return
        channel.secret_keys.prompt_ended(fact.leg, fact.play)
        channel.post(facts.PromptEnded(fact.leg, fact.play, fact.completed, fact.note))
    elif isinstance(fact, engine.Digit):
        leg, twice = channel.legs.get(fact.leg), False
        if leg is not None:
            leg.keyed = True
            twice = channel.keyed_twice.again(leg.id, fact.digit, Way.AUDIO, channel.clock.now())
        if twice:
            channel.passing_keys.twin(fact.leg, fact.digit)
        if leg is not None and not twice and not channel.secret_keys.press(fact.leg, fact.digit):
            channel.post(facts.DigitPressed(fact.leg, fact.digit))
            peer = channel.legs.get(leg.peer)
            stream = peer.session.stream if peer is not None and peer.session is not None else None
            if peer is not None and stream is not None and stream.digits is None and not fact.tone:
                peer.send_digit(fact.digit)
    elif isinstance(fact, engine.PeerLost):
        leg = channel.legs.get(fact.leg)
        if leg is not None and leg.liveness is not None:
            leg.liveness.silent(fact.silent_s)
    elif isinstance(fact, engine.LegFailed):
        leg = channel.legs.get(fact.leg)
        if leg is not None:
            channel.log.error("media lost its leg", leg=fact.leg, problem=fact.note)
            leg.hang_up(Cause.MEDIA_LOST)
            leg.over(Cause.MEDIA_LOST, remote=False, note=fact.note)
    elif isinstance(fact, engine.Recorded):
        channel.recording_faults.heard(fact)
        channel.post(facts.RecordingEnded(fact.recording, fact.path, fact.seconds, fact.note, fact.quiet_s))
