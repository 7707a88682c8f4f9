"""`ccctl check`, `diff`, `reload` and `drain`: the configuration, and taking no new work."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, counted
from ccd.errors import Misconfigured

CONFIG = Path("/etc/ccd")


def register(app: typer.Typer) -> None:
    """`check`, `diff`, `reload`, `drain`."""
    app.command("check")(check)
    app.command("diff")(diff)
    app.command("reload")(reload)
    app.command("drain")(drain)


def check(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder with ccd.toml, or that file.")] = CONFIG,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="A secret that cannot be found here is a fault, not a warning.")
    ] = False,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for ccd; repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a configuration. All faults at once, each with file, line, key and cure; no daemon is asked.

    \b
    Example:
      ccctl check
      ccctl check conf/ --secrets
    """
    from ccd.config.check import main_check

    session_of(context).json = json
    argv = [str(path), *(["--json"] if json else []), *(["--secrets"] if secrets else [])]
    for pair in override or []:
        argv += ["--set", pair]
    raise typer.Exit(main_check(argv))


def diff(
    context: typer.Context,
    old: Annotated[Path | None, typer.Argument(help="Folder with the former configuration.")] = None,
    new: Annotated[Path | None, typer.Argument(help="Folder with the new one.")] = None,
    json: Json = False,
) -> None:
    """Show what a reload would change. Or, given two folders, how they differ. Secrets are never shown.

    \b
    Example:
      ccctl diff
      ccctl diff /etc/ccd ./conf
    """
    session = session_of(context)
    if old is None or new is None:
        if old is not None:
            raise Misconfigured("diff.folders", "name two folders, or none to ask the daemon")
        session.show("diff", json, lambda answer: _changes(answer["changes"], "nothing would change"))
        return
    session.json = json
    changes = _compare(old, new)
    session.tell({"changes": changes}, _changes(changes, "no difference"))


def _compare(old: Path, new: Path) -> list[str]:
    import os

    from ccd.config.diff import diff as differences
    from ccd.config.faults import ConfigFaults
    from ccd.config.load import check as read

    found = []
    for folder in (old, new):
        settings, faults = read(folder, environ=os.environ)
        if settings is None:
            raise ConfigFaults(faults)
        found.append(settings)
    return differences(*found)


def reload(context: typer.Context, json: Json = False) -> None:
    """Take the configuration anew. Whole or not at all; interactions that run are not disturbed.

    \b
    Example:
      ccctl reload
      ccctl check && ccctl diff && ccctl reload
    """

    def lines(answer: dict[str, Any]) -> list[str]:
        changes, late = answer["changes"], answer["next_start"]
        told = [*_changes(changes, "nothing changed"), f"reloaded: {counted(len(changes), 'change')}"]
        return told + [
            clean(line) for line in (["only from the next start of ccd on:", *late] if late else [])
        ]

    session_of(context).show("reload", json, lines)


def drain(
    context: typer.Context,
    off: Annotated[bool, typer.Option("--off", help="Take new interactions again.")] = False,
    json: Json = False,
) -> None:
    """Take no new interaction. What runs goes on. The daemon stays up (systemctl stop ends it).

    \b
    Example:
      ccctl drain
      ccctl drain --off
    """

    def lines(answer: dict[str, Any]) -> list[str]:
        running = f"{counted(answer['interactions'], 'interaction')} running"
        if answer["draining"]:
            return [f"draining: no new interaction is taken; {running}"]
        return [f"new interactions are taken; {running}"]

    session_of(context).show("drain", json, lines, on=not off)


def _changes(changes: list[str], otherwise: str) -> list[str]:
    return [clean(line) for line in changes] or [otherwise]
