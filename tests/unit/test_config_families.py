"""SIP over one family of addresses, audio over the other: such calls are refused, and `ccd check` says it."""

from pathlib import Path

import pytest

from ccd.config.load import check
from ccd.model.settings import rtp_host

ALL = "0.0.0.0"  # noqa: S104  written into files only


def listening(*hosts: str, media: str = "", advertise: str = "") -> str:
    lines = [f'[media]\nhost = "{media}"'] if media else []
    lines += [f'[[sip.transports]]\nhost = "{host}"\nport = {5060 + at}' for at, host in enumerate(hosts)]
    return "\n".join([*lines, f'advertise = "{advertise}"' if advertise else "", ""])


@pytest.mark.parametrize(
    ("text", "rtp", "lines"),
    [
        ("", ALL, []),
        (listening("192.0.2.1"), "192.0.2.1", []),
        (listening("2001:db8::1"), "2001:db8::1", []),
        (listening("::"), "::", []),
        (listening("192.0.2.1", "192.0.2.2"), ALL, []),
        (listening("2001:db8::1", "2001:db8::2"), "::", []),
        (listening("192.0.2.1", "2001:db8::1"), ALL, [5]),
        (listening(ALL, "::"), ALL, [5]),
        (listening("2001:db8::1", "192.0.2.1", media="2001:db8::1"), "2001:db8::1", [7]),
        (listening("2001:db8::1", media="192.0.2.1"), "192.0.2.1", [4]),
        (listening("192.0.2.1", media="::"), "::", [4]),
        # peers are told an address of the other family
        (listening("192.0.2.1", advertise="2001:db8::1", media="2001:db8::1"), "2001:db8::1", []),
        (listening("2001:db8::1", advertise="sip.example.com"), "2001:db8::1", []),
    ],
)
def test_families(tmp_path: Path, text: str, rtp: str, lines: list[int]) -> None:
    (tmp_path / "ccd.toml").write_text(text)
    settings, faults = check(tmp_path)
    assert settings is not None and rtp_host(settings) == rtp
    found = [fault for fault in faults if "gets 488" in fault.problem]
    assert [fault.line for fault in found] == lines and all(fault.warning for fault in found)
    assert all(fault.key.endswith(".host") and "media.host" in fault.cure for fault in found)


def test_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text(listening("192.0.2.1", "2001:db8::1"))
    (fault,) = (each for each in check(tmp_path)[1] if each.key == "sip.transports[1].host")
    assert fault.problem == (
        "calls come over IPv6 here, and audio goes over IPv4 only (from 0.0.0.0): "
        "who offers audio over IPv6 gets 488"
    )
