"""Certificates that near their end are told of, from what was read and not from what lies there since."""

from pathlib import Path

import pytest

from ccd.testing.clock import VirtualClock
from ccd.tls import authority_ends, inspect
from ccd.voice.certificates import Certificates
from tests.peers.certificates import authority, signed

DAY_S = 86_400.0
pytestmark = pytest.mark.needs("openssl")


async def test_one_is_to_be_renewed_then_urgent_then_over(tmp_path: Path) -> None:
    made = signed(tmp_path, authority(tmp_path), "DNS:a.test")
    ends_at = inspect(str(made.file), str(made.key)).ends_at
    clock = VirtualClock(ends_at - 31 * DAY_S)
    certificates = Certificates(clock)
    await certificates.look([(str(made.file), str(made.key))], [])
    assert certificates.report() == []
    clock.advance(1.5 * DAY_S)
    (row,) = certificates.report()
    assert (row["file"], row["ends_at"], row["urgent"]) == (str(made.file), ends_at, False)
    assert row["why"].endswith("in 29 days")
    clock.advance(23 * DAY_S)
    assert certificates.report()[0]["urgent"]
    clock.advance(8 * DAY_S)
    assert certificates.report()[0]["why"].startswith("it ended on 2")


async def test_a_renewal_counts_when_it_is_read(tmp_path: Path) -> None:
    by = authority(tmp_path)
    made = signed(tmp_path, by, "DNS:a.test", days=3)
    clock = VirtualClock(inspect(str(made.file), str(made.key)).ends_at - 3 * DAY_S)
    certificates, used = Certificates(clock), [(str(made.file), str(made.key))]
    await certificates.look(used, [])
    assert certificates.report()[0]["urgent"]
    signed(tmp_path, by, "DNS:a.test", days=90)
    assert certificates.report()[0]["urgent"]  # it lies there, and is not in use
    await certificates.look(used, [])
    assert certificates.report() == []


async def test_a_renewal_that_cannot_be_used_is_told_with_the_end_of_the_former(tmp_path: Path) -> None:
    made = signed(tmp_path, authority(tmp_path), "DNS:a.test", days=90)
    certificates = Certificates(VirtualClock(inspect(str(made.file), str(made.key)).ends_at - 80 * DAY_S))
    used = [(str(made.file), str(made.key))]
    await certificates.look(used, [])
    made.file.write_text("torn")
    await certificates.look(used, [])
    (row,) = certificates.report()
    assert row["urgent"]
    assert "cannot be used" in row["why"] and "the former one ends on" in row["why"]


async def test_the_authority_of_a_trunk_is_looked_at_too(tmp_path: Path) -> None:
    by = authority(tmp_path)  # for 9 days
    certificates = Certificates(VirtualClock(0.0))
    await certificates.look([], [str(by.file)])
    assert certificates.report() == []
    clock = VirtualClock(authority_ends(str(by.file)) - 2 * DAY_S)
    certificates = Certificates(clock)
    await certificates.look([], [str(by.file), str(by.file)])
    (row,) = certificates.report()
    assert row["file"] == str(by.file) and row["urgent"]
