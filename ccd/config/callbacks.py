"""Checks of how a queue calls back: the key, its flow, and beginnings of numbers."""

import re

from ccd.config.faults import Path
from ccd.config.people import must_be_known
from ccd.config.speech import KEYS
from ccd.config.values import Reader
from ccd.model.callback_rules import CallbackRule
from ccd.model.rules import FlowRule
from ccd.model.settings import Settings
from ccd.model.steps import CallBack

_BEGINNING = re.compile(r"\+[0-9]{0,14}")


def check_callbacks(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    for queue in settings.rules.queues.values():
        if queue.callback is not None:
            _callback(reader, settings, ("queues", queue.name, "callback"), queue.callback)


def _callback(reader: Reader, settings: Settings, path: Path, rule: CallbackRule) -> None:
    if rule.key and (len(rule.key) != 1 or rule.key not in KEYS):
        problem = f'"{rule.key}" is no key of a telephone'
        reader.fault((*path, "key"), problem, "use one of 0-9, * and #")
    if rule.flow and not rule.key:
        reader.fault((*path, "flow"), "can never begin: no key asks for it", "set key, or remove flow")
    if rule.flow and must_be_known(reader, (*path, "flow"), rule.flow, "flows"):
        _flow(reader, path, settings.rules.flows.get(rule.flow))
    for name in ("deny", "allow"):
        for at, beginning in enumerate(getattr(rule, name)):
            if not _BEGINNING.fullmatch(beginning):
                cure = "write + and digits, country code first, e.g. +3389"
                reader.fault((*path, name, at), f'"{beginning}" begins no number', cure)


def _flow(reader: Reader, path: Path, flow: FlowRule | None) -> None:
    """A flow with faults of its own is not known here."""
    if flow is not None and not any(isinstance(step, CallBack) for step in flow.steps):
        cure = 'give it a step with do = "callback", or remove this key: then the built-in way asks'
        reader.fault((*path, "flow"), f'the flow "{flow.name}" keeps no callback', cure)
