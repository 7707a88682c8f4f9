"""The interpreter of flows (IVR and triage scripts): pure, time is an argument.

One turn runs an interaction's steps until one waits: for the end of a prompt, a key, the queue or a
transfer. Facts of the outside world cross with our own moves (a key on the heels of a transfer, the
end of a prompt that was cut), so an event that the present mode does not wait for is no fault: the
table `MOVES` says for every pair of mode and event what is done, or that it is ignored.

Limits: at most `STEP_LIMIT` steps without time passing (also when a full queue gives the interaction
back at once, and the script goes to the queue again); every wait except the queue's and
the transfer's (they have their own) ends at a deadline.
"""

import heapq
from collections.abc import Callable
from typing import Any

from ccd.ivr.do import Answer, Assigned, Chose, Do, HangUp, Missed, PlayParts, Queue, TransferTo
from ccd.ivr.hours import NOTED, look_up
from ccd.ivr.state import Event, FlowsState, FlowState, Mode
from ccd.model import rules as model
from ccd.model.nouns import Cause, LegKind, PromptPart

STEP_LIMIT = 100
"""Most steps of an interaction at one instant; more is an endless loop in the script."""
PLAY_LIMIT_S = 600.0
"""A prompt whose end was not reported for so long counts as ended."""
TEXT_WAIT_S = 300.0
"""Least time a menu waits for a typed answer: a person writes more slowly than a key is pressed."""
TYPED_LIMIT = 16
"""Most keys kept that were pressed ahead of a menu."""

_WAITS = -1
_ENDS = 1 << 30
_NOWHERE = _ENDS + 1


