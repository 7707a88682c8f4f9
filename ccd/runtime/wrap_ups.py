"""Wrap-up and dispositions in the centre: what facts and feature codes do, and what comes of it in records.

A disposition may be given after its interaction was closed and filed: history keeps the record until then,
and each word files it again.
"""

from typing import TYPE_CHECKING

from ccd.errors import Refused
from ccd.history.state import Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.routing import decisions as dec
from ccd.runtime.filing import record_row

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

EXTENDED, NOTED, REFUSED = "agent/wrap-up-longer", "agent/disposition", "agent/refused"
"""Prompts that answer the feature codes."""


# -- facts -----------------------------------------------------------------------------------------


def extend_asked(centre: "Centre", fact: facts.WrapUpExtendAsked) -> None:
    """Wrap-up may have ended since it was asked: then nothing is extended."""
    _extend(centre, fact.agent, fact.by)


def given(centre: "Centre", fact: facts.DispositionGiven) -> None:
    """What cannot be taken is told to the writer; the console was told before (`wrap_up_verbs`)."""
    agent = centre.owners.get(fact.device, "") if fact.device else ""
    if fact.device and not agent:
        return
    said = _dispose(centre, agent, fact.interaction, fact.code, fact.by)
    if fact.leg:
        centre.out.append(cmd.SendText(fact.leg, centre.talks.play_id(), f"({said})"))


def dial_extend(centre: "Centre", agent: str, by: str) -> str:
    """`*45`: the prompt that answers."""
    return EXTENDED if _extend(centre, agent, by) else REFUSED


def dial_disposition(centre: "Centre", agent: str, code: str, by: str) -> str:
    """`*46` and a code, of what the agent's phone means by it: the prompt that answers."""
    interaction = centre.router.spoken_of(agent)
    if not interaction or code not in centre.router.dispositions_of(interaction, agent):
        return REFUSED
    _dispose(centre, agent, interaction, code, by)
    return NOTED


def _extend(centre: "Centre", agent: str, by: str) -> bool:
    try:
        centre.push(centre.router.extend_wrap_up(agent, by))
    except Refused:
        return False
    return True


def _dispose(centre: "Centre", agent: str, interaction: str, code: str, by: str) -> str:
    """What came of it, in words."""
    try:
        decisions = centre.router.dispose(interaction, code, by, centre.now, agent)
    except Refused as refused:
        return refused.message
    centre.push(decisions)
    names = (each.disposition for each in decisions if isinstance(each, dec.DispositionNoted))
    return f"disposition: {next(names)}"


# -- decisions -------------------------------------------------------------------------------------


def started(centre: "Centre", decision: dec.WrapUpStarted) -> None:
    """Its time is counted when it ends."""
    if decision.disposes:
        centre.history.keep(decision.interaction, decision.agent)


def ended(centre: "Centre", decision: dec.WrapUpEnded) -> None:
    centre.history.wrapped_up(
        decision.interaction, decision.queue, decision.agent, decision.seconds, centre.now
    )


def extended(centre: "Centre", decision: dec.WrapUpExtended) -> None:
    longer = {"agent": decision.agent, "by": decision.by}
    centre.history.note(decision.interaction, centre.now, "wrap_up_extended", **longer)


def too_long(centre: "Centre", decision: dec.WrapUpTooLong) -> None:
    """An alarm stands for it as long as it lasts (`troubles`)."""


def noted(centre: "Centre", decision: dec.DispositionNoted) -> None:
    said, agent, by = decision.disposition, decision.agent, decision.by
    _file_again(centre, centre.history.disposed(decision.interaction, agent, said, by, centre.now))


def settled(centre: "Centre", decision: dec.DispositionSettled) -> None:
    record = centre.history.settled(
        decision.interaction,
        decision.queue,
        decision.agent,
        decision.disposition,
        decision.required,
        centre.now,
    )
    _file_again(centre, record)


def _file_again(centre: "Centre", record: Record | None) -> None:
    if record is not None:
        centre.records.append(record_row(record))
