"""The verb `report`: figures by queue, surveys and flows among them."""

from ccd.runtime import views
from ccd.runtime.asking import Args, Call, look
from ccd.runtime.doors import Doors


class _None(Args, frozen=True):
    """A verb without arguments."""


def verbs(doors: Doors) -> dict[str, Call]:
    """The part of the control server's table that is about figures."""

    def report(_asked: _None) -> views.View:
        """Figures by queue, today and in all."""
        return views.report(doors.centre, views.Glance(doors.centre, doors.clock.now()))

    return {"report": look(report, _None)}
