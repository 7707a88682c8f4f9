"""Plays with texts: rendered on threads of their own, so that no leg waits for another one's text.

A recorded piece of a number (`ccd.model.pieces`) whose file is missing is spoken by the engine in its place.

As many threads as the plan allows, and one in the background for what is rendered ahead. A text that cannot
be had is left out; why is told once, and again only after the engine worked in between.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ccd.errors import CcdError, Misconfigured
from ccd.media.playout import Clip
from ccd.model.pieces import text_of
from ccd.voice.audio_files import SAY, Key, Library
from ccd.voice.media_aside import After, Aside
from ccd.voice.media_protocol import Trouble
from ccd.voice.speech import Speech
from ccd.voice.speech_plan import SpeechPlan, Texts

MOST_WAITING: Final = 64
"""Plays of one worker that wait for texts; what comes besides goes without its texts."""
NO_ENGINE: Final = "a text is left out: there is no speech engine"
BUSY: Final = "a text is left out: too many wait for the speech engine"

Ready = Callable[[list[Clip], str, str], None]
"""Called on the loop's thread with the clips, why a text was left out, and why nothing can be played."""


class Speaking:
    """The threads, and what they have made."""

    def __init__(self, plan: SpeechPlan | None, library: Library, tell: Callable[[Any], None]) -> None:
        self._library = library
        self._tell = tell
        self._speech = Speech(plan) if plan is not None else None
        count = plan.most if plan is not None else 1
        self._threads = [Aside(f"ccd-speech-{at}") for at in range(count)]
        self._ahead = Aside("ccd-speech-ahead")
        self._load = [0] * count
        self._told = ""

    @property
    def asides(self) -> tuple[Aside, ...]:
        return (*self._threads, self._ahead)

    def can_say(self, keys: Sequence[Key]) -> bool:
        """Whether a missing file among these may be one that the engine speaks."""
        return self._speech is not None and any(text_of(name, kind) for kind, name in keys)

    def fetch(self, keys: Sequence[Key], wanted: Callable[[], bool], ready: Ready) -> None:
        """Have these clips; `wanted` says whether it is still worth it. On the loop's thread."""
        at = min(range(len(self._threads)), key=self._load.__getitem__)
        speech = self._speech if sum(self._load) < MOST_WAITING else None
        self._load[at] += 1
        known = {key: clip for key in keys if key[0].startswith(SAY) and (clip := self._library.said(key))}
        why = NO_ENGINE if self._speech is None else BUSY
        self._threads[at].put(partial(self._job, at, speech, why, list(keys), known, wanted, ready))

    def _job(
        self,
        at: int,
        speech: Speech | None,
        why: str,
        keys: list[Key],
        known: dict[Key, Clip],
        wanted: Callable[[], bool],
        ready: Ready,
    ) -> After:
        """On a thread aside."""
        clips: list[Clip] = []
        made: dict[Key, Clip] = {}
        skipped = problem = ""
        for key in keys if wanted() else ():
            try:
                if not key[0].startswith(SAY):
                    clips.append(self._piece(key, speech, made))
                elif key in known:
                    clips.append(known[key])
                elif speech is None:
                    skipped = why
                else:
                    made[key] = known[key] = speech.clip(key[0][len(SAY) :], key[1])
                    clips.append(known[key])
            except Exception as error:  # one text or file must not end the thread
                words = error.message if isinstance(error, CcdError) else repr(error)
                if not key[0].startswith(SAY):
                    clips, problem = [], words
                    break
                skipped = f"a text is left out: {words}"
        return lambda: self._done(at, made, clips, skipped, problem, ready)

    def _piece(self, key: Key, speech: Speech | None, made: dict[Key, Clip]) -> Clip:
        """A prompt by its file; one of the pieces of a number else by the engine."""
        try:
            (clip,) = self._library.find([key])
        except Misconfigured:
            language, name = key
            text = text_of(name, language) if speech is not None else ""
            if speech is None or not text:
                raise
            clip = made[key] = speech.clip(language, text)
        return clip

    def _done(
        self, at: int, made: dict[Key, Clip], clips: list[Clip], skipped: str, problem: str, ready: Ready
    ) -> None:
        self._load[at] -= 1
        for key, clip in made.items():
            (self._library.keep_said if key[0].startswith(SAY) else self._library.keep)(key, clip)
        self._report(skipped, bool(made))
        ready(clips, skipped, problem)

    def _report(self, skipped: str, worked: bool) -> None:
        """To the log, once."""
        if skipped and skipped != self._told:
            self._tell(Trouble(skipped))
            self._told = skipped
        elif worked and not skipped:
            self._told = ""

    # -- ahead ---------------------------------------------------------------------------------------

    def prepare(self, texts: Texts) -> None:
        """Render what is not on disk yet, one after another, in the background."""
        speech = self._speech
        if speech is None or not speech.plan.cache:
            return
        for language, text in texts:
            self._ahead.put(partial(self._render_ahead, speech, language, text))

    def _render_ahead(self, speech: Speech, language: str, text: str) -> After | None:
        try:
            if not speech.is_kept(language, text):
                speech.clip(language, text)
        except Exception as error:  # the same as above
            words = error.message if isinstance(error, CcdError) else repr(error)
            skipped = f"a text is left out: {words}"
            return lambda: self._report(skipped, False)
        return None

    def close(self) -> None:
        """Break off what is being rendered and end the threads."""
        if self._speech is not None:
            self._speech.close()
        for aside in self.asides:
            aside.close()
            aside.release()
