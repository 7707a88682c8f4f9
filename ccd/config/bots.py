"""Checks of bots: the `[bots.NAME]` themselves, and the steps that hand conversations to them."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from ccd.config.faults import Path
from ccd.config.outside import HEADER, IN_CLEAR, PARAMETER, check_text
from ccd.config.people import must_be_known
from ccd.config.values import Reader
from ccd.model.rules import FlowRule
from ccd.model.settings import BotSettings, Settings
from ccd.model.steps import AnyStep
from ccd.model.steps_bots import Bot

_CURE = 'write e.g. url = "wss://bots.example/clerk"'
_PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,31})?")


def check_bots(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    for bot in settings.bots.values():
        path: Path = ("bots", bot.name)
        _url(reader, (*path, "url"), bot)
        _headers(reader, path, bot)
    for flow in settings.rules.flows.values():
        raw = reader.document.get(("flows", flow.name, "steps"))
        if isinstance(raw, list) and len(raw) == len(flow.steps):
            for at, step in enumerate(flow.steps):
                if isinstance(step, Bot):
                    _step(reader, settings, ("flows", flow.name, "steps", at), step)


def with_limits(flow: FlowRule, bots: Mapping[str, BotSettings]) -> FlowRule:
    """The flow with the bots' time limits where its steps name none: the engines know no bot."""

    def step_of(step: AnyStep) -> AnyStep:
        bot = bots.get(step.bot) if isinstance(step, Bot) else None
        if bot is None or not isinstance(step, Bot):
            return step
        timeout_s, longest_s = step.timeout_s or bot.timeout_s, step.longest_s or bot.longest_s
        return msgspec.structs.replace(step, timeout_s=timeout_s, longest_s=longest_s)

    return msgspec.structs.replace(flow, steps=tuple(map(step_of, flow.steps)))


def _url(reader: Reader, path: Path, bot: BotSettings) -> None:
    try:
        parts = urlsplit(bot.url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        reader.fault(path, "is no address", _CURE)
        return
    if parts.scheme not in ("ws", "wss") or not parts.hostname or not port_is_good:
        reader.fault(path, "is no ws or wss address", _CURE)
    elif "@" in parts.netloc:
        reader.fault(path, "holds a password", "send it by secret_headers")
    elif parts.scheme == "ws" and not _is_here(parts.hostname):
        problem = "would send conversations in clear over the network"
        reader.fault(path, problem, "write wss://; ws:// is for bots on this machine")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _headers(reader: Reader, path: Path, bot: BotSettings) -> None:
    for key in ("headers", "secret_headers"):
        for name in getattr(bot, key):
            if not HEADER.fullmatch(name):
                reader.fault((*path, key, name), "is no name of a header", "write e.g. X-Api-Key")
    for name in bot.headers:
        if name.lower() in IN_CLEAR:
            cure = f'write secret_headers = {{ {name} = "env:NAME" }}'
            reader.fault((*path, "headers", name), "holds a secret in clear", cure)


def _step(reader: Reader, settings: Settings, path: Path, step: Bot) -> None:
    must_be_known(reader, (*path, "bot"), step.bot, "bots")
    if not _PREFIX.fullmatch(step.prefix):
        reader.fault((*path, "prefix"), "is no beginning of a name", 'write e.g. prefix = "bot."')
    for name, text in step.values.items():
        here: Path = (*path, "values", name)
        if not PARAMETER.fullmatch(name):
            reader.fault(here, f'"{name}" is no name of a value', "use letters, digits and _")
        check_text(reader, here, text, settings.rules.queues)
