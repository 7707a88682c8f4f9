"""How a caller leaves a message where no flow of one's own takes it: by a key, or sent there by a queue."""

from ccd.model.rules import FlowRule, QueueRule, Rules
from ccd.model.steps import AnyStep
from ccd.model.steps_voicemail import Voicemail
from ccd.model.voicemail_rules import VoicemailRule

USUAL = VoicemailRule()


def flow_name(queue: str) -> str:
    """The flow that takes a message for a queue: a name that no flow of a file can have."""
    return f"(voicemail {queue})"


def message_flows(rules: Rules) -> dict[str, FlowRule]:
    """The flows that the queues of these rules need besides those of the file."""
    queues = rules.queues
    names = {target for queue in queues.values() for target in _led_to(queue)}
    return {flow_name(name): _flow(queues[name], rules.language) for name in queues if name in names}


def _led_to(queue: QueueRule) -> list[str]:
    own = queue.name if queue.voicemail is not None and queue.voicemail.key else ""
    return [name for name in (queue.overflow.voicemail, queue.closed_to.voicemail, own) if name]


def _flow(queue: QueueRule, language: str) -> FlowRule:
    """`language`: of a text that names none."""
    rule = queue.voicemail or USUAL
    say = {language: rule.say} if rule.say and isinstance(rule.say, str) else rule.say
    step: AnyStep = Voicemail(
        queue=queue.name,
        prompt=rule.prompt,
        say=say,
        max_s=rule.max_s,
        silence_s=rule.silence_s,
        min_s=rule.min_s,
    )
    return FlowRule(name=flow_name(queue.name), steps=(step,))
