"""What the conditions of entry rules see of an interaction."""

from collections.abc import Callable
from typing import Any

from ccd.model.entry import VARIABLES
from ccd.runtime.state import Interaction


def seen(info: Interaction, flow: str, variables: dict[str, str]) -> Callable[[str], Any]:
    """The look-up for `ccd.model.entry.weigh`. `flow`: where it comes from; `variables`: what flows set."""
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
        return values.get(name)

    return look_up
