"""What the conditions of entry rules and branches see: an interaction, what its flow set, and the queues."""

from collections.abc import Callable
from typing import Any

from ccd.model.entry import QUEUES, VARIABLES, queue_and_figure
from ccd.routing.views import Figure
from ccd.runtime.state import Interaction


def seen(
    info: Interaction,
    flow: str,
    variables: dict[str, str],
    figure: Callable[[str, str], Figure],
) -> Callable[[str], Any]:
    """The look-up for conditions. `flow`: whence it comes; `variables`: what it set; `figure`: of a queue."""
    values: dict[str, Any] = {
        "caller": info.origin or None,
        "caller_name": info.display or None,
        "channel": info.channel,
        "channel_class": info.channel_class.value,
        "dialled": info.target or None,
        "flow": flow or None,
        "language": variables.get("language"),
        "tags": tuple(variables.get("tags", "").replace(",", " ").split()),
    }

    def look_up(name: str) -> Any:
        if name.startswith(VARIABLES):
            return variables.get(name[len(VARIABLES) :])
        if name.startswith(QUEUES):
            return figure(*queue_and_figure(name))
        return values.get(name)

    return look_up
