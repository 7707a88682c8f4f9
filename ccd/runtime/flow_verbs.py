"""The verb `flow.stats`: what happened in the steps of flows, by day."""

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.runtime import views
from ccd.runtime.asking import Args, Call, look, unknown
from ccd.runtime.centre import Centre


class _Stats(Args, frozen=True):
    flow: str = ""
    """Empty: all."""
    day: str = ""
    """`2026-11-22`, UTC; empty: today."""


def verbs(centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about flows."""

    def stats(asked: _Stats) -> list[views.View]:
        days = centre.history.flows.days()
        if asked.day and asked.day not in days:
            known = f"{days[0]} to {days[-1]}" if days else "no day yet"
            raise Refused("flow.day", f"there are no figures of {asked.day!r} — there are: {known}")
        rows = centre.history.flows.report(clock.now(), asked.day, asked.flow)
        if asked.flow and not rows and asked.flow not in centre.state.rules.flows:
            raise unknown("flow", asked.flow, centre.state.rules.flows)
        return list(views.plain(rows))

    return {"flow.stats": look(stats, _Stats)}
