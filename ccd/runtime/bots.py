"""Conversations with bots: from a flow's want to the command, and from the bot back to the flow.

An interaction has one such conversation at a time; whatever ends the interaction ends it. Facts of another
conversation are ignored by the flow.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging import texts
from ccd.bridging.state import BotText
from ccd.history.explain import NOT_SAID
from ccd.ivr import do
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.bots import CHANNEL, LEFT
from ccd.model.nouns import LegKind
from ccd.runtime.state import BotTalk, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

_NOTE_CHARACTERS = 200
RESTARTED = "the daemon was restarted"


def _start(centre: "Centre", want: do.StartBot) -> None:
    info = centre.state.interactions.get(want.interaction)
    talk = centre.talks.get(want.interaction)
    if info is None or talk is None:
        return
    let_go(centre, info)
    info.bot = BotTalk(want.conversation, want.bot, centre.now)
    centre.history.note(info.id, centre.now, "bot", step=want.step, bot=want.bot)
    centre.out.append(
        cmd.StartBot(
            leg=f"{CHANNEL}:{want.conversation}",
            interaction=info.id,
            bot=want.bot,
            kind=want.kind,
            party=talk.customer.leg,
            language=want.language,
            caller=info.origin,
            dialled=info.target,
            values=want.values,
            written=tuple(texts.written(talk)) if want.kind is LegKind.TEXT else (),
            timeout_s=want.timeout_s,
            longest_s=want.longest_s,
        )
    )


def _tell(centre: "Centre", want: do.TellBot) -> None:
    if _is_on(centre, want.interaction, want.conversation):
        centre.out.append(cmd.TellBot(f"{CHANNEL}:{want.conversation}", want.text, want.digit))


def _stop(centre: "Centre", want: do.StopBot) -> None:
    if _is_on(centre, want.interaction, want.conversation):
        centre.out.append(cmd.StopBot(f"{CHANNEL}:{want.conversation}", want.why))


def _over(centre: "Centre", want: do.BotOver) -> None:
    info = centre.state.interactions.get(want.interaction)
    if info is None or info.bot is None or info.bot.conversation != want.conversation:
        return
    seconds = round(centre.now - info.bot.at, 1)
    info.bot = None
    details = {"why": want.why[:_NOTE_CHARACTERS]} if want.why else {}
    centre.history.note(
        info.id,
        centre.now,
        "bot over",
        step=want.step,
        bot=want.bot,
        how=want.how,
        seconds=seconds,
        **details,
    )


def _is_on(centre: "Centre", interaction: str, conversation: str) -> bool:
    info = centre.state.interactions.get(interaction)
    return info is not None and info.bot is not None and info.bot.conversation == conversation


def started(centre: "Centre", fact: facts.BotStarted) -> None:
    """The fact."""
    centre.push(centre.flows.bot_started(fact, centre.now))


def said(centre: "Centre", fact: facts.BotSaid) -> None:
    """The fact."""
    if _is_on(centre, fact.interaction, fact.conversation):
        if fact.note:
            centre.history.note(fact.interaction, centre.now, NOT_SAID, why=fact.note[:_NOTE_CHARACTERS])
            return
        centre.history.note(fact.interaction, centre.now, "text", role="bot", characters=len(fact.text))
        wants = centre.flows.bot_said(fact, centre.now)
        talk = centre.talks.get(fact.interaction)
        if talk is not None and talk.customer.kind is LegKind.TEXT and wants:
            texts.keep(talk, BotText(fact.text))
        centre.push(wants)


def ended(centre: "Centre", fact: facts.BotEnded) -> None:
    """The fact."""
    centre.push(centre.flows.bot_ended(fact, centre.now))


def let_go(centre: "Centre", info: Interaction, why: str = LEFT) -> None:
    """The interaction goes elsewhere, or is over: so is its conversation with a bot. Idempotent."""
    bot, info.bot = info.bot, None
    if bot is None:
        return
    centre.out.append(cmd.StopBot(f"{CHANNEL}:{bot.conversation}", why))
    seconds = round(centre.now - bot.at, 1)
    centre.history.note(info.id, centre.now, "bot over", bot=bot.bot, how=why, seconds=seconds)


def restarted(centre: "Centre") -> None:
    """The connections to bots ended with the former process: a written conversation goes on without."""
    for info in centre.state.interactions.values():
        if info.bot is not None and info.kind is LegKind.TEXT:
            lost = facts.BotEnded(info.id, info.bot.conversation, False, note=RESTARTED)
            centre.push(centre.flows.bot_ended(lost, centre.now))


WANTS: dict[type, Callable[["Centre", Any], None]] = {
    do.StartBot: _start,
    do.TellBot: _tell,
    do.StopBot: _stop,
    do.BotOver: _over,
}
"""What each want of these steps does."""
