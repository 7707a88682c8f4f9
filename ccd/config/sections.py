"""The sections of a configuration and the values they become."""

import re
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from typing import Any

from ccd.channels.port import AdapterSpec
from ccd.config import calendars, profiles, shared_entry
from ccd.config.faults import Path, did_you_mean, listed, shown
from ccd.config.values import BAD, Reader
from ccd.model import bots, outside
from ccd.model.hours import CalendarRule
from ccd.model.links import LinkTexts
from ccd.model.rules import (
    AgentRule,
    FeatureCodes,
    FlowRule,
    OwnCalls,
    PauseReason,
    ProfileRule,
    QueueRule,
    Rules,
    SurveyRule,
)
from ccd.model.settings import (
    BotSettings,
    ChannelSettings,
    ControlSettings,
    DaemonSettings,
    DeviceSettings,
    LedgerSettings,
    MediaSettings,
    OutsideSettings,
    Settings,
    SipSettings,
    SpeechSettings,
    TrunkSettings,
)

GROUP = "ccd.adapters"

SERVICES = "services"
BOTS = "bots"

PLAIN: dict[str, type] = {
    "daemon": DaemonSettings,
    "ledger": LedgerSettings,
    "control": ControlSettings,
    "sip": SipSettings,
    "media": MediaSettings,
    "speech": SpeechSettings,
    "features": FeatureCodes,
    "own_calls": OwnCalls,
    "links": LinkTexts,
}
NAMED: dict[str, type] = {
    "trunks": TrunkSettings,
    "devices": DeviceSettings,
    "agents": AgentRule,
    "queues": QueueRule,
    "flows": FlowRule,
    "surveys": SurveyRule,
    profiles.SECTION: ProfileRule,
    SERVICES: OutsideSettings,
    BOTS: BotSettings,
}
WORDS = ("numbers",)
PAUSES = "pause_reasons"
CHANNELS = "channels"
LANGUAGE = "language"
SECTIONS = (LANGUAGE, *PLAIN, *NAMED, calendars.SECTION, CHANNELS, *WORDS, PAUSES, shared_entry.SECTION)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
RESERVED_CHANNELS = frozenset({"voice", "sip", "core", outside.CHANNEL, bots.CHANNEL})


def build(reader: Reader, specs: Mapping[str, AdapterSpec] | None, today: date) -> Settings:
    """Settings from the document; where something is wrong, a fault is noted and a default stands in.

    `today` decides which years of holidays are looked up.
    """
    tree = reader.document.tree
    for key in tree:
        if key not in SECTIONS:
            cure = did_you_mean(key, SECTIONS, f"known at the top: {listed(sorted(SECTIONS), 30)}")
            reader.fault((key,), "is not a known key or section", cure)
    plain = {name: _plain(reader, name, kind) for name, kind in PLAIN.items()}
    named = {name: _named(reader, name, kind) for name, kind in NAMED.items()}
    words = {name: _words(reader, name) for name in WORDS}
    language = _language(reader)
    rules = Rules(
        agents=named["agents"],
        queues=named["queues"],
        flows=named["flows"],
        numbers=words["numbers"],
        pause_reasons=_pause_reasons(reader),
        surveys=named["surveys"],
        calendars=_calendars(reader, today, language),
        features=plain.pop("features"),
        own_calls=plain.pop("own_calls"),
        links=plain.pop("links"),
        language=language,
        entry=shared_entry.shared_entry(reader),
        profiles={
            name: profiles.refine(reader, profile) for name, profile in named[profiles.SECTION].items()
        },
    )
    return Settings(
        rules=rules,
        **plain,
        trunks=named["trunks"],
        devices=named["devices"],
        channels=_channels(reader, specs),
        services=named[SERVICES],
        bots=named[BOTS],
        sources=tuple(reader.document.sources),
    )


def _plain(reader: Reader, name: str, kind: type) -> Any:
    raw = reader.document.tree.get(name, {})
    value = reader.struct(kind, (name,), raw)
    return kind() if value is BAD else value


def _tables(reader: Reader, section: str) -> dict[str, Any]:
    """The tables of a section by name; odd names are faults, what is no table is left out after a fault."""
    raw = reader.document.tree.get(section, {})
    if not isinstance(raw, dict):
        reader.fault((section,), f"must hold tables, is {shown(raw)}", f"write [{section}.NAME] headings")
        return {}
    for name in raw:
        if not _NAME.fullmatch(name):
            problem = "is not a good name: letters, digits, _ . - only, at most 64"
            reader.fault((section, name), problem, "choose a plain name; `display` may say anything")
    return raw


