"""What each command of the core does to the voice channel: one function a command, one table of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from ccd.voice import deleting, dialling, engine, referring
from ccd.voice.call_leg import CallLeg
from ccd.voice.incoming import IncomingLeg

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel


# a member taken out of its enum costs 600 instructions
_TEXT = LegKind.TEXT


def _answer(channel: "VoiceChannel", command: cmd.AnswerLeg) -> None:
    leg = channel.legs.get(command.leg)
    if isinstance(leg, IncomingLeg):
        leg.answer()


def _ring(channel: "VoiceChannel", command: cmd.RingLeg) -> None:
    leg = channel.legs.get(command.leg)
    if isinstance(leg, IncomingLeg):
        leg.ring(command.early_media)


def _release(channel: "VoiceChannel", command: cmd.ReleaseLeg) -> None:
    leg = channel.legs.get(command.leg)
    if leg is not None:
        leg.release(command.cause)
    text = channel.texts.get(command.leg)
    if text is not None:
        text.release(command.cause, command.by)


def _dial(channel: "VoiceChannel", command: cmd.DialLeg) -> None:
    if command.kind is _TEXT:
        dialling.open_text(channel, command)
    else:
        dialling.dial(channel, command)


def _play(channel: "VoiceChannel", command: cmd.PlayPrompt) -> None:
    channel.engine.perform(
        engine.Play(command.leg, command.play, command.parts, command.language, barge=command.barge)
    )


def _collect_secret(channel: "VoiceChannel", command: cmd.CollectSecret) -> None:
    channel.secret_keys.collect(command)


def _forget_secrets(channel: "VoiceChannel", command: cmd.ForgetSecrets) -> None:
    channel.secret_keys.drop(command)


def _compare_secrets(channel: "VoiceChannel", command: cmd.CompareSecrets) -> None:
    if command.leg in channel.legs:
        same = channel.secrets.same(command.secret, command.other)
        channel.post(facts.SecretsCompared(command.leg, command.secret, same))


def _tone(channel: "VoiceChannel", command: cmd.PlayTone) -> None:
    channel.engine.perform(engine.Play(command.leg, command.play, tone=command.tone))


def _play_recording(channel: "VoiceChannel", command: cmd.PlayRecording) -> None:
    channel.engine.perform(engine.Play(command.leg, command.play, file=command.path))


def _stop(channel: "VoiceChannel", command: cmd.StopPrompt) -> None:
    channel.engine.perform(engine.Stop(command.leg))


def _music(channel: "VoiceChannel", command: cmd.StartMusic) -> None:
    channel.secret_keys.break_off(command.leg)
    channel.engine.perform(engine.Music(command.leg, command.music))


def _bridge(channel: "VoiceChannel", command: cmd.BridgeLegs) -> None:
    a, b = channel.legs.get(command.a), channel.legs.get(command.b)
    if a is None or b is None:
        return
    for leg in (a, b):
        if leg.peer:
            _unbridge(channel, leg)
        if leg.keyed:
            channel.secret_keys.break_off(leg.id)
    a.peer, b.peer = b.id, a.id
    channel.engine.perform(engine.Join(a.id, b.id))


def _unbridge(channel: "VoiceChannel", leg: CallLeg) -> None:
    peer = channel.legs.get(leg.peer)
    if peer is not None and peer.peer == leg.id:
        peer.peer = ""
    leg.peer = ""


def _part(channel: "VoiceChannel", command: cmd.PartLegs) -> None:
    leg = channel.legs.get(command.leg)
    if leg is not None:
        _unbridge(channel, leg)
        channel.engine.perform(engine.Part(leg.id))


def _record(channel: "VoiceChannel", command: cmd.StartRecording) -> None:
    path = dialling.recording_path(channel, command.recording)
    if command.leg in channel.legs:
        channel.engine.perform(engine.Record(command.recording, command.leg, command.peer, path))
    else:
        channel.post(facts.RecordingEnded(command.recording, "", 0.0, "the leg was gone"))


def _record_message(channel: "VoiceChannel", command: cmd.RecordMessage) -> None:
    path = dialling.recording_path(channel, command.recording)
    if command.leg in channel.legs:
        record = engine.Record(command.recording, command.leg, "", path, command.silence_s)
        channel.engine.perform(record)
    else:
        channel.post(facts.RecordingEnded(command.recording, "", 0.0, "the leg was gone"))


def _mask(channel: "VoiceChannel", command: cmd.MaskRecording) -> None:
    channel.engine.perform(engine.MaskRecord(command.recording, command.leg, command.on))


def _stop_record(channel: "VoiceChannel", command: cmd.StopRecording) -> None:
    channel.engine.perform(engine.StopRecord(command.recording, command.leg))


def _report_transfer(channel: "VoiceChannel", command: cmd.ReportTransfer) -> None:
    leg = channel.legs.get(command.leg)
    if leg is not None:
        leg.report_transfer(*referring.told(command))
    text = channel.texts.get(command.leg)
    if text is not None and not command.done:
        text.report_transfer(command.cause)


def _send_text(channel: "VoiceChannel", command: cmd.SendText) -> None:
    text = channel.text_leg(command.leg)
    if text is not None:
        text.send(command.message, command.text)
    else:
        channel.post(facts.TextFailed(command.leg, command.message, Cause.UNREACHABLE))


def _acknowledge(channel: "VoiceChannel", command: cmd.AcknowledgeText) -> None:
    channel.acknowledge_text(command.leg, command.message)


def _position(channel: "VoiceChannel", command: cmd.TellPosition) -> None:
    """Audio legs are told by prompts."""


def _ask_outside(channel: "VoiceChannel", command: cmd.AskOutside | cmd.SendLink) -> None:
    """The channel `outside` asks; no leg of ours is meant."""


def _bot(channel: "VoiceChannel", command: cmd.StartBot | cmd.TellBot | cmd.StopBot) -> None:
    """The channel `bot` talks with bots; no leg of ours is meant."""


PERFORM: dict[type, Callable[["VoiceChannel", Any], None]] = {
    cmd.AnswerLeg: _answer,
    cmd.RingLeg: _ring,
    cmd.ReleaseLeg: _release,
    cmd.DialLeg: _dial,
    cmd.PlayPrompt: _play,
    cmd.CollectSecret: _collect_secret,
    cmd.ForgetSecrets: _forget_secrets,
    cmd.CompareSecrets: _compare_secrets,
    cmd.PlayTone: _tone,
    cmd.PlayRecording: _play_recording,
    cmd.StopPrompt: _stop,
    cmd.StartMusic: _music,
    cmd.BridgeLegs: _bridge,
    cmd.PartLegs: _part,
    cmd.StartRecording: _record,
    cmd.RecordMessage: _record_message,
    cmd.MaskRecording: _mask,
    cmd.StopRecording: _stop_record,
    cmd.DeleteFiles: deleting.delete,
    cmd.ReportTransfer: _report_transfer,
    cmd.SendText: _send_text,
    cmd.AcknowledgeText: _acknowledge,
    cmd.TellPosition: _position,
    cmd.AskOutside: _ask_outside,
    cmd.SendLink: _ask_outside,
    cmd.StartBot: _bot,
    cmd.TellBot: _bot,
    cmd.StopBot: _bot,
}
"""Every command has its function; a test holds the table whole."""
