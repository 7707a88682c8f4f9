"""What the field types of the settings do not say: bounds, choices, file paths, and words for the reference.

One line a key: `Struct.field`. Units stand in the names of the keys.
"""

import msgspec

from ccd.model.callback_rules import CALLBACK_AGENT, CALLBACK_CUSTOMER
from ccd.model.outside import KINDS, METHODS
from ccd.model.rules import (
    CLOSE_OVERFLOW,
    CLOSE_SERVE,
    DISPOSITION_OPTIONAL,
    DISPOSITION_REQUIRED,
    EMPTY_LOGGED_OUT,
    EMPTY_NEVER,
    EMPTY_NOT_READY,
    PAUSE_ALARM,
    PAUSE_LOG_OUT,
    PAUSE_READY,
    WRAP_UP_NONE,
    WRAP_UP_TIMED,
    WRAP_UP_UNTIL_ENDED,
)
from ccd.model.settings import INBAND_AUTO, INBAND_OFF, INBAND_ON, SRTP_AUTO, SRTP_OFF, SRTP_REQUIRED
from ccd.model.steps_surveys import KINDS as SURVEY_KINDS
from ccd.model.steps_voicemail import RECORD_MASK, RECORD_OFF, RECORD_ON, RECORD_UNMASK
from ccd.routing.strategies import STRATEGIES

SECONDS_A_DAY = 86_400.0


class Key(msgspec.Struct, frozen=True):
    """Limits of one key and, where the model has no words for it, its description."""

    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """Regular expression for the whole text."""
    must: str = ""
    """`pattern` in words, after "must be"."""
    cure: str = ""
    """What to write instead of what `pattern` does not allow, or of what is no text."""
    path: bool = False
    """A file or folder: made absolute."""
    name: bool = False
    """Not written as a key: it is the table's name."""
    doc: str = ""


def _seconds(high: float = SECONDS_A_DAY, doc: str = "", low: float = 0.0) -> Key:
    return Key(low=low, high=high, doc=doc)


def _named(what: str) -> Key:
    return Key(name=True, doc=f"{what}: the NAME of the table.")


_WORD = r"\S(.{0,62}\S)?"
_WORD_MUST = "1 to 64 characters without spaces around them"
_WRAP_UPS = (WRAP_UP_NONE, WRAP_UP_TIMED, WRAP_UP_UNTIL_ENDED)
_EMPTY = (EMPTY_NEVER, EMPTY_LOGGED_OUT, EMPTY_NOT_READY)
_PROTOCOLS = ("udp", "tcp", "tls")
_SRTP = (SRTP_AUTO, SRTP_OFF, SRTP_REQUIRED)
_SERVICE = "Name of a `[services.NAME]`."