class Flows:
    """All interactions that are in a flow."""

    def __init__(self, rules: model.Rules, state: FlowsState | None = None) -> None:
        """`state`: from a snapshot; used and changed from here on."""
        self.state = state if state is not None else FlowsState()
        self._rebuild()
        self._adopt(rules)

    # -- rules and views -----------------------------------------------------------------------

    def load_rules(self, rules: model.Rules) -> None:
        """Follow new rules: running interactions keep their script, new ones get the new one.

        Only here old scripts are forgotten, not at the end of the last interaction that followed one, nor
        when a snapshot is taken over: the state is the same whichever way it was come by.
        """
        self._adopt(rules)
        state = self.state
        kept = {*state.current.values(), *(running.script for running in state.running.values())}
        for number in state.scripts.keys() - kept:
            del state.scripts[number], self._steps[number]

    def _adopt(self, rules: model.Rules) -> None:
        state = self.state
        self._calendars = rules.calendars
        current: dict[str, int] = {}
        for name, flow in rules.flows.items():
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
        return f"{self.state.scripts[run.script].name}/{self._label(run)}"

    def variables(self, interaction: str) -> dict[str, str]:
        """Variables set so far, `language` and `priority` among them; empty when in no flow."""
        run = self.state.running.get(interaction)
        return dict(run.variables) if run is not None else {}

    def language(self, interaction: str) -> str:
        """Language that the interaction is spoken to in; empty when in no flow."""
        run = self.state.running.get(interaction)
        return run.language if run is not None else ""

    # -- what happens ------------------------------------------------------------------------------

    def start(
        self,
        interaction: str,
        flow: str,
        now: float,
        language: str,
        *,
        kind: LegKind = LegKind.AUDIO,
        answered: bool = False,
    ) -> list[Do]:
        """Begin a flow; one that already runs for the interaction is left, its variables are kept.

        `language` counts where the flow names none. `answered`: the leg is up already.
        """
        before = self.state.running.pop(interaction, None)
        number = self.state.current.get(flow)
        if number is None:
            return [HangUp(interaction, Cause.FAULT, f"there is no flow {flow!r}")]
        run = FlowState(
            interaction=interaction,
            script=number,
            kind=kind,
            language=self.state.scripts[number].language or language,
            answered=answered,
        )
        if before is not None:
            run.answered = run.answered or before.answered
            run.variables = before.variables
            run.language = before.variables.get("language", run.language)
            run.plays = before.plays
        self.state.running[interaction] = run
        out: list[Do] = []
        self._run(run, 0, now, out)
        return out

    def digit(self, interaction: str, digit: str, now: float) -> list[Do]:
        """A key was pressed."""
        return self._event(interaction, Event.DIGIT, digit, now)

    def text(self, interaction: str, text: str, now: float) -> list[Do]:
        """The party wrote; on a text leg a menu takes the text as a key."""
        return self._event(interaction, Event.TEXT, text.strip(), now)

    def prompt_ended(self, interaction: str, play: str, completed: bool, now: float) -> list[Do]:
        """A prompt ended, was cut, or could not be played (`completed` false: the flow goes on alike)."""
        del completed
        return self._event(interaction, Event.PROMPT_ENDED, play, now)

    def resume(self, interaction: str, why: str, now: float) -> list[Do]:
        """The queue gave the interaction back, or the transfer failed: go on with the next step."""
        return self._event(interaction, Event.RESUME, why, now)

    def stop(self, interaction: str, now: float) -> None:
        """The interaction left the flow (ended, was accepted). Idempotent."""
        del now
        self.state.running.pop(interaction, None)

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        heap = self._deadlines
        while heap:
            at, interaction = heap[0]
            run = self.state.running.get(interaction)
            if run is not None and run.deadline == at:
                return at
            heapq.heappop(heap)
        return None

    def expire(self, now: float) -> list[Do]:
        """End the waits that are over, those of several interactions in order of time."""
        out: list[Do] = []
        while (at := self.next_deadline()) is not None and at <= now:
            _, interaction = heapq.heappop(self._deadlines)
            self.state.running[interaction].deadline = None
            out += self._event(interaction, Event.DEADLINE, "", now)
        return out

    def _event(self, interaction: str, event: Event, value: str, now: float) -> list[Do]:
        out: list[Do] = []
        run = self.state.running.get(interaction)
        if run is not None and (move := MOVES[run.mode, event]) is not None:
            move(self, run, value, now, out)
        return out

    # -- moves: what an event does in a mode ---------------------------------------------------------

    def _type_ahead(self, run: FlowState, digit: str, now: float, out: list[Do]) -> None:
        step = self.state.scripts[run.script].steps[run.at]
        if isinstance(step, model.Play) and step.barge:
            run.typed = (run.typed + digit)[:TYPED_LIMIT]
            self._run(run, run.at + 1, now, out)

    def _played(self, run: FlowState, play: str, now: float, out: list[Do]) -> None:
        if play == run.play:
            self._run(run, run.at + 1, now, out)

    def _play_lost(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        self._run(run, run.at + 1, now, out)

    def _asked(self, run: FlowState, play: str, now: float, out: list[Do]) -> None:
        if play == run.play:
            self._listen(run, now, out)

    def _listen(self, run: FlowState, now: float, _: list[Do]) -> None:
        run.play = ""
        run.mode = Mode.LISTENING
        wait_s = self._menu(run).wait_s
        self._wait(run, now + (wait_s if run.kind is LegKind.AUDIO else max(wait_s, TEXT_WAIT_S)))

    def _ask_lost(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        self._listen(run, now, out)

    def _typed(self, run: FlowState, text: str, now: float, out: list[Do]) -> None:
        if run.kind is LegKind.TEXT:
            self._choose(run, text, now, out)

    def _choose(self, run: FlowState, key: str, now: float, out: list[Do]) -> None:
        menu = self._menu(run)
        target = _choice(menu, key)
        if target is not None:
            out.append(Chose(run.interaction, self._label(run), key))
            self._go(run, target, now, out)
            return
        run.bad_input += 1
        out.append(Missed(run.interaction, self._label(run), key, run.bad_input))
        if run.bad_input < menu.bad_input_limit:
            self._ask(run, menu, menu.bad_input_prompt, now, out)
        else:
            self._give_up(run, menu.on_bad_input, "too many wrong keys", now, out)

    def _no_input(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        menu = self._menu(run)
        run.no_input += 1
        out.append(Missed(run.interaction, self._label(run), "", run.no_input))
        if run.no_input < menu.no_input_limit:
            self._ask(run, menu, menu.no_input_prompt, now, out)
        else:
            self._give_up(run, menu.on_no_input, "no key pressed", now, out)

    def _resumed(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        self._run(run, run.at + 1, now, out)

    def _left(self, run: FlowState, play: str, _now: float, out: list[Do]) -> None:
        if play == run.play:
            self._end(run, out)

    def _leave_lost(self, run: FlowState, _: str, _now: float, out: list[Do]) -> None:
        self._end(run, out)

    # -- running steps -----------------------------------------------------------------------------------

    def _run(self, run: FlowState, at: int, now: float, out: list[Do]) -> None:
        """Execute steps from index `at` until one waits or the flow ends."""
        steps = self.state.scripts[run.script].steps
        run.play = ""
        run.deadline = None
        if now > run.moved_at:
            run.moved_at = now
            run.steps = 0
        while run.steps < STEP_LIMIT:
            run.steps += 1
            if at >= len(steps):
                if at == _NOWHERE:
                    self._end(run, out, Cause.FAULT, f"{self._label(run)} goes to a step that does not exist")
                else:
                    self._end(run, out)
                return
            run.at = at
            step = steps[at]
            at = STEPS[type(step)](self, run, step, now, out)
            if at == _WAITS:
                return
        note = f"the flow took {STEP_LIMIT} steps without waiting, the last was {self._label(run)}"
        self._end(run, out, Cause.FAULT, note)

    def _do_answer(self, run: FlowState, _step: model.Answer, _now: float, out: list[Do]) -> int:
        self._answer(run, out)
        return run.at + 1

    def _do_play(self, run: FlowState, step: model.Play, now: float, out: list[Do]) -> int:
        if run.kind is LegKind.TEXT or not step.prompts:
            return run.at + 1
        run.mode = Mode.PLAYING
        self._play(run, step.prompts, step.barge, now, out)
        return _WAITS

    def _do_menu(self, run: FlowState, step: model.Menu, now: float, out: list[Do]) -> int:
        run.no_input = run.bad_input = 0
        typed, run.typed = run.typed, ""
        target = _choice(step, typed[:1]) if typed else None
        if target is not None:
            run.typed = typed[1:]
            out.append(Chose(run.interaction, self._label(run), typed[0]))
            return self._index(run, target)
        self._ask(run, step, "", now, out)
        return _WAITS

    def _do_set(self, run: FlowState, step: model.Set, _now: float, out: list[Do]) -> int:
        run.variables = run.variables | step.values
        run.language = step.values.get("language", run.language)
        out.append(Assigned(run.interaction, self._label(run), step.values))
        return run.at + 1

    def _do_queue(self, run: FlowState, step: model.Enqueue, _now: float, out: list[Do]) -> int:
        priority = step.priority
        if priority is None:
            priority = _whole(run.variables.get("priority", ""))
        run.mode = Mode.QUEUED
        run.typed = ""
        kept = step.prefer_wait_s if step.prefer else 0.0
        out.append(Queue(run.interaction, step.queue, priority, step.requirement, step.prefer, kept))
        return _WAITS

    def _do_transfer(self, run: FlowState, step: model.Transfer, _now: float, out: list[Do]) -> int:
        run.mode = Mode.TRANSFERRING
        run.typed = ""
        out.append(TransferTo(run.interaction, step.address, step.ring_timeout_s))
        return _WAITS

    def _do_goto(self, run: FlowState, step: model.Goto, _now: float, _out: list[Do]) -> int:
        return self._index(run, step.step)

    def _do_hours(self, run: FlowState, step: model.Hours, now: float, out: list[Do]) -> int:
        target, noted = look_up(step, self._calendars.get(step.calendar), now)
        kept = {name: value for name, value in run.variables.items() if name not in NOTED}
        run.variables = kept | noted
        out.append(Assigned(run.interaction, self._label(run), noted))
        return self._index(run, target) if target else run.at + 1

    def _do_hangup(self, run: FlowState, step: model.Hangup, now: float, out: list[Do]) -> int:
        if run.kind is LegKind.TEXT or not step.prompt:
            return _ENDS
        run.mode = Mode.LEAVING
        self._play(run, (step.prompt,), False, now, out)
        return _WAITS

    # -- pieces ------------------------------------------------------------------------------------------

    def _answer(self, run: FlowState, out: list[Do]) -> None:
        if not run.answered:
            run.answered = True
            if run.kind is LegKind.AUDIO:
                out.append(Answer(run.interaction))

    def _play(self, run: FlowState, prompts: tuple[str, ...], barge: bool, now: float, out: list[Do]) -> None:
        self._answer(run, out)
        run.plays += 1
        play = f"{run.interaction}.p{run.plays}"
        parts = tuple([PromptPart(name) for name in prompts])
        out.append(PlayParts(run.interaction, play, parts, run.language, barge))
        if run.kind is LegKind.AUDIO:
            run.play = play
            self._wait(run, now + PLAY_LIMIT_S)

    def _ask(self, run: FlowState, menu: model.Menu, first: str, now: float, out: list[Do]) -> None:
        """Play a menu's prompt, after `first` if that is set."""
        run.mode = Mode.ASKING
        prompts = tuple([name for name in (first, menu.prompt) if name])
        if prompts:
            self._play(run, prompts, True, now, out)
        else:
            self._answer(run, out)
        if not prompts or run.kind is LegKind.TEXT:
            self._listen(run, now, out)

    def _give_up(self, run: FlowState, target: str, why: str, now: float, out: list[Do]) -> None:
        if target:
            self._go(run, target, now, out)
        else:
            self._end(run, out, note=f"{why} at {self._label(run)}")

    def _go(self, run: FlowState, target: str, now: float, out: list[Do]) -> None:
        self._run(run, self._index(run, target), now, out)

    def _index(self, run: FlowState, step: str) -> int:
        """Index of a step by its id; the checks refuse a configuration where it does not exist."""
        return self._steps[run.script].get(step, _NOWHERE)

    def _end(self, run: FlowState, out: list[Do], cause: Cause = Cause.NORMAL, note: str = "") -> None:
        self.state.running.pop(run.interaction, None)
        out.append(HangUp(run.interaction, cause, note))

    def _wait(self, run: FlowState, until: float) -> None:
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

    def _menu(self, run: FlowState) -> model.Menu:
        step = self.state.scripts[run.script].steps[run.at]
        assert isinstance(step, model.Menu), "ASKING and LISTENING are modes of a menu"  # noqa: S101
        return step

    def _label(self, run: FlowState) -> str:
        return self.state.scripts[run.script].steps[run.at].id or f"#{run.at + 1}"


def _choice(menu: model.Menu, key: str) -> str | None:
    """Id of the step that a key (or typed word, in whatever case) chooses."""
    target = menu.choices.get(key)
    if target is None and key.isalpha():
        folded = key.casefold()
        return next((step for known, step in menu.choices.items() if known.casefold() == folded), None)
    return target


def _whole(text: str) -> int | None:
    """A whole number from a variable; None when it is none (the checks refuse it in a script)."""
    try:
        return int(text)
    except ValueError:
        return None


Move = Callable[[Flows, FlowState, str, float, list[Do]], None]

MOVES: dict[tuple[Mode, Event], Move | None] = {
    (Mode.PLAYING, Event.DIGIT): Flows._type_ahead,
    (Mode.PLAYING, Event.TEXT): None,
    (Mode.PLAYING, Event.PROMPT_ENDED): Flows._played,
    (Mode.PLAYING, Event.RESUME): None,
    (Mode.PLAYING, Event.DEADLINE): Flows._play_lost,
    (Mode.ASKING, Event.DIGIT): Flows._choose,
    (Mode.ASKING, Event.TEXT): Flows._typed,
    (Mode.ASKING, Event.PROMPT_ENDED): Flows._asked,
    (Mode.ASKING, Event.RESUME): None,
    (Mode.ASKING, Event.DEADLINE): Flows._ask_lost,
    (Mode.LISTENING, Event.DIGIT): Flows._choose,
    (Mode.LISTENING, Event.TEXT): Flows._typed,
    (Mode.LISTENING, Event.PROMPT_ENDED): None,
    (Mode.LISTENING, Event.RESUME): None,
    (Mode.LISTENING, Event.DEADLINE): Flows._no_input,
    (Mode.QUEUED, Event.DIGIT): None,
    (Mode.QUEUED, Event.TEXT): None,
    (Mode.QUEUED, Event.PROMPT_ENDED): None,
    (Mode.QUEUED, Event.RESUME): Flows._resumed,
    (Mode.QUEUED, Event.DEADLINE): None,
    (Mode.TRANSFERRING, Event.DIGIT): None,
    (Mode.TRANSFERRING, Event.TEXT): None,
    (Mode.TRANSFERRING, Event.PROMPT_ENDED): None,
    (Mode.TRANSFERRING, Event.RESUME): Flows._resumed,
    (Mode.TRANSFERRING, Event.DEADLINE): None,
    (Mode.LEAVING, Event.DIGIT): None,
    (Mode.LEAVING, Event.TEXT): None,
    (Mode.LEAVING, Event.PROMPT_ENDED): Flows._left,
    (Mode.LEAVING, Event.RESUME): None,
    (Mode.LEAVING, Event.DEADLINE): Flows._leave_lost,
}
"""What each event does in each mode; None: it crossed with a move of ours and is ignored."""

Run = Callable[[Flows, FlowState, Any, float, list[Do]], int]

STEPS: dict[type[model.AnyStep], Run] = {
    model.Answer: Flows._do_answer,
    model.Play: Flows._do_play,
    model.Menu: Flows._do_menu,
    model.Set: Flows._do_set,
    model.Enqueue: Flows._do_queue,
    model.Transfer: Flows._do_transfer,
    model.Goto: Flows._do_goto,
    model.Hangup: Flows._do_hangup,
    model.Hours: Flows._do_hours,
}
"""What executes each step: returns the index of the next, `_WAITS` or `_ENDS`."""
