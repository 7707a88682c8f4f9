"""History: pure folds of what happened into one record an interaction and figures by queue and day.

Nothing here decides anything. Each call is one thing that happened, with its time; an unknown
interaction (closed already, or never opened) is counted in the figures but gets no note.
"""

from collections.abc import Mapping

from ccd.history import chains, own_calls
from ccd.history.customers import Customers
from ccd.history.figures import DAY_S, PauseReport, Report, day_name, day_of, find_faults, report_queue
from ccd.history.flow_figures import FlowFold
from ccd.history.own_calls import KEEP_DAYS, OwnReport
from ccd.history.state import (
    ANSWERED,
    IN,
    WORKED_S,
    Detail,
    Figures,
    HistoryState,
    Kept,
    Note,
    Pauses,
    Record,
)
from ccd.history.timeline import add_note
from ccd.model.nouns import Cause, ChannelClass, OfferEnd, Outcome
from ccd.model.trace import Trace

FIRST_TRACES, LAST_TRACES = 4, 28
HANDLED = Outcome.HANDLED.value


class History:
    """The folds over one state. `state` is encoded for a snapshot with `msgspec.msgpack`."""

    __slots__ = ("_begins_at", "_ends_at", "_today", "customers", "flows", "state")

    def __init__(self, state: HistoryState | None = None) -> None:
        self.state = HistoryState() if state is None else state
        self._begins_at = self._ends_at = 0.0
        self._today: dict[str, Figures] = {}
        self.flows = FlowFold(self.state.flows)
        self.customers = Customers(self.state.customers)

    # -- records -------------------------------------------------------------------------------

    def open(
        self,
        interaction: str,
        now: float,
        channel: str,
        channel_class: ChannelClass,
        origin: str,
        target: str,
        details: dict[str, Detail],
        dialled_by: str = "",
        direction: str = IN,
    ) -> None:
        """An interaction begins; `details` go with its `arrived` note. `dialled_by`: whose own call it is."""
        record = Record(interaction, channel, channel_class, origin, target, now)
        if dialled_by:
            record.dialled_by = dialled_by
        if direction != IN:
            record.direction = direction
        record.timeline.append(Note(now, "arrived", details))
        self.state.open[interaction] = record

    def note(self, interaction: str, now: float, what: str, /, **details: Detail) -> None:
        """Something else for the timeline; any detail may have any name."""
        record = self.record(interaction)
        if record is not None:
            add_note(record, Note(now, what, details))

    def trace(self, interaction: str, trace: Trace) -> None:
        """A decision of the engine; the first and the last ones are kept."""
        record = self.state.open.get(interaction)
        if record is None:
            return
        record.traces.append(trace)
        if len(record.traces) > FIRST_TRACES + LAST_TRACES:
            del record.traces[FIRST_TRACES]
            record.traces_dropped += 1

    def close(self, interaction: str, outcome: Outcome | None, cause: Cause, now: float) -> Record | None:
        """The interaction is over: its record, to be filed. None when it is not open (closed before).

        `outcome` None: as its last stay in a queue ended; `flow` if it never was in one.
        """
        record = self.state.open.pop(interaction, None)
        if record is None:
            return None
        record.ended_at = now
        record.cause = cause
        if record.answered_at:
            record.talked_s += max(0.0, now - record.answered_at)
        record.outcome = str(outcome) if outcome is not None else record.outcome or "flow"
        add_note(record, Note(now, "closed", {"outcome": record.outcome, "cause": str(cause)}))
        if record.dialled_by:
            own_calls.count(self.state, record)
        if interaction in self.state.kept:
            self.state.kept[interaction].record = record
        else:
            chains.stand(self.state, interaction, record)
        return record

    def keep_lost(self, record: Record) -> None:
        """It was abandoned, but its customer may call again and take the place back."""
        if record.interaction not in self.state.kept:  # else it stands there: one record, one place
            self.state.lost[record.interaction] = record
            chains.stand(self.state, record.interaction, None)

    def add_later(self, interaction: str, now: float, what: str, /, **details: Detail) -> Record | None:
        """The last note of a lost one's record, which is to be filed anew; None when it is not kept."""
        kept = self.state.kept.get(interaction)
        record = kept.record if kept is not None else self.state.lost.pop(interaction, None)
        if record is not None and kept is None:
            chains.stand(self.state, interaction, record)
        if record is not None:
            add_note(record, Note(now, what, details))
        return record

    def forget(self, interaction: str) -> None:
        """Nobody will take the place of a lost one back any more. Idempotent."""
        record = self.state.lost.pop(interaction, None)
        if record is not None:
            chains.stand(self.state, interaction, record)

    def record(self, interaction: str) -> Record | None:
        """The record of an interaction that is open, or kept for what may still be said of it."""
        record = self.state.open.get(interaction)
        if record is None and (kept := self.state.kept.get(interaction)) is not None:
            return kept.record
        return record

    # -- what happens in queues ----------------------------------------------------------------

    def queued(self, interaction: str, queue: str, now: float, priority: int = 0) -> None:
        """It entered a queue."""
        for figures in self._figures(queue, now):
            figures.offered += 1
        record = self.state.open.get(interaction)
        if record is not None:
            record.queue = queue
            details: dict[str, Detail] = {"queue": queue}
            if priority:
                details["priority"] = priority
            add_note(record, Note(now, "queued", details))

    def offer_made(
        self,
        interaction: str,
        queue: str,
        agent: str,
        offer: str,
        waited_s: float,
        now: float,
        leg: str = "",
    ) -> None:
        """It was put to an agent; `leg` is the one that rings there."""
        details: dict[str, Detail] = {"offer": offer, "agent": agent, "queue": queue}
        details["waited_s"] = round(waited_s, 1) if waited_s else 0.0  # mostly an agent is free at once
        if leg:
            details["leg"] = leg
        record = self.record(interaction)
        if record is not None:
            add_note(record, Note(now, "offer", details))

    def offer_missed(
        self, interaction: str, queue: str, agent: str, offer: str, end: OfferEnd, now: float
    ) -> None:
        """The agent did not take it."""
        for figures in self._figures(queue, now):
            figures.misses[end] = figures.misses.get(end, 0) + 1
        self.note(interaction, now, "offer_ended", offer=offer, agent=agent, end=str(end))

    def handled(
        self,
        interaction: str,
        queue: str,
        agent: str,
        waited_s: float,
        in_service_level: bool,
        now: float,
        worked_s: float = 0.0,
    ) -> None:
        """Customer and agent were joined, or the agent is done with it, after so long a work."""
        for figures in self._figures(queue, now):
            figures.handled += 1
            figures.in_service_level += in_service_level
            figures.wait_sum_s += waited_s
            figures.wait_max_s = max(figures.wait_max_s, waited_s)
        record = self.state.open.get(interaction)
        if record is not None:
            record.outcome = HANDLED
            record.waited_s += waited_s
            record.agents.append(agent)
            details: dict[str, Detail] = {"agent": agent, "queue": queue}
            if worked_s:
                details[WORKED_S] = round(worked_s, 3)
            add_note(record, Note(now, "bridged", details))

    def left_queue(
        self, interaction: str, queue: str, outcome: Outcome, waited_s: float, now: float, why: str = ""
    ) -> None:
        """It left the queue without a conversation: ABANDONED, OVERFLOWED or CALLBACK_FAILED."""
        for figures in self._figures(queue, now):
            if outcome is Outcome.ABANDONED:
                figures.abandoned += 1
                figures.abandon_wait_sum_s += waited_s
            elif outcome is Outcome.CALLBACK_FAILED:
                figures.callback_failed += 1
            else:
                figures.overflowed += 1
            figures.wait_max_s = max(figures.wait_max_s, waited_s)
        record = self.state.open.get(interaction)
        if record is not None:
            record.outcome = str(outcome)
            record.waited_s += waited_s
            details: dict[str, Detail] = {"queue": queue, "outcome": record.outcome}
            if why:
                details["why"] = why
            add_note(record, Note(now, "left_queue", details))

    def finished(self, interaction: str, queue: str, agent: str, talked_s: float, now: float) -> None:
        """An agent's part in the conversation ended."""
        for figures in self._figures(queue, now):
            figures.talks += 1
            figures.talk_sum_s += talked_s
        record = self.state.open.get(interaction)
        if record is not None:
            record.talked_s += talked_s
            details: dict[str, Detail] = {"agent": agent, "talked_s": round(talked_s, 1)}
            add_note(record, Note(now, "agent_left", details))

    def wrapped_up(self, interaction: str, queue: str, agent: str, seconds: float, now: float) -> None:
        """An agent's wrap-up ended; the interaction is closed by then, as a rule."""
        for figures in self._figures(queue, now):
            figures.wrap_sum_s += seconds
        self.note(interaction, now, "wrap_up_ended", agent=agent, seconds=round(seconds, 1))

    # -- how it ended --------------------------------------------------------------------------

    def keep(self, interaction: str, agent: str) -> None:
        """The agent may say how it ended, also once it is closed, until that is `settled`."""
        self.state.kept.setdefault(interaction, Kept([])).agents.append(agent)

    def disposed(self, interaction: str, agent: str, disposition: str, by: str, now: float) -> Record | None:
        """Somebody said how it ended; the record if it is to be filed again."""
        record = self.record(interaction)
        if record is None:
            return None
        record.disposition, record.disposition_by = disposition, by
        add_note(record, Note(now, "disposition", {"disposition": disposition, "agent": agent, "by": by}))
        return self._filed(interaction)

    def settled(
        self, interaction: str, queue: str, agent: str, disposition: str, required: bool, now: float
    ) -> Record | None:
        """What was said last of an agent's conversation (empty: nothing) counts; the record if it is to be
        filed again."""
        missing = required and not disposition
        for figures in self._figures(queue, now):
            figures.dispositions_missing += missing
            if disposition:
                figures.dispositions[disposition] = figures.dispositions.get(disposition, 0) + 1
        if missing:
            self.note(interaction, now, "disposition_missing", agent=agent)
        record, kept = self._filed(interaction), self.state.kept.get(interaction)
        if kept is not None and agent in kept.agents:
            kept.agents.remove(agent)
            if not kept.agents:
                del self.state.kept[interaction]
                if record is not None:
                    chains.stand(self.state, interaction, record)
        return record

    def _filed(self, interaction: str) -> Record | None:
        kept = self.state.kept.get(interaction)
        return kept.record if kept is not None else None

    # -- what agents do ------------------------------------------------------------------------

    def paused(self, agent: str, reason: str, paid: bool, seconds: float, now: float) -> None:
        """An agent's pause ended."""
        days = self.state.pauses
        pauses = days.setdefault(day_of(now), {}).setdefault(agent, {}).setdefault(reason, Pauses())
        pauses.count += 1
        if paid:
            pauses.paid_s += seconds
        else:
            pauses.unpaid_s += seconds
        for old in sorted(days)[:-KEEP_DAYS]:
            del days[old]

    def pauses(self, now: float) -> list[PauseReport]:
        """Pauses that ended today (UTC), by agent and reason."""
        today = self.state.pauses.get(day_of(now), {})
        return [
            PauseReport(agent, reason, each.count, each.paid_s, each.unpaid_s)
            for agent, reasons in sorted(today.items())
            for reason, each in sorted(reasons.items())
        ]

    # -- agents' own calls ---------------------------------------------------------------------

    def own_call(self, interaction: str, outcome: str) -> None:
        """It is dialled (`unanswered` until it is) or `refused`."""
        record = self.state.open.get(interaction)
        if record is not None:
            record.outcome = outcome

    def own_answered(self, interaction: str, agents: tuple[str, ...], now: float) -> None:
        """The far end took it; `agents` are those who speak."""
        record = self.state.open.get(interaction)
        if record is not None:
            record.outcome, record.answered_at = ANSWERED, now
            record.agents.extend(agents)

    def own_calls(self, now: float) -> list[OwnReport]:
        """Agents' own calls that ended today (UTC), by agent."""
        return own_calls.report(self.state, now)

    def _figures(self, queue: str, now: float) -> tuple[Figures, Figures]:
        """Today's and the lasting figures of a queue."""
        if not self._begins_at <= now < self._ends_at:
            self._turn_day(day_of(now))
        today = self._today.get(queue)
        if today is None:
            today = self._today[queue] = Figures()
        total = self.state.totals.get(queue)
        if total is None:
            total = self.state.totals[queue] = Figures()
        return today, total

    def _turn_day(self, day: int) -> None:
        days = self.state.days
        self._begins_at, self._ends_at = float(day * DAY_S), float((day + 1) * DAY_S)
        self._today = days.setdefault(day, {})
        for old in sorted(days)[:-KEEP_DAYS]:
            del days[old]

    # -- reports -------------------------------------------------------------------------------

    def report(self, now: float, waiting_by_queue: Mapping[str, int]) -> Report:
        """Today (UTC) by queue; queues without work today stand in it with zeros."""
        day = day_of(now)
        return self._report(day_name(day), self.state.days.get(day, {}), waiting_by_queue)

    def report_total(self, waiting_by_queue: Mapping[str, int]) -> Report:
        """Since the ledger began."""
        return self._report("since the ledger began", self.state.totals, waiting_by_queue)

    def _report(self, span: str, by_queue: Mapping[str, Figures], waiting: Mapping[str, int]) -> Report:
        names = sorted(by_queue.keys() | waiting.keys())
        rows = [report_queue(name, by_queue.get(name) or Figures(), waiting.get(name, 0)) for name in names]
        return Report(span, rows, self.check(waiting))

    def check(self, waiting_by_queue: Mapping[str, int]) -> list[str]:
        """Breaks of offered = handled + abandoned + overflowed + waiting, in words; empty as it should be."""
        return find_faults(self.state.totals, dict(waiting_by_queue))
