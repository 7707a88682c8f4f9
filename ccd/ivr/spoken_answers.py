"""A question of a survey that is answered aloud: a tone, the recording, and what came of it.

`#`, silence or the longest time ends the answer; `*` drops it. Who hangs up has answered as far as it goes:
that is seen by the composition (`ccd.runtime.spoken_answers`), as the flow is over by then.
"""

from typing import TYPE_CHECKING

from ccd.ivr.do import Beep, Do, EndAnswer, TakeAnswer
from ccd.ivr.giving_up import NO_INPUT, SKIPPED, give_up, survey_of, unanswered
from ccd.ivr.state import FlowState, Mode
from ccd.ivr.voicemail import BEEP_S, CLOSING_S
from ccd.model.steps_surveys import SKIP, Survey

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

END = "#"


def begin(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    """The question is over: say by a tone that it is time to speak."""
    run.mode, run.typed = Mode.TONE, ""
    run.play = flows.next_play(run)
    run.plays += 1
    out.append(Beep(run.interaction, run.play))
    flows.wait(run, now + BEEP_S)


def tone_over(flows: "Flows", run: FlowState, play: str, now: float, out: list[Do]) -> None:
    if play == run.play:
        _listen(flows, run, now, out)


def tone_lost(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    _listen(flows, run, now, out)


def _listen(flows: "Flows", run: FlowState, now: float, out: list[Do]) -> None:
    step = flows.step(run, Survey)
    run.mode, run.play = Mode.TELLING, ""
    out.append(TakeAnswer(run.interaction, survey_of(flows, run), step.name, step.silence_s, step.min_s))
    flows.wait(run, now + step.max_s)


def key(flows: "Flows", run: FlowState, key: str, now: float, out: list[Do]) -> None:
    """`#`: that was all; `*`: forget it. Other keys mean nothing."""
    if key in (END, SKIP) and not run.typed:
        run.typed = key
        flows.wait(run, now + CLOSING_S)
        out.append(EndAnswer(run.interaction, dropped=key == SKIP))


def long_enough(flows: "Flows", run: FlowState, _: str, now: float, out: list[Do]) -> None:
    """The longest time is over. (How the recording ended is told before `CLOSING_S`, in any case.)"""
    flows.wait(run, now + CLOSING_S)
    out.append(EndAnswer(run.interaction))


def told(flows: "Flows", run: FlowState, answer: str, now: float, out: list[Do]) -> None:
    """What was said is kept under this name, or nothing was said."""
    step = flows.step(run, Survey)
    typed, run.typed = run.typed, ""
    if answer:
        run.variables = run.variables | {step.name: answer}
        flows.run(run, run.at + 1, now, out)
    elif typed == SKIP:
        out.append(unanswered(flows, run, step, SKIPPED))
        flows.run(run, run.at + 1, now, out)
    else:
        give_up(flows, run, step, NO_INPUT, now, out)
