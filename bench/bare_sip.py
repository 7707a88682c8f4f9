"""The measuring rod of bench/calls.py: answers calls and does nothing else.

No transactions, no dialogs, no queue, no agent, no ledger: each INVITE gets a 200 at once, each other request
but ACK a 200. What that costs on a machine in an hour says how fast the machine is for such work.

Run by bench/calls.py: python bench/bare_sip.py PORT
"""

import asyncio
import re
import sys

import uvloop

FIELDS = re.compile(rb"^(?:Via|From|Call-ID|CSeq):[^\r]*\r\n", re.MULTILINE)
TO = re.compile(rb"^(To:[^\r;]*)(;[^\r]*)?\r\n", re.MULTILINE)
SDP = (
    b"v=0\r\no=bare 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40002 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


class Answerer(asyncio.DatagramProtocol):
    """Answers each request but ACK with 200."""

    def __init__(self, port: int) -> None:
        self._own = b"Contact: <sip:127.0.0.1:%d>\r\n" % port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to send."""
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """One request."""
        if data.startswith(b"ACK"):
            return
        body = SDP if data.startswith(b"INVITE") else b""
        to = TO.search(data)
        assert to
        self._transport.sendto(  # type: ignore[attr-defined]
            b"SIP/2.0 200 OK\r\n%b%b%b\r\n%bContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b"
            % (b"".join(FIELDS.findall(data)), to[1], to[2] or b";tag=bare", self._own, len(body), body),
            address,
        )


async def serve(port: int) -> None:
    """Answer until ended."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Answerer(port), ("127.0.0.1", port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
