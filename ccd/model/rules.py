"""What the engines follow: agents, queues, flows and numbers as frozen values.

`config/` makes them from TOML; the whole value is a fact in the ledger (`RulesLoaded`), so a replay
follows the rules of its day. Nothing secret stands here. Units are in the names.
"""

from collections.abc import Mapping
from typing import Any

from ccd.model.callback_rules import CallbackRule
from ccd.model.frozen import Frozen
from ccd.model.hours import CalendarRule
from ccd.model.links import LinkTexts, SurveyLink
from ccd.model.nouns import ChannelClass, OfferEnd
from ccd.model.step import Say
from ccd.model.steps import AnyStep
from ccd.model.targets import Share as Share  # noqa: PLC0414 (found here too)
from ccd.model.targets import Target as Target  # noqa: PLC0414 (found here too)
from ccd.model.targets import way_of as way_of  # noqa: PLC0414 (found here too)
from ccd.model.voicemail_rules import VoicemailRule
from ccd.model.waiting_keys import WaitingKey

WRAP_UP_NONE, WRAP_UP_TIMED, WRAP_UP_UNTIL_ENDED = "none", "timed", "until_ended"
DISPOSITION_OPTIONAL, DISPOSITION_REQUIRED = "optional", "required"


class AgentRule(Frozen, frozen=True):
    """One person who serves queues."""

    name: str
    display: str = ""
    extension: str = ""
    """Number that colleagues dial or transfer to."""
    devices: tuple[str, ...] = ()
    capacity: int = 100
    language: str = ""
    wrap_up: str | None = None
    """`none`, `timed` or `until_ended`: overrides the queue's wrap-up, whatever its length."""
    wrap_up_s: float | None = None
    """Overrides the queue's wrap-up when set."""
    wrap_up_extend_s: float | None = None
    """Overrides the queue's when set."""
    wrap_up_extensions: int | None = None
    """Overrides the queue's when set."""
    wrap_up_longest_s: float | None = None
    """Overrides the queue's when set."""
    skills: dict[str, int] = {}
    """Skill → level, 1 to 10."""
    load: dict[ChannelClass, int] = {}
    """Load of an interaction by channel class for this agent; goes before the queue's."""
    most: dict[ChannelClass, int] = {}
    """Most interactions of a channel class at a time, whatever room is left."""
    works_on_hold: bool = False
    """While the agent has a customer on hold, that conversation takes no room."""
    may_dial: tuple[str, ...] | None = None
    """Outside numbers that the agent's phone may dial, instead of those of `[own_calls]`."""
    may_transfer: tuple[str, ...] | None = None
    """Outside numbers to which the agent may send a customer on, instead of those of `[own_calls]`."""
    caller_id: str = ""
    """Number of the centre that the agent's own calls show outside; empty: the trunk's."""


class Relax(Frozen, frozen=True):
    """What a queue asks for no longer once an interaction has waited in it for `after_s`, or while `when`
    holds, or (both set) for one that has waited so long while it holds. It adds up."""

    after_s: float = 0.0
    when: str = ""
    """Condition about figures of queues, e.g. `ewt_s > 180` (of this one) or `queue.sales.free > 2`. What it
    gave to one that waits stays given to it, also when the condition holds no longer."""
    drop: tuple[str, ...] = ()
    """Skills that are no longer asked for."""
    at_most: dict[str, int] = {}
    """Skill → the level that is asked for at most."""
    open: tuple[str, ...] = ()
    """Queues whose agents join in, after the queue's own."""


class Tier(Frozen, frozen=True):
    """Agents who are asked from `after_s` of waiting on, and only when no earlier tier has one free."""

    agents: tuple[str, ...]
    after_s: float = 0.0


CLOSE_SERVE, CLOSE_OVERFLOW = "serve", "overflow"
EMPTY_NEVER, EMPTY_LOGGED_OUT, EMPTY_NOT_READY = "never", "logged_out", "not_ready"


class EntryRule(Frozen, frozen=True):
    """[[queues.Q.entry]]: more (or less) priority, and a requirement, for some of those who enter."""

    when: str = ""
    """Condition, e.g. `starts_with(caller, "+41") or "vip" in tags`; empty: always."""
    add: int = 0
    """Points added to the priority."""
    requirement: str = ""
    """What it asks for besides the queue's requirement, and the flow's."""
    name: str = ""
    """How the timeline calls the rule."""


