"""The verbs of the control socket: what can be asked of a running daemon, as one table of functions.

Each gets plain arguments and who asks (`ccctl:USER`), and answers plain values. Those that act post a
fact and answer when it is durable. Raises `Refused` for what does not exist, with the nearest word.
"""

import asyncio
import os

from ccd import __version__
from ccd.bridging.state import Phase
from ccd.channels.ledger import Ledger
from ccd.channels.port import Reports
from ccd.clock import cpu_seconds
from ccd.errors import Refused
from ccd.history.explain import explain
from ccd.model import facts
from ccd.model.expression_text import ExpressionFault
from ccd.model.nouns import Availability
from ccd.model.numbers import to_e164
from ccd.model.requirements import parse_requirement
from ccd.model.rules import pause_names
from ccd.runtime import (
    alarms,
    backup_verbs,
    callbacks,
    charge_verbs,
    customer_verbs,
    emergency_verbs,
    erasure_verbs,
    flow_verbs,
    frames,
    outside_verbs,
    pause_verbs,
    profile_verbs,
    report_verbs,
    sip_verbs,
    survey_verbs,
    views,
    voicemail_verbs,
    wrap_up_verbs,
)
from ccd.runtime.asking import Args, Call, act, look, unknown
from ccd.runtime.doors import Doors, filed, gather
from ccd.runtime.process import memory_mb

MOST_ENDED = 50
"""Ended interactions listed unless more are asked for."""
ENDED_LIMIT = 1000
"""And never more: the ledger's thread, which has calls to write, reads them."""
_TOPICS = ("sip", "media", "counters")


def verbs(doors: Doors) -> dict[str, Call]:
    """The table for the control server."""
    console = Console(doors)
    return {
        "status": look(console.status, _None),
        "top": look(console.top, _None),
        "agents": look(console.agents, _OfQueue),
        "agent.explain": look(console.agent_reasons, _OneAgent),
        "agent.login": act(console.login, _OneAgent),
        "agent.logout": act(console.logout, _Logout),
        "agent.pause": act(console.pause, _Pause),
        "agent.ready": act(console.ready, _OneAgent),
        "queues": look(console.queues, _None),
        "interactions": look(console.interactions, _Listing),
        "interactions.ended": look(console.ended, _Ended),
        "interaction.show": look(console.show, _OneInteraction),
        "interaction.explain": look(console.explain, _OneInteraction),
        "interaction.change": act(console.change, _Change),
        "interaction.callback": act(console.call_back, _CallBack),
        "interaction.mask": act(console.mask, _Mask),
        "interaction.hangup": act(console.hangup, _Hangup),
        "reload": act(console.reload, _None),
        "diff": look(console.diff, _None),
        "drain": act(console.drain, _OnOff),
        **sip_verbs.verbs(doors),
        **outside_verbs.verbs(doors),
        **report_verbs.verbs(doors),
        **pause_verbs.verbs(doors.centre),
        **flow_verbs.verbs(doors.centre, doors.clock),
        **customer_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **erasure_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **profile_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **emergency_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **voicemail_verbs.verbs(doors.centre, doors.clock),
        **survey_verbs.verbs(doors.centre, doors.clock),
        **charge_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **wrap_up_verbs.verbs(doors.runtime, doors.centre, doors.clock),
        **backup_verbs.verbs(doors.backups, doors.clock),
    }


# -- arguments -------------------------------------------------------------------------------------


class _None(Args, frozen=True):
    """A verb without arguments."""


class _OfQueue(Args, frozen=True):
    queue: str = ""


class _OneAgent(Args, frozen=True):
    agent: str


class _Mask(Args, frozen=True):
    interaction: str
    on: bool


class _Logout(Args, frozen=True):
    agent: str
    when_done: bool = False
    """When the work at hand is done, not at once."""


class _Pause(Args, frozen=True):
    agent: str
    reason: str = ""
    when_done: bool = False


class _Listing(Args, frozen=True):
    queue: str = ""
    agent: str = ""
    limit: int = views.MOST_LISTED


class _Ended(Args, frozen=True):
    since: float = 0.0
    """Seconds since the epoch."""
    within_s: float = 0.0
    """Seconds before now, as another way to say it; 0: no bound."""
    queue: str = ""
    limit: int = MOST_ENDED


class _OneInteraction(Args, frozen=True):
    interaction: str


class _Hangup(Args, frozen=True):
    interaction: str
    agent_only: bool = False


class _Change(Args, frozen=True):
    interaction: str
    priority: int | None = None
    requirement: str | None = None
    """Empty: asks for nothing besides its queue."""
    queue: str | None = None


class _CallBack(Args, frozen=True):
    interaction: str
    number: str = ""
    """Empty: the one that the customer calls from."""


class _OnOff(Args, frozen=True):
    on: bool = True


