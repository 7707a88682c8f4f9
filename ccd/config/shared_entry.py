"""`[[entry]]`: entry rules that stand once, for several queues."""

from typing import Any

from ccd.config.faults import Path, shown
from ccd.config.people import must_be_known
from ccd.config.queues import all_skills, check_entry_rule
from ccd.config.values import BAD, Reader
from ccd.model.rules import SharedEntryRule
from ccd.model.settings import Settings

SECTION = "entry"


def shared_entry(reader: Reader) -> tuple[SharedEntryRule, ...]:
    """The rules in the order written; what is no rule is left out after a fault."""
    raw: Any = reader.document.tree.get(SECTION, [])
    if not isinstance(raw, list):
        reader.fault((SECTION,), f"must be tables, is {shown(raw)}", f"write [[{SECTION}]] headings")
        return ()
    made = [reader.struct(SharedEntryRule, (SECTION, at), each) for at, each in enumerate(raw)]
    return tuple([rule for rule in made if rule is not BAD])


def check_shared_entry(reader: Reader, settings: Settings) -> None:
    """Conditions, requirements and queues of each; those that could not be read are told already."""
    raw = reader.document.tree.get(SECTION)
    if not isinstance(raw, list) or len(raw) != len(settings.rules.entry):
        return
    skills = all_skills(settings)
    for at, rule in enumerate(settings.rules.entry):
        path: Path = (SECTION, at)
        check_entry_rule(reader, settings, path, rule, skills)
        for number, name in enumerate(rule.queues):
            must_be_known(reader, (*path, "queues", number), name, "queues")
