"""The verb `report`: figures by queue, surveys and flows among them."""

from ccd.runtime import frames
from ccd.runtime.asking import Args, Call, look
from ccd.runtime.doors import Doors
from ccd.runtime.views import View


class _None(Args, frozen=True):
    """A verb without arguments."""


def verbs(doors: Doors) -> dict[str, Call]:
    """The part of the control server's table that is about figures."""

    async def report(_asked: _None) -> View:
        """Figures by queue, today and in all."""
        return await frames.report(doors.centre, doors.clock.now())

    return {"report": look(report, _None)}
