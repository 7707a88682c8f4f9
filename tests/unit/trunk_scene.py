"""Trunks by themselves: their stack, their facts and their clock are twins, time is counted by hand."""

from typing import Any

from ccd.ids import SeededChance
from ccd.model.settings import SipSettings, TrunkSettings
from ccd.sip.events import Flow
from ccd.voice.trunks import Trunks
from tests.unit.voice_twins import LISTENER, HandClock, Inbox, StackTwin

SIP = SipSettings(domain="ccd.test", qualify_timeout_s=4.0, user_agent="ccd")


def trunk(name: str = "acme", host: str = "192.0.2.10", **more: Any) -> TrunkSettings:
    return TrunkSettings(name, host, **{"qualify_s": 0.0, **more})


def flow_from(host: str, port: int = 5060) -> Flow:
    return Flow("UDP", host, port, LISTENER)


class Scene:
    """Trunks that are not started; `more` goes to them as it is."""

    def __init__(self, *settings: TrunkSettings, **more: Any) -> None:
        self.clock = HandClock()
        self.stack = StackTwin(self.clock)
        self.inbox = Inbox()
        self.trunks = Trunks(
            {each.name: each for each in settings},
            SIP,
            "FR",
            self.clock,
            SeededChance(9),
            self.stack,
            self.inbox,
            **more,
        )
