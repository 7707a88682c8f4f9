"""`ccctl survey …`: what customers answered aloud."""

from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, table

HEADS = ("ID", "SURVEY", "QUESTION", "QUEUE", "AGENT", "AGE", "LENGTH", "FILE")
RIGHT = ("AGE", "LENGTH")


def register(app: typer.Typer) -> None:
    """`survey …`."""
    noun = typer.Typer(no_args_is_help=True, help="Look at spoken answers.", rich_markup_mode=None)
    noun.command("answers")(answers)
    app.add_typer(noun, name="survey")


def answers(
    context: typer.Context,
    survey: Annotated[str, typer.Option(help="Only those of this survey.")] = "",
    json: Json = False,
) -> None:
    """List the spoken answers whose files are kept, the latest first.

    What was keyed or written stands in `ccctl interaction show`, the figures in `ccctl report --surveys`.

    \b
    Example:
      ccctl survey answers
      ccctl survey answers --survey rate
    """
    session_of(context).show("survey.answers", json, answer_table, **({"survey": survey} if survey else {}))


def answer_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line an answer."""
    return table(HEADS, [_row(row) for row in rows], RIGHT, most) if rows else ["no spoken answers"]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["interaction"],
        row["survey"],
        row["question"],
        row["queue"] or "-",
        row["agent"] or "-",
        duration(row["age_s"]),
        duration(row["seconds"]),
        clean(row["path"]),
    )
