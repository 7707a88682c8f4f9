"""What the interpreter of flows stands on: the scripts in force, where each interaction is, and what it says.

Nothing here runs a step; `ccd.ivr.flows` does.
"""

import heapq
from collections.abc import Callable
from typing import Any, TypeVar

from ccd.ivr.callbacks import scripts_for
from ccd.ivr.do import Answer, Do, HangUp, PlayParts, Stay
from ccd.ivr.state import FlowsState, FlowState
from ccd.ivr.voicemail_scripts import message_flows
from ccd.model import rules as model
from ccd.model.nouns import Cause, LegKind, PromptPart
from ccd.model.step import Step
from ccd.model.steps import AnyStep

PLAY_LIMIT_S = 600.0
"""A prompt whose end was not reported for so long counts as ended."""
NOWHERE = (1 << 30) + 1
"""Index of a step that does not exist."""
ENDS = NOWHERE - 1
"""What a step returns after which the flow is over."""
WAITS = -1
"""What a step returns that waits for something."""


Look = Callable[[str], Callable[[str], Any]]


def _nothing(_name: str) -> None:
    """Every name is missing."""


_S = TypeVar("_S", bound=Step)


class Scripts:
    """One state with the scripts of its rules, and a heap of what waits until when."""

    def __init__(
        self, rules: model.Rules, state: FlowsState | None = None, look: Look = lambda _interaction: _nothing
    ) -> None:
        """`state`: from a snapshot; used and changed from here on.

        `look` gives, for an interaction, what the conditions of branches look names up with.
        """
        self.look = look
        self.state = state if state is not None else FlowsState()
        self._rebuild()
        self._adopt(rules)

    def load_rules(self, rules: model.Rules) -> None:
        """Follow new rules: running interactions keep their script, new ones get the new one.

        Only here old scripts are forgotten, not at the end of the last interaction that followed one, nor
        when a snapshot is taken over: the state is the same whichever way it was come by.
        """
        self._adopt(rules)
        state = self.state
        runs = [*state.running.values(), *(run.outer for run in state.running.values() if run.outer)]
        kept = {*state.current.values(), *(running.script for running in runs)}
        for number in state.scripts.keys() - kept:
            del state.scripts[number], self._steps[number]

    def _adopt(self, rules: model.Rules) -> None:
        state = self.state
        self.calendars = rules.calendars
        current: dict[str, int] = {}
        for name, flow in {**scripts_for(rules), **message_flows(rules), **rules.flows}.items():
            number = state.current.get(name, 0)
            if number == 0 or state.scripts[number] != flow:
                number, state.next_script = state.next_script, state.next_script + 1
                state.scripts[number] = flow
            current[name] = number
        state.current = current
        self._steps = {
            number: {step.id: index for index, step in enumerate(flow.steps) if step.id}
            for number, flow in state.scripts.items()
        }

    def where(self, interaction: str) -> str:
        """`flow/step` for views: the step's id, or `#` and its place from 1; empty when in no flow."""
        run = self.state.running.get(interaction)
        if run is None:
            return ""
        return f"{self.state.scripts[run.script].name}/{self.label(run)}"

    def variables(self, interaction: str) -> dict[str, str]:
        """Variables set so far, `language` and `priority` among them; empty when in no flow."""
        run = self.state.running.get(interaction)
        return dict(run.variables) if run is not None else {}

    def language(self, interaction: str) -> str:
        """Language that the interaction is spoken to in; empty when in no flow."""
        run = self.state.running.get(interaction)
        return run.language if run is not None else ""

    def step_back(self, interaction: str) -> None:
        """Leave a flow that runs while the customer waits, for the one that waits for the queue, if any."""
        run = self.state.running.get(interaction)
        if run is None or not run.aside:
            return
        if run.outer is None:
            del self.state.running[interaction]
        else:
            run.outer.plays = run.plays
            self.state.running[interaction] = run.outer

    # -- pieces -------------------------------------------------------------------------------

    def answer(self, run: FlowState, out: list[Do]) -> None:
        if not run.answered:
            run.answered = True
            if run.kind is LegKind.AUDIO:
                out.append(Answer(run.interaction))

    def say(
        self,
        run: FlowState,
        prompts: tuple[str, ...],
        barge: bool,
        now: float,
        out: list[Do],
        digits: str = "",
    ) -> None:
        """Play prompts, then speak digits one by one."""
        self.answer(run, out)
        run.plays += 1
        play = f"{run.interaction}.p{run.plays}"
        parts = (*map(PromptPart, prompts), *(PromptPart(number=int(digit)) for digit in digits))
        out.append(PlayParts(run.interaction, play, parts, run.language, barge))
        if run.kind is LegKind.AUDIO:
            run.play = play
            self.wait(run, now + PLAY_LIMIT_S)

    def index(self, run: FlowState, step: str) -> int:
        """Index of a step by its id; the checks refuse a configuration where it does not exist."""
        return self._steps[run.script].get(step, NOWHERE)

    def end(self, run: FlowState, out: list[Do], cause: Cause = Cause.NORMAL, note: str = "") -> None:
        if run.aside:
            self.step_back(run.interaction)
            out.append(Stay(run.interaction))
            return
        self.state.running.pop(run.interaction, None)
        out.append(HangUp(run.interaction, cause, note))

    def wait(self, run: FlowState, until: float) -> None:
        run.deadline = until
        if len(self._deadlines) > 64 + 4 * len(self.state.running):
            self._rebuild()
        else:
            heapq.heappush(self._deadlines, (until, run.interaction))

    def _rebuild(self) -> None:
        """Make the heap of deadlines anew: most of its entries are of waits that ended otherwise."""
        self._deadlines: list[tuple[float, str]] = [
            (run.deadline, run.interaction) for run in self.state.running.values() if run.deadline is not None
        ]
        heapq.heapify(self._deadlines)

    def step_of(self, run: FlowState) -> AnyStep:
        """The step that it is at."""
        return self.state.scripts[run.script].steps[run.at]

    def step(self, run: FlowState, kind: type[_S]) -> _S:
        """The step that it is at, of the kind whose mode it is in."""
        step = self.state.scripts[run.script].steps[run.at]
        assert isinstance(step, kind), f"{run.mode} is no mode of {step!r}"  # noqa: S101
        return step

    def label(self, run: FlowState) -> str:
        return self.state.scripts[run.script].steps[run.at].id or f"#{run.at + 1}"
