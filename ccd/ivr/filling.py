"""Values of steps with what is known put in: what `set` and `call` assign, and the queue that is computed.

Whatever stands in a variable (a caller may have keyed it, a service may have sent it), the outcome is
bounded: one line, no reference to secret keys, no `priority` beyond all bounds, no queue that the step does
not name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccd.ivr.do import Do, Remarked
from ccd.ivr.state import FlowState
from ccd.model.answers import harmless, one_line
from ccd.model.expression_text import ExpressionFault
from ccd.model.steps import CallBack, Enqueue
from ccd.model.steps_voicemail import Voicemail
from ccd.model.templates import SECRET, filled, is_constant

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

MOST_NAME = 64
"""Characters of what is no queue that the timeline shows."""


def assigned(flows: "Flows", run: FlowState, templates: Mapping[str, str]) -> dict[str, str]:
    """Variables by name, each as all variables were before; one that would do harm is left out."""
    look_up = flows.look(run.interaction)
    out: dict[str, str] = {}
    computed: dict[str, str] = {}
    for name, text in templates.items():
        try:
            value, constant = filled(text, look_up, run.language), is_constant(text)
        except ExpressionFault:  # the script is older than templates here: braces stood for themselves
            value, constant = text, True
        out[name] = value
        if not constant:
            # put together from pieces it could name keys that the flow was never given
            computed[name] = out[name] = "" if value.startswith(SECRET) else one_line(value)
    left = harmless(computed)
    return {name: value for name, value in out.items() if name not in computed or name in left}


def queue_of(flows: "Flows", run: FlowState, step: Enqueue | CallBack | Voicemail) -> str | None:
    """The queue that a step leads to; None: what is computed is none of those that it may be."""
    if not step.among:
        return step.queue
    name = filled(step.queue, flows.look(run.interaction), run.language).strip()
    return name if name in step.among else None


def unknown_queue(flows: "Flows", run: FlowState, step: Enqueue | CallBack | Voicemail, out: list[Do]) -> int:
    """Say so on the timeline; the index of the step that follows."""
    name = filled(step.queue, flows.look(run.interaction), run.language).strip()
    details = {"step": flows.label(run), "queue": one_line(name)[:MOST_NAME]}
    out.append(Remarked(run.interaction, "no queue of this step", details))
    return flows.index(run, step.on_unknown) if step.on_unknown else run.at + 1
