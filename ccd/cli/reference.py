"""docs/reference/ccctl.md, made from the command: `python -m ccd.cli.reference > docs/reference/ccctl.md`."""

from collections.abc import Iterator
from typing import Any

import typer

from ccd.cli.main import build

_HEAD = """# ccctl

Made from the code by `python -m ccd.cli.reference`; a test fails when this page is stale.

`ccctl` looks at a running ccd and steers it over its control socket (`control.socket`; by default
`/run/ccd/control.sock`). Another one is named by `ccctl --socket PATH VERB` or the variable
`CCD_SOCKET`. Who may open the socket (`control.mode`, `control.group`) may do everything; who did
what stands in the ledger as `ccctl:USER`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused, or a fault inside the daemon |
| 2 | wrong usage or configuration |
| 3 | no daemon reachable |
| 4 | not now: try again later |

Every verb has `--json` (the answer as one JSON value; trouble as `{"error": {"kind", "code", "problem",
"cure"}}`) and `--help`.

## The socket

Scripts may speak to it themselves, one JSON object a line: `{"id":1,"verb":"agents","args":{}}` is answered
by `{"id":1,"ok":true,"result":…}` or `{"id":1,"ok":false,"error":{"kind","code","problem","cure"}}`. After
the verb `watch` a frame follows each second, with `"more":true`, until the connection is closed.

    echo '{"id":1,"verb":"status"}' | socat - UNIX-CONNECT:/run/ccd/control.sock
"""


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb with its words: `("agent", "login")`."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from walk(each, (*words, name))
        else:
            yield (*words, name), each


def reference() -> str:
    """The page."""
    parts = [_HEAD]
    for words, command in walk(typer.main.get_command(build())):
        parts.append(f"## ccctl {' '.join(words)}\n")
        parts.append(_words(command.help))
        rows = [_row(each) for each in command.params if each.name not in {"json", "help"}]
        if rows:
            parts.append("| argument | meaning |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _words(text: str) -> str:
    """Prose as it is, the example as code."""
    prose, _, example = text.partition("\b\n")
    lines = [line for line in example.splitlines() if line.strip() and line.strip() != "Example:"]
    code = "\n".join(f"    {line.strip()}" for line in lines)
    return f"{prose.strip()}\n\n{code}\n"


def _row(each: Any) -> str:
    if each.param_type_name == "argument":
        name = (each.metavar or each.name).upper()
        shown = name if each.required else f"[{name}]"
    else:
        shown = ", ".join(each.opts)
        if not each.is_flag:
            shown += f" {(each.metavar or each.name).upper()}"
    return f"| `{shown}` | {each.help} |"


if __name__ == "__main__":
    print(reference(), end="")
