"""What an agent is shown with an offer: the `screen` of a `queue` step, with its values in.

In what begins as an address of the web the values are percent-encoded (RFC 3986, 2.1): nothing that a caller
or another system put into a variable changes where it leads or what else it says.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ccd.model.answers import bounded
from ccd.model.templates import filled

MOST_SHOWN = 10
"""Values of one screen."""
_WEB = ("https://", "http://")


def screen_of(templates: Mapping[str, str], look_up: Callable[[str], Any], language: str) -> dict[str, str]:
    """The values by name, bounded, each on one line; those of which nothing is left are not there."""
    values = {
        name: filled(text, look_up, language, _encoded if text.startswith(_WEB) else str)
        for name, text in list(templates.items())[:MOST_SHOWN]
    }
    return {name: value for name, value in bounded(values).items() if value.strip()}


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")
