"""What a media worker does with commands: legs by name, and the parts that serve them."""

import os
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from ccd.clock import monotonic
from ccd.errors import CcdError
from ccd.media.g711 import check_codec
from ccd.media.leg import Leg, Source
from ccd.media.playout import Clip, Playout
from ccd.model.settings import INBAND_OFF, INBAND_ON
from ccd.voice import media_reports
from ccd.voice.audio_files import SAY, Key, Library, keys_of, music_key
from ccd.voice.engine import (
    CloseLeg,
    Digit,
    Join,
    LegClosed,
    LegFailed,
    LegStats,
    Mask,
    MaskRecord,
    Music,
    OpenLeg,
    Part,
    PeerLost,
    Play,
    PlayEnded,
    Record,
    Recorded,
    SendDigit,
    SetStream,
    Stop,
    StopRecord,
    Stream,
)
from ccd.voice.media_aside import After, Aside
from ccd.voice.media_pace import Pace
from ccd.voice.media_ports import Port, PortPool, secure, unsecure
from ccd.voice.media_protocol import Trouble
from ccd.voice.media_speaking import Speaking
from ccd.voice.media_upkeep import Upkeep
from ccd.voice.recorder import Recorder
from ccd.voice.speech_plan import SpeechPlan, Texts

_CHANCE: Final = struct.Struct("!IHIB")
"""Where a leg's outgoing stream begins (SSRC, sequence, timestamp), and when in its beat it reports."""
_DRAWN: Final = 128
"""So many at once: each draw is a call of the kernel."""
NOWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  no address to bind, the old form of hold


def _chances() -> Iterator[tuple[int, int, int, int]]:
    while True:
        yield from _CHANCE.iter_unpack(os.urandom(_DRAWN * _CHANCE.size))


