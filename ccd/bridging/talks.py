"""Bridging: the legs of each interaction and who hears whom, neutral of protocol.

Pure: methods change the state and gather commands and events; `take()` hands them over. Failure
cases and what comes of them:

- the agent's leg ends before the bridge: `AgentMissed` with its own end; the customer keeps the music;
- the customer leaves at any time: `CustomerGone`; every other leg is released in the same turn;
- the customer leaves the line to be called back: nothing ends (`bridging.callbacks`);
- a leg that is already released reports its end or its answer late: nobody is listening, no effect;
- a recording or a customer's leg never reports its end: the interaction closes after `ENDING_S`;
- a payment was asked for: the interaction closes when its answer is there (`runtime.charges`).
"""

import heapq
from collections.abc import Callable

import msgspec

from ccd.bridging import (
    after_calls,
    asides,
    callbacks,
    overdue,
    own_calls,
    recording,
    texts,
    thirds,
    voicemail,
)
from ccd.bridging import events as ev
from ccd.bridging.misses import miss_of
from ccd.bridging.state import HEARS_MUSIC, BridgingState, Move, Party, Phase, Role, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, LegKind, OfferEnd, PromptPart
from ccd.model.step import Say

ENDING_S = 10.0
WHISPER_S = 15.0
DEVICE_CHANNEL = "voice"
"""Channel instance that owns the agents' devices."""

# Under names of their own: in Python 3.11 a member taken out of its enum costs 600 machine instructions.
_CUSTOMER, _AGENT, _THIRD = Role.CUSTOMER, Role.AGENT, Role.THIRD
_OFFERED, _CALLING, _TALKING = Phase.OFFERED, Phase.CALLING, Phase.TALKING
_TRANSFERRING, _ENDING, _TEXT, _AUDIO = Phase.TRANSFERRING, Phase.ENDING, LegKind.TEXT, LegKind.AUDIO
_QUEUE, _OFFER, _ACCEPT, _BRIDGE, _END = Move.QUEUE, Move.OFFER, Move.ACCEPT, Move.BRIDGE, Move.END


