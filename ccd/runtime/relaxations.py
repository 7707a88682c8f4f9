"""What a relaxation on a condition gave an interaction, in words for its timeline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccd.history.explain import RELAXED
from ccd.model.rules import Relax
from ccd.routing import decisions as dec

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def relaxed(centre: "Centre", decision: dec.Relaxed) -> None:
    """A condition of its queue holds: less is asked for it from now on."""
    relax, queue = decision.relax, decision.queue
    given, when = _given(relax), relax.when
    if relax.after_s:
        when = f"{when}, and it waited {relax.after_s:g} s"
    was = in_words(decision.was)
    centre.history.note(
        decision.interaction, centre.now, RELAXED, queue=queue, given=given, when=when, was=was
    )


def in_words(was: Mapping[str, float | bool | str | None]) -> str:
    """What a condition saw: `212`, or each by its name where it saw several."""
    told = {name: _told(value) for name, value in was.items()}
    return ", ".join(told.values() if len(told) == 1 else [f"{name} {value}" for name, value in told.items()])


def _given(relax: Relax) -> str:
    """`skill billing no longer asked for; the agents of sales may be asked`."""
    found = [f"skill {skill} no longer asked for" for skill in relax.drop]
    found += [f"of skill {skill} level {level} will do" for skill, level in relax.at_most.items()]
    found += [f"the agents of {queue} may be asked" for queue in relax.open]
    return "; ".join(found)


def _told(value: float | bool | str | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1f}".removesuffix(".0")
