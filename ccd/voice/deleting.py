"""Deletes files of messages that were handled, in a thread: a slow disk holds up no packet and no call.

Only recordings are deleted: WAV files below the folder of recordings, whatever is asked for.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ccd import files
from ccd.errors import Refused
from ccd.model import commands as cmd
from ccd.model import facts

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel


def delete(channel: "VoiceChannel", command: cmd.DeleteFiles) -> None:
    """Begin; `FilesDeleted` tells what came of it."""
    if not command.paths:
        return
    settings = channel.settings
    base = Path(settings.media.recordings or Path(settings.daemon.state_dir) / "recordings")
    task = asyncio.get_running_loop().run_in_executor(None, removed, base, command.paths)
    task.add_done_callback(lambda done: _done(channel, command.paths, done.result()))


def _done(channel: "VoiceChannel", paths: tuple[str, ...], left: str) -> None:
    if left:
        channel.log.error("recordings not deleted", problem=left)
    channel.post(facts.FilesDeleted(paths, left))


def removed(base: Path, paths: tuple[str, ...]) -> str:
    """Remove the files; one that is gone already is fine. In words what could not be removed."""
    left = []
    for path in map(Path, paths):
        try:
            if path.suffix != ".wav":
                left.append(f"{path.name}: no recording")
            else:
                files.delete(base, path)
        except Refused:
            left.append(f"{path.name}: no recording")
        except OSError as error:
            left.append(f"{path.name}: {error.strerror}")
    return "; ".join(left)
