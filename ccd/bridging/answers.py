"""Answers that customers speak: recorded while a flow waits for them.

Failure cases and what comes of them:

- the customer hangs up while speaking: the interaction ends as ever, which closes the recording; what was
  said until then is told as an answer before the interaction is closed;
- the end of the recording is never reported: after `ENDING_S` there was no answer, the flow goes on;
- the daemon is restarted: what was spoken just then is lost, as is the call.
"""

from typing import TYPE_CHECKING

from ccd.bridging import recording
from ccd.bridging.state import SpokenAnswer, Talk
from ccd.bridging.voicemail import ENDING_S
from ccd.model import commands as cmd

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def take(talks: "Talks", talk: Talk, answer: SpokenAnswer, silence_s: float) -> None:
    """Record what the customer says from now on; `answer.recording` is set here."""
    talks.answer(talk)
    answer.recording = recording.next_recording(talks, talk)
    talk.answer, talk.playing = answer, ""
    talks.commands.append(cmd.RecordMessage(answer.recording, talk.customer.leg, silence_s))


def stop(talks: "Talks", talk: Talk, now: float, *, dropped: bool) -> None:
    """The answer is whole, or is not to be kept."""
    if talk.answer is not None:
        talk.answer.dropped = dropped
        talks.commands.append(cmd.StopRecording(talk.answer.recording, talk.customer.leg))
        talks.set_deadline(talk, now + ENDING_S)
