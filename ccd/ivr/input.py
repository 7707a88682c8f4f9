"""What a key, a typed word or a variable means to a step."""

from ccd.model.key_checks import check
from ccd.model.step import Step
from ccd.model.steps import Menu
from ccd.model.steps_bots import Bot
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Identify
from ccd.model.templates import SECRET

TEXT_WAIT_S = 300.0
"""Least time a menu waits for a typed answer: a person writes more slowly than a key is pressed."""
TYPED_LIMIT = 16
"""Most keys kept that were pressed ahead of a menu."""

MOST_WRITTEN = 500
"""Characters of a written answer that are looked at."""


def secret_name(interaction: str, number: int) -> str:
    """A fresh reference; `ccd.channels.secrets` reads the interaction out of it."""
    return f"{SECRET}{interaction}.s{number}"


def hidden(length: int) -> str:
    """Secret keys as people see them."""
    return f"•••• ({length})"


def open_value(variables: dict[str, str], name: str) -> str:
    """A variable's value, unless it is a secret or is not set."""
    value = variables.get(name, "")
    return "" if value.startswith(SECRET) else value


def choice(menu: Menu, key: str) -> str | None:
    """Id of the step that a key (or typed word, in whatever case) chooses."""
    target = menu.choices.get(key)
    if target is None and key.isalpha():
        folded = key.casefold()
        return next((step for known, step in menu.choices.items() if known.casefold() == folded), None)
    return target


def written_key(menu: Menu, text: str) -> str:
    """The key that a written answer means: by itself, by the choice's label or one of its words.

    A word counts wherever it stands in the answer; where words of two choices stand in it, none does.
    """
    if choice(menu, text) is not None:
        return text
    said = plain(text)
    meant = {
        key
        for key in menu.choices
        for word in (menu.labels.get(key, ""), *menu.words.get(key, ()))
        if plain(word).strip() and plain(word) in said
    }
    exact = {key for key in meant if said in map(plain, (menu.labels.get(key, ""), *menu.words.get(key, ())))}
    found = exact or meant
    return found.pop() if len(found) == 1 else text


def means_choice(step: Step, text: str) -> bool:
    """Whether a text is one of the answers that a step offers."""
    if isinstance(step, Collect):
        return bool(step.valid) and len(text) >= step.least and check(text, step.valid) is not None
    if isinstance(step, Identify):  # a customer number, not a greeting
        return any(map(str.isdecimal, text)) and " " not in text
    if isinstance(step, Bot):  # it reads all
        return True
    return isinstance(step, Menu) and choice(step, written_key(step, text)) is not None


def plain(text: str) -> str:
    """Words in lower case, each between spaces, without punctuation: for comparing."""
    letters = "".join(char if char.isalnum() else " " for char in text.casefold()[:MOST_WRITTEN])
    return f" {' '.join(letters.split())} "


def whole(text: str) -> int | None:
    """A whole number from a variable; None when it is none (the checks refuse it in a script)."""
    try:
        return int(text) if text else None
    except ValueError:
        return None
