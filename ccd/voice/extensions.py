"""What SIP extensions we know (RFC 3261 §8.2.2.3, §19.2), and the methods we take."""

from functools import cache

from ccd.sip import reliable
from ccd.sip.message import Request
from ccd.sip.session_timer import TAG

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, REFER, REGISTER, UPDATE"
KNOWN = frozenset({TAG, "replaces", reliable.TAG})
"""Option tags that a far end may require of us."""
SUPPORTED = f"{reliable.TAG}, {TAG}"
"""What we tell of it in answers."""
PHONES_SUPPORTED = f"replaces, {SUPPORTED}"
"""Some phones offer an attended transfer only where the far end knows it."""


@cache
def supported(phone: bool, reliably: bool) -> str:
    """What an INVITE of ours says.

    Who reads 100rel there may send ringing that waits for a PRACK, so it is said only where it is wanted
    (decision 0034).
    """
    tags = [*(["replaces"] if phone else []), *([reliable.TAG] if reliably else []), TAG]
    return ", ".join(tags)


def unknown_to_us(request: Request) -> list[str]:
    """Option tags that a request requires and we do not have: it must be answered 420."""
    return [tag for tag in request.get_all("Require") if tag.lower() not in KNOWN]


def not_supported(tags: list[str]) -> tuple[tuple[str, str], ...]:
    """The headers of that 420."""
    return (("Unsupported", ", ".join(tags)),)
