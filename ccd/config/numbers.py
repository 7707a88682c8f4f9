"""Countries whose telephone numbers can be read."""

import importlib.util
import re
from functools import cache
from pathlib import Path


@cache
def is_country(code: str) -> bool:
    """Whether numbers of this region can be read: looks for its data without loading the library."""
    if not re.fullmatch(r"[A-Z]{2}", code):
        return False
    spec = importlib.util.find_spec("phonenumbers")
    places = (spec.submodule_search_locations if spec else None) or []
    return any((Path(place) / "data" / f"region_{code}.py").exists() for place in places)