class Talks:
    """All interactions' parties."""

    def __init__(self, state: BridgingState | None = None) -> None:
        self.state = state or BridgingState()
        self.get: Callable[[str], Talk | None] = self.state.talks.get
        """An interaction's parties; None: it is over."""
        self.commands: list[cmd.Command] = []
        self.events: list[ev.AnyEvent] = []
        self.legs: dict[str, tuple[Talk, Role]] = {}
        self.recordings: dict[str, Talk] = {}
        self._deadlines: list[tuple[float, str]] = []
        for talk in self.state.talks.values():
            self._index(talk)

    def _index(self, talk: Talk) -> None:
        if not talk.customer_gone:
            self.legs[talk.customer.leg] = (talk, _CUSTOMER)
        for role, party in talk.parties()[1:]:
            self.legs[party.leg] = (talk, role)
        for name in talk.recordings:
            self.recordings[name] = talk
        if talk.deadline:
            heapq.heappush(self._deadlines, (talk.deadline, talk.interaction))

    def take(self) -> tuple[list[cmd.Command], list[ev.AnyEvent]]:
        """Commands and events gathered since the last call."""
        commands, events = self.commands, self.events
        self.commands, self.events = [], []
        return commands, events

    # -- asked by the composition ---------------------------------------------------------------

    def arrive(
        self, interaction: str, leg: str, kind: LegKind, *, origin: str, display: str, language: str
    ) -> Talk:
        """A customer's leg arrived."""
        party = Party(leg, kind, address=origin)
        talk = Talk(interaction, party, origin=origin, display=display, language=language)
        self.state.talks[interaction] = talk
        self.legs[leg] = (talk, _CUSTOMER)
        return talk

    def answer(self, talk: Talk) -> None:
        """Answer the customer's leg, once."""
        if not talk.customer.answered and not talk.customer_gone:
            talk.customer.answered = True
            self.commands.append(cmd.AnswerLeg(talk.customer.leg))

    def play(self, talk: Talk, play: str, parts: tuple[PromptPart, ...], language: str, barge: bool) -> None:
        """Play a prompt of the flow; texts have no ears: they read it, and it is over at once."""
        if talk.customer.kind is _TEXT or talk.customer_gone:
            if not talk.customer_gone:
                self.answer(talk)
                texts.show(self, talk, play, parts)
            self.events.append(ev.PromptOver(talk.interaction, play, completed=True))
            return
        self.answer(talk)
        talk.playing = play
        self.commands.append(cmd.PlayPrompt(talk.customer.leg, play, parts, language, barge))

    def wait(self, talk: Talk, music: str, *, whisper: str, record: bool, whisper_say: Say = "") -> None:
        """The interaction waits in a queue; the whispers are for its agent, before the bridge."""
        if talk.phase is _TALKING or talk.phase is _TRANSFERRING:
            talk.masked = talk.masked_by_flow  # a mask is the conversation's
        talk.move(_QUEUE)
        talk.music = music
        if whisper or whisper_say or talk.whisper or talk.whisper_say or talk.comforted:
            talk.whisper, talk.whisper_say, talk.comforted = whisper, whisper_say, 0
        talk.record = record if talk.record_by_flow is None else talk.record_by_flow
        if talk.customer.kind is not _TEXT:  # who writes hears no music: answered when it is taken
            self.answer(talk)
        self.start_music(talk)

    def back_to_flow(self, talk: Talk) -> None:
        """The flow is in charge again (overflow without a target, failed transfer)."""
        talk.move(Move.TO_FLOW)
        talk.asking = False
        self.set_deadline(talk, 0.0)

    def offer(
        self,
        talk: Talk,
        offer: str,
        agent: str,
        devices: tuple[str, ...],
        card: cmd.OfferCard,
        now: float,
        language: str = "",
    ) -> str:
        """Ring an agent's devices, beside those of others that ring already; the leg."""
        kind = talk.customer.kind
        party = Party(leg=self.leg_id(), kind=kind, agent=agent, offer=offer, language=language)
        if talk.phase is _OFFERED:
            talk.also_ringing = [*talk.also_ringing, party]
        else:
            talk.move(_OFFER)
            talk.agent = party
        self.legs[party.leg] = (talk, _AGENT)
        dial = cmd.DialLeg(party.leg, kind, card, devices=devices, peer=talk.customer.leg)
        if kind is _TEXT:
            texts.offer(self, talk, dial, now)
        else:
            self.commands.append(dial)
        return party.leg

    def withdraw_offer(self, talk: Talk, offer: str, cause: Cause, by: str = "") -> None:
        """Take an offer back: the agent's devices stop ringing; the customer's music never stopped.

        `by`: who took it, as shown to people.
        """
        if callbacks.withdrawn(self, talk, offer):
            return
        other = next((each for each in talk.also_ringing if each.offer == offer), None)
        if other is not None:
            self._release_party(talk, other, cause, by)
            talk.also_ringing = [each for each in talk.also_ringing if each is not other]
        elif talk.agent is not None and talk.agent.offer == offer:
            self.release(talk, _AGENT, cause)
            if talk.phase in {_OFFERED, Phase.CONNECTING, Phase.LISTENING}:
                self.offer_over(talk)

    def offer_over(self, talk: Talk) -> None:
        """The offer in the first place ended: the next one that rings takes it, or none does."""
        if talk.also_ringing:
            talk.agent, talk.also_ringing = talk.also_ringing[0], talk.also_ringing[1:]
            return
        talk.move(Move.OFFER_OVER)
        talk.reserved = None
        talk.whispering, talk.pending = "", []
        self.set_deadline(talk, 0.0)

    def connect(
        self, talk: Talk, now: float, whisper: tuple[PromptPart, ...] = (), language: str = ""
    ) -> None:
        """The accepted offer holds: whisper to the agent if there is anything to say, then bridge."""
        agent = talk.agent
        if agent is None:
            return
        if whisper and agent.kind is _AUDIO:
            talk.whispering = self.play_id()
            self.set_deadline(talk, now + WHISPER_S)
            self.commands.append(cmd.PlayPrompt(agent.leg, talk.whispering, whisper, language))
        else:
            self.bridge(talk)

    def end(self, talk: Talk, cause: Cause, now: float) -> None:
        """End the interaction: every leg and recording; `Closed` follows when all are gone."""
        if talk.phase is _ENDING:
            return
        talk.move(_END)
        talk.cause, talk.ended_at = cause, now
        if talk.asking or talk.reserved is not None:
            talk.reserved, talk.asking = None, False
        if talk.recordings:
            recording.stop_recordings(self, talk)
        for role, party in ((_AGENT, talk.agent), (_THIRD, talk.third)):
            if party is not None:
                self.release(talk, role, cause if party.answered else Cause.CANCELLED)
        for other in talk.also_ringing:
            self._release_party(talk, other, Cause.CANCELLED)
        if talk.also_ringing or talk.pending:
            talk.also_ringing, talk.pending = [], []
        if not talk.customer_gone:
            self.commands.append(cmd.ReleaseLeg(talk.customer.leg, cause))
        if talk.is_over:
            self.close_if_done(talk)
        else:
            self.set_deadline(talk, max(now + ENDING_S, talk.settles_by))

    # -- facts about legs ------------------------------------------------------------------------

    def ringing(self, leg: str, early_media: bool) -> None:
        """A dialled leg rings; early media of an outside address is heard at once."""
        found = self.legs.get(leg)
        if found is None:
            return
        talk, role = found
        self.events.append(ev.Noted(talk.interaction, "ringing", {"leg": leg, "role": str(role)}))
        if role is _CUSTOMER:
            callbacks.ringing(self, talk, early_media)
        elif role is _THIRD and talk.third is not None:
            thirds.ringing(self, talk, talk.third, early_media)

    def answered(self, leg: str, device: str) -> None:
        """A dialled leg was answered (late answers of released legs find nobody)."""
        found = self.legs.get(leg)
        if found is None:
            return
        talk, role = found
        if role is _CUSTOMER:
            if talk.phase is _CALLING:
                callbacks.answered(self, talk)
            return
        if role is _AGENT:
            talk.lead(leg)
        party = talk.agent if role is _AGENT else talk.third
        if party is None or party.answered:
            return
        party.answered, party.device = True, device
        if role is _THIRD:
            thirds.answered(self, talk, party)
        elif talk.phase is _OFFERED:
            talk.move(_ACCEPT)
            if talk.pending:
                talk.pending = [each for each in talk.pending if each.leg != leg]
            self.events.append(ev.AgentAccepted(talk.interaction, party.offer))

    def ended(self, leg: str, cause: Cause, now: float) -> None:
        """A leg is gone."""
        found = self.legs.pop(leg, None)
        if found is None:
            return
        talk, role = found
        told: dict[str, str | int | float] = {"leg": leg, "role": str(role), "cause": str(cause)}
        self.events.append(ev.Noted(talk.interaction, "leg ended", told))
        if role is _CUSTOMER:
            talk.customer_gone = True
            if talk.phase is _ENDING:
                self.close_if_done(talk)
            elif talk.speaks:
                voicemail.caller_gone(self, talk, now)
            elif talk.away:
                callbacks.line_down(self, talk, cause)
            else:
                talk.ended_at = now
                self.events.append(ev.CustomerGone(talk.interaction, talk.phase, cause))
        elif role is _AGENT:
            talk.lead(leg)
            self.agent_gone(talk, cause, now)
        else:
            thirds.gone(self, talk, cause, now)

    def held(self, leg: str, on: bool) -> None:
        """A party put us on hold or took us back."""
        found = self.legs.get(leg)
        if found is None:
            return
        talk, role = found
        party = talk.party(leg, role)
        if party is None or party.held is on:
            return
        party.held = on
        self.note(talk, "held" if on else "resumed", role=str(role))
        if role is _AGENT and talk.phase is _TALKING:
            if talk.asking:
                asides.held(self, talk, leg, on)
            elif on:
                self.commands.append(cmd.PartLegs(leg))
                self.start_music(talk)
            else:
                self.commands.append(cmd.BridgeLegs(talk.customer.leg, leg))
        elif role is not _AGENT:
            own_calls.held(self, talk, role, on)

    def media_lost(self, leg: str, silent_s: float) -> None:
        """A party fell silent without a word: end its leg; its end follows as a fact.

        Who was dialled and has not answered yet may be as silent as it likes, also with early media.
        """
        found = self.legs.get(leg)
        if found is None:
            return
        talk, role = found
        if role is _THIRD and talk.third is not None and not talk.third.answered:
            return
        self.note(talk, "media lost", leg=leg, silent_s=round(silent_s, 1))
        self.commands.append(cmd.ReleaseLeg(leg, Cause.MEDIA_LOST))

    def prompt_ended(self, leg: str, play: str, completed: bool, note: str) -> None:
        """A prompt is over: the whisper leads to the bridge, a position back to the music."""
        found = self.legs.get(leg)
        if found is None:
            return
        talk, role = found
        if note:
            self.note(talk, "prompt failed", note=note)
        if role is _AGENT and play == talk.whispering:
            if talk.phase is Phase.CONNECTING:
                self.bridge(talk)
            elif talk.phase is Phase.LISTENING:
                voicemail.played(self, talk, completed, note)
        elif role is _CUSTOMER and play == talk.playing:
            talk.playing = ""
            if talk.away and not talk.asking and talk.phase is not _ENDING:
                callbacks.hang_up(self, talk)
            elif talk.phase in HEARS_MUSIC and not talk.asking:
                self.start_music(talk)
            else:
                self.events.append(ev.PromptOver(talk.interaction, play, completed, note))

    # -- time ------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `expire` is due next; None: never."""
        heap = self._deadlines
        while heap:
            at, interaction = heap[0]
            talk = self.state.talks.get(interaction)
            if talk is not None and talk.deadline == at:
                return at
            heapq.heappop(heap)
        return None

    def expire(self, now: float) -> None:
        """Act on every deadline that is due."""
        while (due := self.next_deadline()) is not None and due <= now:
            _, interaction = heapq.heappop(self._deadlines)
            talk = self.state.talks[interaction]
            talk.deadline = 0.0
            overdue.act(self, talk, now)

    def restarted(self, now: float) -> list[Talk]:
        """After a restart: audio is gone. The answer are the written ones, to be `texts.reopen`ed."""
        written = []
        for talk in list(self.state.talks.values()):
            if talk.customer.kind is _TEXT:
                written.append(talk)
                continue
            if callbacks.restarted(self, talk):
                continue
            for name in list(talk.recordings):
                recording.ended(self, name, "", 0.0, "cut by a restart", 0.0)
            self.ended(talk.customer.leg, Cause.RESTART, now)
        return written

    # -- within ----------------------------------------------------------------------------------

    def bridge(self, talk: Talk) -> None:
        """Customer and agent are both there: join them."""
        agent = talk.agent
        if agent is None:
            return
        talk.move(_BRIDGE)
        talk.deadline = 0.0
        if talk.whispering or talk.playing:
            talk.whispering = talk.playing = ""
        if talk.asking or talk.number or talk.message is not None:
            talk.asking, talk.number, talk.message = False, "", None
        self.join_agent(talk, agent)
        self.events.append(ev.Bridged(talk.interaction, agent.agent))

    def join_agent(self, talk: Talk, agent: Party) -> None:
        """Let customer and agent hear or read each other."""
        if agent.kind is _TEXT:
            self.answer(talk)
            texts.give_rest(self, talk, _AGENT)
            return
        if agent.held:  # the phone answered so: the customer waits for it to come back
            self.start_music(talk)
        else:
            self.commands.append(cmd.BridgeLegs(talk.customer.leg, agent.leg))
        if talk.record:
            recording.record(self, talk, talk.customer.leg, agent.leg)

    def agent_gone(self, talk: Talk, cause: Cause, now: float) -> None:
        """The first agent's leg is down."""
        agent, talk.agent = talk.agent, None
        if agent is None:
            return
        phase = talk.phase
        if phase in {_OFFERED, Phase.CONNECTING}:
            end = OfferEnd.VANISHED if phase is Phase.CONNECTING else miss_of(cause)
            self.offer_over(talk)
            self.events.append(ev.AgentMissed(talk.interaction, agent.offer, end))
        elif phase is _CALLING:
            callbacks.agent_left(self, talk)
        elif phase is Phase.LISTENING:
            voicemail.agent_gone(self, talk, agent.offer)
        elif phase in {_TALKING, _TRANSFERRING}:
            talk.asking = False
            self.events.append(ev.TalkOver(talk.interaction, agent.agent, by_agent=True))
            if phase is _TALKING and not after_calls.keep(self, talk, cause):
                self.end(talk, cause, now)

    def release(self, talk: Talk, role: Role, cause: Cause, *, keep: bool = False) -> None:
        """End the leg of agent or third and (unless `keep`) forget it; nothing more is heard of it."""
        party = talk.agent if role is _AGENT else talk.third
        if party is None:
            return
        self._release_party(talk, party, cause)
        if not keep and role is _AGENT:
            talk.agent = None
        elif not keep:
            talk.third = None

    def _release_party(self, talk: Talk, party: Party, cause: Cause, by: str = "") -> None:
        self.legs.pop(party.leg, None)
        if talk.pending and any(each.leg == party.leg for each in talk.pending):  # it was never dialled
            talk.pending = [each for each in talk.pending if each.leg != party.leg]
        else:
            self.commands.append(cmd.ReleaseLeg(party.leg, cause, by))

    def start_music(self, talk: Talk) -> None:
        """Let the customer hear the queue's music."""
        if talk.customer.kind is _AUDIO and not (talk.customer_gone or talk.away or talk.asking):
            self.commands.append(cmd.StartMusic(talk.customer.leg, talk.music))

    def close_if_done(self, talk: Talk) -> None:
        if not talk.is_over:
            return
        if talk.settles_by:
            self.set_deadline(talk, talk.settles_by)
        else:
            self.close(talk)

    def close(self, talk: Talk) -> None:
        """All of it is gone."""
        if self.state.talks.pop(talk.interaction, None) is None:
            return
        self.legs.pop(talk.customer.leg, None)
        for name in talk.recordings:
            self.recordings.pop(name, None)
        self.events.append(ev.Closed(talk.interaction, talk.cause, talk.ended_at))

    def discard(self, talk: Talk) -> list[cmd.AnyCommand]:
        """Take an interaction out by force (a bug of ours): its legs are released, nothing else happens."""
        parties = [party for _, party in talk.parties()]
        self.state.talks.pop(talk.interaction, None)
        for party in parties:
            self.legs.pop(party.leg, None)
        for name in talk.recordings:
            self.recordings.pop(name, None)
        return [cmd.ReleaseLeg(party.leg, Cause.FAULT) for party in parties]

    def set_deadline(self, talk: Talk, at: float) -> None:
        """When ringing outside, a transfer, a whisper or the end is given up; 0: never."""
        talk.deadline = at
        if at:
            heapq.heappush(self._deadlines, (at, talk.interaction))

    def leg_id(self) -> str:
        """Id for a leg that we dial."""
        self.state.legs_made += 1
        return f"{DEVICE_CHANNEL}:d{self.state.legs_made}"

    def play_id(self) -> str:
        """Id for a prompt, or for a text of ours."""
        self.state.plays_made += 1
        return f"b{self.state.plays_made}"

    def note(self, talk: Talk, what: str, **details: str | int | float) -> None:
        """A line for the timeline; empty details are left out."""
        if "" in details.values():
            details = {key: value for key, value in details.items() if value != ""}
        self.events.append(ev.Noted(talk.interaction, what, details))


def decode_state(data: bytes) -> BridgingState:
    """Read a state written by `msgspec.msgpack.encode`."""
    return msgspec.msgpack.decode(data, type=BridgingState)
