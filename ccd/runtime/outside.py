"""Questions to services outside: from a flow's want to the command, and from the answer back to the flow.

An answer counts once, and only while its interaction runs and the question stands: one that comes after the
flow's deadline, twice, or for an interaction that is over, is ignored, unless it is about money (`charges`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.history.explain import ASKED_OUTSIDE
from ccd.ivr import do
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import LegKind
from ccd.model.outside import CHANNEL
from ccd.runtime import charges, links
from ccd.runtime.state import Question

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

MOST_QUESTIONS = 64
"""Of one interaction that stand at a time (a `send` is not waited for); then the oldest is given up."""
_NOTE_CHARACTERS = 200


def _ask(centre: "Centre", want: do.Ask) -> None:
    info = centre.state.interactions.get(want.interaction)
    if info is None:
        return
    while len(info.questions) >= MOST_QUESTIONS:
        del info.questions[next(iter(info.questions))]
    info.questions[want.ask] = Question(want.service, centre.now)
    centre.history.note(info.id, centre.now, "asks outside", step=want.step, service=want.service)
    leg = f"{CHANNEL}:{want.ask}"
    link = links.promise(centre, info, want.ask, want.link) if want.link is not None else None
    centre.out.append(
        cmd.AskOutside(
            leg,
            info.id,
            want.service,
            want.values,
            want.timeout_s,
            want.secrets,
            want.new_code,
            want.new_code_digits,
            link,
        )
    )


def _lost(centre: "Centre", want: do.AskLost) -> None:
    info = centre.state.interactions.get(want.interaction)
    question = info.questions.pop(want.ask, None) if info is not None else None
    if question is not None:
        took_ms = 1000.0 * (centre.now - question.at)
        _note(centre, want.interaction, question.service, "no answer in time", took_ms)


def _not_asked(centre: "Centre", want: do.NotAsked) -> None:
    centre.history.note(
        want.interaction, centre.now, ASKED_OUTSIDE, service=want.service, outcome="refused", why=want.why
    )


def _hold(centre: "Centre", want: do.Hold) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is None or talk.customer.kind is not LegKind.AUDIO or talk.customer_gone:
        return
    leg = talk.customer.leg
    if want.music:
        centre.out.append(cmd.StartMusic(leg, want.music))
    else:
        talk.playing = ""
        centre.out.append(cmd.StopPrompt(leg))


def answered(centre: "Centre", fact: facts.OutsideAnswered) -> None:
    """The fact."""
    info = centre.state.interactions.get(fact.interaction)
    question = info.questions.pop(fact.ask, None) if info is not None else None
    if question is None:
        charges.unheard(centre, fact)
        links.sent(centre, fact)
        return
    outcome = ("found" if fact.values else "nothing found") if fact.ok else "failed"
    _note(centre, fact.interaction, question.service, outcome, fact.took_ms, fact.note)
    wants = centre.flows.answered(fact.interaction, fact, centre.now)
    centre.push(wants)
    if not any(isinstance(want, do.ChargeOver) for want in wants):
        charges.unheard(centre, fact)


def _note(
    centre: "Centre", interaction: str, service: str, outcome: str, took_ms: float, why: str = ""
) -> None:
    details: dict[str, str | float] = {"service": service, "outcome": outcome, "took_ms": round(took_ms, 1)}
    if why:
        details["why"] = why[:_NOTE_CHARACTERS]
    centre.history.note(interaction, centre.now, ASKED_OUTSIDE, **details)


WANTS: dict[type, Callable[["Centre", Any], None]] = {
    do.Ask: _ask,
    do.AskLost: _lost,
    do.NotAsked: _not_asked,
    do.Hold: _hold,
}
"""What each want of these steps does."""
