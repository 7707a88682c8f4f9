"""Deletes files that we made: one at a time, inside one folder only, and never through a link.

Every folder on the way is opened and held while the next step is looked up in it (`openat(2)`), so what is
checked is what is deleted, even if somebody puts a link in its place meanwhile.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccd.errors import Refused

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def delete(folder: Path, path: Path) -> int:
    """Delete a file below `folder`; blocking. Bytes that it had; 0 also when it is gone already.

    The folder itself may be reached by links. Raises `Refused` for what is not in it or no plain file, and
    `OSError` when the system does not let us.
    """
    try:
        base, parent = (Path(os.path.realpath(each, strict=True)) for each in (folder, path.parent))
    except FileNotFoundError:
        return 0
    if not parent.is_relative_to(base) or path.name in ("", ".", ".."):
        raise Refused("files.outside", f"{path} is not in {folder}")
    try:
        with _opened(base, parent.relative_to(base).parts) as inside:
            found = os.stat(path.name, dir_fd=inside, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise Refused("files.no_file", f"{path} is no plain file")
            os.unlink(path.name, dir_fd=inside)
            return found.st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _opened(base: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """The folder at the end of the way, step by step. Raises `OSError` where a step is a link."""
    here = os.open(base, _FOLDER)
    try:
        for part in parts:
            there = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = there
        yield here
    finally:
        os.close(here)


def delete_empty(folder: Path, inside: Path) -> None:
    """Delete a folder in `folder` if nothing is in it; else it stays."""
    if inside.parent == folder:
        with suppress(OSError):
            inside.rmdir()