class SharedEntryRule(EntryRule, frozen=True):
    """[[entry]]: an entry rule of several queues, written once; those of a queue itself come after it."""

    queues: tuple[str, ...] = ()
    """Queues that it is for; empty: all."""


class QueueRule(Frozen, frozen=True):
    """A waiting place with rules. `None` for a limit means no limit."""

    name: str
    display: str = ""
    extension: str = ""
    """Number for transfers to the queue."""
    agents: tuple[str, ...] = ()
    strategy: str = "longest_idle"
    ring_all_max: int = 16
    """For `ring_all`: most agents whose phones ring for one interaction at a time."""
    priority: int = 0
    """Higher is served first among the queues an agent serves; equal: longest waiting first."""
    ring_timeout_s: float = 20.0
    text_timeout_s: float = 60.0
    """Time to accept an offer of a text interaction."""
    retry_same_after_s: float = 30.0
    """An agent who missed an interaction is not offered it again before this."""
    wrap_up: str | None = None
    """How wrap-up ends: there is `none`, it is `timed` (by `wrap_up_s`), or it lasts `until_ended` by the
    agent. Not set: timed where `wrap_up_s` is set."""
    wrap_up_s: float = 0.0
    wrap_up_extend_s: float = 60.0
    """So much longer is a timed wrap-up by each extension (`*45`)."""
    wrap_up_extensions: int = 0
    """So often it may be extended."""
    wrap_up_longest_s: float | None = None
    """Longer than this an alarm stands while it waits for the agent, or for a disposition; not set: never."""
    dispositions: dict[str, str] = {}
    """Code → how a conversation may end, in a word: `{ 1 = "sale", 2 = "call_back" }`."""
    disposition: str | None = None
    """Whether one is `optional`, or `required`: then wrap-up does not end before it is given. Not set:
    optional."""
    load: dict[ChannelClass, int] = {}
    music: str = "default"
    announce_position: bool = False
    estimate_wait: bool = False
    """Estimate how long one will wait (EWT), for `ccctl queues`; the two keys that use it imply this."""
    announce_wait: bool = False
    """Tell waiting customers how long they will probably wait, in whole minutes; then only better news."""
    announce_gap_s: float = 45.0
    """At least so long between two announcements of the wait."""
    announce_every_s: float = 30.0
    comfort: tuple[str, ...] = ()
    """Prompts for waiting callers: the first on entry, then one each `announce_every_s`, in turn, before the
    place and the wait."""
    comfort_say: tuple[Say, ...] = ()
    """Texts for them, told in turn after those prompts: each one text, or language → text."""
    max_wait_s: float | None = None
    max_length: int | None = None
    overflow: Target = Target()
    on_miss: dict[OfferEnd, int] = {}
    """Auto-pause after so many misses in a row by cause (`no_answer`, `rejected`, `busy`, `unreachable`,
    `incompatible`)."""
    miss_pause_reason: str = "missed"
    whisper: str = ""
    """Prompt played to the agent alone before the bridge."""
    whisper_say: Say = ""
    """Text said to the agent alone, after `whisper`, in the agent's language, with values in as in `say` of a
    flow: one text, or language → text."""
    record: bool = False
    service_level_s: float = 20.0
    requirement: str = ""
    """What an agent must be able to do, e.g. `french >= 5 and (billing or sales >= 7)`; empty: anything."""
    by_skill: bool = False
    """Everybody who meets the requirement serves the queue, besides the agents named."""
    entry: tuple[EntryRule, ...] = ()
    """What who enters is worth, and asks for."""
    relax: tuple[Relax, ...] = ()
    """What is given up with time, the earliest first."""
    tiers: tuple[Tier, ...] = ()
    """Agents in order of preference, opened with time; who is named in `agents` alone is of the first."""
    weight: int = 0
    """Added to the priority of all that waits here."""
    age_per_min: dict[ChannelClass, float] = {}
    """Points of priority that a minute of waiting adds, by channel class."""
    max_active: int | None = None
    """Most interactions of the queue offered or in conversation at a time."""
    reserve: dict[ChannelClass, int] = {}
    """So many of its agents are kept free for a channel class: no other work of the queue takes the last."""
    interrupts: dict[ChannelClass, tuple[ChannelClass, ...]] = {}
    """By channel class of this queue: held work of these classes takes no room from it."""
    weights: dict[str, int] = {}
    """For `weighted_random`: agent → share; 1 where nothing is said."""
    join_empty: str = EMPTY_NEVER
    """Who arrives overflows at once when all agents are `logged_out`, or none is ready (`not_ready`)."""
    leave_empty: str = EMPTY_NEVER
    """Who waits overflows once all agents are `logged_out`, or none is ready (`not_ready`)."""
    max_load: float | None = None
    """More waiting than this for each of its agents who is ready, busy or not, overflow at once."""
    max_ewt_s: float | None = None
    """Who would probably wait longer than this overflows at once; an unknown wait never counts."""
    calendar: str = ""
    """Calendar whose hours it keeps: who arrives while it is closed overflows at once; empty: always open."""
    redial_s: float = 0.0
    """Who leaves and calls again within this time takes the old place back (the number must be shown); 0:
    never."""
    closed_to: Target = Target()
    """Where who overflows because it is closed goes; not set: to `overflow`."""
    on_close: str = CLOSE_SERVE
    """What becomes of those who wait when it closes: they are still served (`serve`), or they `overflow`."""
    after_call: str = ""
    """Flow in which the customer goes on when the agent hangs up, e.g. a survey; empty: the call is over."""
    callback: CallbackRule | None = None
    """How those who leave the line are called back; without it only by a `callback` step or `ccctl`."""
    voicemail: VoicemailRule | None = None
    """How messages are left for it, and what becomes of them."""
    keys: dict[str, WaitingKey] = {}
    """Key that a waiting customer may press → what it does, e.g. `{ 4 = { flow = "hours" } }`."""
    mask_key: str = ""
    """Key on the agent's phone that masks the recording of a conversation, and unmasks it; empty: none."""


