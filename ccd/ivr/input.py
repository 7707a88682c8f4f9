"""What a key, a typed word or a variable means to a step."""

from ccd.model.steps import Menu

TEXT_WAIT_S = 300.0
"""Least time a menu waits for a typed answer: a person writes more slowly than a key is pressed."""
TYPED_LIMIT = 16
"""Most keys kept that were pressed ahead of a menu."""

REFERENCE = "secret:"
"""How a reference to keys begins that only the channel knows."""


def secret_name(interaction: str, number: int) -> str:
    """A fresh reference; `ccd.channels.secrets` reads the interaction out of it."""
    return f"{REFERENCE}{interaction}.s{number}"


def hidden(length: int) -> str:
    """Secret keys as people see them."""
    return f"•••• ({length})"


def open_value(variables: dict[str, str], name: str) -> str:
    """A variable's value, unless it is a secret or is not set."""
    value = variables.get(name, "")
    return "" if value.startswith(REFERENCE) else value


def choice(menu: Menu, key: str) -> str | None:
    """Id of the step that a key (or typed word, in whatever case) chooses."""
    target = menu.choices.get(key)
    if target is None and key.isalpha():
        folded = key.casefold()
        return next((step for known, step in menu.choices.items() if known.casefold() == folded), None)
    return target


def whole(text: str) -> int | None:
    """A whole number from a variable; None when it is none (the checks refuse it in a script)."""
    try:
        return int(text)
    except ValueError:
        return None
