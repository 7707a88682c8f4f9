"""What a media worker needs to know to speak texts."""

from typing import Final

import msgspec

MB: Final = 1 << 20

Texts = tuple[tuple[str, str], ...]
"""(language, text)"""


class SpeechPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `[speech]` section as it travels to a worker."""

    engine: str
    cache: str
    """Folder; empty: nothing is kept on disk."""
    cache_bytes: int = 200 * MB
    url: str = ""
    header: str = "Authorization"
    secret: str = ""
    command: tuple[str, ...] = ()
    voices: dict[str, str] = {}
    speed: int = 155
    timeout_s: float = 8.0
    most: int = 2

    def __repr__(self) -> str:
        return f"SpeechPlan({self.engine})"  # never the secret

    def voice(self, language: str) -> str:
        """The engine's voice for a language: `fr-CA` takes that of `fr` if it has none of its own."""
        base = language.replace("_", "-").partition("-")[0]
        return self.voices.get(language) or self.voices.get(base) or language.replace("_", "-").lower()
