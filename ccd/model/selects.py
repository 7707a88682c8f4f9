"""The one SELECT of a service: its `:names`, and whether it is one. Quotes and comments are looked over."""

import re

PIECE = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|:([A-Za-z_][A-Za-z0-9_]*)", re.DOTALL
)
"""What a statement holds that matters: quoted texts, comments, casts (`::`) and parameters."""


def parameters_of(select: str) -> list[str]:
    """Names of the parameters of a statement: not within quotes or comments."""
    return [found[1] for found in PIECE.finditer(select) if found[1]]


def fault_of_select(select: str) -> str:
    """Why a statement is not one SELECT, for people; empty: it is one."""
    bare = PIECE.sub(lambda found: "" if found[0][:1] in "-/" else "x", select).strip().rstrip(";").strip()
    if ";" in bare:
        return "holds several statements"
    if not re.match(r"(?i)(select|with)\b", bare):
        return "is no SELECT"
    return ""
