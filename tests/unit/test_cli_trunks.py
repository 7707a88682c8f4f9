"""`ccctl trunks`: one line a trunk, and its targets where there are several."""

from typing import Any

import pytest

from ccd.cli import trunks


def target(address: str, **more: Any) -> dict[str, Any]:
    plain = {"host": "sip1.carrier.test", "address": address, "port": 5060, "priority": 10, "weight": 60}
    state = {"used": False, "reach": "alive", "round_trip_ms": 12.4, "declines": False, "rests_s": 0.0}
    return {**plain, **state, **more}


def row(*targets: dict[str, Any]) -> dict[str, Any]:
    figures = {"channels": 30, "in_use": 2, "registration": "registered", "reach": "alive"}
    known = {"trunk": "acme", "up": True, "host": "carrier.test", "note": "registered for 600 s"}
    return {**known, **figures, "round_trip_ms": 12.4, "targets": list(targets)}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_several_targets_stand_below_their_trunk_and_the_one_in_use_is_marked() -> None:
    lines = trunks._lines([row(target("192.0.2.1", used=True), target("192.0.2.2", rests_s=29.6))])
    assert lines[1].split()[:3] == ["acme", "up", "carrier.test"]
    assert lines[2].split()[:2] == ["→", "192.0.2.1:5060"]
    assert lines[2].endswith("sip1.carrier.test, priority 10, weight 60")
    assert lines[3].split()[0] == "192.0.2.2:5060"
    assert lines[3].endswith("sip1.carrier.test, rests 30 s, priority 10, weight 60")


def test_addresses_are_written_as_in_a_uri_and_503_is_named() -> None:
    six = target("2001:db8::1", host="2001:db8::1", declines=True, round_trip_ms=0.0)
    [line] = [line for line in trunks._lines([row(target("192.0.2.1"), six)]) if "2001" in line]
    assert line.split()[0] == "[2001:db8::1]:5060"
    assert line.endswith("declines (503), priority 10, weight 60")


def test_one_target_needs_no_line_of_its_own() -> None:
    assert len(trunks._lines([row(target("192.0.2.1"))])) == 2
    plain = row()
    del plain["targets"]  # another channel's trunk
    assert len(trunks._lines([plain])) == 2
