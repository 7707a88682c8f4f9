"""Checks that need more than one key, and what is put right on the way: numbers become E.164."""

import msgspec

from ccd.config import profiles
from ccd.config.beside import check_beside
from ccd.config.bots import check_bots, with_limits
from ccd.config.callbacks import check_callbacks
from ccd.config.faults import Path
from ccd.config.links import check_links, with_address, with_addresses
from ccd.config.network import check_network
from ccd.config.numbers import with_numbers
from ccd.config.opening import TARGETS
from ccd.config.outside import check_outside, with_timeouts
from ccd.config.own_calls import check_own_calls
from ccd.config.people import check_people, must_be_known, must_be_number
from ccd.config.queue_texts import check_queue_texts
from ccd.config.queues import check_queues
from ccd.config.scripts import check_scripts
from ccd.config.shared_entry import check_shared_entry
from ccd.config.sounds import SHIPPED, check_sounds
from ccd.config.speech import check_speech, preload
from ccd.config.surveys import check_surveys
from ccd.config.texts import prompt_texts
from ccd.config.tls import check_tls
from ccd.config.values import Reader
from ccd.config.voicemail import check_voicemail
from ccd.config.wrap_ups import check_wrap_ups
from ccd.model.numbers import to_e164
from ccd.model.rules import AgentRule, FlowRule, QueueRule
from ccd.model.settings import Settings, TrunkSettings
from ccd.model.steps import AnyStep, Transfer


def crosscheck(reader: Reader, settings: Settings) -> Settings:
    """Note every fault between the parts; the settings with all telephone numbers in E.164."""
    check_people(reader, settings)
    check_own_calls(reader, settings)
    check_queues(reader, settings)
    check_shared_entry(reader, settings)
    check_wrap_ups(reader, settings)
    check_callbacks(reader, settings)
    check_voicemail(reader, settings)
    check_scripts(reader, settings)
    check_outside(reader, settings)
    check_bots(reader, settings)
    check_surveys(reader, settings)
    check_beside(reader, settings)
    check_links(reader, settings)
    check_network(reader, settings)
    check_tls(reader, settings)
    check_sounds(reader, settings)
    check_speech(reader, settings.speech)
    check_queue_texts(reader, settings.rules)
    preload(settings.rules)
    _channels(reader, settings)
    numbers = _numbers(reader, settings)
    profiles.check_profiles(reader, settings)
    return _normalised(settings, numbers)


def _numbers(reader: Reader, settings: Settings) -> dict[str, str]:
    """Number or name of a channel's target → flow."""
    out: dict[str, str] = {}
    written: dict[str, str] = {}
    for text, flow in settings.rules.numbers.items():
        path: Path = ("numbers", text)
        must_be_known(reader, path, flow, "flows")
        number = text if ":" in text else must_be_number(reader, path, text, settings.daemon.country)
        if not number:
            continue
        first = written.setdefault(number, text)
        if first != text:
            place = reader.document.place(("numbers", first))
            reader.fault(path, f'is the same number as "{first}"', f"keep one; the other stands in {place}")
        out[number] = flow
    return out


def _channels(reader: Reader, settings: Settings) -> None:
    """Adapters' options called `flow`, `queue` or `target` name what the word says."""
    for name, channel in settings.channels.items():
        path: Path = ("channels", name)
        for word in ("flow", "queue"):
            value = getattr(channel.options, word, None)
            if isinstance(value, str) and value:
                must_be_known(reader, (*path, word), value, f"{word}s")
        target = getattr(channel.options, "target", None)
        flow = getattr(channel.options, "flow", None)
        if isinstance(target, str) and target and not flow and target not in settings.rules.numbers:
            cure = f'add "{target}" = "FLOW" to [numbers]'
            reader.fault((*path, "target"), f'nothing answers "{target}"', cure)


def _normalised(settings: Settings, numbers: dict[str, str]) -> Settings:
    country = settings.daemon.country
    rules = settings.rules
    queues = {name: _queue(queue, country) for name, queue in rules.queues.items()}
    flows = {
        name: with_addresses(
            with_limits(with_timeouts(_flow(flow, country), settings.services), settings.bots),
            settings.channels,
        )
        for name, flow in rules.flows.items()
    }
    agents = {name: _agent(agent, country) for name, agent in rules.agents.items()}
    surveys = {name: with_address(survey, settings) for name, survey in rules.surveys.items()}
    trunks = {name: _trunk(trunk, country) for name, trunk in settings.trunks.items()}
    over = {name: profiles.normalise(profile, country) for name, profile in rules.profiles.items()}
    changed = {"agents": agents, "queues": queues, "flows": flows, "numbers": numbers, "surveys": surveys}
    daemon = {
        key: getattr(settings.daemon, key) for key in ("country", "zone", "history_days", "longest_call_s")
    }
    rules = msgspec.structs.replace(rules, **changed, profiles=over, **daemon)
    rules = msgspec.structs.replace(rules, texts=prompt_texts(rules, settings.media, SHIPPED))
    return msgspec.structs.replace(settings, rules=rules, trunks=trunks)


def _agent(agent: AgentRule, country: str) -> AgentRule:
    if not agent.caller_id:
        return agent
    return msgspec.structs.replace(agent, caller_id=to_e164(agent.caller_id, country))


def _queue(queue: QueueRule, country: str) -> QueueRule:
    targets = {key: with_numbers(getattr(queue, key), country) for key in TARGETS}
    queue = msgspec.structs.replace(queue, **targets)
    if queue.voicemail is None:
        return queue
    on_full = with_numbers(queue.voicemail.on_full, country)
    return msgspec.structs.replace(queue, voicemail=msgspec.structs.replace(queue.voicemail, on_full=on_full))


def _flow(flow: FlowRule, country: str) -> FlowRule:
    def step_of(step: AnyStep) -> AnyStep:
        if not isinstance(step, Transfer):
            return step
        return msgspec.structs.replace(step, address=to_e164(step.address, country))

    return msgspec.structs.replace(flow, steps=tuple(map(step_of, flow.steps)))


def _trunk(trunk: TrunkSettings, country: str) -> TrunkSettings:
    if not trunk.caller_id:
        return trunk
    number = to_e164(trunk.caller_id, trunk.country or country)
    return msgspec.structs.replace(trunk, caller_id=number)
