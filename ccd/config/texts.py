"""What recorded prompts say, for those who read: from the `texts.toml` beside them."""

import tomllib
from pathlib import Path

from ccd.model.rules import Rules
from ccd.model.settings import MediaSettings

TEXTS = "texts.toml"
MOST_BYTES = 1 << 20
MOST_TEXT = 1000
"""Longest text, in characters; a longer one is not shown."""


def prompt_texts(rules: Rules, media: MediaSettings, shipped: Path) -> dict[str, dict[str, str]]:
    """Language → prompt that a flow of these rules plays → its text, where one is known.

    A file that is missing or broken is none: prompts may be recorded, and `ccctl prompts build` tells its
    faults.
    """
    named = {name for flow in rules.flows.values() for step in flow.steps for _, name in step.says() if name}
    out: dict[str, dict[str, str]] = {}
    if not named:
        return out
    for folder in reversed([*map(Path, media.prompts), shipped]):
        for file in sorted(folder.glob(f"*/{TEXTS}")):
            known = out.setdefault(file.parent.name, {})
            known |= {name: text for name, text in _read(file).items() if name in named}
    return {language: texts for language, texts in out.items() if texts}


def _read(file: Path) -> dict[str, str]:
    try:
        if file.stat().st_size > MOST_BYTES:
            return {}
        texts = tomllib.loads(file.read_text(encoding="utf-8")).get("texts")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    if not isinstance(texts, dict):
        return {}
    return {
        name: " ".join(text.split())
        for name, text in texts.items()
        if isinstance(text, str) and 0 < len(text) <= MOST_TEXT
    }
