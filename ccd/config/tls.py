"""Checks of TLS: the files of certificates, keys and authorities, before a phone or a carrier stumbles."""

import stat
from pathlib import Path as FilePath

from ccd.clock import SystemClock
from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.errors import Misconfigured
from ccd.model.settings import SRTP_REQUIRED, Settings, TransportSettings, TrunkSettings
from ccd.tls import SOON_S, client_context, inspect

TLS, AUTO = "tls", "auto"
_IN_CLEAR = "the keys of the audio are sent in clear"


def check_tls(reader: Reader, settings: Settings) -> None:
    """Every `tls` transport and trunk, and who must be encrypted without it."""
    for at, transport in enumerate(settings.sip.transports):
        _transport(reader, ("sip", "transports", at), transport)
    listening = any(transport.protocol == TLS for transport in settings.sip.transports)
    for name, trunk in settings.trunks.items():
        _trunk(reader, ("trunks", name), trunk)
        if trunk.srtp == SRTP_REQUIRED and trunk.protocol not in (TLS, AUTO):
            cure = 'write protocol = "tls", if the carrier can, or be sure of the network between'
            _warn(reader, ("trunks", name, "srtp"), f"{_IN_CLEAR} over {trunk.protocol}", cure)
        if trunk.protocol == TLS and trunk.register and not listening:
            problem = "we register over tls and listen for none: a carrier that connects anew finds nobody"
            cure = 'add a [[sip.transports]] table with protocol = "tls"'
            _warn(reader, ("trunks", name, "protocol"), problem, cure)
    for name, device in settings.devices.items():
        if device.srtp == SRTP_REQUIRED and not listening:
            cure = 'add a [[sip.transports]] table with protocol = "tls", and let the phone use it'
            _warn(reader, ("devices", name, "srtp"), f"{_IN_CLEAR}: no transport is tls", cure)


def _transport(reader: Reader, path: Path, transport: TransportSettings) -> None:
    if transport.protocol != TLS:
        for key in ("certificate", "key"):
            if getattr(transport, key):
                problem = f"is for tls, and the protocol is {transport.protocol}"
                reader.fault((*path, key), problem, 'write protocol = "tls", or take it out')
        return
    if not transport.certificate:
        cure = "name the file with the certificate (PEM), and its private key with `key`"
        reader.fault((*path, "protocol"), "tls needs a `certificate`", cure)
        return
    files = {"certificate": transport.certificate, **({"key": transport.key} if transport.key else {})}
    readable = [_readable(reader, (*path, key), file) for key, file in files.items()]
    if all(readable):
        _private(reader, (*path, "key" if transport.key else "certificate"), transport)
        _inspected(reader, (*path, "certificate"), transport)


def _readable(reader: Reader, path: Path, file: str) -> bool:
    try:
        with FilePath(file).open("rb"):
            return True
    except FileNotFoundError:  # the machine that checks need not have it; a start without it fails
        _warn(reader, path, f"{file} does not exist here", "put the file (PEM) there before the start")
    except PermissionError:
        problem = f"{file} cannot be read by who checks"
        _warn(reader, path, problem, "check as the user that the daemon runs as")
    except OSError as error:
        reader.fault(path, f"{file}: {error.strerror}", "name a file (PEM) that the daemon can read")
    return False


def _private(reader: Reader, path: Path, transport: TransportSettings) -> None:
    file = transport.key or transport.certificate
    if FilePath(file).stat().st_mode & stat.S_IROTH:
        reader.fault(path, f"the private key {file} can be read by everybody", f"chmod 640 {file}")


def _inspected(reader: Reader, path: Path, transport: TransportSettings) -> None:
    try:
        shown = inspect(transport.certificate, transport.key)
    except Misconfigured as fault:
        cure = "give the certificate in force (PEM) and the key that belongs to it, without a password"
        reader.fault(path, fault.message, cure)
        return
    if shown.ends_at < SystemClock().now() + SOON_S:
        _warn(reader, path, f"the certificate ends on {shown.ends}", "renew it, then `ccctl reload`")


def _trunk(reader: Reader, path: Path, trunk: TrunkSettings) -> None:
    if trunk.protocol not in (TLS, AUTO):
        for key in ("ca", "certificate_name"):
            if getattr(trunk, key):
                problem = f"is for tls, and the protocol is {trunk.protocol}"
                reader.fault((*path, key), problem, 'write protocol = "tls", or take it out')
    elif trunk.ca and _readable(reader, (*path, "ca"), trunk.ca):
        try:
            client_context(trunk.ca)
        except Misconfigured as fault:
            reader.fault((*path, "ca"), fault.message, "name a file (PEM) with the authority's certificate")


def _warn(reader: Reader, path: Path, problem: str, cure: str) -> None:
    reader.faults.add(reader.document.place(path), path, problem, cure, warning=True)
