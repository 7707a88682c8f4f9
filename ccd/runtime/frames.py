"""The long answers of the console, made in pieces: all agents, all queues, a frame of the live view.

Each row is true at its own moment; a centre of hundreds of agents does other work between two rows. Times
count up to the moment at which the answer was begun.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ccd.history import surveys
from ccd.pieces import Pieces
from ccd.runtime import views
from ccd.runtime.centre import Centre
from ccd.runtime.state import Interaction
from ccd.runtime.views import View

FRAME_ROWS = 40
"""Interactions of a frame."""


async def status(centre: Centre, now: float) -> View:
    """The centre in a few figures."""
    pieces, doings = Pieces(), centre.router.doings()
    await pieces.rest()
    shown = views.status(centre, doings, now)
    await pieces.rest()
    return shown


async def agents(centre: Centre, now: float, queue: str = "") -> list[View]:
    """All agents, or those of one queue."""
    router = centre.router

    def row(name: str) -> View | None:
        view = router.agent_view(name, now)
        return views.agent_row(view) if view is not None and (not queue or queue in view.queues) else None

    rows = await Pieces().each(sorted(centre.state.rules.agents), row)
    return [row for row in rows if row is not None]


async def queues(centre: Centre, now: float) -> list[View]:
    """All queues, each with its figures of today."""
    pieces, router = Pieces(), centre.router
    work = router.at_work()
    names = sorted(centre.state.rules.queues)
    found = await pieces.each(names, lambda name: router.queue_views([name], now, work))
    await pieces.rest()
    return views.queue_rows(centre, [view for each in found for view in each], now)


async def interactions(
    centre: Centre, now: float, queue: str = "", agent: str = "", limit: int = views.MOST_LISTED
) -> View:
    """Running interactions, oldest first: `all` that match, and the first `limit` of them as `listed`."""
    pieces, found = Pieces(), views.running(centre, queue, agent)
    shown = found[:limit]
    places = views.places_in(centre, {info.queue for info in shown if info.queue})
    await pieces.rest()

    def row(info: Interaction) -> View | None:
        runs = info.id in centre.state.interactions
        return views.interaction_row(centre, info, places, now) if runs else None

    rows = await pieces.each(shown, row)
    return {"all": len(found), "listed": [row for row in rows if row is not None]}


async def top(centre: Centre, now: float) -> View:
    """One frame of `ccctl top`."""
    pieces = Pieces()
    frame: View = {"at": now, "status": await status(centre, now)}
    frame["queues"] = await queues(centre, now)
    await pieces.rest()
    frame["agents"] = await agents(centre, now)
    await pieces.rest()
    frame["interactions"] = await interactions(centre, now, limit=FRAME_ROWS)
    await pieces.rest()
    return frame


async def report(centre: Centre, now: float) -> View:
    """Figures by queue and their sums, today and since the ledger began, and what does not add up in them."""
    history, pieces = centre.history, Pieces()

    async def rows(values: Sequence[Any]) -> list[View]:
        return await pieces.each(values, views.plain)

    waiting: Mapping[str, int] = centre.router.queue_lengths()
    shown: View = {
        "today": views.figures(history.report(now, waiting)),
        "total": views.figures(history.report_total(waiting)),
    }
    await pieces.rest()
    shown["pauses"] = await rows(history.pauses(now))
    shown["own_calls"] = await rows(history.own_calls(now))
    shown["flows"] = views.plain(history.flows.report(now))
    await pieces.rest()
    state = history.state
    today, total = surveys.report(state, now), surveys.report_total(state)
    shown["surveys"] = {"today": await rows(today), "total": await rows(total)}
    return shown
