"""Where the requests of a dialog go (RFC 3261 §12.2.1.1), as the network really is: NAT, lost connections.

To a device: back over the flow that it came by, because a phone behind NAT is reached only there. To a
trunk: to its first route or its Contact, by the same connection where that is the same host.
"""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from ccd.errors import CcdError
from ccd.sip.dialog import Dialog
from ccd.sip.events import Flow
from ccd.sip.uri import SipUri
from ccd.voice.streams import TLS

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg
    from ccd.voice.channel import VoiceChannel


def flow_of(channel: "VoiceChannel", dialog: Dialog, flow: Flow, trunk: str) -> Flow:
    """The flow of a new dialog; `flow` is that of its first message. What came encrypted stays so."""
    if flow.protocol == TLS:
        return flow
    hop = dialog.next_hop
    if not trunk or not isinstance(hop, SipUri) or (hop.host == flow.host and flow.reliable):
        return flow
    if hop.host == flow.host and (hop.port or 5060) == flow.port:
        return flow
    if behind_nat(hop.host, flow.host):
        return flow
    try:
        return channel.stack.flow_for(hop)
    except CcdError:
        return flow


def behind_nat(named: str, seen: str) -> bool:
    """The far end names an address of its own network, while it is seen from a public one: no packet of
    ours gets to the first, and the second is where its NAT lets them in."""
    if named == seen:
        return False
    try:
        return ip_address(named).is_private and not ip_address(seen.partition("%")[0]).is_private
    except ValueError:
        return False  # a name


def flow_now(channel: "VoiceChannel", leg: "CallLeg", flow: Flow) -> Flow:
    """The flow of a leg whose connection may be gone: a phone came back over another, to a trunk we make
    a new one (RFC 3261 §18.1.1)."""
    if leg.device:
        bindings = channel.registrar.bindings(leg.device)
        if not bindings or any(bound.flow == flow for bound in bindings):
            return flow
        return bindings[0].flow
    if not leg.trunk or leg.dialog is None or channel.stack.stands(flow):
        return flow
    hop = leg.dialog.next_hop
    if flow.protocol != TLS and isinstance(hop, SipUri) and not behind_nat(hop.host, flow.host):
        try:
            return channel.stack.flow_to(hop.params.get("maddr") or hop.host, hop.port or 5060, "TCP")
        except CcdError:
            pass  # a name: the trunk's own address serves
    return channel.trunks.way_to(leg.trunk) or flow
