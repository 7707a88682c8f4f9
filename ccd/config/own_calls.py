"""Checks of what agents' phones may dial, and of the number that they show."""

import re

from ccd.config.faults import Path
from ccd.config.people import must_be_number
from ccd.config.values import Reader
from ccd.model.settings import Settings

_BEGINNING = re.compile(r"\+[0-9]{0,15}|(?!00)[0-9]{2,6}")


def check_own_calls(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    rules = settings.rules
    _may_dial(reader, ("own_calls", "may_dial"), rules.own_calls.may_dial)
    _may_dial(reader, ("own_calls", "may_transfer"), rules.own_calls.may_transfer or ())
    for agent in rules.agents.values():
        path: Path = ("agents", agent.name)
        _may_dial(reader, (*path, "may_dial"), agent.may_dial or ())
        _may_dial(reader, (*path, "may_transfer"), agent.may_transfer or ())
        if agent.caller_id:
            must_be_number(reader, (*path, "caller_id"), agent.caller_id, settings.daemon.country)
    _needs_a_trunk(reader, settings)


def _may_dial(reader: Reader, path: Path, beginnings: tuple[str, ...]) -> None:
    for at, text in enumerate(beginnings):
        if not _BEGINNING.fullmatch(text):
            cure = 'write e.g. "+331", "+" for all numbers, or a short number as a whole, e.g. "112"'
            reader.fault((*path, at), f'"{text}" is no beginning of a number with country code', cure)
        elif text in beginnings[:at]:
            reader.fault((*path, at), f'"{text}" stands there already', "keep one of them")


def _needs_a_trunk(reader: Reader, settings: Settings) -> None:
    """Allowed, but impossible: most likely the trunk is in a file that was left out."""
    rules = settings.rules
    if settings.trunks or reader.document.get(("trunks",)):
        return
    paths: list[Path] = [("own_calls", "may_dial")] if rules.own_calls.may_dial else []
    paths += [("agents", agent.name, "may_dial") for agent in rules.agents.values() if agent.may_dial]
    for path in paths:
        place = reader.document.place(path)
        reader.faults.add(
            place, path, "no outside number can be dialled without a trunk", "add [trunks.NAME]", True
        )
