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

from ccd.ivr.callbacks import ASK_AGAIN, SAID
from ccd.ivr.do import (
    Assigned,
    Branched,
    CallBack,
    Chose,
    Do,
    HangUp,
    Missed,
    Queue,
    Stay,
    TransferTo,
)
from ccd.ivr.hours import NOTED, look_up
from ccd.ivr.input import choice, whole
from ccd.ivr.scripts import NOWHERE, Scripts
from ccd.ivr.state import Event, FlowState, Mode
from ccd.model import rules as model
from ccd.model.entry import condition_of
from ccd.model.nouns import Cause, LegKind

STEP_LIMIT = 100
"""Most steps of an interaction at one instant; more is an endless loop in the script."""
TEXT_WAIT_S = 300.0
"""Least time a menu waits for a typed answer: a person writes more slowly than a key is pressed."""
TYPED_LIMIT = 16
"""Most keys kept that were pressed ahead of a menu."""

_WAITS = -1
_ENDS = NOWHERE - 1


class Flows(Scripts):
    """All interactions that are in a flow."""

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

    def step_aside(
        self, interaction: str, flow: str, now: float, language: str, values: dict[str, str]
    ) -> list[Do]:
        """Run a flow while the customer waits in a queue; `values` are its variables at first.

        It ends with `Stay`, `step_back` or `stop`; the flow that waits for the queue goes on from there.
        """
        number = self.state.current.get(flow)
        if number is None:
            return [Stay(interaction)]
        outer = self.state.running.get(interaction)
        run = FlowState(
            interaction=interaction,
            script=number,
            kind=LegKind.AUDIO,
            language=language or self.state.scripts[number].language,
            answered=True,
            variables=(outer.variables if outer is not None else {}) | values,
            plays=outer.plays if outer is not None else 0,
            aside=True,
            outer=outer,
        )
        self.state.running[interaction] = run
        out: list[Do] = []
        self._run(run, 0, now, out)
        return out

    def refuse(self, interaction: str, why: str, now: float) -> list[Do]:
        """A callback cannot be kept: say why, then go on."""
        return self._event(interaction, Event.REFUSED, why, now)

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
        target = choice(menu, key)
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

    def _key(self, run: FlowState, key: str, now: float, out: list[Do]) -> None:
        step = self._collect(run)
        run.typed = "" if key == "*" else run.typed + key.replace("#", "")
        if key == "#" or len(run.typed) >= step.most:
            self._collected(run, "", now, out)
        else:
            run.play = ""
            self._wait(run, now + step.wait_s)

    def _keys_awaited(self, run: FlowState, play: str, now: float, _: list[Do]) -> None:
        if play == run.play:
            run.play = ""
            self._wait(run, now + self._collect(run).wait_s)

    def _collected(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        step, (typed, run.typed) = self._collect(run), (run.typed, "")
        if typed:
            run.variables = run.variables | {step.variable: typed}
            out.append(Assigned(run.interaction, self._label(run), {step.variable: typed}))
        if typed or not step.on_none:
            self._run(run, run.at + 1, now, out)
        else:
            self._go(run, step.on_none, now, out)

    def _written(self, run: FlowState, text: str, now: float, out: list[Do]) -> None:
        run.typed = text
        self._collected(run, "", now, out)

    def _refused(self, run: FlowState, why: str, now: float, out: list[Do]) -> None:
        run.mode = Mode.REFUSING
        run.typed = why
        if why in SAID and run.kind is LegKind.AUDIO:
            self._play(run, (f"callback/{why}",), False, now, out)
        else:
            self._refusal_told(run, run.play, now, out)

    def _refusal_told(self, run: FlowState, play: str, now: float, out: list[Do]) -> None:
        if play != run.play:
            return
        step = self.state.scripts[run.script].steps[run.at]
        why, run.typed = run.typed, ""
        if why in ASK_AGAIN and isinstance(step, model.CallBack) and step.on_refused:
            self._go(run, step.on_refused, now, out)
        else:
            self._run(run, run.at + 1, now, out)

    def _refusal_lost(self, run: FlowState, _: str, now: float, out: list[Do]) -> None:
        self._refusal_told(run, run.play, now, out)

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
                if at == NOWHERE:
                    self._end(run, out, Cause.FAULT, f"{self._label(run)} goes to a step that does not exist")
                else:
                    self._end(run, out)
                return
            run.at = at
            step = steps[at]
            if run.aside and isinstance(step, LEAVING_STEPS):
                self._end(run, out)
                return
            at = STEPS[type(step)](self, run, step, now, out)
            if at == _WAITS:
                return
        note = f"the flow took {STEP_LIMIT} steps without waiting, the last was {self._label(run)}"
        self._end(run, out, Cause.FAULT, note)

    def _do_answer(self, run: FlowState, _step: model.Answer, _now: float, out: list[Do]) -> int:
        self._answer(run, out)
        return run.at + 1

    def _do_play(self, run: FlowState, step: model.Play, now: float, out: list[Do]) -> int:
        digits = "".join(filter(str.isdecimal, run.variables.get(step.digits, "")))
        if run.kind is LegKind.TEXT or not (step.prompts or digits):
            return run.at + 1
        run.mode = Mode.PLAYING
        self._play(run, step.prompts, step.barge, now, out, digits)
        return _WAITS

    def _do_menu(self, run: FlowState, step: model.Menu, now: float, out: list[Do]) -> int:
        run.no_input = run.bad_input = 0
        typed, run.typed = run.typed, ""
        target = choice(step, typed[:1]) if typed else None
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
            priority = whole(run.variables.get("priority", ""))
        run.mode = Mode.QUEUED
        run.typed = ""
        named = (run.variables.get(step.prefer_variable, ""), step.prefer)
        prefer = tuple([name for name in named if name])
        kept = step.prefer_wait_s if prefer or step.prefer_last_s else 0.0
        out.append(
            Queue(run.interaction, step.queue, priority, step.requirement, prefer, step.prefer_last_s, kept)
        )
        return _WAITS

    def _do_collect(self, run: FlowState, step: model.Collect, now: float, out: list[Do]) -> int:
        run.mode = Mode.COLLECTING
        run.typed = ""
        if step.prompt and run.kind is LegKind.AUDIO:
            self._play(run, (step.prompt,), True, now, out)
        else:
            self._answer(run, out)
            self._wait(run, now + (step.wait_s if run.kind is LegKind.AUDIO else TEXT_WAIT_S))
        return _WAITS

    def _do_call_back(self, run: FlowState, step: model.CallBack, _now: float, out: list[Do]) -> int:
        run.mode = Mode.KEEPING
        run.typed = ""
        priority = whole(run.variables.get("priority", ""))
        number = run.variables.get(step.number, "")
        out.append(CallBack(run.interaction, step.queue, number, priority))
        return _WAITS

    def _do_transfer(self, run: FlowState, step: model.Transfer, _now: float, out: list[Do]) -> int:
        run.mode = Mode.TRANSFERRING
        run.typed = ""
        out.append(TransferTo(run.interaction, step.address, step.ring_timeout_s))
        return _WAITS

    def _do_goto(self, run: FlowState, step: model.Goto, _now: float, _out: list[Do]) -> int:
        return self._index(run, step.step)

    def _do_branch(self, run: FlowState, step: model.Branch, _now: float, out: list[Do]) -> int:
        look_up = self._look(run.interaction)
        for case in step.cases:
            if condition_of(case.when)(look_up):
                out.append(Branched(run.interaction, self._label(run), case.when))
                return self._index(run, case.step)
        out.append(Branched(run.interaction, self._label(run), ""))
        return self._index(run, step.otherwise) if step.otherwise else run.at + 1

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
    (Mode.COLLECTING, Event.DIGIT): Flows._key,
    (Mode.COLLECTING, Event.TEXT): Flows._written,
    (Mode.COLLECTING, Event.PROMPT_ENDED): Flows._keys_awaited,
    (Mode.COLLECTING, Event.RESUME): None,
    (Mode.COLLECTING, Event.DEADLINE): Flows._collected,
    (Mode.KEEPING, Event.DIGIT): None,
    (Mode.KEEPING, Event.TEXT): None,
    (Mode.KEEPING, Event.PROMPT_ENDED): None,
    (Mode.KEEPING, Event.RESUME): None,
    (Mode.KEEPING, Event.DEADLINE): None,
    (Mode.REFUSING, Event.DIGIT): None,
    (Mode.REFUSING, Event.TEXT): None,
    (Mode.REFUSING, Event.PROMPT_ENDED): Flows._refusal_told,
    (Mode.REFUSING, Event.RESUME): None,
    (Mode.REFUSING, Event.DEADLINE): Flows._refusal_lost,
    (Mode.LEAVING, Event.DIGIT): None,
    (Mode.LEAVING, Event.TEXT): None,
    (Mode.LEAVING, Event.PROMPT_ENDED): Flows._left,
    (Mode.LEAVING, Event.RESUME): None,
    (Mode.LEAVING, Event.DEADLINE): Flows._leave_lost,
    **{(mode, Event.REFUSED): None for mode in Mode if mode is not Mode.KEEPING},
    (Mode.KEEPING, Event.REFUSED): Flows._refused,
}
"""What each event does in each mode; None: it crossed with a move of ours and is ignored."""

LEAVING_STEPS = (model.Enqueue, model.Transfer, model.Hangup)
"""Steps that mean nothing while the customer waits in a queue: there the flow ends, and the wait goes on."""

Run = Callable[[Flows, FlowState, Any, float, list[Do]], int]

STEPS: dict[type[model.AnyStep], Run] = {
    model.Answer: Flows._do_answer,
    model.Play: Flows._do_play,
    model.Menu: Flows._do_menu,
    model.Set: Flows._do_set,
    model.Enqueue: Flows._do_queue,
    model.Collect: Flows._do_collect,
    model.CallBack: Flows._do_call_back,
    model.Transfer: Flows._do_transfer,
    model.Goto: Flows._do_goto,
    model.Branch: Flows._do_branch,
    model.Hangup: Flows._do_hangup,
    model.Hours: Flows._do_hours,
}
"""What executes each step: returns the index of the next, `_WAITS` or `_ENDS`."""
