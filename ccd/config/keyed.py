"""Checks of the step `collect`: what must be keyed, and how many keys that takes."""

from ccd.config.faults import Path, listed
from ccd.config.numbers import is_country
from ccd.config.values import Reader
from ccd.model.key_checks import KINDS, fault_of
from ccd.model.steps_keys import Collect

LENGTHS = {"date:DDMM": 4, "date:DDMMYYYY": 8}
LETTERS = "iban"


def check_collect(reader: Reader, path: Path, step: Collect) -> None:
    """All of one step."""
    if step.least > step.most:
        problem = f"asks for at least {step.least} keys and takes {step.most} at most"
        reader.fault((*path, "least"), problem, "make least smaller, or most greater")
    if not check_valid(reader, path, step.valid):
        return
    length = LENGTHS.get(step.valid, 0)
    if length and not step.least <= length <= step.most:
        problem = f"{step.valid} has {length} keys, outside of least and most"
        reader.fault((*path, "most"), problem, f"write most = {length}")
    if step.secret and step.valid == LETTERS:
        problem = "an IBAN has letters, which no telephone keys in secret"
        reader.fault((*path, "valid"), problem, "leave secret out, or check the digits by regex:…")


def check_valid(reader: Reader, path: Path, valid: str) -> bool:
    """Whether the key `valid` of a step is a check that exists; a fault if not."""
    kind, _, rest = valid.partition(":")
    if fault := fault_of(valid):
        reader.fault((*path, "valid"), fault, f"write one of: {listed(KINDS)}")
    elif kind == "phone" and rest and not is_country(rest):
        reader.fault((*path, "valid"), f'"{rest}" is no country', "write its two letters, e.g. phone:FR")
    return not fault
