"""Settings of the shells (sockets, trunks, devices, media, storage), parsed once by `config/`.

Unlike `model.rules` they are not kept in the ledger: they may hold secrets and name this machine.
"""

import hmac
from typing import Any

from ccd.model.frozen import Frozen
from ccd.model.rules import Rules


class Secret:
    """A value that must not be printed. Compare in constant time; `reveal()` where it is used."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)


class DaemonSettings(Frozen, frozen=True):
    """[daemon]: where things lie and how it stops."""

    state_dir: str = "/var/lib/ccd"
    runtime_dir: str = "/run/ccd"
    log: str = "auto"
    """`auto` (journal under systemd, else console), `console`, `json`."""
    log_level: str = "info"
    drain_s: float = 300.0
    """SIGTERM: longest wait for running interactions before they are ended."""
    country: str = "FR"
    """Region (ISO 3166) for numbers written without country code."""
    zone: str = ""
    """Time zone of `time.…` in conditions; empty: that of the calendars, if they have one in common."""
    longest_call_s: float = 43_200.0
    """A call that lasts longer than this is ended, whoever speaks: its far ends may have forgotten it. Time
    spent waiting on the line counts. 0: no limit."""
    history_days: float = 30.0
    """So long a customer's contacts are remembered for `history.…` of conditions; 0: not at all."""
    disk_alarm_pct: float = 90.0
    """How full the disk of the ledger or of the recordings is when that is an alarm; 100: never."""


class LedgerSettings(Frozen, frozen=True):
    """[ledger]: the append-only store."""

    path: str = ""
    """File; empty: `ledger.sqlite` in the state directory."""
    sync: str = "normal"
    """`normal` survives the death of the process, `full` also a power cut (an fsync a batch)."""
    commit_every_ms: float = 4.0
    snapshot_every_facts: int = 50_000
    keep_days: float = 0.0
    """Facts and the records of ended interactions are deleted so long after they came; 0: never."""


class ControlSettings(Frozen, frozen=True):
    """[control]: the local socket for ccctl."""

    socket: str = ""
    """Path; empty: `control.sock` in the runtime directory."""
    mode: str = "0660"
    group: str = ""


class TransportSettings(Frozen, frozen=True):
    """[[sip.transports]]: one listening socket."""

    protocol: str = "udp"
    """`udp`, `tcp` or `tls`."""
    host: str = "0.0.0.0"  # noqa: S104  listening for phones is what a SIP server is for
    port: int = 5060
    """Usually 5061 with `tls`."""
    certificate: str = ""
    """For `tls`: file (PEM) with our certificate and those between it and its authority."""
    key: str = ""
    """For `tls`: file (PEM) with its private key, without a password."""
    advertise: str = ""
    """Address put into Via, Contact and SDP; empty: the local address towards the peer."""


class SipSettings(Frozen, frozen=True):
    """[sip]: transports, registrar and limits."""

    domain: str = "ccd.invalid"
    """Realm of digest and host part of our own addresses."""
    transports: tuple[TransportSettings, ...] = (TransportSettings(),)
    t1_ms: int = 500
    min_expires_s: int = 60
    max_expires_s: int = 3600
    default_expires_s: int = 600
    nonce_s: int = 300
    qualify_s: float = 30.0
    """OPTIONS to each bound device this often; 0: never."""
    qualify_timeout_s: float = 4.0
    session_expires_s: int = 1800
    """Calls are refreshed within this time, so that one whose far end is gone ends (RFC 4028); 0: only where
    the far end asks for it."""
    session_least_s: int = 90
    """A far end that asks for less is told so (422)."""
    max_dialogs: int = 4000
    max_new_calls_per_s: float = 1000.0
    retry_after_s: int = 5
    user_agent: str = "ccd"
    resolvers: tuple[str, ...] = ()
    """DNS servers to ask for trunks, `"192.0.2.53"` or `"127.0.0.1:5353"`, the first one first; empty: the
    system's (/etc/resolv.conf)."""
    trace_messages: int = 2000
    """SIP messages kept in memory for `ccctl sip trace`."""


INBAND_AUTO, INBAND_OFF, INBAND_ON = "auto", "off", "on"
SRTP_AUTO, SRTP_OFF, SRTP_REQUIRED = "auto", "off", "required"


