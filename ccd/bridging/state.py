"""States of an interaction's parties and bridges, as data.

    FLOW ──▶ WAITING ──▶ OFFERED ──▶ CONNECTING ──▶ TALKING ──▶ ENDING
      │         ▲           │            │            │  ▲
      │         └───────────┴────────────┘            ▼  │
      └──▶ OUTSIDE_RINGING ──▶ OUTSIDE            TRANSFERRING

A callback whose agent was rung first goes CONNECTING ──▶ CALLING ──▶ TALKING, one whose customer is called
first WAITING ──▶ CALLING ──▶ OFFERED; from CALLING both come back to WAITING when nobody answers.
Where the queue has a flow for after the call, TALKING ──▶ FLOW when the agent hangs up.

`MOVES` is the whole truth; the picture only helps. A pair that is not in it raises `IllegalMove`.
"""

from enum import StrEnum

import msgspec

from ccd.errors import IllegalMove
from ccd.model.commands import DialLeg
from ccd.model.nouns import Cause, LegKind
from ccd.model.step import Say


class Phase(StrEnum):
    """Where an interaction stands between its parties."""

    FLOW = "flow"
    WAITING = "waiting"
    OFFERED = "offered"
    CALLING = "calling"
    """The customer who left the line is called back; the agent hears it ring, or is kept free meanwhile."""
    LISTENING = "listening"
    """An agent hears the message that the customer left."""
    CONNECTING = "connecting"
    """An agent accepted; the whisper plays."""
    TALKING = "talking"
    TRANSFERRING = "transferring"
    """The target of a blind transfer rings; the customer hears music."""
    OUTSIDE_RINGING = "outside_ringing"
    OUTSIDE = "outside"
    """Bridged with an outside address."""
    ENDING = "ending"
    """All legs were told to end; waits for the last of them and for recordings to close."""


class Move(StrEnum):
    """What changes a phase."""

    QUEUE = "queue"
    OFFER = "offer"
    OFFER_OVER = "offer_over"
    ACCEPT = "accept"
    CALL = "call"
    """Call the customer back."""
    LISTEN = "listen"
    BRIDGE = "bridge"
    TO_FLOW = "to_flow"
    DIAL_OUT = "dial_out"
    OUT_ANSWERED = "out_answered"
    TRANSFER = "transfer"
    TRANSFER_FAILED = "transfer_failed"
    TO_OUTSIDE = "to_outside"
    AFTER_CALL = "after_call"
    """The agent hung up, and a flow goes on with the customer."""
    END = "end"


MOVES: dict[tuple[Phase, Move], Phase] = {
    (Phase.FLOW, Move.QUEUE): Phase.WAITING,
    (Phase.FLOW, Move.DIAL_OUT): Phase.OUTSIDE_RINGING,
    (Phase.FLOW, Move.TO_FLOW): Phase.FLOW,
    (Phase.WAITING, Move.OFFER): Phase.OFFERED,
    (Phase.WAITING, Move.QUEUE): Phase.WAITING,
    (Phase.WAITING, Move.DIAL_OUT): Phase.OUTSIDE_RINGING,
    (Phase.WAITING, Move.TO_FLOW): Phase.FLOW,
    (Phase.OFFERED, Move.OFFER_OVER): Phase.WAITING,
    (Phase.OFFERED, Move.ACCEPT): Phase.CONNECTING,
    (Phase.CONNECTING, Move.CALL): Phase.CALLING,
    (Phase.CONNECTING, Move.LISTEN): Phase.LISTENING,
    (Phase.LISTENING, Move.CALL): Phase.CALLING,
    (Phase.LISTENING, Move.OFFER_OVER): Phase.WAITING,
    (Phase.WAITING, Move.CALL): Phase.CALLING,
    (Phase.CALLING, Move.BRIDGE): Phase.TALKING,
    (Phase.CALLING, Move.OFFER): Phase.OFFERED,
    (Phase.CALLING, Move.OFFER_OVER): Phase.WAITING,
    (Phase.CONNECTING, Move.BRIDGE): Phase.TALKING,
    (Phase.CONNECTING, Move.OFFER_OVER): Phase.WAITING,
    (Phase.TALKING, Move.TRANSFER): Phase.TRANSFERRING,
    (Phase.TALKING, Move.QUEUE): Phase.WAITING,
    (Phase.TALKING, Move.AFTER_CALL): Phase.FLOW,
    (Phase.TRANSFERRING, Move.BRIDGE): Phase.TALKING,
    (Phase.TRANSFERRING, Move.TO_OUTSIDE): Phase.OUTSIDE,
    (Phase.TRANSFERRING, Move.TRANSFER_FAILED): Phase.TALKING,
    (Phase.TRANSFERRING, Move.QUEUE): Phase.WAITING,
    (Phase.OUTSIDE_RINGING, Move.OUT_ANSWERED): Phase.OUTSIDE,
    (Phase.OUTSIDE_RINGING, Move.TO_FLOW): Phase.FLOW,
    **{(phase, Move.END): Phase.ENDING for phase in Phase},
}


