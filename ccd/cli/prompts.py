"""`ccctl prompts …`: which prompts there are, and speaking the missing ones. No daemon is asked."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, counted, table
from ccd.errors import Refused

TEXTS = "texts.toml"

Folder = Annotated[
    Path | None, typer.Argument(help="Folder with one folder a language; the shipped set if left out.")
]
Language = Annotated[str, typer.Option("--language", "-l", help="Only this language.")]


def register(app: typer.Typer) -> None:
    """`prompts build`, `prompts list` and `prompts pieces`."""
    prompts = typer.Typer(no_args_is_help=True, help="Recorded and spoken prompts.", rich_markup_mode=None)
    prompts.command("build")(build)
    prompts.command("list")(list_prompts)
    prompts.command("pieces")(pieces)
    app.add_typer(prompts, name="prompts")


def build(
    context: typer.Context,
    folder: Folder = None,
    language: Language = "",
    force: Annotated[
        bool, typer.Option("--force", help="Speak all of them again, also what is recorded.")
    ] = False,
    json: Json = False,
) -> None:
    """Speak the missing prompts. Those of `texts.toml` without a WAV yet; needs espeak-ng.

    \b
    Example:
      ccctl prompts build /etc/ccd/prompts
      ccctl prompts build /etc/ccd/prompts --language fr
    """
    from ccd.voice.audio_build import build_prompts

    session = session_of(context)
    session.json = json
    place = folder or _shipped()
    built: list[str] = []
    for each in _languages(place, language):
        built += [str(path) for path in build_prompts(place, each, force)]
    lines = [*built, f"{counted(len(built), 'prompt')} built"]
    session.tell({"built": built}, [clean(line) for line in lines])


def list_prompts(
    context: typer.Context, folder: Folder = None, language: Language = "", json: Json = False
) -> None:
    """List the prompts. By language, recorded or missing, with the words of `texts.toml`.

    \b
    Example:
      ccctl prompts list
      ccctl prompts list /etc/ccd/prompts --language fr
    """
    session = session_of(context)
    session.json = json
    place = folder or _shipped()
    rows = [row for each in _languages(place, language) for row in _rows(place, each)]
    body = [
        (row["language"], row["name"], "recorded" if row["recorded"] else "MISSING", row["text"])
        for row in rows
    ]
    session.tell(rows, table(("LANGUAGE", "NAME", "STATE", "TEXT"), body) if rows else ["no prompts"])


def pieces(
    context: typer.Context,
    language: Annotated[str, typer.Argument(help="en, fr, es or de.")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """List the recorded pieces of numbers. What places and waits are made of in a language, and their words.

    \b
    Example:
      ccctl prompts pieces es
      ccctl prompts pieces de /etc/ccd/prompts
    """
    from ccd.model.pieces import every, text_of
    from ccd.model.wording import SPOKEN

    session = session_of(context)
    session.json = json
    names = list(every(language))
    if not names:
        cure = f"those with a grammar of their own are {', '.join(SPOKEN)}"
        raise Refused("prompts.language", f"there are no pieces for {language!r} — {cure}")
    place = (folder or _shipped()) / language
    rows = [
        {
            "language": language,
            "name": name,
            "recorded": (place / f"{name}.wav").is_file(),
            "text": text_of(name, language),
        }
        for name in names
    ]
    body = [(f"{row['name']}.wav", "recorded" if row["recorded"] else "MISSING", row["text"]) for row in rows]
    session.tell(rows, table(("FILE", "STATE", "TEXT"), body))


def _shipped() -> Path:
    return Path(__file__).parents[1] / "prompts"


def _languages(place: Path, only: str) -> list[str]:
    if not place.is_dir():
        raise Refused("prompts.folder", f"there is no folder {place}")
    holds = [each for each in sorted(place.iterdir()) if each.is_dir() and each.name != "music"]
    known = [each.name for each in holds if (each / TEXTS).exists() or any(each.rglob("*.wav"))]
    if only and only not in known:
        raise Refused("prompts.language", f"{place} has no language {only!r} — it has: {', '.join(known)}")
    return [only] if only else known


def _rows(place: Path, language: str) -> list[dict[str, Any]]:
    from ccd.voice.audio_build import read_texts

    folder = place / language
    texts = read_texts(folder / TEXTS, language)[0] if (folder / TEXTS).exists() else {}
    there = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.wav")}
    return [
        {"language": language, "name": name, "recorded": name in there, "text": texts.get(name, "")}
        for name in sorted(texts.keys() | there)
    ]
