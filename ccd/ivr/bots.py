"""The step `bot`: a conversation that somebody outside leads, and what comes back of it.

Both waits have deadlines of their own: whatever becomes of the bot, the flow goes on in time. What a
conversation says that is over already changes nothing.
"""

from typing import TYPE_CHECKING

from ccd.ivr.do import BotOver, Do, PlayParts, StartBot, StopBot, TellBot
from ccd.ivr.outside import keep, values_of
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model import bots
from ccd.model.answers import bounded
from ccd.model.facts import BotEnded, BotSaid, BotStarted
from ccd.model.nouns import LegKind, PromptPart
from ccd.model.steps_bots import Bot

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

DEFAULT_TIMEOUT_S, DEFAULT_LONGEST_S = 5.0, 600.0
"""Where neither the step nor a bot says anything: the bot was taken away by a reload."""


def do_bot(flows: "Flows", run: FlowState, step: Bot, now: float, out: list[Do]) -> int:
    flows.answer(run, out)
    run.asks += 1
    run.ask = f"{run.interaction}.b{run.asks}"
    run.typed = ""
    run.mode = Mode.CALLING_BOT
    timeout_s, longest_s = step.timeout_s or DEFAULT_TIMEOUT_S, step.longest_s or DEFAULT_LONGEST_S
    values = values_of(flows, run, step.values)
    out.append(
        StartBot(
            run.interaction,
            flows.label(run),
            run.ask,
            step.bot,
            run.kind,
            run.language,
            values,
            timeout_s,
            longest_s,
        )
    )
    flows.wait(run, now + timeout_s)
    return WAITS


def started(flows: "Flows", run: FlowState, fact: BotStarted, now: float, _: list[Do]) -> None:
    if fact.conversation == run.ask:
        run.mode = Mode.WITH_BOT
        flows.wait(run, now + (flows.step(run, Bot).longest_s or DEFAULT_LONGEST_S))


def said(flows: "Flows", run: FlowState, fact: BotSaid, _now: float, out: list[Do]) -> None:
    """The bot wrote. On a call it speaks for itself: its audio never comes by here."""
    if fact.conversation == run.ask and run.kind is LegKind.TEXT and fact.text:
        play = flows.next_play(run)
        run.plays += 1
        out.append(PlayParts(run.interaction, play, (PromptPart(text=fact.text),), run.language, False))


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    if run.kind is not LegKind.AUDIO:
        return
    if key in flows.step(run, Bot).leave_keys:
        _leave(flows, run, now, out)
    else:
        out.append(TellBot(run.interaction, run.ask, digit=key))


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    if run.kind is not LegKind.TEXT or not text:
        return
    if len(text) == 1 and text in flows.step(run, Bot).leave_keys:
        _leave(flows, run, now, out)
    else:
        out.append(TellBot(run.interaction, run.ask, text=text[: bots.MOST_CHARACTERS]))


def ended(flows: "Flows", run: FlowState, fact: BotEnded, now: float, out: list[Do]) -> None:
    """The bot is done, or it failed; only a step that it may name is gone to."""
    if fact.conversation != run.ask:
        return
    step = flows.step(run, Bot)
    how, why, target = bots.ENDED, fact.note, fact.step or step.on_end
    if not fact.ok:
        how, target = bots.FAILED, step.on_failure
    elif fact.step and fact.step not in step.may:
        how, target = bots.FAILED, step.on_failure
        why = f"it named the step {fact.step[:64]!r}, which it may not"
    given = {step.prefix + name: value for name, value in bounded(fact.values).items()}
    _over(flows, run, how, why, target, step.default | given, now, out)


def too_late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Bot)
    out.append(StopBot(run.interaction, run.ask, bots.FAILED))
    _over(flows, run, bots.FAILED, "it was not there in time", step.on_failure, step.default, now, out)


def too_long(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Bot)
    out.append(StopBot(run.interaction, run.ask, bots.TOO_LONG))
    _over(flows, run, bots.TOO_LONG, "", step.on_failure, step.default, now, out)


def _leave(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    step = flows.step(run, Bot)
    out.append(StopBot(run.interaction, run.ask, bots.LEFT))
    _over(flows, run, bots.LEFT, "", step.on_leave, step.default, now, out)


def _over(
    flows: "Flows",
    run: FlowState,
    how: str,
    why: str,
    target: str,
    values: dict[str, str],
    now: float,
    out: list[Do],
) -> None:
    step = flows.step(run, Bot)
    out.append(BotOver(run.interaction, flows.label(run), run.ask, step.bot, how, why))
    run.ask = ""
    keep(flows, run, values | bounded({bots.HOW: how, bots.WHY: why}), out)
    if target:
        flows.go(run, target, now, out)
    else:
        flows.run(run, run.at + 1, now, out)
