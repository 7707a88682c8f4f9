"""SIP messages drawn as a ladder: a column for each peer, ccd between the first and the others."""

from typing import Any

from ccd.cli.text import cells, clean, clock, cut, pad, spread

TIME = 13
"""Columns for the time, a space after it counted in."""
MOST_PEERS = 4
"""With more the columns are too narrow: a list then."""


def ladder(messages: list[dict[str, Any]], columns: int) -> list[str]:
    """The drawing; `messages` as the verb `sip.trace` gives them."""
    if not messages:
        return ["no messages"]
    peers = list(dict.fromkeys(str(message["peer"]) for message in messages))
    if len(peers) > MOST_PEERS:
        return [cut(_line(message), columns) for message in messages]
    gap = (columns - TIME - 2) // max(len(peers), 1)
    posts = [peers[0], "ccd", *peers[1:]]
    at = {post: TIME + place * min(gap, 44) for place, post in enumerate(posts)}
    lines = [_heads(posts, at, min(gap, 44), columns)]
    lines += [_rung(message, at) for message in messages]
    return lines


def label(text: str) -> str:
    """`INVITE (SDP)`, `180 Ringing`, `200 OK (INVITE, SDP)`."""
    head, _, body = text.partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    values = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)
    }
    extra = (
        "SDP" if body and "application/sdp" in values.get("content-type", values.get("c", "")).lower() else ""
    )
    if first.startswith("SIP/2.0 "):
        status = first.removeprefix("SIP/2.0 ")
        method = values.get("cseq", "").rpartition(" ")[2]
        return clean(f"{status} ({', '.join(part for part in (method, extra) if part)})")
    return clean(f"{first.partition(' ')[0]}{' (SDP)' if extra else ''}" or "(empty)")


def _line(message: dict[str, Any]) -> str:
    arrow = "◀──" if message["direction"] == "out" else "──▶"
    at, peer = clock(message["at"], millis=True), clean(message["peer"])
    return f"{at} {peer} {arrow} ccd  {label(message['message'])}"


def _heads(posts: list[str], at: dict[str, int], gap: int, columns: int) -> str:
    line = ""
    for place, post in enumerate(posts):
        name = cut(clean(post), gap - 2)
        middle = at[post] - cells(name) // 2 if place else at[post]
        left = max(min(middle, columns - cells(name)), cells(line) + 1)
        line = pad(line, left) + cut(name, columns - left)
    return line


def _rung(message: dict[str, Any], at: dict[str, int]) -> str:
    line = spread(pad(clock(message["at"], millis=True), max(at.values()) + 1))
    for column in at.values():
        line[column] = "│"
    ours, theirs = at["ccd"], at[str(message["peer"])]
    left, right = min(ours, theirs), max(ours, theirs)
    rightwards = (message["direction"] == "out") == (ours == left)
    bar = _bar(f" {cut(label(message['message']), right - left - 7)} ", right - left - 2)
    line[left + 1 : right] = spread(bar + "▶" if rightwards else "◀" + bar)
    return "".join(line).rstrip()


def _bar(text: str, columns: int) -> str:
    before = (columns - cells(text)) // 2
    return "─" * before + text + "─" * (columns - cells(text) - before)
