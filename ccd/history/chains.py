"""Interactions that belong together: a call, the chat that a link in a message began, and so on.

The record of one that is over is kept here while somebody may still go on from it, and filed anew with that.
A record stands in one place of the state only, or a snapshot would make two of it.
"""

from ccd.history.state import HistoryState, Linked, Note, Record
from ccd.history.timeline import add_note


def hold(state: HistoryState, interaction: str) -> None:
    """A link of it is out, or a conversation that goes on from it runs: once for each."""
    linked = state.linked.get(interaction)
    if linked is not None:
        linked.holds += 1
    else:
        state.linked[interaction] = Linked(1)


def let_go(state: HistoryState, interaction: str) -> None:
    """The counterpart of `hold`."""
    linked = state.linked.get(interaction)
    if linked is not None:
        linked.holds -= 1
        if linked.holds <= 0:
            del state.linked[interaction]


def stand(state: HistoryState, interaction: str, record: Record | None) -> None:
    """It is over and its record stands here from now on, if it is held; None: elsewhere."""
    linked = state.linked.get(interaction)
    if linked is not None:
        linked.record = record


def filed(state: HistoryState, interaction: str) -> Record | None:
    """The record of one that is over, to be filed anew with what is added; None when it is not kept."""
    kept, linked = state.kept.get(interaction), state.linked.get(interaction)
    if kept is not None and kept.record is not None:
        return kept.record
    return state.lost.get(interaction) or (linked.record if linked is not None else None)


def join(state: HistoryState, interaction: str, before: str, now: float) -> Record | None:
    """One goes on from another: both records say so. The other's, if it is over and to be filed anew."""
    record, over = state.open.get(interaction), filed(state, before)
    known = over or state.open.get(before)
    if known is not None:
        known.chain = known.chain or known.interaction
        known.continued_as = [*known.continued_as, interaction]
        add_note(known, Note(now, "continued", {"by": interaction}))
    if record is not None:
        record.continues = before
        record.chain = known.chain if known is not None else before
        add_note(record, Note(now, "continues", {"of": before}))
    return over
