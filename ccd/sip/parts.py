"""The SDP of a message whose body has several parts (RFC 5621, RFC 2046 §5.1).

Exchanges that speak ISUP among themselves (RFC 3204) and cells that tell where a caller is (RFC 6442) wrap
the SDP up with what we have no use for; that is passed over.
"""

import re

from ccd.sip.message import Message

MOST_PARTS = 16
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_BREAK = re.compile(rb"\r?\n\r?\n")
_SDP = re.compile(rb"^content-type\s*:\s*application/sdp\s*(?:;|$)", re.IGNORECASE | re.MULTILINE)


def sdp_of(message: Message) -> bytes | None:
    """The SDP in a message: its body or a part of it; empty without a body, None where the body has none."""
    body = message.body
    if not body or message.content_type in {"application/sdp", ""}:
        return body
    if not message.content_type.startswith("multipart/"):
        return None
    found = _BOUNDARY.search(message.get("Content-Type") or "")
    if found is None:
        return None
    line = b"--" + (found[1] or found[2]).encode()
    for part in body.split(line, MOST_PARTS)[1:]:
        if part.startswith(b"--"):
            break  # the end; what follows is no part
        head, *rest = _BREAK.split(part, maxsplit=1)
        if rest and _SDP.search(head.replace(b"\r", b"")):
            return rest[0]
    return None
