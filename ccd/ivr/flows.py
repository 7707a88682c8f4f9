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
from typing import Any

from ccd.ivr.calling import come_back
from ccd.ivr.do import (
    Do,
    HangUp,
    Stay,
)
from ccd.ivr.input import means_choice
from ccd.ivr.keying import Told
from ccd.ivr.moves import ELSEWHERE_STEPS, LEAVING_STEPS, MOVES, STEPS
from ccd.ivr.scripts import ASKS, ELSEWHERE, ENDS, HUNG_UP, NOWHERE, RETURNED, WAITS, Scripts
from ccd.ivr.state import Event, FlowState, Mode
from ccd.model.facts import BotEnded, BotSaid, BotStarted, OutsideAnswered
from ccd.model.nouns import Cause, LegKind
from ccd.model.steps import AnyStep
from ccd.model.steps_calling import Call

STEP_LIMIT = 100
"""Most steps of an interaction at one instant; more is an endless loop in the script."""

FIRST_WORDS_S = 2.0
"""A text sooner than this after a question, the first of its party, was written before it was read."""


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
        opened: bool = False,
        spoken_to: bool = False,
    ) -> list[Do]:
        """Begin a flow; one that already runs for the interaction is left, its variables are kept.

        `language` counts where the flow names none, or before the flow's own where the party was `spoken_to`
        in it already: nobody hears two languages in one call. `answered`: the leg is up already.
        `values`: variables that it begins with. `opened`: the party did not write first, so its first text
        is no greeting.
        """
        before = self.state.running.pop(interaction, None)
        number = self.state.current.get(flow)
        if number is None:
            return [HangUp(interaction, Cause.FAULT, f"there is no flow {flow!r}")]
        run = FlowState(
            interaction=interaction,
            script=number,
            kind=kind,
            language=(spoken_to and language) or self.state.scripts[number].language or language,
            answered=answered,
            entry=flow if before is None and not answered else "",
            variables=values or {},
            opened=answered or opened,
        )
        self.now = now
        if run.entry:
            self.watch.entered(flow, now)
        if before is not None:
            self._left_for_another(before)
            run.entry, run.asked = before.entry, before.asked
            run.answered = run.answered or before.answered
            run.variables, run.secrets = before.variables | run.variables, before.secrets
            run.plays = before.plays
            run.asks, run.sent = before.asks, before.sent
            run.opened = before.opened
        if run.variables:
            run.language = run.variables.get("language", run.language)
        self.state.running[interaction] = run
        out: list[Do] = []
        self.run(run, 0, now, out)
        return out

    def _left_for_another(self, run: FlowState) -> None:
        self.watch.left(
            self.state.scripts[run.script].name, self.label(run), ELSEWHERE, self.spent_s(run), self.now
        )

    def step_aside(
        self,
        interaction: str,
        flow: str,
        now: float,
        language: str,
        values: dict[str, str],
        *,
        kind: LegKind = LegKind.AUDIO,
        count_from: int = 0,
    ) -> list[Do]:
        """Run a flow while the customer waits in a queue; `values` are its variables at first.

        `count_from`: its plays and questions are numbered from there, where no flow waits for the queue: what
        is told late of a flow before must not be taken for something of this one.

        It ends with `Stay`, `step_back` or `stop`; the flow that waits for the queue goes on from there.
        """
        number = self.state.current.get(flow)
        if number is None:
            return [Stay(interaction)]
        outer = self.state.running.get(interaction)
        run = FlowState(
            interaction=interaction,
            script=number,
            kind=kind,
            language=language or self.state.scripts[number].language,
            answered=True,
            secrets=outer.secrets if outer is not None else {},
            variables=(outer.variables if outer is not None else {}) | values,
            plays=outer.plays if outer is not None else count_from,
            asks=outer.asks if outer is not None else count_from,
            sent=outer.sent if outer is not None else 0,
            opened=True,
            aside=True,
            outer=outer,
        )
        self.now = now
        self.state.running[interaction] = run
        out: list[Do] = []
        self.run(run, 0, now, out)
        return out

    def refuse(self, interaction: str, why: str, now: float) -> list[Do]:
        """A callback cannot be kept: say why, then go on."""
        return self._event(interaction, Event.REFUSED, why, now)

    def kept(self, interaction: str, values: dict[str, str], now: float) -> list[Do]:
        """A callback or a message is kept, and the customer still there: go on beside it. `values`: variables
        that say how."""
        run = self.state.running.get(interaction)
        self.now = now
        outer = run.outer if run is not None else None
        if outer is not None:  # the wait is over, and so is the flow that waits for it
            self.depart(outer, ASKS[Mode.QUEUED])
        return self._event(interaction, Event.KEPT, values, now)

    def no_message(self, interaction: str, now: float) -> list[Do]:
        """There was no message, or too short a one."""
        return self._event(interaction, Event.NO_MESSAGE, "", now)

    def answer_spoken(self, interaction: str, answer: str, now: float) -> list[Do]:
        """A spoken answer is whole, `answer` names its recording; empty: nothing was said."""
        return self._event(interaction, Event.SPOKEN, answer, now)

    def digit(self, interaction: str, digit: str, now: float) -> list[Do]:
        """A key was pressed."""
        return self._event(interaction, Event.DIGIT, digit, now)

    def secret_collected(
        self, interaction: str, secret: str, length: int, ok: bool, note: str, now: float
    ) -> list[Do]:
        """The channel is done with keys that it collected in secret; the keys themselves it keeps."""
        return self._event(interaction, Event.KEYED, Told(secret, length, ok, note), now)

    def secrets_compared(self, interaction: str, secret: str, ok: bool, now: float) -> list[Do]:
        """The channel says whether two secrets are the same."""
        return self._event(interaction, Event.COMPARED, (secret, ok), now)

    def text(self, interaction: str, text: str, now: float) -> list[Do]:
        """The party wrote; on a text leg a menu takes the text as a key.

        What a visitor opens the conversation with is no answer to what was not read yet, unless it means one.
        """
        run = self.state.running.get(interaction)
        if run is not None and run.kind is LegKind.TEXT and not run.opened:
            run.opened = True
            if now - run.moved_at < FIRST_WORDS_S and not means_choice(self.step_of(run), text.strip()):
                return []
        return self._event(interaction, Event.TEXT, text.strip(), now)

    def prompt_ended(self, interaction: str, play: str, completed: bool, now: float) -> list[Do]:
        """A prompt ended, was cut, or could not be played (`completed` false: the flow goes on alike)."""
        del completed
        return self._event(interaction, Event.PROMPT_ENDED, play, now)

    def resume(self, interaction: str, why: str, now: float) -> list[Do]:
        """The queue gave the interaction back, or the transfer failed: go on with the next step."""
        return self._event(interaction, Event.RESUME, why, now)

    def answered(self, interaction: str, answer: OutsideAnswered, now: float) -> list[Do]:
        """A service outside answered, or could not be asked; ignored unless this answer is awaited."""
        return self._event(interaction, Event.ANSWERED, answer, now)

    def bot_started(self, fact: BotStarted, now: float) -> list[Do]:
        """The bot is there."""
        return self._event(fact.interaction, Event.BOT_STARTED, fact, now)

    def bot_said(self, fact: BotSaid, now: float) -> list[Do]:
        """The bot wrote."""
        return self._event(fact.interaction, Event.BOT_SAID, fact, now)

    def bot_ended(self, fact: BotEnded, now: float) -> list[Do]:
        """The bot is done, or it failed."""
        return self._event(fact.interaction, Event.BOT_ENDED, fact, now)

    def stop(self, interaction: str, now: float) -> None:
        """The interaction left the flow (ended, was accepted). Idempotent."""
        run = self.state.running.pop(interaction, None)
        if run is None:
            return  # mostly: it is told of each end
        self.now = now
        while run is not None:
            self.depart(run, ASKS.get(run.mode, HUNG_UP))
            run = run.outer

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

    def _event(self, interaction: str, event: Event, value: Any, now: float) -> list[Do]:
        out: list[Do] = []
        self.now = now
        run = self.state.running.get(interaction)
        if run is not None and (move := MOVES[run.mode, event]) is not None:
            move(self, run, value, now, out)
        return out

    # -- running steps -----------------------------------------------------------------------------------

    def run(self, run: FlowState, at: int, now: float, out: list[Do]) -> None:
        """Execute steps from index `at` until one waits or the flow ends."""
        steps = self.state.scripts[run.script].steps
        if run.play or run.ask:
            run.play = run.ask = ""
        if run.deadline is not None:
            run.deadline = None
        _, name, labels = self._followed(run)
        before = self.label(run) if run.moved_at else ""
        if now > run.moved_at:
            run.steps = 0
        while run.steps < STEP_LIMIT:
            run.steps += 1
            if at >= len(steps):
                if at >= ENDS or not run.calls:
                    self._finish(run, at, out)
                    return
                if before:
                    self.watch.left(name, before, RETURNED, now - run.moved_at, now)
                run.moved_at, at = now, come_back(run)
                steps, name, labels = self._followed(run)
                before = labels[run.at]
                continue
            step, label = steps[at], labels[at]
            self.watch.stepped(name, label, before, now - run.moved_at, now)
            run.at, run.moved_at, before = at, now, label
            if run.aside and isinstance(step, LEAVING_STEPS):
                self.end(run, out)
                return
            if run.kept and isinstance(step, ELSEWHERE_STEPS):
                self.end(run, out, note=f"{label} means nothing once the customer is to be served later")
                return
            at = STEPS[type(step)](self, run, step, now, out)
            if at == WAITS:
                if not run.asked and run.mode in ASKS:
                    run.asked = True
                return
            if type(step) is Call:  # left when it comes back
                (steps, name, labels), before = self._followed(run), ""
        note = f"the flow took {STEP_LIMIT} steps without waiting, the last was {self.label(run)}"
        self.end(run, out, Cause.FAULT, note)

    def _followed(self, run: FlowState) -> tuple[tuple[AnyStep, ...], str, list[str]]:
        """The script that it follows: its steps, its name, and the steps' labels."""
        script = self.state.scripts[run.script]
        return script.steps, script.name, self._labels[run.script]

    def _finish(self, run: FlowState, at: int, out: list[Do]) -> None:
        if at == NOWHERE:
            self.end(run, out, Cause.FAULT, f"{self.label(run)} goes to a step that does not exist")
        else:
            self.end(run, out)

    def go(self, run: FlowState, target: str, now: float, out: list[Do]) -> None:
        """Go on at a step by its id."""
        self.run(run, self.index(run, target), now, out)
