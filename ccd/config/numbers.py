"""Countries whose telephone numbers can be read."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import msgspec

from ccd.model.numbers import to_e164
from ccd.model.rules import Target


@cache
def is_country(code: str) -> bool:
    """Whether numbers of this region can be read: looks for its data without loading the library."""
    if not re.fullmatch(r"[A-Z]{2}", code):
        return False
    spec = importlib.util.find_spec("phonenumbers")
    places = (spec.submodule_search_locations if spec else None) or []
    return any((Path(place) / "data" / f"region_{code}.py").exists() for place in places)


def with_numbers(target: Target, country: str) -> Target:
    """The target with its outside numbers, also those among its shares, in E.164."""
    shares = tuple(
        msgspec.structs.replace(share, address=to_e164(share.address, country)) if share.address else share
        for share in target.share
    )
    address = to_e164(target.address, country) if target.address else ""
    return msgspec.structs.replace(target, address=address, share=shares)
