"""What conditions of entry rules, branches and surveys see: an interaction, what its flow set, and the rest
of the centre: queues, clock and calendars, what is remembered of the customer, notices.

Texts with values in them look the same names up.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ccd.model.entry import VARIABLES, queue_and_figure
from ccd.runtime import emergency
from ccd.runtime.state import Interaction, known_names

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def seen(
    centre: "Centre", info: Interaction, flow: str, variables: Mapping[str, str]
) -> Callable[[str], Any]:
    """The look-up for conditions, now. `flow`: whence it comes; `variables`: what it set."""
    values: dict[str, Any] = {
        "caller": info.address or None,
        "caller_name": info.display or None,
        "channel": info.channel,
        "channel_class": info.channel_class.value,
        "dialled": info.target or None,
        "diverted_from": info.diverted_from or None,
        "flow": flow or None,
        "language": variables.get("language"),
        "tags": tuple(variables.get("tags", "").replace(",", " ").split()),
    }

    def look_up(name: str) -> Any:
        if name in values:
            return values[name]
        if name.startswith(VARIABLES):
            return variables.get(name[len(VARIABLES) :])
        kind, _, rest = name.partition(".")
        ask = _ASKED.get(kind)
        return ask(centre, info, flow, rest) if ask is not None else None

    return look_up


def _of_queue(centre: "Centre", _info: Interaction, _flow: str, rest: str) -> Any:
    return centre.router.queue_figure(*queue_and_figure(f"queue.{rest}"), centre.now)


def _of_time(centre: "Centre", _info: Interaction, _flow: str, rest: str) -> Any:
    return centre.clock.time(rest, centre.now)


def _of_hours(centre: "Centre", _info: Interaction, _flow: str, rest: str) -> Any:
    return centre.clock.hours(rest, centre.now)


def _of_history(centre: "Centre", info: Interaction, _flow: str, rest: str) -> Any:
    """Of who is not known again nothing is known, not even that there was nothing."""
    told = centre.flows.recognised(info.id)  # its step may be in this very turn
    names = known_names(info.address, info.identified if told is None else told)
    days = centre.state.rules.history_days
    if not names or days <= 0:
        return None
    return centre.history.customers.past(names, info.arrived_at, centre.now, days).figure(rest)


def _of_notice(centre: "Centre", info: Interaction, flow: str, rest: str) -> Any:
    notices = emergency.in_force(centre.state, info, flow)
    if rest == "active":
        return bool(notices)
    return notices[0].text or None if rest == "text" and notices else None


_ASKED: dict[str, Callable[["Centre", Interaction, str, str], Any]] = {
    "queue": _of_queue,
    "time": _of_time,
    "hours": _of_hours,
    "history": _of_history,
    "notice": _of_notice,
}
