"""What the interpreter of flows stands on: the scripts in force, where each interaction is, and what it says.

Nothing here runs a step; `ccd.ivr.flows` does.
"""

import heapq
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from ccd.ivr.callbacks import scripts_for
from ccd.ivr.do import Answer, Do, HangUp, LeaveLine, PlayParts, Stay
from ccd.ivr.input import hidden
from ccd.ivr.state import FlowsState, FlowState, Mode
from ccd.ivr.voicemail_scripts import message_flows
from ccd.model import rules as model
from ccd.model.nouns import Cause, LegKind, PromptPart
from ccd.model.saying import shown_text, spoken
from ccd.model.step import Say, Step
from ccd.model.steps import AnyStep

PLAY_LIMIT_S = 600.0
"""A prompt whose end was not reported for so long counts as ended."""
NOWHERE = (1 << 30) + 1
"""Index of a step that does not exist."""
ENDS = NOWHERE - 1
"""What a step returns after which the flow is over."""
WAITS = -1
"""What a step returns that waits for something."""


class Words(NamedTuple):
    """A prompt, and a text after it: what is said before a question is asked again."""

    prompt: str
    say: Say


Look = Callable[[str], Callable[[str], Any]]


def _nothing(_name: str) -> None:
    """Every name is missing."""


def _audible(prompts: tuple[str, ...], digits: str) -> tuple[PromptPart, ...]:
    return (*map(PromptPart, prompts), *(PromptPart(number=int(digit)) for digit in digits))


_S = TypeVar("_S", bound=Step)


class Watch(Protocol):
    """Told of the steps that are taken, for statistics."""

    def entered(self, flow: str, now: float) -> None:
        """An interaction came into the centre by this flow."""

    def stepped(self, flow: str, step: str, before: str, spent_s: float, now: float) -> None:
        """A step was come to, from the one before (empty: from none of its flow) after so long in that."""

    def left(self, flow: str, step: str, how: str, spent_s: float, now: float) -> None:
        """A step was left for none of its flow: `how` is one of the words in brackets below."""

    def over(self, entry: str, asked: bool, hung_up: bool, now: float) -> None:
        """An interaction left the flows. `asked`: for a person; `hung_up`: its customer did, in a step."""


class _Blind:
    """Keeps no statistics."""

    def entered(self, flow: str, now: float) -> None: ...
    def stepped(self, flow: str, step: str, before: str, spent_s: float, now: float) -> None: ...
    def left(self, flow: str, step: str, how: str, spent_s: float, now: float) -> None: ...
    def over(self, entry: str, asked: bool, hung_up: bool, now: float) -> None: ...


HUNG_UP, ENDED, RETURNED, ELSEWHERE, WAIT_OVER = (
    "(hung up)", "(end)", "(return)", "(another flow)", "(the wait was over)",
)  # fmt: skip
"""How a step was left for none of its flow."""
ASKS = {
    Mode.QUEUED: "(left the queue)",
    Mode.TRANSFERRING: "(transferred)",
    Mode.KEEPING: "(callback kept)",
    Mode.SPEAKING: "(message left)",
}
"""What waits for a person, and how that is left from outside; in all other modes the customer hung up."""


