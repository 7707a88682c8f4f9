"""Recordings of an interaction: begun, masked, stopped, and closed on disk."""

from typing import TYPE_CHECKING

from ccd.bridging import events as ev
from ccd.bridging.state import Phase, Talk
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


def ended(talks: "Talks", recording: str, path: str, seconds: float, note: str, quiet_s: float) -> None:
    """A recording is whole on disk."""
    talk = talks.recordings.pop(recording, None)
    if talk is None:
        return
    talk.recordings.remove(recording)
    talks.note(talk, "recorded", recording=recording, path=path, seconds=round(seconds, 2), note=note)
    if talk.speaks and talk.message is not None and talk.message.recording == recording:
        _spoken(talks, talk, path, seconds, quiet_s)
    talks.close_if_done(talk)


def _spoken(talks: "Talks", talk: Talk, path: str, seconds: float, quiet_s: float) -> None:
    """The message is whole on disk, or lost (no path)."""
    if talk.phase is Phase.ENDING or talk.message is None:
        return
    talks.set_deadline(talk, 0.0)
    talk.message.path, talk.message.seconds = path, seconds
    talks.events.append(ev.MessageSpoken(talk.interaction, max(0.0, seconds - quiet_s) if path else 0.0))
