"""Where secrets come from: `env:NAME`, `file:PATH`, `credential:NAME` (systemd). Never in clear.

A secret that is not there is a warning for `ccd check` (the checking machine need not have it) and a
fault for a start; one that others could read, or that stands in the file in clear, is always a fault.
"""

import stat
from collections.abc import Mapping
from pathlib import Path as FilePath

from ccd.config.faults import FaultList, Path
from ccd.config.files import Document, relative
from ccd.model.settings import Secret

MOST_BYTES = 65_536
_CURE = 'write "env:NAME", "file:PATH" or "credential:NAME" and keep the secret itself out of this file'
_CREATE = "create it with the secret as one line"
_LOAD = "give the service LoadCredential={}:PATH (systemctl edit ccd)"


class SecretSource:
    """Looks secrets up for one reading of the configuration."""

    __slots__ = ("_document", "_environ", "_faults", "_folder", "_strict")

    def __init__(
        self,
        document: Document,
        faults: FaultList,
        environ: Mapping[str, str],
        folder: FilePath | None,
        strict: bool,
    ) -> None:
        self._document = document
        self._faults = faults
        self._environ = environ
        self._folder = folder
        self._strict = strict

    def find(self, path: Path, text: object) -> Secret:
        """The secret that `text` points to; an empty one, and a fault or warning, if there is none."""
        kind, _, rest = text.partition(":") if isinstance(text, str) else ("", "", "")
        if kind == "env" and rest:
            return self._from_environ(path, rest)
        if kind == "file" and rest:
            return self._from_file(path, FilePath(relative(self._document, path, rest)), "file")
        if kind == "credential" and rest:
            return self._from_credential(path, rest)
        if kind in {"env", "file", "credential"}:
            self._fault(path, f"has nothing after {kind}:", _CURE)
        else:  # never print it: it may be the secret itself
            self._fault(path, "holds a secret in clear", _CURE)
        return Secret("")

    def _from_environ(self, path: Path, name: str) -> Secret:
        value = self._environ.get(name, "")
        if not value:
            self._missing(path, f"the environment variable {name} is not set", f"export {name}=…")
        return Secret(value)

    def _from_credential(self, path: Path, name: str) -> Secret:
        if "/" in name:
            self._fault(path, f'"{name}" is no name of a credential', "write the name without a folder")
            return Secret("")
        if self._folder is None:
            problem = f"the systemd credential {name} was looked for, but $CREDENTIALS_DIRECTORY is not set"
            self._missing(path, problem, _LOAD.format(name))
            return Secret("")
        return self._from_file(path, self._folder / name, "systemd credential", _LOAD.format(name))

    def _from_file(self, path: Path, file: FilePath, what: str, create: str = _CREATE) -> Secret:
        try:
            state = file.stat()
            if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
                self._fault(path, f"the {what} {file} is no small text file", "put one line of text in it")
                return Secret("")
            if state.st_mode & stat.S_IROTH:
                self._fault(path, f"the {what} {file} can be read by everybody", f"chmod 640 {file}")
            value = file.read_bytes().decode().strip("\r\n")
        except FileNotFoundError:
            self._missing(path, f"the {what} {file} does not exist", create)
            return Secret("")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self._missing(path, f"the {what} {file} cannot be read: {reason}", "let ccd's user read it")
            return Secret("")
        if not value or "\n" in value:
            self._fault(path, f"the {what} {file} must hold one line", "write the secret as its only line")
        return Secret(value)

    def _missing(self, path: Path, problem: str, cure: str) -> None:
        self._faults.add(self._document.place(path), path, problem, cure, warning=not self._strict)

    def _fault(self, path: Path, problem: str, cure: str) -> None:
        self._faults.add(self._document.place(path), path, problem, cure)
