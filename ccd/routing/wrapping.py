"""The turns about wrap-up (ended, extended, too long) and about dispositions, said in a talk or after it."""

from ccd.errors import Refused
from ccd.model.nouns import Availability, ChannelClass
from ccd.routing.decisions import Decision, DispositionNoted, WrapUpExtended, WrapUpTooLong
from ccd.routing.desk import Desk
from ccd.routing.desks import take_turn
from ccd.routing.looking import Looking
from ccd.routing.phases import Phase
from ccd.routing.state import AgentState, Owed, Place, WrapUp, WrapUpStage
from ccd.routing.wrap_ups import WrapUpEvent, name_of, next_stage, owes

Share = Place | Owed
"""An agent's conversation that runs, or one that is over and not settled."""


class Wrapping(Looking):
    """The turns about wrap-up and dispositions."""

    __slots__ = ()

    # -- wrap-up -------------------------------------------------------------------------------

    def end_wrap_up(self, agent: str, now: float) -> list[Decision]:
        """Wrap-up ends by hand; the agent goes to the end of the line. While a disposition is owed: []."""
        out: list[Decision] = []
        desk = self._matching.index.desks.get(agent)
        if desk is not None and desk.state.wrap_up is not None and not owes(desk.state.wrap_up.owed):
            self._end(desk, WrapUpEvent.END, now, out)
        return out

    def extend_wrap_up(self, agent: str, by: str) -> list[Decision]:
        """More time, once more. Raises `Refused`, nothing changed, where there is nothing to extend."""
        wrap_up, until = self.check_extension(agent)
        wrap_up.stage = next_stage(wrap_up.stage, WrapUpEvent.EXTEND, agent)
        wrap_up.extensions -= 1
        wrap_up.until = until + wrap_up.extend_s
        self._matching.timing.push_wrap_up(agent, wrap_up)
        return [WrapUpExtended(agent, wrap_up.queue, wrap_up.interaction, wrap_up.until, by)]

    def check_extension(self, agent: str) -> tuple[WrapUp, float]:
        """The wrap-up that can be extended, and when it is over. Raises `Refused` where there is none."""
        state = self.state.agents.get(agent)
        wrap_up = state.wrap_up if state is not None else None
        if wrap_up is None:
            raise Refused("wrap_up.none", f"agent {agent} is not in wrap-up: there is nothing to extend")
        if wrap_up.until is None:
            raise Refused("wrap_up.no_time", f"the wrap-up of {agent} has no end that could be put off")
        if wrap_up.extensions <= 0:
            raise Refused("wrap_up.extended", f"the wrap-up of {agent} may not be extended any more")
        return wrap_up, wrap_up.until

    def wrap_up_due(self, agent: str, now: float, out: list[Decision]) -> None:
        """Its time is over, or it is too long, or both."""
        desk = self._matching.index.desks[agent]
        wrap_up = desk.state.wrap_up
        if wrap_up is not None and wrap_up.until is not None and wrap_up.until <= now:
            if not owes(wrap_up.owed):
                self._end(desk, WrapUpEvent.END, now, out)
                return
            wrap_up.stage = next_stage(wrap_up.stage, WrapUpEvent.TIME_OWED, agent)
            wrap_up.until = None
        if wrap_up is not None and wrap_up.longest_at is not None and wrap_up.longest_at <= now:
            wrap_up.too_long = True
            self._matching.index.presence.note_overdue(desk.state)
            out.append(WrapUpTooLong(agent, wrap_up.queue, wrap_up.interaction))

    def leave_wrap_up(self, agent: AgentState, now: float, out: list[Decision]) -> None:
        """An agent who was removed can end nothing and say nothing: a wrap-up that waits for that is over."""
        wrap_up = agent.wrap_up
        if wrap_up is not None and (wrap_up.stage is not WrapUpStage.RUNS or owes(wrap_up.owed)):
            desk = self._matching.index.desks[agent.name]
            self._matching.stop_wrap_up(desk, WrapUpEvent.LOG_OUT, now, out)

    def _end(self, desk: Desk, event: WrapUpEvent, now: float, out: list[Decision]) -> None:
        take_turn(self.state, desk.state, now)
        self._matching.stop_wrap_up(desk, event, now, out)
        self._matching.freed(desk, "agent free", now, out)

    # -- dispositions --------------------------------------------------------------------------

    def spoken_of(self, agent: str) -> str:
        """The interaction that an agent's phone means: the call in conversation, else the wrap-up, else the
        written conversation; of several the latest. Empty: none."""
        state = self.state.agents.get(agent)
        if state is None:
            return ""
        talks = self._talks_of(state)
        calls = [place for place in talks if place.channel_class is ChannelClass.VOICE]
        if calls:
            return calls[-1].interaction
        if state.wrap_up is not None and state.wrap_up.owed:
            unsaid = [each for each in state.wrap_up.owed if not each.given] or state.wrap_up.owed
            return unsaid[-1].interaction
        return talks[-1].interaction if talks else ""

    def dispositions_of(self, interaction: str, agent: str = "") -> dict[str, str]:
        """Code → disposition that may be said of an interaction now (by this agent); empty: none."""
        found: dict[str, str] = {}
        for _, share in self._shares(interaction, agent):
            found.update(self._codes(share))
        return found

    def dispose(self, interaction: str, said: str, by: str, now: float, agent: str = "") -> list[Decision]:
        """Say by code or name how an interaction ended; the last word counts.

        With `agent` it is that agent's word, else it holds for everybody who had a part in it and may still
        say. Raises `Refused`, nothing changed, when nobody may, or there is no such disposition.
        """
        shares = self.check_disposition(interaction, said, agent)
        out: list[Decision] = []
        for state, share in shares:
            name = name_of(self._codes(share), said)
            if name:
                self._say(state, share, name, by, out)
        for name in dict.fromkeys(state.name for state, _ in shares):
            self._go_on_said(self._matching.index.desks[name], now, out)
        return out

    def check_disposition(
        self, interaction: str, said: str, agent: str = ""
    ) -> list[tuple[AgentState, Share]]:
        """Whose word it can be. Raises `Refused` as `dispose` does."""
        shares = self._shares(interaction, agent)
        if not shares:
            who = f"{agent} cannot say" if agent else "nobody can say any more"
            why = "neither in conversation nor in wrap-up"
            problem = f"{who} how interaction {interaction} ended: {why}"
            raise Refused("disposition.too_late", problem)
        known = self.dispositions_of(interaction, agent)
        if not known:
            queues = " and ".join(dict.fromkeys(share.queue for _, share in shares))
            raise Refused("disposition.none", f"the queue {queues} has no dispositions")
        if not name_of(known, said):
            told = ", ".join(f"{code} {name}" for code, name in known.items())
            raise Refused("disposition.unknown", f"there is no disposition {said!r} — there are: {told}")
        return shares

    def _say(self, state: AgentState, share: Share, name: str, by: str, out: list[Decision]) -> None:
        if isinstance(share, Place):
            share.disposition = name
        else:
            share.given = name
        out.append(DispositionNoted(state.name, share.queue, share.interaction, name, by))

    def _go_on_said(self, desk: Desk, now: float, out: list[Decision]) -> None:
        """A wrap-up that waited for nothing else ends, also where ready was asked for meanwhile."""
        state, wrap_up = desk.state, desk.state.wrap_up
        if wrap_up is None or owes(wrap_up.owed):
            return
        if wrap_up.stage is WrapUpStage.OWED:
            self._end(desk, WrapUpEvent.GIVEN, now, out)
        elif state.pending is not None and state.pending.availability is Availability.READY:
            self._end(desk, WrapUpEvent.END, now, out)

    def _shares(self, interaction: str, agent: str) -> list[tuple[AgentState, Share]]:
        """Whoever may say how it ended. Without `agent` it walks all agents: only people ask so."""
        found: list[tuple[AgentState, Share]] = []
        if agent:
            known = self.state.agents.get(agent)
            states = [known] if known is not None else []
        else:
            states = list(self.state.agents.values())
        for state in states:
            owed = state.wrap_up.owed if state.wrap_up is not None else []
            found += [(state, each) for each in owed if each.interaction == interaction]
            found += [(state, each) for each in self._talks_of(state) if each.interaction == interaction]
        return found

    def _talks_of(self, state: AgentState) -> list[Place]:
        """An agent's conversations, the latest last."""
        places = [self.state.places[name] for name in state.held]
        talks = [place for place in places if place.phase is Phase.CONNECTED]
        return sorted(talks, key=lambda place: (place.bridged_at, place.seq))

    def _codes(self, share: Share) -> dict[str, str]:
        if isinstance(share, Owed):
            return share.codes
        queue = self._matching.index.queues.get(share.queue)
        return {} if queue is None else queue.rule.dispositions