class FlowRule(Frozen, frozen=True):
    """An IVR or triage script."""

    name: str
    steps: tuple[AnyStep, ...]
    language: str = ""
    code: str = ""
    """What an agent in conversation dials so that the customer goes through this flow and comes back, e.g. to
    pay (`*47`); empty: nobody can."""


class SurveyRule(Frozen, frozen=True):
    """[surveys.NAME]: whom the flow NAME asks after a call, and what a low score does (`docs/surveys.md`)."""

    name: str
    sample_pct: float = 100.0
    """So many in a hundred are asked, drawn by interaction."""
    quiet_days: float = 0.0
    """A customer who was asked by any survey within this time is not asked again; 0: always."""
    only: str = ""
    """Condition for being asked, e.g. `var.queue == "support"`; empty: everybody."""
    alert_below: dict[str, int] = {}
    """Kind of question → an answer lower than this is a low score: `{ nps = 7, csat = 3 }`."""
    recall_queue: str = ""
    """Queue in which a customer with a low score gets a recall; empty: there is none."""
    keep_days: float | None = None
    """The file of a spoken answer is deleted so long after the call; not set: as `voicemail.keep_days` of the
    queue says, and without that never."""
    send: SurveyLink | None = None
    """Ask in writing: a message with a link, instead of on the line."""


class FeatureCodes(Frozen, frozen=True):
    """What agents dial on their phone; a code follows `pause` and `disposition`, an extension `pickup`."""

    login: str = "*41"
    pause: str = "*42"
    ready: str = "*43"
    logout: str = "*44"
    extend: str = "*45"
    disposition: str = "*46"
    pickup: str = "*8"
    """Before the extension of a colleague: answers what rings there. Alone: takes over the agent's own
    conversation from its other phone. Empty: neither."""


class OwnCalls(Frozen, frozen=True):
    """[own_calls]: what agents' phones dial for themselves; see `docs/agent-states.md`."""

    may_dial: tuple[str, ...] = ()
    """Outside numbers that may be dialled: how they begin (`"+331"`; `"+"` for all), or a short number as
    a whole (`"112"`). Empty: none, only extensions and the numbers of this centre."""
    may_transfer: tuple[str, ...] | None = None
    """Outside numbers to which a customer may be sent on by a phone (REFER), written like `may_dial`. Not
    set: those that the agent may dial."""
    ring_timeout_s: float = 60.0
    """Give up after this long without an answer."""
    most: int = 2
    """Most calls of its own that an agent has at a time; more are refused as busy."""
    record: bool = False
    """Record them: the other party left, the agent right."""


