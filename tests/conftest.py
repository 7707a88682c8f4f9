"""What all tests share: which foreign programs are here, and plain words about those that are not.

A test marked `needs("sipp", "baresip", …)` is skipped where one is missing, with the command that installs
it; with CI set in the environment it fails instead: there, nothing may be skipped.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.peers import digits_pcap, netns, pjsip, process
from tests.peers.certificates import Certificate, authority, signed
from tests.peers.missing import lacking

settings.register_profile("ccd", deadline=None)
settings.load_profile("ccd")
"""A machine that is busy is no fault: no example has to be over in time."""

_missing: dict[str, str] = {}


def what_is_missing(need: str) -> str:
    """Empty, or why the need cannot be met here and what helps."""
    if need not in _missing:
        _missing[need] = _look(need)
    return _missing[need]


def _look(need: str) -> str:
    if need == "pjsua2":
        return "" if pjsip.have_pjsua() else "pjsua2 is missing: pip install pjsua2-python"
    if need == "raw":
        return "" if digits_pcap.can_play() else "SIPp's digits need a raw socket: run as root"
    if need == "netns":
        return netns.why_not()
    try:
        process.program(need)
    except process.PeerMissing as missing:
        return str(missing)
    return ""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): sipp, baresip, pjsua2, raw, netns or any command")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: processes that share the tests out end together then."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        problems = [problem for problem in map(what_is_missing, mark.args) if problem]
        if problems:
            lacking("; ".join(problems))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """A peer that a test asks for without a mark, as one of several that would do, is skipped likewise."""
    try:
        yield
    except process.PeerMissing as missing:
        lacking(str(missing))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Plain words at the end: what this machine could not test, and the command that changes it."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("not tested on this machine")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count:4} tests: {reason}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module's certificates (`needs("openssl")`)."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def signer(certificates: Path) -> Certificate:
    """Who signs them."""
    return authority(certificates)


@pytest.fixture(scope="module")
def server(certificates: Path, signer: Certificate) -> Certificate:
    """That of a server on this machine."""
    return signed(certificates, signer, "DNS:centre.test", "IP:127.0.0.1", days=90)
