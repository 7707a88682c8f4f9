"""Checks of what steps compute: values of `set` and `call`, and queues that are one of several."""

from collections.abc import Collection, Mapping

from ccd.config.clock_names import clock_names
from ccd.config.faults import Path
from ccd.config.people import known, must_be_known
from ccd.config.values import Reader
from ccd.model.expression_text import ExpressionFault
from ccd.model.steps import CallBack, Enqueue, Set
from ccd.model.steps_calling import Call
from ccd.model.steps_voicemail import Voicemail
from ccd.model.templates import check_template, is_constant

LANGUAGE, PRIORITY = "language", "priority"


def check_values(reader: Reader, path: Path, step: Set | Call) -> None:
    """Each value is a template about what is there; those that act are what they must be."""
    key, values = ("values", step.values) if isinstance(step, Set) else ("arguments", step.arguments)
    queues = known(reader, "queues")
    computed = {
        name for name, text in values.items() if _is_computed(reader, (*path, key, name), text, queues)
    }
    if LANGUAGE in computed:
        cure = 'write the language out, in a step for each: branch on the value, or use do = "language"'
        reader.fault(
            (*path, key, LANGUAGE), "cannot be computed: prompts and texts must be there for it", cure
        )
    _priority(reader, (*path, key), values, computed)


def _priority(reader: Reader, path: Path, values: Mapping[str, str], computed: Collection[str]) -> None:
    priority = values.get(PRIORITY)
    if priority is not None and PRIORITY not in computed and not priority.removeprefix("-").isdecimal():
        here: Path = (*path, PRIORITY)
        reader.fault(here, f'must be a whole number, is "{priority}"', 'write e.g. priority = "5"')


def check_queue(reader: Reader, path: Path, step: Enqueue | CallBack | Voicemail) -> None:
    """The queue exists; one that is computed says which it may be, and each of those exists."""
    here, among = (*path, "queue"), (*path, "among")
    computed = _is_computed(reader, here, step.queue, known(reader, "queues"))
    if not computed:
        must_be_known(reader, here, step.queue, "queues")
        for key in ("among", "on_unknown"):
            if getattr(step, key):
                cure = 'remove it, or write e.g. queue = "{var.team}"'
                reader.fault((*path, key), "is for a queue that is computed, and this one is named", cure)
    elif not step.among:
        cure = 'list all that it may be, e.g. among = ["sales", "support"]'
        reader.faults.add(reader.document.place(here), among, "is missing: the queue is computed", cure)
    for at, name in enumerate(step.among):
        must_be_known(reader, (*among, at), name, "queues")


def _is_computed(reader: Reader, path: Path, text: str, queues: Collection[str]) -> bool:
    """Whether something is put into it; a fault, with the column, for what is no template."""
    try:
        check_template(text, queues, clock_names(reader))
    except ExpressionFault as fault:
        reader.fault(path, f"column {fault.column}: {fault.problem}", fault.cure)
        return True
    return not is_constant(text)
