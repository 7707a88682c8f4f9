"""The verbs about what stands on the wire: `trunks`, `devices` and `sip.trace`."""

import re

from ccd.runtime import views
from ccd.runtime.asking import Args, Call, look
from ccd.runtime.doors import Doors, filed, gather, gather_in_pieces

MOST_TRACED = 200
"""SIP messages shown unless more are asked for."""
_DIGEST = re.compile(r'(?im)^((?:proxy-)?authorization[ \t]*:.*?\bresponse[ \t]*=[ \t]*"?)[0-9a-f]+')
"""Passwords can be guessed from a digest, and traces are pasted into tickets."""


class _None(Args, frozen=True):
    """A verb without arguments."""


class _Trace(Args, frozen=True):
    interaction: str = ""
    limit: int = MOST_TRACED


def verbs(doors: Doors) -> dict[str, Call]:
    """The part of the control server's table that is about SIP."""

    def trunks(_asked: _None) -> list[views.View]:
        """Trunks of all channels."""
        return gather(doors, "trunks")

    async def devices(_asked: _None) -> list[views.View]:
        """Agents' devices with their bindings, and whose they are."""
        rows, owners = await gather_in_pieces(doors, "devices"), doors.centre.owners
        for row in rows:
            row["agent"] = owners.get(row.get("device", ""), "")
        return rows

    async def trace(asked: _Trace) -> views.View:
        """SIP messages of an interaction, oldest first; of late without one. `legs` has whose they are."""
        if not asked.interaction:
            rows, legs = gather(doors, "sip trace"), []
        else:
            name = asked.interaction
            record = doors.centre.history.record(name) or await filed(doors, name)
            legs = views.legs_of(doors.centre, name, record)
            rows = [{"leg": leg, **row} for leg in legs for row in gather(doors, "sip trace", leg)]
        rows = [{**row, "message": _DIGEST.sub(r"\1…", row.get("message", ""))} for row in rows]
        rows.sort(key=lambda row: row.get("at", 0.0))
        limit = max(asked.limit, 0)
        return {
            "interaction": asked.interaction,
            "legs": legs,
            "all": len(rows),
            "messages": rows[max(0, len(rows) - limit) :],
        }

    return {
        "trunks": look(trunks, _None),
        "devices": look(devices, _None),
        "sip.trace": look(trace, _Trace),
    }
