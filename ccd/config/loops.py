"""What `ccctl flow check` warns of besides the loops that never wait: those that need not.

A full queue gives its caller back at once, a service that rests answers at once, and in a chat no prompt
takes time: a loop over such ways alone turns as fast as the machine can.
"""

from ccd.config.calls import Endless, Haste, called_by
from ccd.config.leading import flows_of
from ccd.config.values import Reader
from ccd.ivr.haste import Pace
from ccd.model.rules import FlowRule
from ccd.model.settings import Settings
from ccd.model.steps import Enqueue
from ccd.model.steps_outside import Send

_PROBLEMS = {
    Pace.CALLS: "loops without waiting as long as its values lead round",
    Pace.OTHERS: "may loop without a pause (a queue is full or closed, a service or a line fails at once)",
    Pace.TEXTS: "loops without waiting in a chat, where what is said takes no time",
}
_CURE = "put a step that takes time into the loop (play, menu), or lead out of it"


def check_hurry(reader: Reader, settings: Settings, whole: set[str]) -> None:
    """Warn of each such loop in the flows that are `whole`, but not of those that are a fault."""
    flows = settings.rules.flows
    endless, written = Endless(flows), _written(settings)
    looks = [(Haste(flows, pace), problem) for pace, problem in _PROBLEMS.items()]
    for name in sorted(whole):
        seen = {at for loop in endless.loops(name) for at in loop}
        for haste, problem in looks:
            if haste.pace is not Pace.TEXTS or name in written:
                seen |= _warn(reader, haste, name, seen, problem)


def _warn(reader: Reader, haste: Haste, name: str, seen: set[int], problem: str) -> set[int]:
    """The steps of the loops that were told."""
    told: set[int] = set()
    for loop in haste.graphs[name].sleepless():
        if seen.isdisjoint(loop):
            told.update(loop)
            path = ("flows", name, "steps", loop[0])
            words = f"{problem}: {haste.loop(name, loop)}"
            reader.faults.add(reader.document.place(path), path, words, _CURE, warning=True)
    return told


def _written(settings: Settings) -> set[str]:
    """Flows that may be come to in writing: by a channel, or by a link."""
    rules = settings.rules
    options = [channel.options for channel in settings.channels.values()]
    left = [
        getattr(each, "flow", "") or rules.numbers.get(getattr(each, "target", ""), "") for each in options
    ]
    left += [survey.name for survey in rules.surveys.values() if survey.send is not None]
    left += [flow for each in rules.flows.values() for flow in _linked(each)]
    found: set[str] = set()
    while left:
        flow = rules.flows.get(left.pop() or "")
        if flow is not None and flow.name not in found:
            found.add(flow.name)
            left += _led_to(settings, flow)
    return found


def _led_to(settings: Settings, flow: FlowRule) -> set[str]:
    """Flows that one leads to: by a call, and by the queues that it leads to."""
    queues = {name for step in flow.steps if isinstance(step, Enqueue) for name in step.queues()}
    known = [settings.rules.queues[name] for name in queues if name in settings.rules.queues]
    return {callee for _, callee in called_by(flow)}.union(*map(flows_of, known))


def _linked(flow: FlowRule) -> list[str]:
    """Flows that links in its messages open."""
    return [step.link.flow for step in flow.steps if isinstance(step, Send) and step.link is not None]
