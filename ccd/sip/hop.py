"""One hop of a message: Via, where answers go, what copies share (RFC 3261 §17.2.3, §18.2; RFC 3581)."""

import ipaddress
from functools import lru_cache

from ccd.sip.events import Flow
from ccd.sip.message import Request
from ccd.sip.transaction import Key

COOKIE = "z9hG4bK"


def server_key(request: Request, method: str) -> Key:
    """What copies, CANCEL and ACK share with their request (§17.2.3)."""
    via = request.hop
    branch = via.branch
    if branch and branch.startswith(COOKIE):
        return (branch, via.host, via.port, method)
    # RFC 2543 peers: no unique branch.
    return (
        request.raw_uri,
        request.from_tag,
        request.call_id,
        request.cseq.number,
        via.host,
        via.port,
        method,
    )


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def stamp(request: Request, flow: Flow) -> Flow:
    """Note in the top Via where the request came from, and say where its answers go (§18.2, RFC 3581).

    Without `rport` answers go to the port that the Via names - but to the source when the Via holds another
    address than the packet: then a NAT stands between, and the named port is not to be reached.
    """
    hop = request.hop
    nat = hop.host != flow.host
    if not (nat or hop.wants_rport):
        port = hop.port or 5060
        return (
            flow if flow.reliable or port == flow.port else Flow(flow.protocol, flow.host, port, flow.local)
        )
    via = request.via
    if hop.wants_rport:
        via.params["rport"] = str(flow.port)
        via.params["received"] = flow.host
        request.set_top_via(via)
        return flow
    via.params["received"] = flow.host
    request.set_top_via(via)
    port = hop.port or 5060
    if flow.reliable or port == flow.port or _is_address(hop.host):
        return flow
    return Flow(flow.protocol, flow.host, port, flow.local)


def format_sent_by(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{name}:{port}" if port else name


def set_via(request: Request, flow: Flow, sent_by: str, branch: str) -> None:
    request.set_via(f"SIP/2.0/{flow.protocol} {sent_by};branch={branch};rport")


def same_hop(request: Request, method: str, to: str) -> Request:
    """CANCEL or ACK to a rejection: the request's own top Via, Route, From, Call-ID, CSeq number."""
    headers = [
        ("Via", request.get("Via") or ""),
        ("Max-Forwards", "70"),
        ("From", request.get("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} {method}"),
    ]
    headers.extend(("Route", route) for route in request.get_all("Route"))
    return Request.create(method, request.raw_uri, headers)