class Scripts:
    """One state with the scripts of its rules, and a heap of what waits until when."""

    def __init__(
        self,
        rules: model.Rules,
        state: FlowsState | None = None,
        look: Look = lambda _interaction: _nothing,
        watch: Watch | None = None,
        full: Callable[[str], bool] = lambda _queue: False,
    ) -> None:
        """`state`: from a snapshot; used and changed from here on.

        `look` gives, for an interaction, what the conditions of branches look names up with; `watch` is told
        of each step; `full` says whether a queue takes no further message.
        """
        self.look = look
        self.full = full
        self.watch: Watch = watch if watch is not None else _Blind()
        self.now = 0.0
        """Instant of the present turn."""
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
        followed = (number for run in runs for number in (run.script, *(call.script for call in run.calls)))
        kept = {*state.current.values(), *followed}
        for number in state.scripts.keys() - kept:
            del state.scripts[number], self._steps[number], self._labels[number]

    def _adopt(self, rules: model.Rules) -> None:
        state = self.state
        self.calendars = rules.calendars
        self._texts = rules.texts
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
        self._labels = {
            number: [step.id or f"#{index}" for index, step in enumerate(flow.steps, 1)]
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

    def recognised(self, interaction: str) -> str | None:
        """Who the customer is, as its flow found; None: it has not asked, or is over."""
        run = self.state.running.get(interaction)
        return run.recognised if run is not None else None

    def shown(self, interaction: str) -> dict[str, str]:
        """The same for people: of secret keys only how many they are."""
        run = self.state.running.get(interaction)
        if run is None:
            return {}
        secrets = run.secrets
        return {
            name: hidden(secrets[value]) if value in secrets else value
            for name, value in run.variables.items()
        }

    def language(self, interaction: str) -> str:
        """Language that the interaction is spoken to in; empty when in no flow."""
        run = self.state.running.get(interaction)
        return run.language if run is not None else ""

    def step_back(self, interaction: str, how: str = WAIT_OVER) -> None:
        """Leave a flow that runs while the customer waits, for the one that waits for the queue, if any."""
        run = self.state.running.get(interaction)
        if run is None or not run.aside:
            return
        self.depart(run, how)
        if run.outer is None:
            del self.state.running[interaction]
        else:
            run.outer.plays = run.plays
            run.outer.asks, run.outer.sent = run.asks, run.sent
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
        say: Say = "",
        more: tuple[PromptPart, ...] = (),
        first: "Words | None" = None,
    ) -> bool:
        """Play prompts, speak digits one by one, say a text, then `more`; whether there is anything of it.

        `first`: what is said before all that.

        Its end is awaited on audio legs; on text legs it is shown, and over at once.
        """
        heard = run.kind is LegKind.AUDIO
        parts = _audible(prompts, digits) if heard else self._written(run, prompts, digits)
        parts = self._before(run, first) + parts + self.said(run, say) + more
        if not parts:
            return False
        self.answer(run, out)
        play = self.next_play(run)
        run.plays += 1
        out.append(PlayParts(run.interaction, play, parts, run.language, barge))
        if heard:
            run.play = play
            self.wait(run, now + PLAY_LIMIT_S)
        return True

    def _before(self, run: FlowState, first: "Words | None") -> tuple[PromptPart, ...]:
        if first is None:
            return ()
        prompts = (first.prompt,) if first.prompt else ()
        parts = _audible(prompts, "") if run.kind is LegKind.AUDIO else self._written(run, prompts, "")
        return parts + self.said(run, first.say)

    def said(self, run: FlowState, say: Say) -> tuple[PromptPart, ...]:
        """A text with its values in, in the language of the flow at this point.

        One that names no language is in that of its flow, whatever the caller was spoken to in before; of a
        called flow it is in that of the moment, since such a flow has none of its own.
        """
        if not say:
            return ()
        make = spoken if run.kind is LegKind.AUDIO else shown_text
        own = self.state.scripts[run.script].language
        look = self.look(run.interaction)
        if isinstance(say, str):
            return make(say, look, (not run.calls and own) or run.language)
        return make(say, look, run.language, own)

    def _written(self, run: FlowState, prompts: tuple[str, ...], digits: str) -> tuple[PromptPart, ...]:
        """What the prompts say; one of which no text is known is left out."""
        known = self._texts.get(run.language, {})
        texts = [*[known.get(name, "") for name in prompts], digits]
        return tuple([PromptPart(text=text) for text in texts if text])

    def next_play(self, run: FlowState) -> str:
        """Id of the next prompt."""
        return f"{run.interaction}.p{run.plays + 1}"

    def index(self, run: FlowState, step: str) -> int:
        """Index of a step by its id; the checks refuse a configuration where it does not exist."""
        return self._steps[run.script].get(step, NOWHERE)

    def end(self, run: FlowState, out: list[Do], cause: Cause = Cause.NORMAL, note: str = "") -> None:
        if run.aside:
            self.step_back(run.interaction, ENDED)
            out.append(Stay(run.interaction))
            return
        self.depart(run, ENDED)
        self.state.running.pop(run.interaction, None)
        out.append(LeaveLine(run.interaction, note) if run.kept else HangUp(run.interaction, cause, note))

    def depart(self, run: FlowState, how: str) -> None:
        """Tell the watch that the run is over."""
        name, now = self.state.scripts[run.script].name, self.now
        self.watch.left(name, self.label(run), how, self.spent_s(run), now)
        if run.entry:
            self.watch.over(run.entry, run.asked, how == HUNG_UP, now)

    def spent_s(self, run: FlowState) -> float:
        """Time in the step that it is at."""
        return self.now - run.moved_at if run.moved_at else 0.0

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
        """The step that it is at: its id, or `#` and its place from 1."""
        labels = self._labels[run.script]
        return labels[run.at] if labels else "#1"
