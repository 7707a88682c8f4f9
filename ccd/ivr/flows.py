"""The interpreter of flows (IVR and triage scripts): pure, time is an argument.

One turn runs an interaction's steps until one waits: for the end of a prompt, a key, the queue or a
transfer. Facts of the outside world cross with our own moves (a key on the heels of a transfer, the
end of a prompt that was cut), so an event that the present mode does not wait for is no fault: the
table `ccd.ivr.moves.MOVES` says for every pair of mode and event what is done, or that it is ignored.

Limits: at most `STEP_LIMIT` steps without time passing (also when a full queue gives the interaction
back at once, and the script goes to the queue again); every wait except the queue's and
the transfer's (they have their own) ends at a deadline.
"""

import heapq

from ccd.ivr.do import (
    Do,
    HangUp,
    Stay,
)
from ccd.ivr.moves import LEAVING_STEPS, MOVES, STEPS
from ccd.ivr.scripts import NOWHERE, WAITS, Scripts
from ccd.ivr.state import Event, FlowState
from ccd.model.nouns import Cause, LegKind

STEP_LIMIT = 100
"""Most steps of an interaction at one instant; more is an endless loop in the script."""


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
        values: dict[str, str] | None = None,
    ) -> list[Do]:
        """Begin a flow; one that already runs for the interaction is left, its variables are kept.

        `language` counts where the flow names none. `answered`: the leg is up already. `values`: variables
        that it begins with.
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
            variables=values or {},
        )
        if before is not None:
            run.answered = run.answered or before.answered
            run.variables = before.variables | run.variables
            run.plays = before.plays
        run.language = run.variables.get("language", run.language)
        self.state.running[interaction] = run
        out: list[Do] = []
        self.run(run, 0, now, out)
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
        self.run(run, 0, now, out)
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

    # -- running steps -----------------------------------------------------------------------------------

    def run(self, run: FlowState, at: int, now: float, out: list[Do]) -> None:
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
                    self.end(run, out, Cause.FAULT, f"{self.label(run)} goes to a step that does not exist")
                else:
                    self.end(run, out)
                return
            run.at = at
            step = steps[at]
            if run.aside and isinstance(step, LEAVING_STEPS):
                self.end(run, out)
                return
            at = STEPS[type(step)](self, run, step, now, out)
            if at == WAITS:
                return
        note = f"the flow took {STEP_LIMIT} steps without waiting, the last was {self.label(run)}"
        self.end(run, out, Cause.FAULT, note)

    def go(self, run: FlowState, target: str, now: float, out: list[Do]) -> None:
        """Go on at a step by its id."""
        self.run(run, self.index(run, target), now, out)
