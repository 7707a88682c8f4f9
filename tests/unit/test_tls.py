"""Certificates as the daemon takes them: what fits together, what has ended, what peers will see."""

import subprocess
from pathlib import Path

import pytest

from ccd.config.load import check
from ccd.errors import Misconfigured
from ccd.tls import client_context, inspect
from tests.peers.certificates import Certificate, signed

pytestmark = pytest.mark.needs("openssl")


def test_what_peers_will_see(server: Certificate) -> None:
    shown = inspect(str(server.file), str(server.key))
    assert shown.names == ("centre.test", "127.0.0.1")
    ends = subprocess.run(
        ["date", "-u", "-d", f"@{shown.ends_at:.0f}", "+%b %e %H:%M:%S %Y GMT"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", server.file],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert said == f"notAfter={ends}"


def test_certificate_and_key_in_one_file(server: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(server.key.read_bytes() + server.file.read_bytes())
    assert inspect(str(both), "").names == ("centre.test", "127.0.0.1")


def test_the_key_of_another_certificate(server: Certificate, signer: Certificate) -> None:
    with pytest.raises(Misconfigured, match="key values mismatch"):
        inspect(str(server.file), str(signer.key))


def test_a_certificate_that_has_ended(certificates: Path, signer: Certificate) -> None:
    ended = signed(certificates, signer, "DNS:centre.test", days=-1, file="ended")
    with pytest.raises(Misconfigured, match="certificate has expired"):
        inspect(str(ended.file), str(ended.key))


def test_a_key_with_a_password_is_refused_and_not_asked_for(server: Certificate, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    subprocess.run(
        [
            "openssl",
            "pkey",
            "-in",
            server.key,
            "-aes256",
            "-passout",
            "pass:secret",
            "-out",
            locked,
        ],
        check=True,
        capture_output=True,
    )
    with pytest.raises(Misconfigured, match=r"locked\.key cannot be used"):
        inspect(str(server.file), str(locked))


def test_an_authority_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        client_context(str(tmp_path / "none.pem"))


def written(folder: Path, certificate: Certificate) -> Path:
    conf = folder / "ccd.toml"
    conf.write_text(
        f'[[sip.transports]]\nprotocol = "tls"\nport = 5061\ncertificate = "{certificate.file}"\n'
        f'key = "{certificate.key}"\n[daemon]\nstate_dir = "{folder}"\nruntime_dir = "{folder}"\n'
    )
    return folder


def test_the_check_warns_before_a_certificate_ends(
    certificates: Path, signer: Certificate, tmp_path: Path
) -> None:
    settings, faults = check(
        written(tmp_path, signed(certificates, signer, "DNS:a.test", days=3, file="soon"))
    )
    assert settings is not None
    (warning,) = [fault for fault in faults if fault.key.startswith("sip.transports")]
    assert warning.warning and "the certificate ends on" in warning.problem


def test_the_check_is_content_with_a_good_one(server: Certificate, tmp_path: Path) -> None:
    settings, faults = check(written(tmp_path, server))
    assert settings is not None
    assert not [fault for fault in faults if fault.key.startswith("sip.transports")]


def test_a_key_that_everybody_can_read_is_a_fault(
    certificates: Path, signer: Certificate, tmp_path: Path
) -> None:
    open_to_all = signed(certificates, signer, "DNS:a.test", days=90, file="open")
    open_to_all.key.chmod(0o644)
    _, faults = check(written(tmp_path, open_to_all))
    (fault,) = [fault for fault in faults if fault.key.startswith("sip.transports")]
    assert fault.problem.endswith("can be read by everybody") and fault.cure.startswith("chmod 640 ")


TRUNK = """
[trunks.carrier]
host = "sip.carrier.example"
protocol = "tls"
register = true
username = "33123456789"
password = "env:CARRIER_PASSWORD"
"""


@pytest.mark.parametrize("listens", [True, False])
def test_a_trunk_that_registers_over_tls_wants_a_listener(
    server: Certificate, tmp_path: Path, listens: bool
) -> None:
    conf = written(tmp_path, server) / "ccd.toml"
    text = conf.read_text() if listens else conf.read_text().partition("[daemon]")[2]
    conf.write_text((text if listens else "[daemon]" + text) + TRUNK)
    settings, faults = check(tmp_path)
    assert settings is not None, faults
    warned = [fault for fault in faults if fault.key == "trunks.carrier.protocol"]
    assert len(warned) == (0 if listens else 1) and all(fault.warning for fault in warned)


@pytest.mark.parametrize(("protocol", "fault"), [("auto", ""), ("tls", ""), ("tcp", "is for tls")])
def test_an_authority_may_be_named_where_the_records_say_the_transport(
    server: Certificate, signer: Certificate, tmp_path: Path, protocol: str, fault: str
) -> None:
    conf = written(tmp_path, server) / "ccd.toml"
    named = TRUNK.replace('"tls"', f'"{protocol}"') + f'ca = "{signer.file}"\n'
    conf.write_text(conf.read_text() + named)
    _, faults = check(tmp_path)
    found = [each.problem for each in faults if each.key == "trunks.carrier.ca"]
    assert [fault in each for each in found] == ([True] if fault else [])