class Role(StrEnum):
    """What a leg is to its interaction."""

    CUSTOMER = "customer"
    AGENT = "agent"
    THIRD = "third"
    """Target of a transfer that rings, or an outside party."""


class Party(msgspec.Struct, omit_defaults=True):
    """One leg of an interaction."""

    leg: str
    kind: LegKind
    agent: str = ""
    device: str = ""
    """The one of the agent's devices that answered."""
    offer: str = ""
    address: str = ""
    answered: bool = False
    held: bool = False
    early_media: bool = False
    language: str = ""
    """Of an agent: what is whispered is in it; empty: in that of the customer."""
    opened: int = 0
    """How many of the kept texts the offer has shown; the rest follows when it is taken."""


class Sending(msgspec.Struct, frozen=True, array_like=True):
    """A text on its way to a party."""

    role: Role
    message: str
    text: str


class Said(msgspec.Struct, frozen=True, array_like=True):
    """A text in a transcript."""

    who: str
    """`customer`, `bot` or `agent NAME`."""
    text: str


class BotText(msgspec.Struct, frozen=True, array_like=True):
    """What a bot wrote to the customer, kept for the agent to come."""

    text: str


class Message(msgspec.Struct, omit_defaults=True):
    """What a customer left to be heard."""

    queue: str
    min_s: float
    """With less of it spoken it is none."""
    goodbye: str = ""
    """Prompt said to the customer when it is kept."""
    goes_on: bool = False
    """In place of that the flow goes on."""
    recording: str = ""
    path: str = ""
    """Its file; empty: the customer still speaks."""
    seconds: float = 0.0
    listened_at: float = 0.0
    """When the agent who hears it now answered."""
    heard: bool = False
    """This agent heard it to its end."""
    asked: bool = False
    """What plays to this agent is not the message itself."""


class SpokenAnswer(msgspec.Struct, omit_defaults=True):
    """The answer to a question that the customer speaks now, or whose recording is being closed."""

    survey: str
    question: str
    min_s: float
    """With less of it spoken there is none."""
    recording: str = ""
    dropped: bool = False
    """The customer does not want it kept."""


_TARGETS: dict[Move, dict[Phase, Phase]] = {
    move: {phase: target for (phase, each), target in MOVES.items() if each is move} for move in Move
}
"""The same table, to be asked without a pair being made."""
_AGENT, _ENDING = Role.AGENT, Phase.ENDING  # a member taken out of its enum costs 600 instructions

HEARS_MUSIC = (Phase.WAITING, Phase.OFFERED, Phase.CONNECTING)


