"""Checks of voicemail and of masking: their keys on the telephone, and times that leave no room to speak."""

from ccd.config.computed import check_queue
from ccd.config.faults import Path
from ccd.config.people import check_target
from ccd.config.values import Reader
from ccd.model.rules import QueueRule, Target
from ccd.model.settings import Settings
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import VoicemailRule

KEYS = "0123456789*#"


def check_voicemail(reader: Reader, settings: Settings) -> None:
    """All checks of this file about queues."""
    for queue in settings.rules.queues.values():
        path: Path = ("queues", queue.name)
        _key(reader, (*path, "mask_key"), queue.mask_key)
        if queue.voicemail is not None:
            _rule(reader, settings, (*path, "voicemail"), queue, queue.voicemail)


def check_step(reader: Reader, path: Path, step: Voicemail) -> None:
    """Checks of one step."""
    check_queue(reader, path, step)
    if step.on_kept and reader.document.get((*path, "goodbye")):
        cure = "remove one of them: let the steps after on_kept say goodbye"
        reader.fault((*path, "goodbye"), "is never said: the flow goes on at on_kept", cure)
    _times(reader, path, step)


def _rule(reader: Reader, settings: Settings, path: Path, queue: QueueRule, rule: VoicemailRule) -> None:
    _key(reader, (*path, "key"), rule.key)
    if rule.key and queue.callback is not None and rule.key == queue.callback.key:
        problem = f'the key "{rule.key}" asks for a callback already'
        reader.fault((*path, "key"), problem, "choose another one than callback.key")
    _times(reader, path, rule)
    if rule.on_full == Target():
        return
    here: Path = (*path, "on_full")
    check_target(reader, settings, here, rule.on_full)
    if rule.most is None:
        reader.fault(here, "can never happen: there is no limit", "set most, or remove it")
    if rule.on_full.voicemail or rule.on_full.share:
        reader.fault(here, "must lead to somebody, not to voicemail or shares", "name a queue or a flow")


def _key(reader: Reader, path: Path, key: str) -> None:
    if key and (len(key) != 1 or key not in KEYS):
        reader.fault(path, f'"{key}" is no key of a telephone', "use one of 0-9, * and #")


def _times(reader: Reader, path: Path, rule: VoicemailRule | Voicemail) -> None:
    if rule.min_s >= rule.max_s:
        problem = f"throws every message away: none is longer than max_s, {rule.max_s:g}"
        reader.fault((*path, "min_s"), problem, "lower min_s, or raise max_s")
