"""What `ccctl sip trace` shows: messages of one leg or one Call-ID, or all of late."""

from collections.abc import Mapping
from typing import Any

from ccd.voice.stack import SipStack


def trace(stack: SipStack, calls: Mapping[str, str], argument: str) -> list[dict[str, Any]]:
    """`calls`: Call-ID → leg; `argument`: a leg or a Call-ID, empty: all."""
    wanted = {call_id for call_id, leg in calls.items() if argument in {leg, call_id}}
    found = []
    for call_id in wanted or ({argument} if argument else {""}):
        found += stack.trace(call_id)
    found.sort(key=lambda traced: traced.at)
    return [
        {
            "at": traced.at,
            "direction": traced.direction,
            "peer": f"{traced.flow.protocol} {traced.flow.host}:{traced.flow.port}",
            "message": traced.data.decode("utf-8", "replace"),
        }
        for traced in found
    ]
