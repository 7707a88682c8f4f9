"""Secrets of a question: a one-time code that is made here, and what a service must not send back.

A service that repeats what it was sent would put it into the ledger with its answer: such values are left
out.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ccd.ids import Chance

CODE: Final = "code"
"""Name of the secret that a one-time code is sent as; `{code}` in the value `text` stands for it too."""
TEXT: Final = "text"
LONG: Final = 6
"""Digits of a secret from which on it is no chance that they stand in a value."""
_BETWEEN = re.compile(r"[\s._/-]+")


def made_code(chance: Chance, digits: int) -> str:
    """A fresh code of so many digits."""
    return f"{chance.below(10**digits):0{digits}}"


def without(fields: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """The fields of an answer in which no secret stands, whole or, if it is long, among other characters."""
    sent = [secret for secret in secrets if secret]
    if not sent:
        return dict(fields)
    return {
        name: value for name, value in fields.items() if not (_repeats(value, sent) or _repeats(name, sent))
    }


def _repeats(text: str, secrets: Iterable[str]) -> bool:
    bare = _BETWEEN.sub("", text)
    return any(secret == bare or (len(secret) >= LONG and secret in bare) for secret in secrets)
