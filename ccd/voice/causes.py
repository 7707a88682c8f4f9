"""SIP status, ISDN cause and our own `Cause`, each to the others.

RFC 3398 (SIP to ISUP and back), RFC 3326 (Reason header), RFC 6432 (Reason with Q.850 in responses).
The core knows only `Cause`; here at the edge it becomes a status or is read from one.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ccd.model.nouns import Cause


class Reasons(NamedTuple):
    """What Reason headers say: 0 where a protocol is not named."""

    sip: int = 0
    q850: int = 0
    text: str = ""


SILENT = Reasons()
"""No Reason header at all."""


class Refusal(NamedTuple):
    """How a cause is told to a far end."""

    status: int
    phrase: str
    q850: int


_Q850_TEXT = {
    1: "Unallocated number",
    16: "Normal call clearing",
    17: "User busy",
    19: "No answer from user",
    20: "Subscriber absent",
    21: "Call rejected",
    26: "Answered elsewhere",
    27: "Destination out of order",
    31: "Normal, unspecified",
    34: "No circuit available",
    41: "Temporary failure",
    42: "Switching equipment congestion",
    88: "Incompatible destination",
    102: "Recovery on timer expiry",
}

_REFUSALS = {
    Cause.NORMAL: Refusal(480, "Temporarily Unavailable", 16),
    Cause.CANCELLED: Refusal(487, "Request Terminated", 16),
    Cause.NO_ANSWER: Refusal(480, "Temporarily Unavailable", 19),
    Cause.BUSY: Refusal(486, "Busy Here", 17),
    Cause.REJECTED: Refusal(603, "Decline", 21),
    Cause.UNREACHABLE: Refusal(480, "Temporarily Unavailable", 20),
    Cause.NOT_FOUND: Refusal(404, "Not Found", 1),
    Cause.FORBIDDEN: Refusal(403, "Forbidden", 21),
    Cause.CONGESTION: Refusal(503, "Service Unavailable", 34),
    Cause.OVERLOAD: Refusal(503, "Service Unavailable", 42),
    Cause.INCOMPATIBLE: Refusal(488, "Not Acceptable Here", 88),
    Cause.MEDIA_LOST: Refusal(480, "Temporarily Unavailable", 27),
    Cause.LAPSED: Refusal(480, "Temporarily Unavailable", 19),
    Cause.VANISHED: Refusal(480, "Temporarily Unavailable", 27),
    Cause.EXPIRED: Refusal(480, "Temporarily Unavailable", 102),
    Cause.TOO_LONG: Refusal(480, "Temporarily Unavailable", 102),
    Cause.SILENT: Refusal(480, "Temporarily Unavailable", 31),
    Cause.TRANSFERRED: Refusal(480, "Temporarily Unavailable", 16),
    Cause.ANSWERED_ELSEWHERE: Refusal(487, "Request Terminated", 26),
    Cause.RESTART: Refusal(503, "Service Unavailable", 41),
    Cause.FAULT: Refusal(500, "Server Internal Error", 41),
}

_CAUSE_OF_STATUS = {
    400: Cause.FAULT,
    401: Cause.FORBIDDEN,
    402: Cause.FORBIDDEN,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    406: Cause.INCOMPATIBLE,
    407: Cause.FORBIDDEN,
    408: Cause.UNREACHABLE,
    410: Cause.NOT_FOUND,
    415: Cause.INCOMPATIBLE,
    416: Cause.NOT_FOUND,
    429: Cause.CONGESTION,
    433: Cause.FORBIDDEN,
    480: Cause.UNREACHABLE,
    481: Cause.VANISHED,
    484: Cause.NOT_FOUND,
    485: Cause.NOT_FOUND,
    486: Cause.BUSY,
    487: Cause.CANCELLED,
    488: Cause.INCOMPATIBLE,
    491: Cause.CONGESTION,
    504: Cause.UNREACHABLE,
    600: Cause.BUSY,
    603: Cause.REJECTED,
    604: Cause.NOT_FOUND,
    606: Cause.INCOMPATIBLE,
}
_CAUSE_OF_CLASS = {
    3: Cause.UNREACHABLE,
    4: Cause.FAULT,
    5: Cause.CONGESTION,
    6: Cause.REJECTED,
}

_CAUSE_OF_Q850 = {
    1: Cause.NOT_FOUND,
    2: Cause.NOT_FOUND,
    3: Cause.NOT_FOUND,
    16: Cause.NORMAL,
    17: Cause.BUSY,
    18: Cause.UNREACHABLE,
    19: Cause.NO_ANSWER,
    20: Cause.UNREACHABLE,
    21: Cause.REJECTED,
    22: Cause.NOT_FOUND,
    26: Cause.ANSWERED_ELSEWHERE,
    27: Cause.UNREACHABLE,
    28: Cause.NOT_FOUND,
    29: Cause.FORBIDDEN,
    31: Cause.NORMAL,
    34: Cause.CONGESTION,
    38: Cause.CONGESTION,
    41: Cause.CONGESTION,
    42: Cause.CONGESTION,
    47: Cause.CONGESTION,
    50: Cause.FORBIDDEN,
    55: Cause.FORBIDDEN,
    57: Cause.FORBIDDEN,
    58: Cause.CONGESTION,
    63: Cause.CONGESTION,
    65: Cause.INCOMPATIBLE,
    70: Cause.INCOMPATIBLE,
    79: Cause.INCOMPATIBLE,
    87: Cause.FORBIDDEN,
    88: Cause.INCOMPATIBLE,
    102: Cause.UNREACHABLE,
    111: Cause.FAULT,
}

_Q850_OF_STATUS = {
    401: 21,
    402: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    415: 79,
    480: 18,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    487: 16,
    488: 88,
    400: 41,
    481: 41,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    580: 47,
    600: 17,
    603: 21,
    604: 1,
    606: 88,
}
"""RFC 3398 §8.2.6.1."""

_STATUS_OF_Q850 = {
    1: 404,
    2: 404,
    3: 404,
    17: 486,
    18: 408,
    19: 480,
    20: 480,
    21: 403,
    22: 410,
    26: 404,
    27: 502,
    28: 484,
    29: 501,
    31: 480,
    34: 503,
    38: 503,
    41: 503,
    42: 503,
    47: 503,
    55: 403,
    57: 403,
    58: 503,
    65: 488,
    70: 488,
    79: 501,
    87: 403,
    88: 503,
    102: 504,
    111: 500,
    127: 500,
}
"""RFC 3398 §7.2.4.1."""

_VAGUE_Q850 = frozenset({0, 16, 31, 111, 127})
_ANSWERED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
_REASON_CAUSE = re.compile(r";\s*cause\s*=\s*(\d{1,3})(?!\d)", re.IGNORECASE)
_REASON_TEXT = re.compile(r';\s*text\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)

# a member taken out of its enum costs 600 instructions
_NORMAL, _ELSEWHERE = Cause.NORMAL, Cause.ANSWERED_ELSEWHERE
_BROKEN = frozenset({Cause.CONGESTION, Cause.UNREACHABLE, Cause.FAULT})


def refusal(cause: Cause) -> Refusal:
    """Status, phrase and Q.850 cause that tell `cause` to a leg that is not answered yet."""
    return _REFUSALS[cause]


def reason_header(cause: Cause) -> str:
    """Value of the Reason header for a BYE, CANCEL or final response of ours."""
    if cause is _ELSEWHERE:
        return _ANSWERED_ELSEWHERE  # phones then show no missed call
    q850 = _REFUSALS[cause].q850
    return f'Q.850;cause={q850};text="{_Q850_TEXT[q850]}"'


def read_reasons(values: Sequence[str]) -> Reasons:
    """Read all Reason header values of a message; what cannot be read is passed over."""
    if not values:
        return SILENT
    sip = q850 = 0
    text = ""
    for value in values:
        protocol = value.partition(";")[0].strip().lower()
        found = _REASON_CAUSE.search(value)
        number = int(found[1]) if found else 0
        if protocol == "q.850" and not q850:
            q850 = number if number <= 127 else 0
        elif protocol == "sip" and not sip:
            sip = number
        if not text and (said := _REASON_TEXT.search(value)):
            text = re.sub(r"\\(.)", r"\1", said[1]) if said[1] is not None else said[2]
    return Reasons(sip, q850, text)


def cause_of_response(status: int, reasons: Reasons = SILENT, rang: bool = False) -> Cause:
    """Why our INVITE got a final response of 300 or more.

    `rang`: a 180 or 183 came before. A clear Q.850 cause from the network behind a gateway says
    more than the status it was squeezed into (RFC 6432).
    """
    if reasons.q850 not in _VAGUE_Q850 and reasons.q850 in _CAUSE_OF_Q850:
        return _CAUSE_OF_Q850[reasons.q850]
    if rang and status in {408, 480}:
        return Cause.NO_ANSWER
    return _CAUSE_OF_STATUS.get(status) or _CAUSE_OF_CLASS.get(status // 100, Cause.FAULT)


def cause_of_bye(reasons: Reasons = SILENT) -> Cause:
    """Why an answered call was ended by the far end: normal, unless its Reason says it broke."""
    cause = _CAUSE_OF_Q850.get(reasons.q850, _NORMAL)
    if cause in _BROKEN:
        return Cause.VANISHED
    if cause is _ELSEWHERE or reasons.sip == 200:
        return _ELSEWHERE
    return _NORMAL


def cause_of_cancel(reasons: Reasons = SILENT) -> Cause:
    """Why a caller took its INVITE back (RFC 3326 §3)."""
    if reasons.sip == 200 or reasons.q850 == 26:
        return _ELSEWHERE
    return Cause.CANCELLED


def q850_of_status(status: int) -> int:
    """Q.850 cause of a SIP final response (RFC 3398 §8.2.6.1); 127 (interworking) when it has none."""
    if 200 <= status < 300:
        return 16
    return _Q850_OF_STATUS.get(status, 127)


def status_of_q850(q850: int) -> int:
    """SIP status of a Q.850 cause (RFC 3398 §7.2.4.1); by its class where not listed."""
    status = _STATUS_OF_Q850.get(q850)
    if status:
        return status
    if q850 < 32:
        return 480
    return 503 if q850 < 48 else 500


def user_answered_so(q850: int) -> bool:
    """The cause comes from the called user or number, not from the way there: another way is no help."""
    return q850 in {1, 17, 18, 19, 20, 21, 22, 28}
