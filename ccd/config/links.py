"""Checks of links: the channel and the flow that they open, their address, and that they stand in a value."""

from collections.abc import Mapping

import msgspec

from ccd.config.faults import Path
from ccd.config.outside import check_service, check_values
from ccd.config.payments import bears_secrets
from ccd.config.people import must_be_known
from ccd.config.values import Reader
from ccd.ivr.linking import places
from ccd.model.expression_text import ExpressionFault
from ccd.model.links import LINK, PLACE, LinkRule, SurveyLink
from ccd.model.rules import FlowRule, SurveyRule
from ccd.model.settings import ChannelSettings, Settings
from ccd.model.steps import AnyStep
from ccd.model.steps_outside import Send
from ccd.model.steps_surveys import Survey

PUBLIC_URL = "public_url"
"""Option of an adapter on which links are opened: the address of its page."""


def check_links(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    for flow in settings.rules.flows.values():
        raw = reader.document.get(("flows", flow.name, "steps"))
        if isinstance(raw, list) and len(raw) == len(flow.steps):
            for at, step in enumerate(flow.steps):
                if isinstance(step, Send) and step.link is not None:
                    path: Path = ("flows", flow.name, "steps", at)
                    must_be_known(reader, (*path, "link", "flow"), step.link.flow, "flows")
                    _opens(reader, settings, (*path, "link"), step.link)
                    _placed(reader, settings, path, step.service, step.values)
    for survey in settings.rules.surveys.values():
        if survey.send is not None:
            _survey(reader, settings, ("surveys", survey.name, "send"), survey, survey.send)


def with_addresses(flow: FlowRule, channels: Mapping[str, ChannelSettings]) -> FlowRule:
    """The flow with the address in its links: the engines know no page."""

    def step_of(step: AnyStep) -> AnyStep:
        if not isinstance(step, Send) or step.link is None or step.link.url:
            return step
        url = _public_url(channels, step.link.channel)
        return msgspec.structs.replace(step, link=msgspec.structs.replace(step.link, url=url))

    return msgspec.structs.replace(flow, steps=tuple(map(step_of, flow.steps)))


def with_address(survey: SurveyRule, settings: Settings) -> SurveyRule:
    """The same for the link of a survey, with the time limit of its service."""
    send = survey.send
    if send is None:
        return survey
    service = settings.services.get(send.service)
    timeout_s = send.timeout_s or (service.timeout_s if service is not None else 0.0)
    url = send.url or _public_url(settings.channels, send.channel)
    return msgspec.structs.replace(survey, send=msgspec.structs.replace(send, url=url, timeout_s=timeout_s))


def _public_url(channels: Mapping[str, ChannelSettings], name: str) -> str:
    url = getattr(channels[name].options, PUBLIC_URL, "") if name in channels else ""
    return url if isinstance(url, str) else ""


def _survey(reader: Reader, settings: Settings, path: Path, survey: SurveyRule, send: SurveyLink) -> None:
    check_service(reader, settings, (*path, "service"), send.service, [*send.values])
    check_values(reader, path, send.values, settings.rules.queues, (LINK,))
    _opens(reader, settings, path, send)
    _placed(reader, settings, path, send.service, send.values)
    flow = settings.rules.flows.get(survey.name)
    questions = [step for step in flow.steps if isinstance(step, Survey)] if flow is not None else []
    if questions and not any(step.can_ask(in_writing=True) for step in questions):
        cure = 'give its questions say = "…"'
        reader.fault(path, f'the flow "{survey.name}" asks nothing in writing', cure)


def _opens(reader: Reader, settings: Settings, path: Path, link: LinkRule | SurveyLink) -> None:
    """Fault unless its channel exists and has an address."""
    channels, here = settings.channels, (*path, "channel")
    if not must_be_known(reader, here, link.channel, "channels") or link.channel not in channels:
        return
    if link.url and not (link.url.startswith(("https://", "http://")) and "#" not in link.url):
        cure = 'write e.g. url = "https://chat.example.com/", without a part after #'
        reader.fault((*path, "url"), "is no address of a page", cure)
    if not link.url and not _public_url(channels, link.channel):
        cure = f'set public_url = "https://…" in [channels.{link.channel}], as customers reach the page'
        reader.fault(here, f'the channel "{link.channel}" has no public address', cure)


def _placed(reader: Reader, settings: Settings, path: Path, service: str, values: Mapping[str, str]) -> None:
    """Fault unless the link stands in a value, and the service gets it as it gets secrets."""
    try:
        names = places(values)
    except ExpressionFault:  # told already
        return
    if not names:
        cure = f'write e.g. values = {{ to = "{{caller}}", text = "Write to us: {PLACE}" }}'
        reader.fault((*path, "values"), f"no value has {PLACE} in it: nobody gets the link", cure)
    elif service in settings.services:
        bears_secrets(reader, (*path, "service"), settings.services[service], names, by_http=True)
