"""Checks of `[queues.Q.keys]`: keys of a telephone, each with one meaning, and flows that exist."""

from ccd.config.faults import Path
from ccd.config.people import must_be_known
from ccd.config.speech import KEYS
from ccd.config.values import Reader
from ccd.model.rules import QueueRule


def check_waiting_keys(reader: Reader, path: Path, queue: QueueRule) -> None:
    """All checks of this file. `path`: of the queue."""
    taken = {
        rule.key: f"{name}.key"
        for name, rule in (("callback", queue.callback), ("voicemail", queue.voicemail))
        if rule is not None and rule.key
    }
    for key, does in queue.keys.items():
        here: Path = (*path, "keys", key)
        if len(key) != 1 or key not in KEYS:
            reader.fault(here, f'"{key}" is no key of a telephone', "use one of 0-9, * and #")
        elif key in taken:
            problem = f'the key "{key}" is that of {taken[key]} already'
            reader.fault(here, problem, f"choose another key here, or for {taken[key]}")
        if bool(does.flow) == bool(does.leave):
            problem = "does two things at a time" if does.flow else "does nothing"
            cure = 'write { flow = "NAME" } (the place is kept) or { leave = "NAME" } (it is given up)'
            reader.fault(here, problem, cure)
        for way, flow in (("flow", does.flow), ("leave", does.leave)):
            if flow:
                must_be_known(reader, (*here, way), flow, "flows")