PAUSE_ALARM, PAUSE_READY, PAUSE_LOG_OUT = "alarm", "ready", "log_out"


class PauseReason(Frozen, frozen=True):
    """[pause_reasons.CODE]: why an agent is away, whether that is paid, and how long it may last."""

    name: str
    """The reason in a word, e.g. `"lunch"`: what people see and what `ccctl agent pause` takes."""
    paid: bool = True
    """Whether it counts as paid or as unpaid time."""
    longest_s: float | None = None
    """The longest it may last, from when the agent has nothing left to finish; not set: no limit."""
    on_longest: str = PAUSE_ALARM
    """What happens then: an `alarm` stands until the pause ends, or the agent is `ready` or `log_out`."""


class Suspension(Frozen, frozen=True):
    """[profiles.NAME.suspend]: what rests while the profile is on."""

    queues: dict[str, Target] = {}
    """Queue → where its interactions go meanwhile; `{}`: they wait in it and are offered to nobody."""
    channels: dict[str, Target] = {}
    """Channel → the flow or queue that takes its new interactions instead of their own flow."""


class ProfileRule(Frozen, frozen=True):
    """[profiles.NAME]: what one command changes for a while, and gives back (`ccctl profile on NAME`)."""

    name: str
    display: str = ""
    agents: dict[str, dict[str, Any]] = {}
    """Agent → `join` and `leave` (lists of queues), and any key of an agent with its value meanwhile."""
    queues: dict[str, dict[str, Any]] = {}
    """Queue → any key of a queue with its value meanwhile."""
    numbers: dict[str, str] = {}
    """Number of `[numbers]` → flow that answers it meanwhile."""
    flows: dict[str, str] = {}
    """Flow → flow that runs in its place, whatever leads to it (other greetings, other prompts)."""
    suspend: Suspension = Suspension()


class Rules(Frozen, frozen=True):
    """The whole of what the engines follow."""

    agents: dict[str, AgentRule] = {}
    queues: dict[str, QueueRule] = {}
    flows: dict[str, FlowRule] = {}
    numbers: dict[str, str] = {}
    """Number in E.164 or name of a channel's target → flow."""
    pause_reasons: dict[str, PauseReason | str] = {}
    """Code dialled after the pause code → reason; the name alone: paid, without a longest time."""
    calendars: dict[str, CalendarRule] = {}
    surveys: dict[str, SurveyRule] = {}
    features: FeatureCodes = FeatureCodes()
    own_calls: OwnCalls = OwnCalls()
    links: LinkTexts = LinkTexts()
    language: str = "en"
    entry: tuple[SharedEntryRule, ...] = ()
    """Entry rules of several queues."""
    profiles: dict[str, ProfileRule] = {}
    """What can be turned on over these rules; `model.profiles` applies it."""
    diverted: dict[str, str] = {}
    """Channel → flow that takes all its new interactions. Never in a file: profiles that are on fill it."""
    country: str = ""
    """Region of numbers without country code. Never in a file here: it is `daemon.country`."""
    zone: str = ""
    """Time zone of the centre, as the IANA database names it; empty: that of its calendars, if they have one
    in common. Never in a file here: it is `daemon.zone`."""
    history_days: float = 30.0
    """So long a customer's contacts are remembered for conditions; 0: not at all. Never in a file here: it is
    `daemon.history_days`."""
    longest_call_s: float = 43_200.0
    """No call lasts longer; 0: no limit. Never in a file here: it is `daemon.longest_call_s`."""
    texts: dict[str, dict[str, str]] = {}
    """Language → prompt that a flow plays → what it says, for text legs. From `texts.toml` of the prompts."""


def pause_names(reasons: Mapping[str, PauseReason | str]) -> dict[str, str]:
    """Code → name of the reason."""
    return {code: each if isinstance(each, str) else each.name for code, each in reasons.items()}


def pause_reason(reasons: Mapping[str, PauseReason | str], name: str) -> PauseReason:
    """What is said of a reason; one that nobody set up (`missed`, `pause`) is paid and has no limit."""
    for reason in reasons.values():
        if isinstance(reason, PauseReason) and reason.name == name:
            return reason
    return PauseReason(name)


def device_owner(rules: Rules, device: str) -> str:
    """Name of the agent whose device it is; empty when nobody's."""
    for agent in rules.agents.values():
        if device in agent.devices:
            return agent.name
    return ""
