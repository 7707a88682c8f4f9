"""Where requests of a dialog go: named addresses that no packet reaches."""

import pytest

from ccd.voice.ways import behind_nat


@pytest.mark.parametrize(
    ("named", "seen", "hidden"),
    [
        ("10.0.0.5", "8.8.4.4", True),
        ("192.168.1.20", "8.8.4.4", True),
        ("fd00::5", "2600::1", True),
        ("127.0.0.1", "8.8.4.4", True),
        ("8.8.8.8", "8.8.4.4", False),
        ("10.0.0.5", "10.0.0.6", False),
        ("8.8.8.8", "10.0.0.6", False),
        ("8.8.4.4", "8.8.4.4", False),
        ("sbc.carrier.invalid", "8.8.4.4", False),
    ],
)
def test_a_contact_in_a_network_of_its_own(named: str, seen: str, hidden: bool) -> None:
    """A PBX behind NAT names its private address while it is seen from a public one."""
    assert behind_nat(named, seen) is hidden
