"""The centre: all engines composed, one fact at a time.

`turn(fact, now)` hands a fact to the engines that it concerns. What they answer — flows their wants
(`Do`), routing its decisions, bridging its events — goes through one work list until nothing is left;
commands gather on the way. Everything is synchronous and deterministic: the same facts with the same
times give the same state and the same commands, so a restart is a replay.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from math import ceil, inf
from typing import Any

import msgspec

from ccd.bridging.talks import Talks
from ccd.channels.ledger import RecordRow
from ccd.errors import Refused
from ccd.history.explain import ENTRY_RULES
from ccd.history.history import History
from ccd.ivr.flows import Flows
from ccd.ivr.scripts import Look
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.bots import CHANNEL
from ccd.model.clock_figures import Clock
from ccd.model.entry import NOTHING, Weighed, both, entry_rules, weigh
from ccd.model.nouns import Cause
from ccd.model.rules import QueueRule, Target
from ccd.model.step import Say
from ccd.routing.router import Router
from ccd.routing.state import Callback
from ccd.routing.strategies import Strategy
from ccd.runtime import charges, deletions, emergency, line_times, links, longest, recalls, voicemail
from ccd.runtime.callbacks import callback_number
from ccd.runtime.consequences import CONSEQUENCES
from ccd.runtime.entry import seen
from ccd.runtime.leaving import leave
from ccd.runtime.packing import Packing, pack
from ccd.runtime.profiles import InForce, end_due, next_end
from ccd.runtime.reactions import FACTS
from ccd.runtime.relaxations import in_words
from ccd.runtime.state import STATE_VERSION, CentreState, Interaction


class Centre:
    """One contact centre, without sockets and without a clock."""

    def __init__(self, strategies: Mapping[str, Strategy] | None = None) -> None:
        """`strategies` are one's own ways to choose an agent, by name."""
        self._strategies = dict(strategies or {})
        self._build(CentreState(version=STATE_VERSION))

    def _build(self, state: CentreState) -> None:
        self.state = state
        rules = state.rules
        self.router = Router(rules, state.routing, self._strategies)
        self.history = History(state.history)
        self.flows = Flows(
            rules, state.flows, self._look, self.history.flows, lambda queue: voicemail.is_full(self, queue)
        )
        self.look: Look = self._look
        """What conditions of entry rules look names up with; a rehearsal puts its own in place."""
        self.talks = Talks(state.bridging)
        state.routing, state.flows = self.router.state, self.flows.state
        state.bridging, state.history = self.talks.state, self.history.state
        self.messages = dict.fromkeys(
            name for name, talk in self.talks.state.talks.items() if talk.message is not None
        )
        """Interactions with a message, spoken or kept; also some whose message is over."""
        self.lines = line_times.lines_of(state.interactions)
        self.opens = links.by_digest(state)
        """Digest of a link's token → the question that sent it."""
        self.now = 0.0
        self.out: list[cmd.AnyCommand] = []
        self.work: deque[Any] = deque()
        self.push: Callable[[Iterable[Any]], None] = self.work.extend
        """Add decisions or wants to the work list."""
        self.records: list[RecordRow] = []
        self._item: Any = None
        """Fact or answer of an engine that is being worked on."""
        self.rules_cue = ""
        """What made routing look at everything anew, when that was a profile."""
        self._rescue: list[cmd.AnyCommand] = []
        self.index_rules()

    def index_rules(self) -> None:
        """Rebuild what is looked up by device, extension or queue, the clock, and when a profile ends."""
        rules = self.state.rules
        self.owners = {device: agent.name for agent in rules.agents.values() for device in agent.devices}
        self.extensions: dict[str, Target] = {
            agent.extension: Target(agent=agent.name) for agent in rules.agents.values() if agent.extension
        }
        self.extensions.update(
            {queue.extension: Target(queue=queue.name) for queue in rules.queues.values() if queue.extension}
        )
        self.in_force = InForce(self.state)
        self.clock = Clock(rules.zone, rules.calendars)

    # -- what the runtime needs --------------------------------------------------------------------

    def turn(self, fact: facts.AnyFact, now: float) -> list[cmd.AnyCommand]:
        """Take one fact; return what is to be done outside, in order.

        A bug raises (the runtime reports it and goes on); the one interaction that it struck is closed, and
        what that takes outside follows with the next turn, which is due at once.
        """
        self.now = now
        self.out = []
        if self._rescue:
            self.out, self._rescue = self._rescue, []
        self._item = fact
        try:
            state = self.state
            ends = state.profiles or state.notices or state.saying or self.router.state.closures
            if ends and type(fact) is not facts.DaemonStarted:
                self._end_due()
            FACTS[type(fact)](self, fact)
            self.settle()
        except Exception:
            self._close_broken()
            raise
        return self.out

    def _end_due(self) -> None:
        """A profile, notice or closing that is over must not be followed by this fact any more: they end by
        themselves, and no engine keeps their time.

        Only the end of the former process comes first: its calls are to be let go of, not served anew.
        """
        if self.state.profiles:
            end_due(self)
            self.settle()
        if (at := emergency.next_end(self.state)) is not None and at <= self.now:
            emergency.end_due(self)
            self.settle()

    def _close_broken(self) -> None:
        """Close the interaction at which a turn broke off; nothing half done may leak into the next."""
        self.work.clear()
        self.talks.take()
        name = getattr(self._item, "interaction", "")
        found = self.talks.legs.get(getattr(self._item, "leg", ""))
        talk = found[0] if found is not None else self.talks.get(name)
        self.out = []
        if talk is None:
            return
        info = self.state.interactions.get(talk.interaction)
        self.history.note(talk.interaction, self.now, "closed by a fault of ours")
        try:
            if info is not None:
                leave(self, info, talk, Cause.FAULT)
            self.settle()
            self._rescue = self.out
        except Exception:  # the engines cannot let go of it in order: take it out by force
            self.work.clear()
            begun, _ = self.talks.take()
            self._rescue = [*self.out, *begun, *self.talks.discard(talk)]  # type: ignore[list-item]
            gone = self.state.interactions.pop(talk.interaction, None)
            if gone is not None:
                charges.closed(self, gone)
                links.over(self, gone)
            if gone is not None and gone.bot is not None:
                self._rescue.append(cmd.StopBot(f"{CHANNEL}:{gone.bot.conversation}"))

    def next_deadline(self) -> float | None:
        """When a `TimePassed` is due."""
        state = self.state
        nearest = min(
            self.router.next_deadline() or inf,
            self.flows.next_deadline() or inf,
            self.talks.next_deadline() or inf,
        )
        if self._rescue:
            nearest = min(self.now or inf, nearest)
        if state.profiles:
            nearest = min(next_end(state) or inf, nearest)
        if state.notices or state.saying or self.router.state.closures:
            nearest = min(emergency.next_end(state) or inf, nearest)
        if state.deletions:
            nearest = min(deletions.next_due(self) or inf, nearest)
        if state.link_ends:
            nearest = min(links.next_due(self) or inf, nearest)
        if self.lines and self.lines[0][0] + state.rules.longest_call_s < nearest:
            nearest = min(longest.next_due(self) or inf, nearest)
        return None if nearest == inf else nearest

    def take_records(self) -> list[RecordRow]:
        """Records filed since the last call."""
        records, self.records = self.records, []
        return records

    def dump(self) -> bytes:
        """The whole state."""
        return msgspec.msgpack.encode(self.state)

    def dump_in_pieces(self) -> Packing:
        """The same bytes, a piece at a time; nothing may be turned before `LET_GO`."""
        return pack(self.state)

    def load(self, state: bytes) -> None:
        """Take over a dumped state. Raises `Refused`, nothing changed, for that of another version."""
        decoded = msgspec.msgpack.decode(state, type=CentreState)
        if decoded.version != STATE_VERSION:
            raise Refused(
                "centre.version", f"the snapshot has state version {decoded.version}, not {STATE_VERSION}"
            )
        self._build(decoded)

    # -- within ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let the engines answer each other until nobody has anything left to say."""
        work, commands, events = self.work, self.talks.commands, self.talks.events
        consequences = CONSEQUENCES
        while True:
            if commands:
                self.out += commands  # type: ignore[arg-type]  # Command is the closed union's base
                commands.clear()
            if events:
                work.extend(events)
                events.clear()
            if not work:
                return
            item = self._item = work.popleft()
            consequences[type(item)](self, item)

    def enqueue(
        self,
        info: Interaction,
        queue: str,
        priority: int | None = None,
        *,
        again: bool = False,
        passed_on_by: str = "",
        prefer: str = "",
        prefer_wait_s: float = 0.0,
        whisper: str = "",
        whisper_say: Say = "",
        callback: Callback | None = None,
    ) -> None:
        """Let an interaction wait in a queue; its first entry keeps its place.

        `again`: out of a conversation, which ends for its agent in the same move. `callback`: its customer
        holds no line. `whisper`, `whisper_say`: instead of the queue's.
        """
        talk = self.talks.get(info.id)
        rule = self.state.rules.queues.get(queue)
        if talk is None:
            return
        if rule is None:
            self.history.note(info.id, self.now, "no such queue", queue=queue)
            leave(self, info, talk, Cause.FAULT)
            return
        if priority is not None:
            info.priority = priority
        info.queue = queue
        if not info.entered_at:
            info.entered_at = self.now
        weighed = self._weigh(info, rule)
        worth, requirement = _asks_for(info, rule, weighed)
        if self.state.callbacks and not talk.away:
            recalls.called_again(self, info)
        if not (whisper or whisper_say):
            whisper, whisper_say = rule.whisper, rule.whisper_say
        self.talks.wait(talk, rule.music, whisper=whisper, record=rule.record, whisper_say=whisper_say)
        self._note_entry(info, worth, weighed)
        enter = self.router.requeue if again else self.router.enqueue
        self.push(
            enter(
                info.id,
                queue,
                self.now,
                channel_class=info.channel_class,
                kind=info.kind,
                priority=worth,
                entered_at=info.entered_at,
                passed_on_by=passed_on_by,
                requirement=requirement,
                prefer=prefer,
                prefer_wait_s=prefer_wait_s,
                callback=callback,
                customer=info.customer if self.router.state.lost and not recalls.is_recall(info) else "",
            )
        )

    def _note_entry(self, info: Interaction, worth: int | None, weighed: Weighed) -> None:
        """That it waits, with what priority, and which rules had a say in it."""
        self.history.queued(info.id, info.queue, self.now, worth or 0)
        if weighed.held:
            self._note_weighed(info, weighed)
        if profiles := self.in_force.changed.get(info.queue):
            self.history.note(info.id, self.now, "under profile", profile=profiles)

    def _note_weighed(self, info: Interaction, weighed: Weighed) -> None:
        more = {"requirement": weighed.requirement} if weighed.requirement else {}
        more |= {"was": in_words(weighed.was)} if weighed.was else {}
        rules = ", ".join(weighed.held)
        self.history.note(info.id, self.now, ENTRY_RULES, rules=rules, add=weighed.added, **more)

    def _weigh(self, info: Interaction, rule: QueueRule) -> Weighed:
        rules = entry_rules(self.state.rules.entry, rule)
        if not rules:
            return NOTHING
        return weigh(rules, self.look(info.id))

    def _look(self, interaction: str) -> Callable[[str], Any]:
        """What conditions about an interaction look names up with, now."""
        flows = self.flows
        flow = flows.where(interaction).partition("/")[0]
        variables = {"language": flows.language(interaction), **flows.variables(interaction)}
        return seen(self, self.state.interactions[interaction], flow, variables)

    def card(self, info: Interaction) -> cmd.OfferCard:
        """What an offer of this interaction shows."""
        rule, talk = self.state.rules.queues.get(info.queue), self.talks.get(info.id)
        away = talk is not None and talk.away  # else there is no number to call, and no message
        number = callback_number(self, info) if away else ""
        message_s = ceil(voicemail.seconds(talk)) if away else 0
        return cmd.OfferCard(
            interaction=info.id,
            queue=(rule.display or rule.name) if rule else "",
            waited_s=int(self.now - info.entered_at) if info.entered_at else 0,
            caller=number or info.address,
            caller_name=info.display,
            callback=bool(number) and not message_s,
            voicemail_s=message_s,
            screen=info.screen,
            continues=info.continues.interaction if info.continues is not None else "",
            consults=info.consults,
        )

    def update_reach(self, agent: str) -> None:
        """Tell routing whether any of the agent's devices can be reached, and if not, why."""
        rule = self.state.rules.agents.get(agent)
        if rule is None:
            return
        state, why = self.state, "no device registered"
        for device in rule.devices:
            if not state.bindings.get(device):
                continue
            if device not in state.lost:
                self.push(self.router.set_reachable(agent, True, self.now, ""))
                return
            why = state.lost[device]
        self.push(self.router.set_reachable(agent, False, self.now, why))

    def free_helper(self, info: Interaction) -> None:
        """The agent occupied outside routing is free again."""
        if info.helper:
            helper, info.helper = info.helper, ""
            self.push(self.router.vacate(helper, info.id, self.now))


def _asks_for(info: Interaction, rule: QueueRule, weighed: Weighed) -> tuple[int | None, str]:
    """Priority (None: its queue's) and requirement of what enters a queue, with what entry rules add."""
    worth, requirement = info.priority, info.requirement
    if weighed.added:
        worth = (rule.priority if worth is None else worth) + weighed.added
    if weighed.requirement:
        requirement = both(requirement, weighed.requirement)
    return worth, requirement
