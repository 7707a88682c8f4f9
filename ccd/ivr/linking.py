"""The link of a step `send`: what stands in the values for it, and what it takes along."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ccd.ivr.do import LinkWanted
from ccd.ivr.state import FlowState
from ccd.model.links import LINK, PLACE, LinkRule
from ccd.model.steps_outside import Send
from ccd.model.templates import SECRET, Slot, filled, pieces

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

ALWAYS: Final = ("customer", "customer_name")
"""Variables that go along with every link: who the customer is (`identify`)."""


def values_of(flows: "Flows", run: FlowState, step: Send) -> dict[str, str]:
    """The values of the step, filled in; `{link}` stays, for the channel that makes the link."""
    known = flows.look(run.interaction)

    def look_up(name: str) -> Any:
        return PLACE if name == LINK else known(name)

    look = look_up if step.link is not None else known
    return {name: filled(text, look, run.language) for name, text in step.values.items()}


def wanted(run: FlowState, step: Send) -> LinkWanted | None:
    """The link that the step wants, if it wants one."""
    if step.link is None:
        return None
    variables = kept(step.link, run.variables)
    return LinkWanted(step.link, places(step.values), run.language, variables)


def places(values: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the values whose template has the link in it."""
    return tuple([name for name, text in values.items() if has_place(text)])


def has_place(text: str) -> bool:
    """Whether a template has the link in it."""
    return any(isinstance(piece, Slot) and piece.name == LINK for piece in pieces(text))


def kept(rule: LinkRule, variables: dict[str, str]) -> dict[str, str]:
    """What goes along: never a reference to secret keys, which end with their call."""
    names = dict.fromkeys((*ALWAYS, *rule.keep))
    found = {name: variables[name] for name in names if variables.get(name)}
    return {name: value for name, value in found.items() if not value.startswith(SECRET)}
