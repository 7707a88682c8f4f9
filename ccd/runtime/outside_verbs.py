"""The verbs about what flows reach outside: `services` and `bots`."""

from ccd.runtime.asking import Args, Call, look
from ccd.runtime.doors import Doors, gather
from ccd.runtime.views import View


class _None(Args, frozen=True):
    """A verb without arguments."""


def verbs(doors: Doors) -> dict[str, Call]:
    """The part of the control server's table that is about services and bots."""

    def services(_asked: _None) -> list[View]:
        """Services that flows ask outside, with how they answer."""
        return gather(doors, "services")

    def bots(_asked: _None) -> list[View]:
        """Bots that flows hand conversations to."""
        return gather(doors, "bots")

    return {"services": look(services, _None), "bots": look(bots, _None)}
