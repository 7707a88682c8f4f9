"""The demo's phones: PJSIP where pip has it (Python 3.11 and 3.12), else Debian's baresip; neither is ours.

Both are steered in the same few words: `dial`, `press`, `accept`, `hold`, `resume`, `transfer`, `hangup`, and
those below for what happens to them.
"""

import shutil
from contextlib import suppress

from tests.peers.baresip import Baresip
from tests.peers.pjsip import PjsipPhone, have_pjsua
from tests.peers.process import PeerFailed

LONGEST_S = 12.0
MISSING = "the demo has no phones here (pip has no PJSIP for this Python): apt-get install baresip-core"


class PjsipParty(PjsipPhone):
    """A caller or an agent's softphone by PJSIP."""

    async def answered(self) -> None:
        """Until the call that it dialled is answered."""
        await self.state("CONFIRMED")

    async def ended(self) -> None:
        """Until its call is over."""
        await self.state("DISCONNECTED")

    async def rings(self) -> str:
        """Until it rings; what its display shows."""
        return str((await self.event("incoming", timeout_s=LONGEST_S))["remote"])


class BaresipParty(Baresip):
    """The same by baresip."""

    async def answered(self) -> None:
        """Until the call that it dialled is answered."""
        await self.event("CALL_ESTABLISHED")

    async def ended(self) -> None:
        """Until its call is over."""
        await self.event("CALL_CLOSED")

    async def resume(self) -> None:
        """That of Debian 13 (1.1.0) does it and says "Invalid argument": the recording will show."""
        with suppress(PeerFailed):
            await super().resume()

    async def rings(self) -> str:
        """Until it rings; what its display shows."""
        event = await self.event("CALL_INCOMING", timeout_s=LONGEST_S)
        return f'"{event.get("peerdisplayname", "")}" <{event["peeruri"]}>'


Party = PjsipParty | BaresipParty


def kind_of_phones() -> type[PjsipParty] | type[BaresipParty]:
    """Which of both this machine has; ends the demo with a word if it has neither."""
    if have_pjsua():
        return PjsipParty
    if shutil.which("baresip"):
        return BaresipParty
    raise SystemExit(MISSING)
