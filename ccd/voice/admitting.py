"""What is wrong with a request whatever it asks for: scheme, security, encoding (RFC 3261 §8.2.2, RFC 5630).

Max-Forwards is not looked at here: a request that names us has arrived, whatever is left of it (§16.3 speaks
of who forwards). It is counted on in the calls that we make for it (`onward`).
"""

from ccd.sip.address import Address
from ccd.sip.events import Flow
from ccd.sip.message import Request
from ccd.voice.streams import TLS

SCHEMES = frozenset({"sip", "sips", "tel"})
MOST_HOPS = 70
"""What a new request is given (§8.1.1.6)."""

Headers = tuple[tuple[str, str], ...]
Fault = tuple[int, Headers]


def fault_of(request: Request, flow: Flow) -> Fault | None:
    """How a request outside a dialog is refused at once; None: it is not."""
    scheme = request.raw_uri.partition(":")[0].lower()
    if scheme not in SCHEMES:
        return 416, ()
    if scheme == "sips" and flow.protocol != TLS:  # encrypted on every hop, and this one is not
        return 480, (("Warning", '380 ccd "SIPS Not Allowed"'),)
    return encoding_fault(request)


def encoding_fault(request: Request) -> Fault | None:
    """415 for a body that is packed in a way that we cannot open (§8.2.3)."""
    if not request.body or request.get("Content-Encoding") is None or request.method == "BYE":
        return None  # who hangs up is let go
    packed = [each.strip().lower() for each in request.get_all("Content-Encoding")]
    if all(each in {"", "identity"} for each in packed):
        return None
    return 415, (("Accept-Encoding", "identity"),)


def wants_sips(request: Request) -> bool:
    """Whether our Contact must be `sips:` in the dialog of that request (§12.1.1)."""
    if request.raw_uri[:5].lower() == "sips:":
        return True
    route = request.get_all("Record-Route")
    if route:
        return Address.parse(route[0]).uri.scheme == "sips"
    contacts = request.contacts
    return bool(contacts) and contacts[0].uri.scheme == "sips"


def hops_left(request: Request) -> int:
    """Max-Forwards of a request."""
    value = (request.get("Max-Forwards") or "").strip()
    return min(MOST_HOPS, int(value)) if value.isdigit() else MOST_HOPS


def onward(hops: int) -> int:
    """How often a call that we make for another may still be forwarded: once less (RFC 7332), so that a call
    sent round in circles comes to an end. Below 0: it is not to be made."""
    return hops - 1
