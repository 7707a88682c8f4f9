"""Certificates for tests, made by openssl: an authority of our own, and what it signs."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Two PEM files."""

    file: Path
    key: Path


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder: Path, name: str = "authority") -> Certificate:
    """Somebody who signs certificates and whom a peer may be told to trust."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "9",
        ),
        *("-subj", f"/CN={name}", "-keyout", made.key, "-out", made.file),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
    )
    return made


def signed(folder: Path, by: Certificate, *names: str, days: int = 9, file: str = "server") -> Certificate:
    """A certificate for names (`DNS:a.test`, `IP:127.0.0.1`), signed by an authority; the key is 0600."""
    made = Certificate(folder / f"{file}.pem", folder / f"{file}.key")
    request, more = folder / f"{file}.csr", folder / f"{file}.ext"
    more.write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage=serverAuth,clientAuth\n")
    _openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", f"/CN={names[0].partition(':')[2]}", "-keyout", made.key, "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", by.file, "-CAkey", by.key, "-CAcreateserial"),
        *("-days", str(days), "-extfile", more, "-out", made.file),
    )
    made.key.chmod(0o600)
    return made
