"""Which changed keys a reload cannot put in force, by the lines of `diff`."""

import pytest

from ccd.config.diff import diff
from ccd.model.rules import Rules
from ccd.model.settings import ChannelSettings, DaemonSettings, MediaSettings, Settings, SipSettings
from ccd.runtime.next_start import waiting


def settings(**keys: object) -> Settings:
    return Settings(rules=Rules(), **keys)  # type: ignore[arg-type]


CHAT = {"web": ChannelSettings("web", adapter="webchat", options={"port": 8080})}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"sip": SipSettings(domain="other.test")}, "sip.domain"),
        ({"daemon": DaemonSettings(log_level="debug")}, "daemon.log_level"),
        ({"media": MediaSettings(workers=3)}, "media.workers"),
        ({"channels": CHAT}, "channels.web"),
    ],
)
def test_what_sockets_and_workers_were_made_with_waits(keys: dict[str, object], key: str) -> None:
    forth = waiting(diff(settings(), settings(**keys)))
    assert [line[2:].partition(":")[0] for line in forth] == [key]
    assert len(waiting(diff(settings(**keys), settings()))) == 1, "and the way back"


def test_what_is_in_force_at_once_does_not() -> None:
    changed = settings(
        daemon=DaemonSettings(drain_s=5.0),
        media=MediaSettings(codecs=("PCMU",)),
        sip=SipSettings(session_expires_s=600),
    )
    assert len(diff(settings(), changed)) == 3
    assert waiting(diff(settings(), changed)) == []
    assert waiting(["+ agents.eve", "profile rush is turned off: sip.x is gone"]) == []


def test_options_of_an_adapter_wait_unless_it_follows() -> None:
    other = {"web": ChannelSettings("web", adapter="webchat", options={"port": 8081})}
    lines = diff(settings(channels=CHAT), settings(channels=other))
    assert waiting(lines) == lines == ["~ channels.web.port: 8080 → 8081"]
    assert waiting(lines, {"web"}) == []