def _named(reader: Reader, section: str, kind: type) -> dict[str, Any]:
    out = {}
    for name, raw in _tables(reader, section).items():
        value = reader.struct(kind, (section, name), raw, given={"name": name})
        if value is not BAD:
            out[name] = value
    return out


def _words(reader: Reader, section: str) -> dict[str, str]:
    raw = reader.document.tree.get(section, {})
    if not isinstance(raw, dict):
        reader.fault(
            (section,), f"must be a table, is {shown(raw)}", f'write [{section}] and "…" = "…" lines'
        )
        return {}
    out = {}
    for word, value in raw.items():
        if isinstance(value, str):
            out[word] = value
        else:
            reader.fault((section, word), f"must be text, is {shown(value)}", "write it in quotes")
    return out


def _pause_reasons(reader: Reader) -> dict[str, PauseReason | str]:
    """Code → name of the reason, or a table that says more of it."""
    raw = reader.document.tree.get(PAUSES, {})
    if not isinstance(raw, dict):
        cure = f'write [{PAUSES}] and 1 = "lunch" lines'
        reader.fault((PAUSES,), f"must be a table, is {shown(raw)}", cure)
        return {}
    out: dict[str, PauseReason | str] = {}
    for code, value in raw.items():
        if isinstance(value, str):
            out[code] = value
        elif isinstance(value, dict):
            reason = reader.struct(PauseReason, (PAUSES, code), value)
            if reason is not BAD:
                out[code] = reason
        else:
            cure = f'write {code} = "lunch", or a table [{PAUSES}.{code}] with name = "lunch"'
            reader.fault((PAUSES, code), f"must be text or a table, is {shown(value)}", cure)
    return out


def _language(reader: Reader) -> str:
    raw = reader.document.tree.get(LANGUAGE, Rules().language)
    if isinstance(raw, str) and re.fullmatch(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", raw):
        return raw
    reader.fault((LANGUAGE,), f"must be a language, is {shown(raw)}", 'write e.g. language = "en"')
    return Rules().language


def _calendars(reader: Reader, today: date, language: str) -> dict[str, CalendarRule]:
    out = {}
    for name, raw in _tables(reader, calendars.SECTION).items():
        rule = calendars.calendar(reader, name, raw, today, language)
        if rule is not None:
            out[name] = rule
    return out


# -- channels ------------------------------------------------------------------------------------


def _channels(reader: Reader, specs: Mapping[str, AdapterSpec] | None) -> dict[str, ChannelSettings]:
    out = {}
    for name, raw in _tables(reader, CHANNELS).items():
        path = (CHANNELS, name)
        if name in RESERVED_CHANNELS:
            reader.fault(path, "is the name of a built-in channel", "choose another name, e.g. web")
        if not isinstance(raw, dict):
            reader.fault(path, f"must be a table, is {shown(raw)}", f"write [channels.{name}]")
            continue
        channel = _channel(reader, path, name, raw, specs)
        if channel is not None:
            out[name] = channel
    return out


def _channel(
    reader: Reader, path: Path, name: str, raw: dict[str, Any], specs: Mapping[str, AdapterSpec] | None
) -> ChannelSettings | None:
    adapter = raw.get("adapter")
    if not isinstance(adapter, str):
        reader.fault((*path, "adapter"), "is missing or no text", 'write e.g. adapter = "webchat"')
        return None
    spec = _spec(reader, (*path, "adapter"), adapter, specs)
    if spec is None:
        return None
    options = {key: value for key, value in raw.items() if key != "adapter"}
    value = reader.struct(spec.settings, path, options, also=("adapter",))
    return None if value is BAD else ChannelSettings(name=name, adapter=adapter, options=value)


def _spec(
    reader: Reader, path: Path, adapter: str, specs: Mapping[str, AdapterSpec] | None
) -> AdapterSpec | None:
    if specs is not None and adapter in specs:
        return specs[adapter]
    found = {} if specs is not None else {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    entry = found.get(adapter)
    if entry is None:
        known = sorted([*found, *(specs or {})])
        cure = did_you_mean(adapter, known, f"install its package; installed are: {listed(known)}")
        reader.fault(path, f"no adapter {shown(adapter)} is installed", cure)
        return None
    try:
        spec: AdapterSpec = entry.load()
    except Exception as error:
        cure = f"install what it needs, e.g. pip install 'ccd[{adapter}]'"
        reader.fault(path, f"the adapter {shown(adapter)} cannot be loaded: {error}", cure)
        return None
    return spec
