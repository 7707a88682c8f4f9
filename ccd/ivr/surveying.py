"""The step `survey`: one question, one answer.

A score of one digit counts at once; where the scale goes to 10, `1` waits a moment for its `0`. Keys pressed
before the question are not taken: nobody answers what was not asked. By telephone words of one's own are
spoken after a tone (`ccd.ivr.spoken_answers`).
"""

from typing import TYPE_CHECKING

from ccd.ivr import spoken_answers
from ccd.ivr.do import Answered, Asked, Do, Missed, Remarked
from ccd.ivr.giving_up import BAD_INPUT, NO_INPUT, SKIPPED, give_up, survey_of, unanswered
from ccd.ivr.scripts import WAITS, Words
from ccd.ivr.state import FlowState, Mode
from ccd.model.nouns import LegKind
from ccd.model.steps_surveys import CHOICE, FREE, NPS, SCALES, SKIP, Survey

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

MOST_CHARACTERS = 1000
"""Of a written answer that are kept."""


def do_survey(flows: "Flows", run: FlowState, step: Survey, now: float, out: list[Do]) -> int:
    run.typed = ""
    in_writing = run.kind is LegKind.TEXT
    if not step.can_ask(in_writing=in_writing):
        return run.at + 1
    if step.kind == FREE and run.aside and not in_writing:
        why = "somebody else may have the line at any moment here"  # `ccctl check` refuses it, too
        out.append(Remarked(run.interaction, "question left out", {"question": step.name, "why": why}))
        return run.at + 1
    run.no_input = run.bad_input = 0
    out.append(Asked(run.interaction, survey_of(flows, run), step.name, step.kind))
    _ask(flows, run, step, None, now, out)
    return WAITS


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    if run.kind is not LegKind.AUDIO:
        return
    step = flows.step(run, Survey)
    run.play = ""
    if step.kind == FREE and key != SKIP:  # who knows the question need not hear it
        spoken_answers.begin(flows, run, now, out)
        return
    typed, run.typed = run.typed, ""
    if typed and key == "#":
        _take(flows, run, step, typed, now, out)
    elif step.kind == NPS and not typed and key == "1":
        run.typed = key
        flows.wait(run, now + step.second_key_s)
    else:
        _take(flows, run, step, typed + key, now, out)


def written(flows: "Flows", run: FlowState, text: str, now: float, out: list[Do]) -> None:
    if run.kind is LegKind.TEXT:
        _take(flows, run, flows.step(run, Survey), text, now, out)


def asked(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        _listen(flows, run, now, out)


def waited(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    step = flows.step(run, Survey)
    typed, run.typed = run.typed, ""
    if run.play:  # the end of its prompt was never told
        _listen(flows, run, now, out)
    elif typed:
        _take(flows, run, step, typed, now, out)
    else:
        run.no_input += 1
        out.append(Missed(run.interaction, flows.label(run), "", run.no_input))
        if run.kind is LegKind.AUDIO and run.no_input < step.no_input_limit:
            _ask(flows, run, step, Words(step.no_input_prompt, step.no_input_say), now, out)
        else:
            give_up(flows, run, step, NO_INPUT, now, out)


def answer_of(step: Survey, said: str) -> str:
    """What a key or a written word answers; empty: it is no answer."""
    if step.kind == FREE:
        return said[:MOST_CHARACTERS]
    if step.kind == CHOICE:
        words = {word.casefold(): word for word in step.choices.values()}
        return step.choices.get(said) or words.get(said.casefold(), "")
    low, high = SCALES.get(step.kind, (1, 0))
    plain = said.isascii() and said.isdecimal() and len(said) <= len(str(high))
    return str(int(said)) if plain and low <= int(said) <= high else ""


def _ask(
    flows: "Flows", run: FlowState, step: Survey, first: Words | None, now: float, out: list[Do]
) -> None:
    """Put the question, after `first` if that is set."""
    run.mode = Mode.RATING
    run.typed = ""
    heard = run.kind is LegKind.AUDIO
    question = step.question() if heard else ""
    prompts = (question,) if question else ()
    say = "" if heard and step.prompt else step.say
    first = first if heard or first is None else Words("", first.say)
    said = flows.say(run, prompts, True, now, out, say=say, first=first)
    if not (said and heard):
        flows.answer(run, out)
        _listen(flows, run, now, out)


def _listen(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    run.play = ""
    step = flows.step(run, Survey)
    if step.kind == FREE and run.kind is LegKind.AUDIO:
        spoken_answers.begin(flows, run, now, out)
        return
    flows.wait(run, now + (step.wait_s if run.kind is LegKind.AUDIO else step.text_wait_s))


def _take(flows: "Flows", run: FlowState, step: Survey, said: str, now: float, out: list[Do]) -> None:
    if said == SKIP:
        out.append(unanswered(flows, run, step, SKIPPED))
        flows.run(run, run.at + 1, now, out)
        return
    answer = answer_of(step, said)
    if answer:
        out.append(Answered(run.interaction, survey_of(flows, run), step.name, step.kind, answer))
        run.variables = run.variables | {step.name: answer}
        flows.run(run, run.at + 1, now, out)
        return
    run.bad_input += 1
    out.append(Missed(run.interaction, flows.label(run), said[:1], run.bad_input))
    if run.bad_input < step.bad_input_limit:
        _ask(flows, run, step, Words(step.bad_input_prompt, step.bad_input_say), now, out)
    else:
        give_up(flows, run, step, BAD_INPUT, now, out)
