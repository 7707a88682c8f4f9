"""Keys of encrypted audio that would be sent in clear."""

from pathlib import Path

import pytest

from ccd.config.load import check

TLS = '[[sip.transports]]\nprotocol = "tls"\ncertificate = "own.pem"\n'
TRUNK = '[trunks.carrier]\nhost = "192.0.2.5"\n'
PHONE = '[devices.a1]\npassword = "env:X"\n[agents.a1]\ndevices = ["a1"]\n'


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (TRUNK + 'srtp = "required"\n', ["trunks.carrier.srtp"]),
        (TRUNK + 'srtp = "required"\nprotocol = "tls"\n', []),
        (TRUNK + 'srtp = "auto"\n', []),
        (PHONE.replace("[agents", 'srtp = "required"\n[agents'), ["devices.a1.srtp"]),
        (PHONE.replace("[agents", 'srtp = "required"\n[agents') + TLS, []),
        (PHONE.replace("[agents", 'srtp = "off"\n[agents'), []),
        (PHONE + TRUNK, []),
    ],
)
def test_keys_in_clear(tmp_path: Path, text: str, keys: list[str]) -> None:
    (tmp_path / "ccd.toml").write_text(text)
    settings, faults = check(tmp_path)
    assert settings is not None
    found = [fault for fault in faults if fault.key.endswith(".srtp")]
    assert [fault.key for fault in found] == keys and all(fault.warning for fault in found)
    assert all("sent in clear" in fault.problem and fault.cure for fault in found)