class Talk(msgspec.Struct, omit_defaults=True):
    """One interaction's parties."""

    interaction: str
    customer: Party
    phase: Phase = Phase.FLOW
    agent: Party | None = None
    """Who has it or is offered it; of several that ring, the first."""
    also_ringing: list[Party] = []
    """Other agents who are offered it at the same time."""
    third: Party | None = None
    transferor: str = ""
    """Agent who asked for the transfer under way, also when gone since."""
    language: str = ""
    music: str = "default"
    origin: str = ""
    display: str = ""
    whisper: str = ""
    whisper_say: Say = ""
    """Said to the agent after it, in the agent's language."""
    record: bool = False
    playing: str = ""
    """Id of the prompt that plays to the customer, empty: none."""
    whispering: str = ""
    deadline: float = 0.0
    """When ringing outside, a transfer, a callback, its goodbye, or ENDING is given up; 0: none."""
    recordings: list[str] = []
    """Open recordings."""
    recorded: int = 0
    customer_gone: bool = False
    own: bool = False
    """Dialled by an agent's phone, which is the customer here: not answered before the far end is."""
    record_own: bool = False
    record_by_flow: bool | None = None
    """Goes before what its queue says; None: the flow said nothing."""
    masked: bool = False
    """What is recorded is silence for now."""
    masked_by_flow: bool = False
    """Each conversation begins masked."""
    message: Message | None = None
    """The message that the customer speaks, or left and that no agent has dealt with yet."""
    answer: SpokenAnswer | None = None
    """None: no answer to a question is being recorded."""
    ended_at: float = 0.0
    cause: Cause = Cause.NORMAL
    settles_by: float = 0.0
    """The answer to a payment is awaited so long, also when all legs are gone; 0: none is."""
    texts: list[str | BotText] = []
    """Texts of the customer that no agent has taken yet, and what a bot wrote between them (bounded)."""
    texts_dropped: int = 0
    """How many were older, and are kept no more."""
    said: list[Said] = []
    """What was said with an agent so far, for the next one (`bridging.transcripts`, bounded)."""
    said_dropped: int = 0
    """How many of these were older."""
    number: str = ""
    """Where the customer is called back; empty: nobody asked for that."""
    away: bool = False
    """The customer left the line (or is about to, while the goodbye plays) and is to be called back."""
    reserved: Party | None = None
    """The agent who is kept free while the customer is called first."""
    comforted: int = 0
    """Words of comfort heard so far in this wait."""
    after_call: bool = False
    """When the agent hangs up, the customer goes on in a flow (`bridging.after_calls`)."""
    asking: bool = False
    """The customer waits, and a flow asks how to be called back meanwhile; or is in conversation, and goes
    through a flow while the agent waits (`bridging.asides`)."""
    pending: list[DialLeg] = []
    """Offers of a written interaction that wait a moment for the first words of the customer."""
    seen: list[str] = []
    """Role and id of the newest texts, so that a copy is not relayed twice (bounded)."""
    sending: list[Sending] = []
    """Relayed, but not yet reported as delivered or failed: said again after a restart (bounded)."""

    @property
    def speaks(self) -> bool:
        """Whether the customer speaks a message now, or its recording is being closed."""
        return self.message is not None and not self.message.path

    @property
    def is_over(self) -> bool:
        """It ended, and all of its audio is gone and closed."""
        return self.phase is _ENDING and self.customer_gone and not self.recordings

    def parties(self) -> list[tuple[Role, Party]]:
        """All that there are."""
        agents = [*([self.agent] if self.agent else []), *self.also_ringing]
        found = [(Role.CUSTOMER, self.customer), *((Role.AGENT, each) for each in agents)]
        return found if self.third is None else [*found, (Role.THIRD, self.third)]

    def party(self, leg: str, role: Role) -> Party | None:
        """The one of this leg."""
        if role is _AGENT:
            if self.agent is not None and self.agent.leg == leg:
                return self.agent
            return next((each for each in self.also_ringing if each.leg == leg), None)
        return self.customer if role is Role.CUSTOMER else self.third

    def lead(self, leg: str) -> None:
        """Of several agents who ring, let the one of this leg be `agent`."""
        if self.agent is not None and self.agent.leg != leg:
            first, others = self.agent, self.also_ringing
            self.agent = next(each for each in others if each.leg == leg)
            self.also_ringing = [first, *(each for each in others if each.leg != leg)]

    def move(self, move: Move) -> None:
        """Change the phase by the table."""
        target = _TARGETS[move].get(self.phase)
        if target is None:
            raise IllegalMove(
                "bridging.move", f"interaction {self.interaction}: {move} is not allowed in {self.phase}"
            )
        self.phase = target


class BridgingState(msgspec.Struct):
    """Everything that bridging must remember across a restart."""

    talks: dict[str, Talk] = {}
    legs_made: int = 0
    plays_made: int = 0