class Console:
    """The verbs over one daemon."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._centre = doors.centre
        self._since = doors.clock.now()

    # -- looking ---------------------------------------------------------------------------------

    async def status(self, _asked: _None) -> views.View:
        """The daemon and the centre in a few figures, with counters of the channels."""
        shown = await frames.status(self._centre, self._doors.clock.now())
        standing = alarms.look(self._doors)
        await asyncio.sleep(0)
        return {**shown, "alarms": standing, "daemon": self._daemon()}

    async def top(self, _asked: _None) -> views.View:
        """One frame of the live view."""
        frame = await frames.top(self._centre, self._doors.clock.now())
        frame["status"]["alarms"] = alarms.look(self._doors)
        return {**frame, "daemon": self._daemon(counters=False)}

    async def agents(self, asked: _OfQueue) -> list[views.View]:
        """All agents, or those of a queue."""
        self._know_queue(asked.queue)
        return await frames.agents(self._centre, self._doors.clock.now(), asked.queue)

    async def queues(self, _asked: _None) -> list[views.View]:
        """All queues."""
        return await frames.queues(self._centre, self._doors.clock.now())

    async def interactions(self, asked: _Listing) -> views.View:
        """Running interactions."""
        self._know_queue(asked.queue)
        if asked.agent:
            self._know_agent(asked.agent)
        now = self._doors.clock.now()
        limit = max(asked.limit, 0)
        return await frames.interactions(self._centre, now, asked.queue, asked.agent, limit)

    async def ended(self, asked: _Ended) -> views.View:
        """Ended interactions, the newest first; `more` when there are others beyond the limit."""
        self._know_queue(asked.queue)
        now = self._doors.clock.now()
        since = max(asked.since, now - asked.within_s if asked.within_s > 0 else 0.0, 0.0)
        limit = min(max(asked.limit, 0), ENDED_LIMIT)
        await self._doors.runtime.stored()

        def look(ledger: Ledger) -> list[views.View]:
            rows = ledger.records(since=since, queue=asked.queue, limit=limit + 1)
            return [views.ended_row(row) for row in rows]

        found = await self._doors.runtime.ask(look)
        return {"at": now, "since": since, "more": len(found) > limit, "listed": found[:limit]}

    async def show(self, asked: _OneInteraction) -> views.View:
        """One interaction, running or ended."""
        name = asked.interaction
        running = views.interaction(self._centre, name, self._doors.clock.now())
        if running is None:
            return views.ended(await filed(self._doors, name))
        for party in running["parties"]:
            party["srtp"] = next((row["srtp"] for row in gather(self._doors, "audio", party["leg"])), "")
        return running

    async def explain(self, asked: _OneInteraction) -> views.View:
        """Every decision about an interaction, in words."""
        name = asked.interaction
        record = self._centre.history.record(name) or await filed(self._doors, name)
        return {
            "interaction": name,
            "lines": explain(record, views.zone(record)),
            "traces": views.plain(record.traces),
        }

    def agent_reasons(self, asked: _OneAgent) -> views.View:
        """What an agent holds, and why it does not get what waits."""
        self._know_agent(asked.agent)
        return views.agent_reasons(self._centre, asked.agent, self._doors.clock.now())

    # -- acting ----------------------------------------------------------------------------------

    async def login(self, asked: _OneAgent, by: str) -> views.View:
        """An agent logs in: ready for work."""
        return await self._declare(asked.agent, Availability.READY, by)

    async def logout(self, asked: _Logout, by: str) -> views.View:
        """An agent goes home; the conversation that runs goes on."""
        return await self._declare(asked.agent, Availability.LOGGED_OUT, by, "", asked.when_done)

    async def pause(self, asked: _Pause, by: str) -> views.View:
        """No new work; `reason` by its name or its code."""
        self._know_agent(asked.agent)
        reason = self._reason(asked.reason)
        return await self._declare(asked.agent, Availability.PAUSED, by, reason, asked.when_done)

    async def ready(self, asked: _OneAgent, by: str) -> views.View:
        """Ready for work at once: pause and wrap-up are over."""
        name = asked.agent
        self._know_agent(name)
        self._doors.runtime.post(facts.WrapUpEndAsked(name, by))
        return await self._declare(name, Availability.READY, by)

    async def change(self, asked: _Change, by: str) -> views.View:
        """Another priority, requirement or queue for one that waits; its place before and after."""
        name, router = asked.interaction, self._centre.router
        if name not in self._centre.state.interactions:
            await filed(self._doors, name)
            raise Refused("interaction.ended", f"interaction {name} has ended already")
        if asked.priority is None and asked.requirement is None and asked.queue is None:
            raise Refused("interaction.nothing", "say what to change: its priority, requirement or queue")
        self._know_queue(asked.queue or "")
        try:
            parse_requirement(asked.requirement or "")
        except ExpressionFault as fault:
            raise Refused("interaction.requirement", f"requirement: {fault.message}") from fault
        before = router.position(name, self._doors.clock.now())
        if not before:
            raise Refused("interaction.not_waiting", f"interaction {name} does not wait in a queue")
        await self._commit(facts.ChangeAsked(name, by, asked.priority, asked.requirement, asked.queue))
        info = self._centre.state.interactions.get(name)
        after = router.position(name, self._doors.clock.now())
        agent = router.agent_of(name)
        return {
            "interaction": name,
            "queue": info.queue if info is not None else "",
            "before": before,
            "after": after,
            "agent": agent,
            "ringing": list(router.offers_of(name)),
        }

    async def call_back(self, asked: _CallBack, by: str) -> views.View:
        """Let a customer who waits leave the line, to be called back with the place kept."""
        name, centre = asked.interaction, self._centre
        info, talk = centre.state.interactions.get(name), centre.talks.get(name)
        if info is None or talk is None:
            await filed(self._doors, name)
            raise Refused("interaction.ended", f"interaction {name} has ended already")
        number = to_e164(asked.number or info.origin, centre.state.rules.country)
        why = callbacks.cannot_leave(talk) or callbacks.refusal(centre, info.queue, number)
        if why:
            said = callbacks.say_refusal(centre, why, info.queue, number or asked.number or info.origin)
            raise Refused("interaction.callback", f"interaction {name}: {said}")
        await self._commit(facts.CallbackAsked(name, by, number))
        position = centre.router.position(name, self._doors.clock.now())
        return {"interaction": name, "queue": info.queue, "number": number, "position": position}

    async def mask(self, asked: _Mask, by: str) -> views.View:
        """Put silence in place of what is recorded of an interaction, or end that."""
        name = asked.interaction
        talk = self._centre.talks.get(name)
        if talk is None:
            await filed(self._doors, name)
            raise Refused("interaction.ended", f"interaction {name} has ended already")
        await self._commit(facts.MaskAsked(name, asked.on, by))
        return {"interaction": name, "masked": talk.masked, "recordings": len(talk.recordings)}

    async def hangup(self, asked: _Hangup, by: str) -> views.View:
        """End a running interaction, all its legs; or the agent's part only."""
        name = asked.interaction
        if name not in self._centre.state.interactions:
            await filed(self._doors, name)
            raise Refused("interaction.ended", f"interaction {name} has ended already")
        talk = self._centre.talks.get(name)
        if asked.agent_only and (talk is None or talk.phase is not Phase.TALKING):
            raise Refused("interaction.no_agent", f"interaction {name} is with no agent")
        await self._commit(facts.HangupAsked(name, by, asked.agent_only))
        return {"interaction": name, "hung_up": True}

    async def reload(self, _asked: _None, by: str) -> views.View:
        """The configuration anew, whole or not at all."""
        changes = await self._doors.reload(by)
        return {"changes": changes, "next_start": self._doors.next_start()}

    async def diff(self, _asked: _None) -> views.View:
        """What a reload would change."""
        if self._doors.diff is None:
            raise Refused("diff.unable", "this daemon cannot compare — give `ccctl diff` two folders")
        return {"changes": await self._doors.diff()}

    async def drain(self, asked: _OnOff, by: str) -> views.View:
        """Take no new interaction, or take them again."""
        on = asked.on
        self._doors.drain(on, by)
        await self._doors.runtime.stored()
        state = self._centre.state
        return {"draining": state.draining, "interactions": len(state.interactions)}

    # -- within ----------------------------------------------------------------------------------

    async def _declare(
        self, name: str, availability: Availability, by: str, reason: str = "", when_done: bool = False
    ) -> views.View:
        self._know_agent(name)
        await self._commit(facts.AvailabilityAsked(name, availability, reason, by, when_done))
        return views.agent(self._centre, name, self._doors.clock.now())

    async def _commit(self, fact: facts.AnyFact) -> None:
        self._doors.runtime.post(fact)
        await self._doors.runtime.stored()

    def _know_agent(self, name: str) -> None:
        known = self._centre.state.rules.agents
        if name not in known:
            raise unknown("agent", name, known)

    def _know_queue(self, name: str) -> None:
        known = self._centre.state.rules.queues
        if name and name not in known:
            raise unknown("queue", name, known)

    def _reason(self, asked: str) -> str:
        """A reason by name or code; any will do where none are set up."""
        known = pause_names(self._centre.state.rules.pause_reasons)
        reason = known.get(asked, asked) or "pause"
        if known and asked and reason not in known.values():
            raise unknown("reason", asked, known.values())
        return reason

    def _daemon(self, counters: bool = True) -> views.View:
        """The process itself."""
        pressure = self._doors.runtime.pressure()
        shown: views.View = {
            "version": __version__,
            "pid": os.getpid(),
            "up_s": max(0.0, self._doors.clock.now() - self._since),
            "cpu_s": cpu_seconds(),
            "memory_mb": memory_mb(),
            "behind_s": pressure.oldest_s,
            "waiting_facts": pressure.waiting,
            "channels": {name: channel.channel_class.value for name, channel in self._doors.channels.items()},
            "next_start": self._doors.next_start(),
        }
        if counters:
            shown["counters"] = {"runtime": dict(self._doors.runtime.figures), **self._counters()}
        return shown

    def _counters(self) -> views.View:
        told: views.View = {}
        for name, channel in self._doors.channels.items():
            if isinstance(channel, Reports):
                topics = {topic: channel.report(topic) for topic in _TOPICS}
                told[name] = {topic: each for topic, each in topics.items() if each}
        return told