class MediaSettings(Frozen, frozen=True):
    """[media]: the media engine."""

    workers: int = 1
    """Worker processes; 0: a thread of the daemon."""
    host: str = ""
    """Local address for RTP; empty: as the SIP transport of the leg."""
    port_min: int = 16384
    port_max: int = 32767
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    inband_dtmf: str = INBAND_AUTO
    """Hear digits that are sent as tones in the audio: `auto`: of parties that did not agree on telephone
    events (RFC 4733), `on`: also of others until their first event, `off`: never."""
    dead_after_s: float = 30.0
    """A party that should send audio and is silent this long is asked by SIP whether it is there; if it does
    not answer, its call ends. 0: never."""
    silent_call_s: float = 900.0
    """A conversation of which both parties send no audio (nor RTCP) for so long is ended, though both answer
    by SIP; not while one of them holds. Needs `dead_after_s`. 0: never."""
    recordings: str = ""
    """Directory; empty: `recordings` in the state directory."""
    recordings_keep_days: float = 0.0
    """Recordings are deleted so long after their day; 0: never. Messages that still wait stay, and what has a
    `keep_days` of its own goes by that."""
    prompts: tuple[str, ...] = ()
    """Directories with one folder a language; searched in order, the shipped set last."""
    music: tuple[str, ...] = ()
    """Directories with music WAVs; searched in order, the shipped set last."""


class SpeechSettings(Frozen, frozen=True):
    """[speech]: what speaks the texts (`say`) of flows."""

    engine: str = "espeak"
    """`espeak` (espeak-ng), `http` (POST to `url`) or `command` (a program: text in, WAV out)."""
    url: str = ""
    """For `http`: gets `{"text": …, "language": …, "voice": …}` as JSON, answers with a WAV."""
    header: str = "Authorization"
    """For `http`: header that carries `secret`."""
    secret: Secret = Secret("")
    """For `http`: the whole value of that header."""
    command: tuple[str, ...] = ()
    """For `command`: program and arguments; `{language}` and `{voice}` in them are filled in."""
    voices: dict[str, str] = {}
    """Language → voice of the engine; else the language's own name."""
    speed: int = 155
    """For `espeak`: words a minute."""
    timeout_s: float = 8.0
    """A text that is not ready after so long is left out."""
    cache: str = ""
    """Folder of what was rendered; empty: `speech` in the state directory."""
    cache_mb: int = 200
    """Its bound; what was not used for longest goes."""
    most: int = 2
    """Texts rendered at a time, by each media worker."""


class TrunkSettings(Frozen, frozen=True):
    """[trunks.NAME]: a link to a carrier or PBX."""

    name: str
    host: str
    port: int | None = None
    """The carrier's port. Without one, a name is asked for its SRV records (RFC 3263), which name the servers
    in their order; where there are none, and for an address, 5060."""
    protocol: str = "udp"
    ca: str = ""
    """For `tls`: file (PEM) of the authority that signed the carrier's certificate; empty: the system's."""
    certificate_name: str = ""
    """For `tls`: the name that the carrier's certificate must hold; empty: `host`."""
    register: bool = False
    username: str = ""
    password: Secret = Secret("")
    realm: str = ""
    expires_s: int = 600
    sources: tuple[str, ...] = ()
    """Addresses or networks (CIDR) calls are taken from; empty: the host's own addresses."""
    channels: int = 0
    """Most calls at a time, 0: no limit."""
    priority: int = 10
    """Lower is tried first for outgoing calls."""
    country: str = ""
    """Region for normalising numbers; empty: the daemon's."""
    caller_id: str = ""
    timeout_s: float = 4.0
    """No answer at all for this long, not even 100 Trying: next trunk."""
    qualify_s: float = 30.0
    srtp: str = SRTP_AUTO
    """Encrypted audio (SRTP, its keys in SDP): `off`, `auto`, or `required`, which refuses plain audio. Over
    `tls`, `auto` offers it beside plain audio and takes it; over `udp` and `tcp` it is taken only from who
    offers nothing else."""
    reliable_ringing: bool = False
    """Say in calls to the carrier that we acknowledge ringing (100rel, PRACK, RFC 3262), so that it cannot
    get lost. A carrier that insists on that is obeyed without."""


