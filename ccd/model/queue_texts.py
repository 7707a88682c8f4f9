"""Texts that no flow says: those of queues, and of the steps that lead to them."""

from collections.abc import Iterator

from ccd.model.rules import Rules
from ccd.model.step import Key, Say
from ccd.model.steps import Enqueue


def said_by_queues(rules: Rules) -> Iterator[tuple[Key, Say]]:
    """Texts of queues, and of the steps that lead to them, that no flow says: where, and which."""
    for queue in rules.queues.values():
        path: Key = ("queues", queue.name)
        yield (*path, "whisper_say"), queue.whisper_say
        yield from (((*path, "comfort_say", at), say) for at, say in enumerate(queue.comfort_say))
        if queue.voicemail is not None:
            yield (*path, "voicemail", "say"), queue.voicemail.say
    for flow in rules.flows.values():
        for at, step in enumerate(flow.steps):
            if isinstance(step, Enqueue):
                yield ("flows", flow.name, "steps", at, "whisper_say"), step.whisper_say
