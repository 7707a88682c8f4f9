"""What a reload leaves for the next start: keys that sockets, ledger, workers and adapters were made with."""

from collections.abc import Collection, Iterable

_KEYS = (
    "daemon.",
    "ledger.",
    "control.",
    "sip.",
    "speech.",
    "media.workers",
    "media.host",
    "media.port",
    "media.inband_dtmf",
)
_AT_ONCE = (
    "daemon.drain_s:",
    "daemon.disk_alarm_pct:",
    "ledger.keep_days:",
    "sip.session_expires_s:",
    "sip.session_least_s:",
)
_CHANNEL = "channels."


def waiting(changes: Iterable[str], following: Collection[str] = ()) -> list[str]:
    """Those lines of a `diff` that are not in force before the next start.

    `following`: running channels of adapters that take changed options at once.
    """
    return [line for line in changes if _waits(line, following)]


def _waits(line: str, following: Collection[str]) -> bool:
    sign, key = line[:2], line[2:]
    if not key.startswith(_CHANNEL):
        return sign in {"+ ", "- ", "~ "} and key.startswith(_KEYS) and not key.startswith(_AT_ONCE)
    name = key[len(_CHANNEL) :].partition(":")[0].partition(" ")[0]
    channel, dot, _ = name.partition(".")
    return not dot or channel not in following  # a whole channel more or less: sockets open at the start
