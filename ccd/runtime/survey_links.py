"""Surveys that are asked in writing: a message with a link, sent when the interaction is over.

It is sent whoever hung up, after a conversation in a queue whose `after_call` names the survey; whom it asks
is decided as for questions on the line (`surveys.not_asked`). The answers are those of the interaction that
is over: see `links.booked`.
"""

from typing import TYPE_CHECKING, Any, Final

from ccd.ivr import linking
from ccd.ivr.do import LinkWanted
from ccd.model import commands as cmd
from ccd.model.links import LINK, PLACE, SurveyLink
from ccd.model.nouns import Cause
from ccd.model.outside import CHANNEL
from ccd.model.templates import filled
from ccd.runtime import links, surveys
from ccd.runtime.entry import seen
from ccd.runtime.state import AfterCall, Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

TO: Final = "to"
"""The value that says to whom; without anybody there nothing is sent."""
DEFAULT_TIMEOUT_S: Final = 5.0
_OURS: Final = (Cause.RESTART, Cause.FAULT)
"""It broke off by a fault of ours: nobody is asked how it was."""


def send(centre: "Centre", info: Interaction, cause: Cause) -> None:
    """An interaction ends: ask its customer, where its queue has a survey in writing."""
    after, info.after_call = info.after_call, None
    queue = centre.state.rules.queues.get(after.queue) if after is not None else None
    flow = queue.after_call if queue is not None else ""
    survey = centre.state.rules.surveys.get(flow)
    if after is None or survey is None or survey.send is None or cause in _OURS:
        return
    talked_s = str(int(centre.now - after.since))
    values = after.variables | {"queue": after.queue, "agent": after.agent, "talked_s": talked_s}
    why = surveys.not_asked(centre, info, flow, values, after.language)
    texts = _texts(centre, info, flow, survey.send, values | {"language": after.language})
    if not why and TO in texts and not texts[TO].strip():
        why = "there is nobody to write to"
    if why:
        centre.history.note(info.id, centre.now, "no survey sent", survey=flow, why=why)
        return
    surveys.remember(centre, info)
    _ask(centre, info, flow, survey.send, texts, after)


def _ask(
    centre: "Centre",
    info: Interaction,
    flow: str,
    rule: SurveyLink,
    texts: dict[str, str],
    after: AfterCall,
) -> None:
    centre.history.note(info.id, centre.now, "survey sent", survey=flow, service=rule.service)
    link = rule.link(flow)
    variables = linking.kept(link, after.variables)
    wanted = LinkWanted(link, linking.places(rule.values), after.language, variables)
    ask = f"{info.id}.survey"
    text = links.promise(centre, info, ask, wanted)
    timeout_s = rule.timeout_s or DEFAULT_TIMEOUT_S
    centre.out.append(cmd.AskOutside(f"{CHANNEL}:{ask}", info.id, rule.service, texts, timeout_s, link=text))


def _texts(
    centre: "Centre", info: Interaction, flow: str, rule: SurveyLink, variables: dict[str, str]
) -> dict[str, str]:
    known = seen(centre, info, flow, variables)

    def look_up(name: str) -> Any:
        return PLACE if name == LINK else known(name)

    return {name: filled(text, look_up, variables["language"] or "en") for name, text in rule.values.items()}
