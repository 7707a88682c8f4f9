"""Names for the shell's TAB key, asked of the running daemon; and the script that teaches the shell."""

from collections.abc import Callable
from typing import Annotated

import typer

from ccd.cli.session import Json, Session, session_of
from ccd.control.client import ControlClient
from ccd.errors import CcdError

HURRY_S = 0.5
"""A daemon that does not answer in this time completes nothing."""
SHELLS = ("bash", "zsh", "fish")


def register(app: typer.Typer) -> None:
    """`completion`."""
    app.command("completion")(completion)


def completion(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.", autocompletion=lambda: list(SHELLS))],
    json: Json = False,
) -> None:
    """Print a shell's completion script. `ccctl --install-completion` puts it in place.

    \b
    Example:
      ccctl completion bash > /etc/bash_completion.d/ccctl
    """
    from typer._completion_shared import get_completion_script

    session = session_of(context)
    session.json = json
    if shell not in SHELLS:
        raise typer.BadParameter(f"there is no script for {shell!r}: take {', '.join(SHELLS)}")
    script = get_completion_script(prog_name="ccctl", complete_var="_CCCTL_COMPLETE", shell=shell)
    session.tell({"shell": shell, "script": script}, [script])


def names(verb: str, key: str) -> Callable[[str], list[str]]:
    """A completer: values of `key` in the answer of `verb` that begin with what was typed."""

    def complete(incomplete: str) -> list[str]:
        try:
            with ControlClient(Session().socket, HURRY_S) as client:
                answer = client.ask(verb)
        except CcdError:
            return []
        rows = answer["listed"] if isinstance(answer, dict) else answer
        return [str(row[key]) for row in rows if str(row.get(key, "")).startswith(incomplete)]

    return complete


reason_names = names("agent.reasons", "reason")
agent_names = names("agents", "agent")
queue_names = names("queues", "queue")
interaction_names = names("interactions", "interaction")
profile_names = names("profiles", "profile")
