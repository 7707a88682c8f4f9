"""What is done about an interaction whose deadline is over, by where it stands."""

from typing import TYPE_CHECKING

from ccd.bridging import callbacks, recording, texts, thirds, voicemail
from ccd.bridging.state import Phase, Role, Talk
from ccd.model.nouns import Cause

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def act(talks: "Talks", talk: Talk, now: float) -> None:
    """Its deadline was due, and is none any more."""
    if talk.phase is Phase.ENDING:
        if not talk.is_over:
            talks.note(talk, "closed late", open_recordings=len(talk.recordings))
        talks.close(talk)
    elif talk.phase is Phase.CONNECTING:
        talks.bridge(talk)
    elif talk.speaks or talk.answer is not None:
        recording.never_closed(talks, talk)
    elif talk.phase is Phase.LISTENING:
        voicemail.no_key(talks, talk)
    elif talk.away:
        callbacks.too_long(talks, talk)
    elif talk.phase is Phase.OFFERED:
        texts.dial_pending(talks, talk)
    elif talk.phase in {Phase.OUTSIDE_RINGING, Phase.TRANSFERRING} and talk.third is not None:
        talks.release(talk, Role.THIRD, Cause.NO_ANSWER, keep=True)
        thirds.gone(talks, talk, Cause.NO_ANSWER, now)
