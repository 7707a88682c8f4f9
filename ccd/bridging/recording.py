"""Recordings of an interaction: begun, masked, stopped, and closed on disk."""

from typing import TYPE_CHECKING

from ccd.bridging import events as ev
from ccd.bridging.state import Phase, SpokenAnswer, Talk
from ccd.model import commands as cmd

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks


def next_recording(talks: "Talks", talk: Talk) -> str:
    """The id of a recording that begins now."""
    talk.recorded += 1
    recording = f"{talk.interaction}-{talk.recorded}"
    talk.recordings = [*talk.recordings, recording]
    talks.recordings[recording] = talk
    return recording


def record(talks: "Talks", talk: Talk, left: str, right: str) -> None:
    """Record two legs that are bridged; the agent's is the right one."""
    recording = next_recording(talks, talk)
    talks.commands.append(cmd.StartRecording(recording, left, right))
    if talk.masked:
        talks.commands.append(cmd.MaskRecording(recording, left, True))


def stop_recordings(talks: "Talks", talk: Talk) -> None:
    for name in talk.recordings:
        talks.commands.append(cmd.StopRecording(name, talk.customer.leg))


def switch(talk: Talk, to: str) -> None:
    """What a flow says of the conversations that follow."""
    if to in ("on", "off"):
        talk.record_by_flow = to == "on"
    else:
        talk.masked = talk.masked_by_flow = to == "mask"


def mask(talks: "Talks", talk: Talk, on: bool, by: str) -> None:
    """Silence in place of what is said, from now on or no more. Twice the same is nothing."""
    if talk.masked is on or talk.phase is Phase.ENDING:
        return
    talk.masked = on
    for name in talk.recordings:
        talks.commands.append(cmd.MaskRecording(name, talk.customer.leg, on))
    talks.note(talk, "recording masked" if on else "recording unmasked", by=by)


def never_closed(talks: "Talks", talk: Talk) -> None:
    """The end of the recording of a message or a spoken answer was not reported: there is none."""
    spoken = talk.message if talk.speaks else talk.answer
    if spoken is not None:
        ended(talks, spoken.recording, "", 0.0, "its end was never reported", 0.0)


def ended(talks: "Talks", recording: str, path: str, seconds: float, note: str, quiet_s: float) -> None:
    """A recording is whole on disk."""
    talk = talks.recordings.pop(recording, None)
    if talk is None:
        return
    talk.recordings.remove(recording)
    talks.note(talk, "recorded", recording=recording, path=path, seconds=round(seconds, 2), note=note)
    if talk.speaks and talk.message is not None and talk.message.recording == recording:
        _spoken(talks, talk, path, seconds, quiet_s)
    if talk.answer is not None and talk.answer.recording == recording:
        _answered(talks, talk, talk.answer, path, seconds, quiet_s)
    talks.close_if_done(talk)


def _spoken(talks: "Talks", talk: Talk, path: str, seconds: float, quiet_s: float) -> None:
    """The message is whole on disk, or lost (no path)."""
    if talk.phase is Phase.ENDING or talk.message is None:
        return
    talks.set_deadline(talk, 0.0)
    talk.message.path, talk.message.seconds = path, seconds
    talks.events.append(ev.MessageSpoken(talk.interaction, max(0.0, seconds - quiet_s) if path else 0.0))


def _answered(
    talks: "Talks", talk: Talk, answer: SpokenAnswer, path: str, seconds: float, quiet_s: float
) -> None:
    """A spoken answer is whole on disk, also that of a customer who hung up; or it is none."""
    talk.answer = None
    if talk.phase is not Phase.ENDING:
        talks.set_deadline(talk, 0.0)
    kept = seconds - quiet_s >= max(answer.min_s, 0.001) and not answer.dropped
    talks.events.append(
        ev.AnswerSpoken(
            talk.interaction,
            answer.survey,
            answer.question,
            answer.recording,
            path if kept else "",
            seconds,
            unwanted="" if kept else path,
        )
    )