class DeviceSettings(Frozen, frozen=True):
    """[devices.NAME]: an agent's phone. NAME is the user part it registers with."""

    name: str
    password: Secret
    username: str = ""
    """Digest user name; empty: the device's name."""
    max_bindings: int = 5
    srtp: str = SRTP_AUTO
    """Encrypted audio (SRTP, its keys in SDP): `off`, `auto`, or `required`, which refuses plain audio. To a
    phone that is registered over TLS, `auto` offers it beside plain audio, and takes it; from other phones it
    is taken only where they offer nothing else."""


class ChannelSettings(Frozen, frozen=True):
    """[channels.NAME]: an adapter's instance; `options` is the adapter's own settings value."""

    name: str
    adapter: str
    options: Any = None


class OutsideSettings(Frozen, frozen=True):
    """[services.NAME]: somebody outside whom flows ask: an HTTP server, or a database (one SELECT)."""

    name: str
    kind: str
    url: str = ""
    """`http`: the address, `https://crm.example/customers/{number}`. What stands in braces is a value of the
    step that asks, and is encoded."""
    method: str = "GET"
    """`http`: with POST, PUT and PATCH the values that are not in `url` are sent as a JSON object."""
    headers: dict[str, str] = {}
    """`http`: sent with each request."""
    secret_headers: dict[str, Secret] = {}
    """`http`: headers whose whole value is a secret, `{ Authorization = "env:CRM_TOKEN" }`."""
    ca: str = ""
    """`http`: file (PEM) of the authority that signed the server's certificate; empty: the system's."""
    database: str = ""
    """`sql`: file of an SQLite database. It is only read."""
    dsn: Secret = Secret("")
    """`sql`: how to reach a PostgreSQL database, `"env:CRM_DSN"` with `host=… dbname=… user=… password=…`."""
    select: str = ""
    """`sql`: one SELECT; `:number` is a value of the step that asks. The first row is the answer."""
    take: dict[str, str] = {}
    """Name → where it stands in the answer: `{ tier = "customer.tier", agent = "owners.0.name" }`. Empty: all
    plain fields at the top (`sql`: all columns)."""
    timeout_s: float = 2.0
    """An answer must be whole within this time."""
    cache_s: float = 0.0
    """An answer to the same question is used again for so long; 0: never. Only GET and `sql`."""
    most: int = 50
    """Requests at a time; more wait for their turn, and for no longer than their time limit."""
    failures: int = 5
    """After so many failures one after the other the service is passed over."""
    rest_s: float = 30.0
    """For so long; then one request tries it."""


class BotSettings(Frozen, frozen=True):
    """[bots.NAME]: a bot outside to which flows hand conversations, over WebSocket (`docs/bots.md`)."""

    name: str
    url: str
    """`wss://bots.example/clerk`; `ws://` only for this machine."""
    headers: dict[str, str] = {}
    """Sent when the connection is opened."""
    secret_headers: dict[str, Secret] = {}
    """Headers whose whole value is a secret, `{ Authorization = "env:BOT_TOKEN" }`."""
    ca: str = ""
    """File (PEM) of the authority that signed the bot's certificate; empty: the system's."""
    timeout_s: float = 5.0
    """The bot must have taken the conversation within this time."""
    longest_s: float = 600.0
    """A conversation ends after so long."""
    most: int = 20
    """Conversations at a time; one more is a failure at once."""
    frame_ms: int = 20
    """What a caller says goes to the bot in pieces so long: larger ones cost the daemon less, and time."""


class Settings(Frozen, frozen=True):
    """Everything a configuration says."""

    rules: Rules
    daemon: DaemonSettings = DaemonSettings()
    ledger: LedgerSettings = LedgerSettings()
    control: ControlSettings = ControlSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    speech: SpeechSettings = SpeechSettings()
    trunks: dict[str, TrunkSettings] = {}
    devices: dict[str, DeviceSettings] = {}
    channels: dict[str, ChannelSettings] = {}
    services: dict[str, OutsideSettings] = {}
    bots: dict[str, BotSettings] = {}
    sources: tuple[str, ...] = ()
    """Files it was read from."""


def rtp_host(settings: Settings) -> str:
    """The local address of all RTP: where SIP listens, unless told otherwise; of several, all of a family."""
    hosts = {each.host for each in settings.sip.transports}
    if settings.media.host or len(hosts) == 1:
        return settings.media.host or hosts.pop()
    return "::" if hosts and all(":" in host for host in hosts) else "0.0.0.0"  # noqa: S104
