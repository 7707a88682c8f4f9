"""Checks of steps that send secrets to services: `pay`, and the proofs of `identify`."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from ccd.config.faults import Path
from ccd.config.people import must_be_known
from ccd.config.values import Reader
from ccd.ivr.paying import AMOUNT, CURRENCY, PARTS, REQUEST
from ccd.model.outside import HTTP, WITH_BODY
from ccd.model.settings import OutsideSettings, Settings
from ccd.model.steps_outside import Identify
from ccd.model.steps_pay import Pay

PAY_GIVES = (AMOUNT, CURRENCY, REQUEST, *PARTS)
"""What a payment service may ask with, besides the step's own values."""
_PIN_GIVES = ("customer", "pin")
_CODE_GIVES = ("to", "text", "code")
_FOLLOWED = ("features.pause", "features.disposition", "features.pickup")
_HERE = ("localhost", "127.0.0.1", "::1")


def proofs_ask(step: Identify) -> Iterator[tuple[str, str, list[str]]]:
    """The services of the proofs: key, service, what it is given."""
    if step.pin is not None:
        yield "pin", step.pin.service, [*step.values, *_PIN_GIVES]
    if step.one_time_code is not None:
        yield "one_time_code", step.one_time_code.service, [*step.one_time_code.values, *_CODE_GIVES]


def check_codes(reader: Reader, settings: Settings) -> None:
    """The codes of flows: none is another's, nor an agent's feature code or the beginning of one."""
    features = settings.rules.features
    known = {f"features.{name}": getattr(features, name) for name in features.__struct_fields__}
    for flow in settings.rules.flows.values():
        path: Path = ("flows", flow.name, "code")
        for name, code in known.items() if flow.code else ():
            followed = name in _FOLLOWED and flow.code.startswith(code)
            if code and (flow.code == code or followed):
                reader.fault(path, f'"{flow.code}" clashes with {name} "{code}"', "choose another code")
        known[f"flows.{flow.name}.code"] = flow.code


def check_pay(reader: Reader, settings: Settings, path: Path, step: Pay) -> None:
    """All of one step but its templates and its service's name."""
    for name in step.values:
        if name in PAY_GIVES:
            reader.fault((*path, "values", name), "is given by the step itself", "use another name")
    if step.recall_queue:
        must_be_known(reader, (*path, "recall_queue"), step.recall_queue, "queues")
    service = settings.services.get(step.service)
    if service is not None:
        bears_secrets(reader, (*path, "service"), service, PARTS, by_http=True)


def check_proofs(reader: Reader, settings: Settings, path: Path, step: Identify) -> None:
    """The proofs of one step but their templates and their services' names."""
    if step.pin is None and step.one_time_code is None:
        for key in ("on_refused", "lock_after", "locked_s"):
            if reader.document.get((*path, key)) is not None:
                reader.fault((*path, key), "means nothing without pin or one_time_code", "remove it")
        return
    if not (step.on_refused or step.on_unknown):
        problem = "is missing: who proves nothing would go on like who does"
        reader.fault((*path, "on_refused"), problem, "name the step for them")
    pin, code = step.pin, step.one_time_code
    if pin is not None:
        if pin.least > pin.most:
            problem = f"asks for at least {pin.least} keys and takes {pin.most} at most"
            reader.fault((*path, "pin", "least"), problem, "make least smaller, or most greater")
        service = settings.services.get(pin.service)
        if service is not None:
            bears_secrets(reader, (*path, "pin", "service"), service, ("pin",), by_http=False)
    if code is not None:
        here: Path = (*path, "one_time_code")
        if "{code}" not in code.text:
            reader.fault((*here, "text"), "does not say the code", 'write e.g. text = "Your code is {code}."')
        if not code.to:
            reader.fault((*here, "to"), "is empty", 'write e.g. to = "{var.mobile}"')
        for name in code.values:
            if name in _CODE_GIVES:
                reader.fault((*here, "values", name), "is given by the step itself", "use another name")
        service = settings.services.get(code.service)
        if service is not None:
            bears_secrets(reader, (*here, "service"), service, ("code", "text"), by_http=True)


def bears_secrets(
    reader: Reader, path: Path, service: OutsideSettings, names: tuple[str, ...], *, by_http: bool
) -> None:
    """Fault unless secrets can be sent to it: not in an address, which others log, nor in clear over the
    network."""
    if service.kind != HTTP:
        if by_http:
            problem = f'the service "{service.name}" asks a database, and nothing is done there'
            reader.fault(path, problem, 'name a service of kind = "http"')
        return
    if service.method not in WITH_BODY:
        problem = f'the service "{service.name}" has method = "{service.method}", which sends no body'
        reader.fault(path, problem, 'write method = "POST" there: secrets go as JSON only')
    for name in names:
        if f"{{{name}}}" in service.url:
            problem = f'the url of the service "{service.name}" has the secret {{{name}}} in it'
            reader.fault(path, problem, "leave it out there: addresses stand in logs; it goes as JSON")
    try:
        parts = urlsplit(service.url)
    except ValueError:
        return  # that it is no address is told where it stands
    if parts.scheme == "http" and parts.hostname not in _HERE:
        problem = f'the service "{service.name}" is asked without encryption'
        reader.fault(path, problem, "write https:// there; http is for this machine only")