KEYS: dict[str, Key] = {
    "DaemonSettings.state_dir": Key(
        path=True, doc="Folder of what must outlive a restart: ledger, recordings."
    ),
    "DaemonSettings.runtime_dir": Key(path=True, doc="Folder of the control socket."),
    "DaemonSettings.log": Key(choices=("auto", "console", "json")),
    "DaemonSettings.log_level": Key(
        choices=("debug", "info", "warning", "error"), doc="Least level that is logged."
    ),
    "DaemonSettings.drain_s": _seconds(),
    "DaemonSettings.longest_call_s": _seconds(),
    "DaemonSettings.history_days": Key(low=0.0, high=400.0),
    "DaemonSettings.disk_alarm_pct": Key(low=1.0, high=100.0),
    "LedgerSettings.path": Key(path=True),
    "LedgerSettings.sync": Key(choices=("normal", "full")),
    "LedgerSettings.commit_every_ms": Key(
        low=0.0, high=1000.0, doc="Facts that arrive within this time are committed together."
    ),
    "LedgerSettings.snapshot_every_facts": Key(
        low=1000, high=100_000_000, doc="A snapshot after so many facts keeps the next start short."
    ),
    "LedgerSettings.keep_days": Key(low=0.0, high=36_500.0),
    "ControlSettings.socket": Key(path=True),
    "ControlSettings.mode": Key(
        pattern="0?[0-7]{3}",
        must="three octal digits: the permissions of owner, group and others",
        cure='write them in quotes, e.g. "0660" for owner and group',
        doc="Permissions of the socket, in octal digits.",
    ),
    "ControlSettings.group": Key(doc="Group that may use `ccctl`; empty: that of the daemon."),
    "TransportSettings.protocol": Key(choices=_PROTOCOLS),
    "TransportSettings.host": Key(doc="Local address to listen on; `0.0.0.0` or `::` for all."),
    "TransportSettings.port": Key(low=1, high=65_535, doc="Port to listen on."),
    "TransportSettings.certificate": Key(path=True),
    "TransportSettings.key": Key(path=True),
    "SipSettings.transports": Key(doc="The listening sockets, one `[[sip.transports]]` table each."),
    "SipSettings.t1_ms": Key(
        low=50, high=5000, doc="Estimate of the round trip (RFC 3261 T1): the base of all SIP timers."
    ),
    "SipSettings.min_expires_s": Key(low=1, high=86_400, doc="Shorter registrations are refused (423)."),
    "SipSettings.max_expires_s": Key(low=1, high=86_400, doc="Longer registrations are shortened to this."),
    "SipSettings.default_expires_s": Key(
        low=1, high=86_400, doc="Registration time when a phone asks for none."
    ),
    "SipSettings.nonce_s": Key(low=10, high=86_400, doc="A digest nonce is good for this long."),
    "SipSettings.qualify_s": _seconds(3600.0),
    "SipSettings.qualify_timeout_s": _seconds(
        60.0, "A device silent this long after an OPTIONS is lost.", 0.1
    ),
    "SipSettings.session_expires_s": Key(low=0, high=86_400),
    "SipSettings.session_least_s": Key(
        low=4,
        high=86_400,
        doc="Who asks for a shorter session time is told so (422). RFC 4028 wants 90 or more.",
    ),
    "SipSettings.max_dialogs": Key(low=1, high=1_000_000, doc="More dialogs than this are refused with 503."),
    "SipSettings.max_new_calls_per_s": Key(
        low=0.1, high=100_000.0, doc="Calls beyond this rate are refused with 503."
    ),
    "SipSettings.retry_after_s": Key(low=0, high=3600, doc="Retry-After of such a 503."),
    "SipSettings.user_agent": Key(doc="Server and User-Agent header."),
    "SipSettings.trace_messages": Key(low=0, high=1_000_000),
    "MediaSettings.workers": Key(low=0, high=64),
    "MediaSettings.port_min": Key(low=1024, high=65_534, doc="First port for RTP, even."),
    "MediaSettings.port_max": Key(
        low=1025, high=65_535, doc="Last port for RTP and RTCP; two a leg are needed."
    ),
    "MediaSettings.codecs": Key(
        choices=("PCMU", "PCMA"), doc="Codecs offered and taken, the preferred one first."
    ),
    "MediaSettings.inband_dtmf": Key(choices=(INBAND_AUTO, INBAND_OFF, INBAND_ON)),
    "MediaSettings.dead_after_s": _seconds(3600.0),
    "MediaSettings.silent_call_s": _seconds(),
    "MediaSettings.recordings": Key(path=True),
    "MediaSettings.recordings_keep_days": Key(low=0.0, high=36_500.0),
    "MediaSettings.prompts": Key(path=True),
    "MediaSettings.music": Key(path=True),
    "TrunkSettings.name": _named("The trunk"),
    "TrunkSettings.host": Key(
        doc="Name or address of the carrier's proxy or registrar; without `port` a name may have several."
    ),
    "TrunkSettings.port": Key(low=1, high=65_535),
    "TrunkSettings.ca": Key(path=True),
    "TrunkSettings.protocol": Key(
        choices=(*_PROTOCOLS, "auto"),
        doc="Transport towards the carrier; `auto`: the one that its DNS records name (NAPTR, else SRV).",
    ),
    "TrunkSettings.register": Key(doc="Register with the carrier to be reachable there."),
    "TrunkSettings.username": Key(doc="Digest user name, and the user part that is registered."),
    "TrunkSettings.password": Key(doc="Digest password."),
    "TrunkSettings.realm": Key(doc="Answer challenges of this realm only; empty: of any."),
    "TrunkSettings.expires_s": Key(low=30, high=86_400, doc="Registration time asked for."),
    "TrunkSettings.channels": Key(low=0, high=100_000),
    "TrunkSettings.priority": Key(low=0, high=1000),
    "TrunkSettings.caller_id": Key(doc="Number shown on outgoing calls that bring none of their own."),
    "TrunkSettings.timeout_s": _seconds(120.0, low=0.5),
    "TrunkSettings.qualify_s": _seconds(3600.0, "OPTIONS to the trunk this often; 0: never."),
    "TrunkSettings.srtp": Key(choices=_SRTP),
    "DeviceSettings.name": _named("The device"),
    "DeviceSettings.password": Key(doc="Digest password."),
    "DeviceSettings.max_bindings": Key(low=1, high=100, doc="Most places the device may be registered from."),
    "DeviceSettings.srtp": Key(choices=_SRTP),
    "ChannelSettings.name": _named("The channel"),
    "ChannelSettings.adapter": Key(doc="Name of an installed adapter (entry point group `ccd.adapters`)."),
    "OutsideSettings.name": _named("The service"),
    "OutsideSettings.kind": Key(choices=KINDS, doc="How it is asked."),
    "OutsideSettings.method": Key(choices=METHODS),
    "OutsideSettings.ca": Key(path=True),
    "OutsideSettings.database": Key(path=True),
    "OutsideSettings.timeout_s": _seconds(60.0, low=0.1),
    "OutsideSettings.cache_s": _seconds(),
    "OutsideSettings.most": Key(low=1, high=1000),
    "OutsideSettings.failures": Key(low=1, high=1000),
    "OutsideSettings.rest_s": _seconds(3600.0, low=1.0),
    "BotSettings.name": _named("The bot"),
    "BotSettings.ca": Key(path=True),
    "BotSettings.timeout_s": _seconds(60.0, low=0.5),
    "BotSettings.longest_s": _seconds(14_400.0, low=5.0),
    "BotSettings.most": Key(low=1, high=200),
    "BotSettings.frame_ms": Key(low=20, high=200),
    "Bot.timeout_s": _seconds(60.0),
    "Bot.longest_s": _seconds(14_400.0),
    "Bot.leave_keys": Key(
        pattern=r"[0-9*#]{0,12}", must="keys one after the other", cure='write e.g. leave_keys = "0*"'
    ),
    "Lookup.service": Key(doc=_SERVICE),
    "Lookup.timeout_s": _seconds(60.0),
    "Hook.service": Key(doc=_SERVICE),
    "Hook.timeout_s": _seconds(60.0),
    "Send.service": Key(doc=_SERVICE),
    "Send.timeout_s": _seconds(60.0),
    "Send.most": Key(low=1, high=20),
    "LinkRule.valid_s": _seconds(30 * SECONDS_A_DAY, low=60.0),
    "LinkRule.uses": Key(low=1, high=100),
    "SurveyLink.valid_s": _seconds(30 * SECONDS_A_DAY, low=60.0),
    "SurveyLink.uses": Key(low=1, high=100),
    "SurveyLink.timeout_s": _seconds(60.0),
    "Identify.attempts": Key(low=1, high=20),
    "Identify.wait_s": Key(low=0.5, high=120.0),
    "Identify.most": Key(low=1, high=32),
    "Identify.timeout_s": _seconds(60.0),
    "Identify.lock_after": Key(low=1, high=100),
    "Identify.locked_s": _seconds(low=1.0),
    "Pin.least": Key(low=3, high=16),
    "Pin.most": Key(low=3, high=16),
    "Pin.attempts": Key(low=1, high=10),
    "OneTimeCode.digits": Key(low=4, high=10),
    "OneTimeCode.valid_s": _seconds(3600.0, low=10.0),
    "OneTimeCode.attempts": Key(low=1, high=10),
    "OneTimeCode.resends": Key(low=0, high=5),
    "OneTimeCode.wait_s": _seconds(300.0, low=5.0),
    "Pay.attempts": Key(low=1, high=10),
    "Pay.input_limit": Key(low=1, high=10),
    "Pay.first_wait_s": Key(low=0.5, high=120.0),
    "Pay.wait_s": Key(low=0.5, high=120.0),
    "Pay.total_s": Key(low=5.0, high=600.0),
    "Pay.timeout_s": _seconds(60.0),
    "AgentRule.name": _named("The agent"),
    "AgentRule.display": Key(doc="Name shown to people; empty: the agent's name."),
    "AgentRule.devices": Key(doc="Names of the agent's devices, the first one rung first."),
    "AgentRule.capacity": Key(
        low=0,
        high=10_000,
        doc="Load that the agent can hold; a call costs 100, a chat 30, if the queue says no other.",
    ),
    "AgentRule.language": Key(doc="Language of prompts on the agent's phone; empty: the centre's."),
    "AgentRule.wrap_up": Key(choices=_WRAP_UPS),
    "AgentRule.wrap_up_s": _seconds(),
    "AgentRule.wrap_up_extend_s": _seconds(low=1.0),
    "AgentRule.wrap_up_extensions": Key(low=0, high=1000),
    "AgentRule.wrap_up_longest_s": _seconds(low=1.0),
    "AgentRule.load": Key(low=1, high=10_000),
    "AgentRule.most": Key(low=0, high=1000),
    "QueueRule.name": _named("The queue"),
    "QueueRule.display": Key(doc="Name shown to people and on phones; empty: the queue's name."),
    "QueueRule.agents": Key(doc="Names of the agents who serve it."),
    "QueueRule.strategy": Key(
        doc="Who of the free agents is offered the work: "
        + ", ".join(f"`{name}`" for name in STRATEGIES)
        + ", or one of your own (`docs/routing.md`)."
    ),
    "QueueRule.ring_all_max": Key(low=1, high=100),
    "QueueRule.priority": Key(low=-1000, high=1000),
    "QueueRule.ring_timeout_s": _seconds(
        600.0, "A phone rings this long, then the next agent is asked.", 1.0
    ),
    "QueueRule.text_timeout_s": _seconds(low=1.0),
    "QueueRule.retry_same_after_s": _seconds(),
    "QueueRule.wrap_up_s": _seconds(
        doc="Time for paperwork after a conversation; the agent may end it early."
    ),
    "QueueRule.wrap_up": Key(choices=_WRAP_UPS),
    "QueueRule.wrap_up_extend_s": _seconds(low=1.0),
    "QueueRule.wrap_up_extensions": Key(low=0, high=1000),
    "QueueRule.wrap_up_longest_s": _seconds(low=1.0),
    "QueueRule.dispositions": Key(
        pattern=_WORD, must=_WORD_MUST, cure='write how it may end in a word, e.g. "sale"'
    ),
    "QueueRule.disposition": Key(choices=(DISPOSITION_OPTIONAL, DISPOSITION_REQUIRED)),
    "QueueRule.load": Key(
        low=1,
        high=10_000,
        doc="Load by channel class, where it is not the usual (voice 100, live_text 30, others 10).",
    ),
    "QueueRule.music": Key(doc="Music while waiting: name of a WAV of the music folders."),
    "QueueRule.announce_position": Key(doc="Tell waiting callers their place."),
    "QueueRule.announce_every_s": _seconds(
        3600.0, "How often the next word of comfort, the place or the wait is told.", 5.0
    ),
    "QueueRule.max_wait_s": _seconds(doc="Longer waiting overflows; not set: no limit.", low=1.0),
    "QueueRule.max_length": Key(
        low=0, high=1_000_000, doc="More waiting than this overflow at once; not set: no limit."
    ),
    "QueueRule.announce_gap_s": _seconds(3600.0),
    "QueueRule.max_ewt_s": _seconds(low=1.0),
    "QueueRule.redial_s": _seconds(14_400.0),
    "QueueRule.max_load": Key(low=0.1, high=1000.0),
    "QueueRule.overflow": Key(
        doc="Where to then: one of `queue`, `flow`, `agent`, `address`, `voicemail`; not set: flow goes on."
    ),
    "QueueRule.on_miss": Key(low=1, high=1000),
    "QueueRule.miss_pause_reason": Key(doc="Reason of such a pause."),
    "QueueRule.record": Key(doc="Record conversations (customer left, agent right)."),
    "QueueRule.service_level_s": _seconds(3600.0, "Answers within this time count for the service level."),
    "QueueRule.weight": Key(low=-1000, high=1000),
    "QueueRule.age_per_min": Key(low=0.0, high=1000.0),
    "QueueRule.max_active": Key(low=1, high=100_000),
    "QueueRule.reserve": Key(low=1, high=10_000),
    "QueueRule.weights": Key(low=1, high=1000),
    "QueueRule.join_empty": Key(choices=_EMPTY),
    "QueueRule.leave_empty": Key(choices=_EMPTY),
    "QueueRule.on_close": Key(choices=(CLOSE_SERVE, CLOSE_OVERFLOW)),
    "VoicemailRule.max_s": _seconds(3600.0, low=5.0),
    "VoicemailRule.silence_s": _seconds(60.0),
    "VoicemailRule.min_s": _seconds(60.0),
    "VoicemailRule.keep_days": Key(low=0.0, high=36_500.0),
    "VoicemailRule.most": Key(low=1, high=100_000),
    "VoicemailRule.later_s": _seconds(low=10.0),
    "EntryRule.add": Key(low=-1000, high=1000),
    "SharedEntryRule.add": Key(low=-1000, high=1000),
    "CallbackRule.first": Key(choices=(CALLBACK_AGENT, CALLBACK_CUSTOMER)),
    "CallbackRule.attempts": Key(low=1, high=100),
    "CallbackRule.recall_after_s": _seconds(),
    "CallbackRule.recall_waited_s": _seconds(),
    "CallbackRule.ring_s": _seconds(600.0, low=5.0),
    "CallbackRule.valid_s": _seconds(30 * SECONDS_A_DAY, low=60.0),
    "RetryAfter.busy": _seconds(low=1.0, doc="The line was busy."),
    "RetryAfter.no_answer": _seconds(low=1.0),
    "RetryAfter.unreachable": _seconds(low=1.0),
    "Relax.after_s": _seconds(doc="So long after it entered the queue; not set: `when` alone counts."),
    "Relax.at_most": Key(low=0, high=10),
    "Tier.agents": Key(doc="Names of its agents."),
    "Tier.after_s": _seconds(doc="So long after an interaction entered the queue."),
    "Target.queue": Key(doc="A queue."),
    "Target.flow": Key(doc="A flow, from its first step."),
    "Target.agent": Key(doc="An agent."),
    "Share.pct": Key(low=1, high=100),
    "Share.queue": Key(doc="A queue."),
    "Share.flow": Key(doc="A flow, from its first step."),
    "Share.agent": Key(doc="An agent."),
    "FlowRule.name": _named("The flow"),
    "FlowRule.code": Key(
        pattern=r"(\*[0-9]{1,6})?", must="a star and 1 to 6 digits", cure='write e.g. code = "*47"'
    ),
    "FlowRule.steps": Key(doc="The steps in order, one `[[flows.NAME.steps]]` table each; `do` says which."),
    "FlowRule.language": Key(doc="Language of its prompts; empty: the centre's."),
    "Play.prompts": Key(doc="Names of the prompts."),
    "Play.barge": Key(doc="A key pressed stops the prompts and counts for the menu that follows."),
    "Menu.prompt": Key(doc="Prompt that asks."),
    "Menu.wait_s": Key(low=0.5, high=120.0),
    "Menu.no_input_limit": Key(low=1, high=20, doc="After so many times without a key: `on_no_input`."),
    "Menu.bad_input_limit": Key(low=1, high=20, doc="After so many wrong keys: `on_bad_input`."),
    "Menu.no_input_prompt": Key(doc="Said before asking again when no key came."),
    "Menu.bad_input_prompt": Key(doc="Said before asking again after a wrong key."),
    "Menu.on_bad_input": Key(doc="The same for wrong keys."),
    "Confirm.wait_s": Key(low=0.5, high=120.0),
    "Confirm.limit": Key(low=1, high=20),
    "Language.wait_s": Key(low=0.5, high=120.0),
    "Language.limit": Key(low=1, high=20),
    "Language.number": Key(choices=("caller", "dialled")),
    "SpeechSettings.engine": Key(choices=("espeak", "http", "command")),
    "SpeechSettings.url": Key(
        pattern=r"|https?://[^\s/?#]+(/\S*)?",
        must="an address that begins with https:// or http://",
        cure='write e.g. url = "https://speech.example.org/say"',
    ),
    "SpeechSettings.header": Key(
        pattern=r"[A-Za-z0-9-]{1,64}", must="the name of a header", cure='write e.g. "Authorization"'
    ),
    "SpeechSettings.speed": Key(low=60, high=400),
    "SpeechSettings.timeout_s": Key(low=0.5, high=60.0),
    "SpeechSettings.cache": Key(path=True),
    "SpeechSettings.cache_mb": Key(low=1, high=100_000),
    "SpeechSettings.most": Key(low=1, high=16),
    "Enqueue.priority": Key(low=-1000, high=1000, doc="Priority of this interaction; not set: the queue's."),
    "Enqueue.prefer_wait_s": _seconds(),
    "Enqueue.prefer_last_s": _seconds(high=31_536_000.0),
    "Collect.variable": Key(doc="Name of the variable."),
    "Collect.prompt": Key(doc="Prompt that asks."),
    "Collect.wait_s": Key(low=0.5, high=120.0),
    "Collect.first_wait_s": Key(low=0.0, high=120.0),
    "Collect.total_s": Key(low=0.0, high=600.0),
    "Collect.least": Key(low=0, high=64),
    "Collect.most": Key(low=1, high=64),
    "Collect.terminator": Key(
        pattern="[*#]?", must="#, * or empty", cure='write e.g. terminator = "#", or "" for none'
    ),
    "Collect.no_input_limit": Key(low=1, high=20),
    "Collect.bad_input_limit": Key(low=1, high=20),
    "Collect.no_input_prompt": Key(doc="Said before asking again when no key came."),
    "Collect.bad_input_prompt": Key(doc="Said before asking again after bad input."),
    "Voicemail.max_s": _seconds(3600.0, low=5.0),
    "Voicemail.silence_s": _seconds(60.0),
    "Voicemail.min_s": _seconds(60.0),
    "Record.switch": Key(choices=(RECORD_ON, RECORD_OFF, RECORD_MASK, RECORD_UNMASK)),
    "Transfer.address": Key(doc="Outside number."),
    "Transfer.ring_timeout_s": _seconds(600.0, "Give up after this long without an answer.", 1.0),
    "Goto.step": Key(doc="Id of the step."),
    "Hangup.prompt": Key(doc="Said before hanging up."),
    "Survey.kind": Key(choices=SURVEY_KINDS),
    "Survey.name": Key(
        pattern="[a-z][a-z0-9_]{0,31}",
        must="small letters, digits and _, at most 32, the first a letter",
        cure='write e.g. name = "recommend"',
    ),
    "Survey.wait_s": Key(low=0.5, high=120.0),
    "Survey.second_key_s": Key(low=0.5, high=10.0),
    "Survey.text_wait_s": _seconds(3600.0, low=5.0),
    "Survey.max_s": _seconds(600.0, low=5.0),
    "Survey.silence_s": _seconds(60.0),
    "Survey.min_s": _seconds(60.0),
    "Survey.no_input_limit": Key(low=1, high=20),
    "Survey.bad_input_limit": Key(low=1, high=20),
    "Survey.choices": Key(pattern=_WORD, must=_WORD_MUST, cure='write the answer in a word, e.g. "yes"'),
    "SurveyRule.name": _named("The survey, and the flow of the same name"),
    "SurveyRule.sample_pct": Key(low=0.0, high=100.0),
    "SurveyRule.quiet_days": Key(low=0.0, high=3650.0),
    "SurveyRule.keep_days": Key(low=0.0, high=36_500.0),
    "SurveyRule.alert_below": Key(low=1, high=10),
    "ProfileRule.name": _named("The profile"),
    "ProfileRule.display": Key(doc="What people are told that it is; empty: the profile's name."),
    "ProfileRule.suspend": Key(doc="What rests meanwhile: `queues` and `channels`, see below."),
    "FeatureCodes.login": Key(doc="Log in: ready for work."),
    "FeatureCodes.pause": Key(doc="Pause; followed by the code of a reason."),
    "FeatureCodes.ready": Key(doc="Ready again; also ends wrap-up."),
    "FeatureCodes.logout": Key(doc="Log out."),
    "FeatureCodes.extend": Key(doc="More time for wrap-up, where the queue allows it."),
    "FeatureCodes.disposition": Key(doc="How the conversation ended; followed by the code of a disposition."),
    "FeatureCodes.pickup": Key(
        doc="Followed by a colleague's extension: answer what rings there. Alone: one's own conversation "
        "goes on by this phone. Empty: neither."
    ),
    "OwnCalls.ring_timeout_s": _seconds(600.0, low=5.0),
    "OwnCalls.most": Key(low=1, high=20),
    "PauseReason.name": Key(
        pattern=_WORD,
        must=_WORD_MUST,
        cure='write what people call it, e.g. "lunch"',
    ),
    "PauseReason.longest_s": _seconds(low=1.0),
    "PauseReason.on_longest": Key(choices=(PAUSE_ALARM, PAUSE_READY, PAUSE_LOG_OUT)),
    "Rules.language": Key(doc="Language of prompts where nothing else is said: name of a folder of prompts."),
    "Rules.pause_reasons": Key(doc="Code dialled after the pause code → reason."),
}
"""Keys not named here have no other limits than their type."""

NONE = Key()


def key_of(struct: type, field: str) -> Key:
    """What is known about a field of a struct; adapters' structs have none here."""
    return KEYS.get(f"{struct.__name__}.{field}", NONE) if struct.__module__.startswith("ccd.model") else NONE
