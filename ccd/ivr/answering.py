"""The steps `language` and `confirm`: a question with few answers, asked a bounded number of times."""

from typing import TYPE_CHECKING

from ccd.ivr.do import Assigned, Chose, Do, Missed
from ccd.ivr.input import TEXT_WAIT_S, plain
from ccd.ivr.scripts import WAITS
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.numbers import country_of
from ccd.model.steps_speech import Confirm, Language

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

YES, NO = "1", "2"
WRITTEN = {
    YES: frozenset({"1", "yes", "y", "oui", "sí", "si", "ja", "ok"}),
    NO: frozenset({"2", "no", "n", "non", "nein"}),
}
"""What is written on text legs for yes and no."""


# -- what happens while it waits ---------------------------------------------------------------------------


def asked(flows: "Flows", run: FlowState, play: str, now: float, _: list[Do]) -> None:
    """The question is over: now the time for an answer runs."""
    if play == run.play:
        _listen(flows, run, now)


def late(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """No answer in time; a question whose end was never reported counts as ended first."""
    if run.play:
        _listen(flows, run, now)
    else:
        run.no_input += 1
        _again(flows, run, "", now, out)


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    """An answer on a text leg."""
    if run.kind is not LegKind.TEXT:
        return
    word = plain(text).strip()
    step = flows.step_of(run)
    if isinstance(step, Language):
        by_name = {language.casefold(): key for key, language in step.choices.items()}
        text = by_name.get(word, word)
    else:
        text = next((key for key, words in WRITTEN.items() if word in words), word)
    key(flows, run, text, now, out)


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    """A key; one that means nothing here counts as an answer that was not understood."""
    step = flows.step_of(run)
    if isinstance(step, Language) and key in step.choices:
        out.append(Chose(run.interaction, flows.label(run), key))
        _speak(flows, run, step.choices[key], out)
        flows.run(run, run.at + 1, now, out)
    elif isinstance(step, Confirm) and key in (YES, NO):
        out.append(Chose(run.interaction, flows.label(run), key))
        _go(flows, run, step.yes if key == YES else step.no, now, out)
    else:
        run.no_input += 1
        _again(flows, run, key, now, out)


# -- the steps ---------------------------------------------------------------------------------------------


def do_language(flows: "Flows", run: FlowState, step: Language, now: float, out: list[Do]) -> int:
    typed, run.typed = run.typed, ""
    language = _by_country(flows, run, step) or step.choices.get(typed[:1], "")
    if language:
        _speak(flows, run, language, out)
        return run.at + 1
    if not step.choices:
        return run.at + 1
    return _begin(flows, run, step, now, out)


def do_confirm(flows: "Flows", run: FlowState, step: Confirm, now: float, out: list[Do]) -> int:
    run.typed = ""
    return _begin(flows, run, step, now, out)


def _begin(flows: "Flows", run: FlowState, step: Language | Confirm, now: float, out: list[Do]) -> int:
    run.no_input = 0
    _ask(flows, run, step, now, out)
    return WAITS


def _ask(flows: "Flows", run: FlowState, step: Language | Confirm, now: float, out: list[Do]) -> None:
    run.mode = Mode.ANSWERING
    prompts = (step.prompt,) if step.prompt else ()
    if isinstance(step, Language) and isinstance(step.say, dict):
        each = [flows.said(run, {language: text}) for language, text in step.say.items()]
        said = flows.say(run, prompts, True, now, out, more=tuple([part for parts in each for part in parts]))
    else:
        said = flows.say(run, prompts, True, now, out, say=step.say)
    if not said:
        flows.answer(run, out)
    if not said or run.kind is LegKind.TEXT:
        _listen(flows, run, now)


def _listen(flows: "Flows", run: FlowState, now: float) -> None:
    run.play = ""
    step = flows.step_of(run)
    assert isinstance(step, Language | Confirm)  # noqa: S101  the only steps of this mode
    flows.wait(run, now + (step.wait_s if run.kind is LegKind.AUDIO else max(step.wait_s, TEXT_WAIT_S)))


def _again(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    """Ask once more, or give up."""
    step = flows.step_of(run)
    assert isinstance(step, Language | Confirm)  # noqa: S101  the only steps of this mode
    out.append(Missed(run.interaction, flows.label(run), key, run.no_input))
    if run.no_input < step.limit:
        _ask(flows, run, step, now, out)
    elif isinstance(step, Language):
        flows.run(run, run.at + 1, now, out)
    elif step.on_none:
        flows.go(run, step.on_none, now, out)
    else:
        flows.end(run, out, note=f"not confirmed at {flows.label(run)}")


def _go(flows: "Flows", run: FlowState, target: str, now: float, out: list[Do]) -> None:
    if target:
        flows.go(run, target, now, out)
    else:
        flows.run(run, run.at + 1, now, out)


def _by_country(flows: "Flows", run: FlowState, step: Language) -> str:
    """The language of the country that the number is of; empty: not known."""
    if not step.by_country:
        return ""
    number = flows.look(run.interaction)(step.number)
    return step.by_country.get(country_of(str(number or "")), "")


def _speak(flows: "Flows", run: FlowState, language: str, out: list[Do]) -> None:
    run.language = language
    run.variables = run.variables | {"language": language}
    out.append(Assigned(run.interaction, flows.label(run), {"language": language}))
