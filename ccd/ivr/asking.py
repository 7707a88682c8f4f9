"""The step `menu`: one key (or a typed word) chooses the way."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Chose, Do, Missed
from ccd.ivr.input import TEXT_WAIT_S, choice, written_key
from ccd.ivr.scripts import WAITS, Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind, PromptPart
from ccd.model.steps import Menu

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows


def asked(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        listen(flows, run, now, out)


def listen(flows: "Flows", run: FlowState, now: float, _: list[Do]) -> None:
    run.play = ""
    run.mode = Mode.LISTENING
    wait_s = flows.step(run, Menu).wait_s
    flows.wait(run, now + (wait_s if run.kind is LegKind.AUDIO else max(wait_s, TEXT_WAIT_S)))


def ask_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    listen(flows, run, now, out)


def typed(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    if run.kind is LegKind.TEXT:
        choose(flows, run, written_key(flows.step(run, Menu), text), now, out)


def choose(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    menu = flows.step(run, Menu)
    target = choice(menu, key)
    if target is not None:
        out.append(Chose(run.interaction, flows.label(run), key))
        flows.go(run, target, now, out)
        return
    run.bad_input += 1
    out.append(Missed(run.interaction, flows.label(run), key, run.bad_input))
    if run.bad_input < menu.bad_input_limit:
        _ask(flows, run, menu, Words(menu.bad_input_prompt, menu.bad_input_say), now, out)
    else:
        _give_up(flows, run, menu.on_bad_input, "too many wrong keys", now, out)


def no_input(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    menu = flows.step(run, Menu)
    run.no_input += 1
    out.append(Missed(run.interaction, flows.label(run), "", run.no_input))
    if run.no_input < menu.no_input_limit:
        _ask(flows, run, menu, Words(menu.no_input_prompt, menu.no_input_say), now, out)
    else:
        _give_up(flows, run, menu.on_no_input, "no key pressed", now, out)


def do_menu(flows: "Flows", run: FlowState, step: Menu, now: float, out: list[Do]) -> int:
    run.no_input = run.bad_input = 0
    typed, run.typed = run.typed, ""
    target = choice(step, typed[:1]) if typed else None
    if target is not None:
        run.typed = typed[1:]
        out.append(Chose(run.interaction, flows.label(run), typed[0]))
        return flows.index(run, target)
    _ask(flows, run, step, None, now, out)
    return WAITS


def _ask(flows: "Flows", run: FlowState, menu: Menu, first: Words | None, now: float, out: list[Do]) -> None:
    """Play a menu's prompt and say its text, after `first` if that is set."""
    run.mode = Mode.ASKING
    prompts = (menu.prompt,) if menu.prompt else ()
    labels = shown_labels(menu) if run.kind is LegKind.TEXT else ()
    said = flows.say(run, prompts, True, now, out, say=menu.say, more=labels, first=first)
    if not said:
        flows.answer(run, out)
    if not said or run.kind is LegKind.TEXT:
        listen(flows, run, now, out)


def shown_labels(menu: Menu) -> tuple[PromptPart, ...]:
    """The choices for those who read, one a line."""
    lines = [f"\n{key}: {label}" for key, label in menu.labels.items() if label and key in menu.choices]
    return (PromptPart(text="".join(lines)),) if lines else ()


def _give_up(flows: "Flows", run: FlowState, target: str, why: str, now: float, out: list[Do]) -> None:
    if target:
        flows.go(run, target, now, out)
    else:
        flows.end(run, out, note=f"{why} at {flows.label(run)}")
