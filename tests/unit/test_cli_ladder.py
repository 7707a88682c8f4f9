"""The ladder of SIP messages: who stands where, which way the arrows point, and that it fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.cli.ladder import label, ladder
from ccd.cli.text import cells
from tests.unit.control_room import TRACE


def message(peer: str, direction: str = "in", text: str = "BYE sip:a SIP/2.0\r\n\r\n") -> dict[str, Any]:
    return {"at": 1.0, "direction": direction, "peer": peer, "message": text}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", "INVITE (SDP)"),
        ("INVITE sip:a SIP/2.0\r\nc: application/SDP\r\n\r\nv=0\r\n", "INVITE (SDP)"),
        ("INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n", "INVITE"),
        ("SIP/2.0 200 OK\r\nCSEQ : 1 INVITE\r\n\r\n", "200 OK (INVITE)"),
        ("SIP/2.0 486 Busy Here\r\n\r\n", "486 Busy Here ()"),
        ("", "(empty)"),
        ("\x1b[2J", "·[2J"),
    ],
)
def test_labels(sent: str, said: str) -> None:
    assert label(sent).replace(" ()", "") == said.replace(" ()", "")


def test_ccd_stands_between_the_caller_and_the_agent() -> None:
    heads, *rungs = ladder(TRACE, 80)
    assert heads.index("UDP 192.0.2.1:5060") < heads.index("ccd") < heads.index("UDP 192.0.2.7:5066")
    ours = heads.index("ccd") + 1
    invite, ringing, offered, accepted, _ = rungs
    assert "INVITE (SDP) " in invite
    assert invite[ours - 1] == "▶"
    assert "◀" in ringing[:ours]
    assert "180 Ringing (INVITE)" in ringing[:ours]
    assert offered[ours] == "│"
    assert "▶" in offered[ours:]
    assert "INVITE" in offered[ours:]
    assert accepted[ours + 1] == "◀"


def test_lifelines_stand_under_each_other() -> None:
    _, *rungs = ladder(TRACE, 80)
    columns = [{at for at, char in enumerate(rung) if char in "│▶◀"} for rung in rungs]
    posts = {at for at, char in enumerate(rungs[0]) if char == "│"}
    assert len(posts) == 3
    for rung, found in zip(rungs, columns, strict=True):
        assert posts <= found | {at for at, char in enumerate(rung) if char == "│"}


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefg"), st.sampled_from(["in", "out"]), st.text(max_size=200)),
        max_size=12,
    ),
    st.integers(60, 200),
)
def test_it_always_fits(sent: list[tuple[str, str, str]], columns: int) -> None:
    messages = [message(f"UDP 192.0.2.{peer}:5060", way, text) for peer, way, text in sent]
    lines = ladder(messages, columns)
    assert all(cells(line) <= columns for line in lines)
    assert all(char.isprintable() for line in lines for char in line)


def test_nothing_and_too_many_peers() -> None:
    assert ladder([], 80) == ["no messages"]
    lines = ladder([message(f"peer{number}") for number in range(6)], 80)
    assert len(lines) == 6
    assert all("──▶ ccd  BYE" in line for line in lines)
