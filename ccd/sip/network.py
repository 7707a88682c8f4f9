"""Whether a media address is one of our network at all (RFC 3264 §5, RFC 3261 §20.43: warnings 300, 301)."""

from ipaddress import ip_address

from ccd.sip.sdp import Incompatible


class OtherNetwork(Incompatible):
    """The far end wants its audio where our sockets cannot send: IPv6 from IPv4, or the other way round."""


def check_network(ours: str, theirs: str | None) -> None:
    """`ours`: host of our SDP; `theirs`: of the other side's. Raises `OtherNetwork`.

    A name says nothing, and an address that says only "nowhere" (the old form of hold) fits everywhere.
    """
    if theirs is None or (":" in theirs) == (":" in ours):
        return
    try:
        mine, other = ip_address(ours.strip("[]")), ip_address(theirs)
    except ValueError:
        return
    if not other.is_unspecified:
        raise OtherNetwork(
            f"the media address {theirs} is IPv{other.version}, and audio here goes over IPv{mine.version}"
        )
