"""`ccctl` as a person at the console runs it: the program itself, over the daemon's socket."""

import asyncio
import contextlib
import io
import os

from ccd.cli.main import main
from tests.interop.daemon_site import Site

WIDE = "200"


async def ccctl(site: Site, *words: str) -> str:
    """What the command prints; it must succeed."""
    return await asyncio.to_thread(_run, "--socket", str(site.runtime_dir / "control.sock"), *words)


def _run(*argv: str) -> str:
    """In this process: to start one for each word would cost more than all that is tested."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDE
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(argv)
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    assert code == 0, err.getvalue()
    return out.getvalue()
