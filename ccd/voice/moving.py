"""Running calls are told another address of ours, by re-INVITE with Contact and SDP (RFC 3261 §14).

A machine that listens on all its addresses may get another one while calls run (`advertising`): the far ends
would go on sending audio and BYE to the former one. Whenever such a change is noticed each call is looked at,
and again for a while: what is known of other peers gets out of date, and calls that rang are answered, by the
description that they began with. Those whose far end was told another address
than it would be told now stand in line, and it is their turn a few at a time:

========  ====================================================  =====================================
state     what happens                                          then
========  ====================================================  =====================================
in line   its turn comes                                        asked
in line   its turn comes, an offer of either side is under way  in line again after `BUSY_S`
asked     2xx                                                   told: nothing more to do
asked     491: the far end asked at that very moment            in line again after a moment (§14.1)
asked     another refusal, no answer, a connection gone         given up: logged, and the call stays
any       the call is over                                      forgotten
========  ====================================================  =====================================

A call comes back `MOST_TRIES` times at most; one that is given up says the new address with its next session
refresh. Not told: calls over TCP and TLS while their connection stands, which has the address that it was
made from. Where the configuration says the address (`advertise`, `media.host`), it cannot change.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ccd.sip.address import Address
from ccd.sip.uri import SipUri
from ccd.voice.advertising import KEPT_S
from ccd.voice.leg_states import LegState
from ccd.voice.liveness import BUSY_S
from ccd.voice.transport import where

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg
    from ccd.voice.channel import VoiceChannel

AT_ONCE: Final = 5
PACE_S: Final = 0.1
"""So many calls each time: 500 are told within ten seconds."""
LOOKS: Final = 18
"""So many, `KEPT_S` apart: three minutes, longer than a telephone rings."""
MOST_TRIES: Final = 5


class Moving:
    """The calls of one channel that are to be told where we are now."""

    __slots__ = ("_channel", "_line", "_looks", "_pacing")

    def __init__(self, channel: "VoiceChannel") -> None:
        self._channel = channel
        self._line: dict[str, int] = {}
        """Legs in the order of their turns, and how often each was tried."""
        self._looks = 0
        """To come."""
        self._pacing = False

    def address_changed(self, _peer: str = "") -> None:
        """We have another address towards somebody, so perhaps towards others."""
        self._look()
        if not self._looks:
            self._later(KEPT_S, None)
        self._looks = LOOKS

    def due(self, what: tuple[str, int] | str | None, _now: float) -> None:
        """Time for another look (None), for the next in line (a word), for a leg once more."""
        if what is None:
            self._look()
            self._looks -= 1
            if self._looks:
                self._later(KEPT_S, None)
        elif isinstance(what, str):
            self._pacing = False
            for _ in range(min(AT_ONCE, len(self._line))):
                leg = next(iter(self._line))
                self._say(leg, self._line.pop(leg))
            self._pace()
        else:
            self._put(*what)

    def _look(self) -> None:
        for leg in tuple(self._channel.legs.values()):
            if leg.state is LegState.UP and self._found(leg) is not None:
                self._put(leg.id, 0)

    def _found(self, leg: "CallLeg") -> tuple[str, str] | None:
        """Contact and media host for a leg, if its far end was told others."""
        dialog, flow, session = leg.dialog, leg.flow, leg.session
        if dialog is None or flow is None or session is None:
            return None
        channel = self._channel
        contact = with_place(dialog.contact, *channel.stack.advertised(flow))
        host = channel.media_place(("", 0), flow)[0]
        return (contact, host) if (contact, host) != (dialog.contact, session.host) else None

    def _put(self, leg: str, tries: int) -> None:
        self._line.setdefault(leg, tries)
        self._pace()

    def _pace(self) -> None:
        if self._line and not self._pacing:
            self._pacing = True
            self._later(PACE_S, "next")

    def _later(self, wait_s: float, what: Any) -> None:
        self._channel.watch.set(self._channel.clock.now() + wait_s, self, what)

    def _say(self, name: str, tries: int) -> None:
        leg = self._channel.legs.get(name)
        if leg is None or leg.dialog is None or leg.session is None or leg.liveness is None:
            return
        if leg.liveness.busy:
            self._try_again(leg, tries, BUSY_S)
            return
        found = self._found(leg)
        if found is not None:
            leg.dialog.contact = found[0]
            leg.session.move_to(found[1])

        def told(status: int) -> None:
            if status == 491 and leg.liveness is not None:
                self._try_again(leg, tries, leg.liveness.after_glare())
            elif 200 <= status < 300:
                self._channel.log.info("told our new address", leg=leg.id)
            else:
                self._channel.log.warning("new address not taken", leg=leg.id, status=status or None)

        leg.liveness.ask_again(told)

    def _try_again(self, leg: "CallLeg", tries: int, wait_s: float) -> None:
        if tries < MOST_TRIES:
            self._later(wait_s, (leg.id, tries + 1))
        else:
            self._channel.log.warning("new address not told", leg=leg.id, tries=tries)


def with_place(contact: str, host: str, port: int) -> str:
    """A Contact of ours with another address, else to the letter as it was."""
    here = f"@{where(host, port)}"
    if f"{here}>" in contact or f"{here};" in contact:  # nearly always: many calls are looked at
        return contact
    address = Address.parse(contact) if contact else None
    if address is None or not isinstance(address.uri, SipUri):
        return contact
    if (address.uri.host, address.uri.port) == (host, port):
        return contact
    uri = msgspec.structs.replace(address.uri, host=host, port=port)
    return str(msgspec.structs.replace(address, uri=uri))
