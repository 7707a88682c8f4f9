"""Checks of what is asked outside: the services themselves, and the steps of flows that ask them."""

import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

import msgspec

from ccd.config.clock_names import clock_names
from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.keyed import check_valid
from ccd.config.payments import PAY_GIVES, check_codes, check_pay, check_proofs, proofs_ask
from ccd.config.people import must_be_known
from ccd.config.values import Reader
from ccd.ivr.identifying import BY_CALLER, BY_NUMBER
from ccd.model.answers import MOST_FIELDS
from ccd.model.expression_text import ExpressionFault
from ccd.model.links import LINK
from ccd.model.outside import HTTP, SQL
from ccd.model.rules import FlowRule
from ccd.model.selects import fault_of_select, parameters_of
from ccd.model.settings import OutsideSettings, Settings
from ccd.model.steps import AnyStep
from ccd.model.steps_outside import ASKING_STEPS, Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.takes import fault_of_path
from ccd.model.templates import check_template

_PLACE = re.compile(r"\{([A-Za-z0-9_]+)\}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
IN_CLEAR = ("authorization", "cookie", "proxy-authorization", "x-api-key")
"""Headers that hold a secret."""
_OF_KIND = {HTTP: ("url", "headers", "secret_headers", "ca"), SQL: ("database", "dsn", "select")}
_NEEDS = {HTTP: "aiohttp", SQL: "psycopg"}
_EXTRA = {HTTP: "services", SQL: "postgresql"}


def check_outside(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    for service in settings.services.values():
        path: Path = ("services", service.name)
        _own_keys(reader, path, service)
        if service.kind == HTTP:
            _http(reader, path, service)
        elif service.kind == SQL:
            _sql(reader, path, service)
        _take(reader, path, service)
    check_codes(reader, settings)
    for flow in settings.rules.flows.values():
        raw = reader.document.get(("flows", flow.name, "steps"))
        if isinstance(raw, list) and len(raw) == len(flow.steps):
            for at, step in enumerate(flow.steps):
                _step(reader, settings, ("flows", flow.name, "steps", at), step)


def with_timeouts(flow: FlowRule, services: Mapping[str, OutsideSettings]) -> FlowRule:
    """The flow with the services' time limits where its steps name none: the engines know no service."""

    def step_of(step: AnyStep) -> AnyStep:
        if not isinstance(step, (*ASKING_STEPS, Pay)) or step.timeout_s:
            return step
        asked = [services[name].timeout_s for name in _services_of(step) if name in services]
        return msgspec.structs.replace(step, timeout_s=max(asked)) if asked else step

    return msgspec.structs.replace(flow, steps=tuple(map(step_of, flow.steps)))


def _services_of(step: Lookup | Hook | Identify | Send | Pay) -> list[str]:
    if isinstance(step, Identify):
        proofs = [proof.service for proof in (step.pin, step.one_time_code) if proof is not None]
        return [name for name in (step.caller_service, step.number_service, *proofs) if name]
    return [step.service]


# -- services ----------------------------------------------------------------------------------------


def _own_keys(reader: Reader, path: Path, service: OutsideSettings) -> None:
    for kind, keys in _OF_KIND.items():
        for key in keys if kind != service.kind else ():
            if getattr(service, key):
                problem = f'means nothing for kind = "{service.kind}"'
                reader.fault((*path, key), problem, f'remove it, or write kind = "{kind}"')
    postgresql = service.kind == SQL and bool(service.dsn)
    if (service.kind == HTTP or postgresql) and find_spec(_NEEDS[service.kind]) is None:
        cure = f"pip install 'ccd[{_EXTRA[service.kind]}]'"
        reader.fault((*path, "kind"), f"needs {_NEEDS[service.kind]}, which is not installed", cure)


def _http(reader: Reader, path: Path, service: OutsideSettings) -> None:
    here: Path = (*path, "url")
    cure = 'write e.g. url = "https://crm.example/customers/{number}"'
    if not service.url:
        reader.fault(here, "is missing", cure)
        return
    try:
        parts = urlsplit(service.url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        reader.fault(here, "is no address", cure)
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
        reader.fault(here, "is no http or https address", cure)
    elif "{" in parts.netloc:
        reader.fault(
            here, "has a value where the server is named", "let values stand in the path or the query"
        )
    elif "@" in parts.netloc:
        reader.fault(here, "holds a password", "send it by secret_headers")
    rest = _PLACE.sub("", service.url)
    if "{" in rest or "}" in rest:
        reader.fault(here, "has a brace that is no {NAME}", "names are letters, digits and _")
    for key in ("headers", "secret_headers"):
        for name in getattr(service, key):
            if not HEADER.fullmatch(name):
                reader.fault((*path, key, name), "is no name of a header", "write e.g. X-Api-Key")
    for name in service.headers:
        if name.lower() in IN_CLEAR:
            cure = f'write secret_headers = {{ {name} = "env:NAME" }}'
            reader.fault((*path, "headers", name), "holds a secret in clear", cure)


def _sql(reader: Reader, path: Path, service: OutsideSettings) -> None:
    given = [key for key in ("database", "dsn") if reader.document.get((*path, key))]
    if len(given) != 1:
        problem = "names both database and dsn" if given else "names no database"
        reader.fault(path, problem, "write database = FILE for SQLite, or dsn for PostgreSQL")
    here: Path = (*path, "select")
    if not service.select:
        cure = 'write e.g. select = "SELECT name, tier FROM customers WHERE phone = :number"'
        reader.fault(here, "is missing", cure)
    elif fault := fault_of_select(service.select):
        reader.fault(here, fault, "write one SELECT; anything else would change the database")


def _take(reader: Reader, path: Path, service: OutsideSettings) -> None:
    if len(service.take) > MOST_FIELDS:
        reader.fault((*path, "take"), f"takes more than {MOST_FIELDS} fields", "take fewer")
    for name, taken in service.take.items():
        if fault := fault_of_path(taken):
            reader.fault((*path, "take", name), fault, 'write e.g. "customer.tier" or "owners.0.name"')


# -- steps -------------------------------------------------------------------------------------------


def _step(reader: Reader, settings: Settings, path: Path, step: AnyStep) -> None:
    if not isinstance(step, (*ASKING_STEPS, Pay)):
        return
    queues = settings.rules.queues
    if isinstance(step, Pay):
        check_pay(reader, settings, path, step)
        for key in ("amount", "currency"):
            check_text(reader, (*path, key), getattr(step, key), queues)
    if isinstance(step, Identify):
        check_proofs(reader, settings, path, step)
        if step.one_time_code is not None:
            here = (*path, "one_time_code")
            check_text(reader, (*here, "to"), step.one_time_code.to, queues)
            check_values(reader, here, step.one_time_code.values, queues)
    if isinstance(step, Identify):
        _identify(reader, settings, path, step)
        for key, service, given in proofs_ask(step):
            check_service(reader, settings, (*path, key, "service"), service, given)
    elif isinstance(step, Pay):
        check_service(reader, settings, (*path, "service"), step.service, [*step.values, *PAY_GIVES])
    else:
        given = [*step.values, *(step.secrets if isinstance(step, Lookup | Hook) else ())]
        check_service(reader, settings, (*path, "service"), step.service, given)
    also = (LINK,) if isinstance(step, Send) and step.link is not None else ()
    check_values(reader, path, step.values, queues, also)
    if isinstance(step, Lookup | Hook):
        for name in step.secrets:
            if name in step.values:
                reader.fault((*path, "secrets", name), "is among the values too", "keep one of them")
    if isinstance(step, Hook) and not step.may:
        reader.fault((*path, "may"), "names no step", "list the ids of the steps that it may lead to")


def check_values(
    reader: Reader, path: Path, values: Mapping[str, str], queues: Collection[str], also: Collection[str] = ()
) -> None:
    """Fault what is no template; `also`: names that stand for something besides those of conditions."""
    for name, text in values.items():
        here: Path = (*path, "values", name)
        if not PARAMETER.fullmatch(name):
            reader.fault(here, f'"{name}" is no name of a value', "use letters, digits and _")
        check_text(reader, here, text, queues, also)


def _identify(reader: Reader, settings: Settings, path: Path, step: Identify) -> None:
    if not step.caller_service and not step.number_service:
        cure = "name the service that knows callers, or the one that knows customer numbers"
        reader.fault(path, "asks nobody: caller_service and number_service are empty", cure)
    by = (
        ("caller_service", step.caller_service, BY_CALLER),
        ("number_service", step.number_service, BY_NUMBER),
    )
    for key, service, value in by:
        if service:
            check_service(reader, settings, (*path, key), service, [*step.values, value])
    if step.number_service and not step.prompt and not step.say:
        reader.fault(
            (*path, "prompt"), "is missing", "say what to key (prompt or say), or leave number_service out"
        )
    check_valid(reader, path, step.valid)


def check_service(reader: Reader, settings: Settings, path: Path, name: str, given: Collection[str]) -> None:
    """Fault unless there is such a service, and gets all that it asks with."""
    if not must_be_known(reader, path, name, "services") or name not in settings.services:
        return
    service = settings.services[name]
    wanted = _PLACE.findall(service.url) if service.kind == HTTP else parameters_of(service.select)
    for each in dict.fromkeys(wanted):
        if each not in given:
            cure = did_you_mean(
                each, given, f'write values = {{ {each} = "{{caller}}" }}; given: {listed(given)}'
            )
            reader.fault(
                path, f'the service "{name}" asks with "{each}", which this step does not give', cure
            )


def check_text(
    reader: Reader, path: Path, text: str, queues: Collection[str], also: Collection[str] = ()
) -> None:
    """Fault, with the column, unless the text is a template about what is there."""
    try:
        check_template(text, queues, clock_names(reader), also)
    except ExpressionFault as fault:
        reader.fault(path, f"column {fault.column}: {fault.problem}", fault.cure)
