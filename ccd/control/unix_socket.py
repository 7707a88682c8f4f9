"""The socket file: taken over from a dead daemon, never from a living one; rights set before it listens."""

import grp
import os
import re
import socket
import stat
import struct
from functools import lru_cache
from pathlib import Path
from pwd import getpwuid

from ccd.errors import Misconfigured, TryLater
from ccd.model.settings import ControlSettings

PATH_LIMIT = 107
"""Bytes that sockaddr_un has room for (unix(7)), the closing zero left out."""
BACKLOG = 64
_PROBE_S = 1.0
_CREDENTIALS = struct.Struct("3i")


def open_socket(path: Path, settings: ControlSettings) -> socket.socket:
    """Bind and listen. Raises `Misconfigured` (place, group or rights) or `TryLater` (a daemon lives there).

    Between bind and listen nobody can connect, so it does not matter with which rights the umask
    lets the file be born.
    """
    if len(os.fsencode(path)) > PATH_LIMIT:
        raise Misconfigured(
            "control.path",
            f"the path of the control socket {path} is longer than {PATH_LIMIT} bytes"
            " — set a shorter one as control.socket",
        )
    mode = _mode(settings.mode)
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        _set_rights(path, settings.group, mode)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise Misconfigured(
            "control.socket",
            f"the control socket {path} cannot be opened: {error.strerror}"
            " — let the daemon's user own the folder, or set control.socket",
        ) from error
    except Misconfigured:
        listening.close()
        path.unlink(missing_ok=True)
        raise
    listening.setblocking(False)
    return listening


def _mode(digits: str) -> int:
    if re.fullmatch("0?[0-7]{3}", digits) is None:
        raise Misconfigured(
            "control.mode", f'control.mode is {digits!r} — write three octal digits, for example "0660"'
        )
    return int(digits, 8)


def _clear(path: Path) -> None:
    """Remove what a dead daemon left."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise Misconfigured(
            "control.socket", f"the control socket {path} cannot be looked at: {error.strerror}"
        ) from error
    if not stat.S_ISSOCK(kind):
        raise Misconfigured(
            "control.socket",
            f"{path} is there already and is not a socket — move it away, or set control.socket",
        )
    if _alive(path):
        raise TryLater(
            "control.taken",
            f"another daemon answers at {path} — stop it first, or give this one its own control.socket",
        )
    path.unlink(missing_ok=True)


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # busy, or not ours to ask: somebody is there
            return True
    return True


def _set_rights(path: Path, name: str, mode: int) -> None:
    if name:
        try:
            group = grp.getgrnam(name).gr_gid
        except KeyError:
            raise Misconfigured(
                "control.group",
                f"control.group: there is no group {name!r} on this machine"
                " — create it (groupadd) or leave the key out",
            ) from None
        try:
            os.chown(path, -1, group)
        except PermissionError:
            raise Misconfigured(
                "control.group",
                f"control.group: the daemon's user may not give a file to the group {name!r}"
                " — make it a member of that group",
            ) from None
    path.chmod(mode)


def close_socket(path: Path, inode: int) -> None:
    """Remove the socket file if it is still the one that was opened (`inode`)."""
    try:
        if path.lstat().st_ino == inode:
            path.unlink()
    except OSError:  # gone already, with its folder perhaps
        return


def is_there(path: Path) -> bool:
    """Whether anything lies there."""
    return os.path.lexists(path)


def peer_name(fileno: int) -> str:
    """Who is at the other end, by the kernel's word (SO_PEERCRED): `ccctl:USER`."""
    with socket.socket(fileno=os.dup(fileno)) as peer:
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return f"ccctl:{_user(uid)}"


@lru_cache(maxsize=64)
def _user(uid: int) -> str:
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
