"""Checks of `screen` of a `queue` step: names, and values that are templates about what is there."""

import re

from ccd.config.clock_names import clock_names
from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.ivr.screens import MOST_SHOWN
from ccd.model.expression_text import ExpressionFault
from ccd.model.steps import Enqueue
from ccd.model.templates import check_template

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")


def check_screen(reader: Reader, path: Path, step: Enqueue) -> None:
    """All checks of this file. `path`: of the step."""
    queues = reader.document.tree.get("queues")
    for at, (name, text) in enumerate(step.screen.items()):
        here: Path = (*path, "screen", name)
        if not _NAME.fullmatch(name):
            cure = "use at most 32 letters, digits, _ and -, no digit first"
            reader.fault(here, f'"{name}" is no name of a value', cure)
        if at == MOST_SHOWN:
            reader.fault(here, f"is one value too many: at most {MOST_SHOWN} are shown", "remove some")
        try:
            check_template(text, queues if isinstance(queues, dict) else (), clock_names(reader))
        except ExpressionFault as fault:
            reader.fault(here, f"column {fault.column}: {fault.problem}", fault.cure)