class Legs:
    """The legs of one worker. Facts go to `tell`."""

    def __init__(
        self,
        pool: PortPool,
        upkeep: Callable[[Callable[[Leg, float], None]], Upkeep],
        library: Library,
        tell: Callable[[Any], None],
        speech: SpeechPlan | None = None,
        inband_dtmf: str = INBAND_OFF,
        reported: media_reports.Heard | None = None,
    ) -> None:
        """`reported` is given the RTCP that comes by the port of RTP."""
        self.pool = pool
        self.pace = Pace()
        self.upkeep = upkeep(self._lost)
        self.library = library
        self._tell = tell
        self.reading = Aside("ccd-prompts", self._trouble)
        self.writing = Aside("ccd-recordings", self._trouble)
        self._speaking = Speaking(speech, library, tell)
        self._skipped: dict[str, str] = {}
        """Leg → why a text of what it hears now is left out."""
        self._inband_dtmf = inband_dtmf
        self._reported = reported or media_reports.unheard
        self.recorder = Recorder(self.writing, self._recorded)
        self.legs: dict[str, Leg] = {}
        self._chances = _chances()
        self.received = 0
        self.sent = 0
        """Packets of closed legs; the open ones have their own counts."""
        self.act: dict[type, Callable[[Any, float], None]] = {
            OpenLeg: self._open,
            SetStream: self._set_stream,
            CloseLeg: self._close,
            Play: self._play,
            Music: self._music,
            Stop: self._stop,
            Join: self._join,
            Part: self._part,
            SendDigit: self._send_digit,
            Record: self._record,
            MaskRecord: self._mask_record,
            StopRecord: self._stop_record,
            Mask: self._mask,
        }
        """How each command of the engine port is carried out; unknown legs are ignored."""

    @property
    def asides(self) -> tuple[Aside, ...]:
        """The threads aside."""
        return (self.reading, self.writing, *self._speaking.asides)

    def prepare(self, texts: Texts) -> None:
        """Render texts in the background."""
        self._speaking.prepare(texts)

    # --- legs --------------------------------------------------------------------------------------

    def _open(self, command: OpenLeg, now: float) -> None:
        port = self.pool.take(command.port)
        if port is None or command.leg in self.legs:
            self._tell(LegFailed(command.leg, f"media port {command.port} is not free"))
            return
        ssrc, sequence, timestamp, spread = next(self._chances)
        sequence &= 0x7FFF  # not near its end: SRTP's count of rounds begins with 0 (RFC 3711 §3.3.1)
        leg = Leg(command.leg, ssrc, sequence, timestamp, now, self._report)
        leg.port, port.leg = port, leg
        self.legs[command.leg] = leg
        self.upkeep.add(leg, now, spread / 255)
        if command.stream is not None:
            self._apply(leg, command.stream, now)

    def _set_stream(self, command: SetStream, now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            self._apply(leg, command.stream, now)

    def _apply(self, leg: Leg, stream: Stream, now: float) -> None:
        try:
            codec = check_codec(stream.codec)
        except CcdError as error:
            self._tell(LegFailed(leg.name, error.message))
            return
        port, srtp = leg.port, stream.srtp
        assert isinstance(port, Port)  # noqa: S101  the shell's slot, typed as object
        if srtp is None:
            if port.secured is not None:
                unsecure(port)
        else:
            try:
                secure(port, srtp.suite, srtp.ours, srtp.theirs, srtp.mki)
            except (KeyError, ValueError):
                self._tell(LegFailed(leg.name, f"its audio cannot be encrypted by {srtp.suite}"))
                return
        address: Source | None = None
        if stream.host not in NOWHERE and 0 < stream.port < 65536:
            if self.pool.is_address(stream.host):
                address = (stream.host, stream.port)
            else:
                self._tell(Trouble(f"leg {leg.name}: {stream.host!r} is no address for our RTP sockets"))
        if stream.rtcp_port or stream.mux or port.muxed or port.reports_to is not None:
            media_reports.take(port, stream, address, self._reported)
        leg.set_stream(codec, stream.payload, stream.digits, address, stream.send, stream.receive, now)
        leg.digits_in = leg.digits if stream.digits_in is None else stream.digits_in
        wished = self._inband_dtmf
        if wished != INBAND_OFF:
            leg.hear_tones(wished == INBAND_ON or stream.digits is None)

    def _close(self, command: CloseLeg, now: float) -> None:
        leg = self.legs.pop(command.leg, None)
        if leg is None:
            return
        port = leg.port
        assert isinstance(port, Port)  # noqa: S101  the shell's slot, typed as object
        if leg.track is not None:
            self.recorder.leg_closed(leg, now)
        self._hush(leg)
        if leg.partner is not None:
            leg.part()
        if leg in self.pace.legs:
            self.pace.remove(leg)
        self.upkeep.close(leg, now)
        leg.port = None
        self.pool.give_back(port)
        self.received += leg.received
        self.sent += leg.sent
        if command.told:
            jitter_ms = round(leg.jitter / 8, 3)
            stats = LegStats(leg.received, leg.sent, leg.total_lost, jitter_ms, leg.bad)
            self._tell(LegClosed(leg.name, stats))

    def _join(self, command: Join, _now: float) -> None:
        a, b = self.legs.get(command.a), self.legs.get(command.b)
        if a is None or b is None or a is b:
            return
        self._hush(a)
        self._hush(b)
        a.join(b)

    def _part(self, command: Part, _now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            leg.part()

    # --- playing -----------------------------------------------------------------------------------

    def _play(self, command: Play, now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is None:
            return
        self._hush(leg)
        keys = keys_of(command.parts, command.language, command.tone, command.file)
        self._fetch(leg, keys, command.play, loop=False, barge=command.barge, now=now)

    def _music(self, command: Music, now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is None:
            return
        self._hush(leg)
        self._fetch(leg, [music_key(command.name)], "", loop=True, barge=False, now=now)

    def _stop(self, command: Stop, _now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            self._hush(leg)

    def _hush(self, leg: Leg) -> None:
        """Stop what plays or is being fetched."""
        if leg.playout is None and leg.fetching is None:
            return
        waiting = leg.fetching
        leg.fetching = None
        if isinstance(waiting, Playout) and waiting.play:
            self._tell(PlayEnded(leg.name, waiting.play, completed=False))
        leg.stop()
        self._skipped.pop(leg.name, None)
        if not leg.paced:
            self.pace.remove(leg)

    def _fetch(self, leg: Leg, keys: list[Key], play: str, *, loop: bool, barge: bool, now: float) -> None:
        """Play at once what is in memory; else read it aside first."""
        clips = self.library.ready(keys)
        if clips is not None:
            self._begin(leg, Playout(play, clips, loop, barge), now)
            return
        waiting = Playout(play, (), loop, barge)
        leg.fetching = waiting
        if any(kind.startswith(SAY) for kind, _ in keys):
            self._speak(leg, keys, waiting)
            return
        library = self.library
        self.reading.put(lambda: self._read(library, leg, keys, waiting))

    def _speak(self, leg: Leg, keys: list[Key], waiting: Playout) -> None:
        self._speaking.fetch(
            keys,
            lambda: leg.fetching is waiting,
            lambda clips, skipped, problem: self._spoken(leg, waiting, clips, skipped, problem),
        )

    def _read(self, library: Library, leg: Leg, keys: list[Key], waiting: Playout) -> After:
        """On the reading thread."""
        found, problem = _find(library, keys)
        if problem and self._speaking.can_say(keys):
            return lambda: self._speak(leg, keys, waiting)
        if problem and waiting.loop:
            found, _ = _find(library, [music_key("")])  # which may fail too: no descriptor is left, say
        return lambda: self._fetched(leg, found, waiting, problem)

    def _fetched(self, leg: Leg, clips: list[Clip], waiting: Playout, problem: str) -> None:
        if leg.fetching is not waiting:
            return  # stopped, replaced or closed meanwhile
        leg.fetching = None
        if problem:
            self._tell(Trouble(problem))
        if problem and not clips:
            if waiting.play:
                self._tell(PlayEnded(leg.name, waiting.play, completed=False, note=problem))
            return
        self._begin(leg, Playout(waiting.play, clips, waiting.loop, waiting.barge), monotonic())

    def _spoken(self, leg: Leg, waiting: Playout, clips: list[Clip], skipped: str, problem: str) -> None:
        """A play with texts is ready; what could not be rendered is left out, and its end says so."""
        if leg.fetching is not waiting:
            return
        if skipped and not clips and not problem:
            leg.fetching = None
            self._tell(PlayEnded(leg.name, waiting.play, completed=False, note=skipped))
            return
        if skipped and not problem:
            self._skipped[leg.name] = skipped
        self._fetched(leg, clips, waiting, problem)

    def _begin(self, leg: Leg, playout: Playout, now: float) -> None:
        leg.play(playout)
        self.pace.add(leg, now)

    def _send_digit(self, command: SendDigit, now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.send_digit(command.digit, command.duration_ms):
            self.pace.add(leg, now)

    def _mask(self, command: Mask, _now: float) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            leg.mask(command.on)

    # --- recording ---------------------------------------------------------------------------------

    def _record(self, command: Record, now: float) -> None:
        left, right = self.legs.get(command.left), self.legs.get(command.right)
        if left is None or (right is None and command.right):
            missing = command.left if left is None else command.right
            note = f"leg {missing} is gone"
            self._tell(Recorded(command.recording, command.left, command.path, 0.0, note))
            return
        self.recorder.start(command, left, right, now)

    def _mask_record(self, command: MaskRecord, _now: float) -> None:
        self.recorder.mask(command.recording, command.on)

    def _stop_record(self, command: StopRecord, now: float) -> None:
        self.recorder.stop(command.recording, now)

    def _recorded(self, fact: Recorded) -> None:
        if fact.note:
            self._tell(Trouble(f"recording {fact.recording}: {fact.note}"))
        self._tell(fact)

    # --- what legs report --------------------------------------------------------------------------

    def _report(self, leg: Leg, what: str, value: str) -> None:
        if what in {"digit", "tone"}:
            self._tell(Digit(leg.name, value, tone=what == "tone"))
            waiting = leg.playout or leg.fetching
            if isinstance(waiting, Playout) and waiting.barge:
                self._hush(leg)
        else:
            note = self._skipped.pop(leg.name, "")
            self._tell(PlayEnded(leg.name, value, completed=what == "played", note=note))

    def _trouble(self, problem: str) -> None:
        self._tell(Trouble(problem))

    def _lost(self, leg: Leg, silent_s: float) -> None:
        self._tell(PeerLost(leg.name, round(silent_s, 1)))

    def fail(self, leg: Leg, error: Exception, now: float) -> None:
        """A fault of ours in one leg: end that leg, keep the others."""
        self._tell(Trouble(f"leg {leg.name} failed: {error!r}"))
        self._tell(LegFailed(leg.name, f"fault in the media worker: {error!r}"))
        if self.legs.get(leg.name) is leg:
            self._close(CloseLeg(leg.name), now)

    def counts(self) -> tuple[int, int]:
        """Packets received and sent since the start."""
        received, sent = self.received, self.sent
        for leg in self.legs.values():
            received += leg.received
            sent += leg.sent
        return received, sent

    def close(self, now: float) -> None:
        """End recordings rightly and the threads aside."""
        self.recorder.stop_all(now)
        self.writing.close()
        self.reading.close()
        self._speaking.close()
        self.writing.settle()
        self.writing.release()
        self.reading.release()


def _find(library: Library, keys: list[Key]) -> tuple[list[Clip], str]:
    """The clips, or none and why; on the reading thread."""
    try:
        return library.find(keys), ""
    except CcdError as error:
        return [], error.message
    except Exception as error:  # one broken file is no reason for others not to be read
        return [], f"prompt cannot be read: {error!r}"
