"""docs/reference/configuration.md, made from the structs: `python -m ccd.config.reference > …`.

Words come from the docstrings under the fields and, where the model has none, from `ccd.config.keys`.
"""

import ast
import inspect as source
import sys
import textwrap
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ccd.config.calendars import CalendarKeys, ClosedKeys, ExceptionKeys, HolidayKeys, OpenKeys
from ccd.config.keys import key_of
from ccd.config.sections import NAMED, PLAIN
from ccd.config.shared_entry import SECTION as ENTRY
from ccd.config.values import TAG
from ccd.model.callback_rules import CallbackRule, RetryAfter
from ccd.model.links import LinkRule, SurveyLink
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.rules import (
    EntryRule,
    PauseReason,
    Relax,
    Rules,
    Share,
    SharedEntryRule,
    Suspension,
    Target,
    Tier,
)
from ccd.model.settings import ChannelSettings, Secret, TransportSettings
from ccd.model.steps import AnyStep, Branch, Case
from ccd.model.steps_outside import Identify, Send
from ccd.model.voicemail_rules import VoicemailRule
from ccd.model.waiting_keys import WaitingKey

_HEAD = """# Configuration reference

Made from the code by `python -m ccd.config.reference`; do not edit. `conf/` is a commented example.

A configuration is `ccd.toml` (TOML) and every `conf.d/*.toml` beside it, joined: a name or key belongs to
one file. Unknown keys are faults. `ccd check FOLDER` names all faults at once, each as
`FILE:LINE: KEY: PROBLEM — CURE`, and exits 0 or 2; `--json` prints them for programs.

- **Units** stand in the names: `_s` seconds, `_ms` milliseconds.
- **Files and folders** that are not absolute start at the configuration's folder; `~` is the user's home.
  Given by `--set` on the command line they start at the present folder.
- **Secrets** are never written here, only where they are found: `"env:NAME"` (environment variable),
  `"file:PATH"` (its only line; a file that everybody can read is a fault), `"credential:NAME"` (systemd,
  `LoadCredential=`). One that is missing is a warning for `ccd check` (a fault with `--secrets`), and a fault
  for a start.
- **Telephone numbers** are written with `+` and country code, or as dialled in `daemon.country`; up to six
  digits are a short number and stay as they are.
- **Overrides**: `--set daemon.state_dir=/tmp/ccd` puts one key over the files, `sip.transports.0.port=5070`
  one of a list.
"""

CALENDAR_TABLES: dict[str, type] = {
    "holidays": HolidayKeys,
    "closed": ClosedKeys,
    "open": OpenKeys,
    "exceptional": ExceptionKeys,
}
"""Key of a calendar → its table."""

_CHANNELS = """## [channels.NAME]

An adapter's instance. The other keys are the adapter's own, checked in the same way: see `docs/channels/`.
"""

_WORDS = """## [numbers]

`"NUMBER" = "FLOW"`: what answers a number (written in any way that can be dialled) or a channel's target
(`"web:support"`). Two ways of writing one number are a fault.

## [pause_reasons]

`CODE = "REASON"`: 1 to 6 digits dialled after the pause code, e.g. `1 = "lunch"` for `*421`. A reason of
which more is to be said has a table instead, `[pause_reasons.CODE]`:
"""


_PROFILES = """Tables and inline tables are the same: `[profiles.rush.queues.sales]` with `max_wait_s = 60`,
or `queues = { sales = { max_wait_s = 60 } }` under `[profiles.rush]`. See [peak-mode.md](../peak-mode.md).
"""


def reference() -> str:
    """The whole document."""
    parts = [_HEAD, "## Top of the file\n", _table(Rules, only=("language",))]
    for name, kind in PLAIN.items():
        parts += [f"## [{name}]\n", _intro(kind), _table(kind)]
        if name == "sip":
            parts += ["## [[sip.transports]]\n", _intro(TransportSettings), _table(TransportSettings)]
    for name, kind in NAMED.items():
        parts += [f"## [{name}.NAME]\n", _intro(kind), _table(kind)]
        if name == "queues":
            parts += ["### overflow, closed_to\n", _intro(Target), _table(Target)]
            parts += ["### share\n", _intro(Share), _table(Share)]
            parts += ["### entry\n", _intro(EntryRule), _table(EntryRule)]
            shared = [f"## [[{ENTRY}]]\n", _intro(SharedEntryRule), _table(SharedEntryRule)]
            parts += ["### callback\n", _intro(CallbackRule), _table(CallbackRule)]
            parts += ["### callback.retry_s\n", _intro(RetryAfter), _table(RetryAfter)]
            parts += ["### voicemail\n", _intro(VoicemailRule), _table(VoicemailRule)]
            parts += ["### keys\n", _intro(WaitingKey), _table(WaitingKey)]
            parts += ["### relax\n", _intro(Relax), _table(Relax), "### tiers\n", _intro(Tier), _table(Tier)]
            parts += shared
        if name == "flows":
            parts += _steps()
        if name == "surveys":
            parts += ["### send\n", _intro(SurveyLink), _table(SurveyLink)]
        if name == "profiles":
            parts += [_PROFILES, "### suspend\n", _intro(Suspension), _table(Suspension)]
    parts += ["## [calendars.NAME]\n", _intro(CalendarKeys), _table(CalendarKeys, leave_out=("name",))]
    for key, kind in CALENDAR_TABLES.items():
        parts += [f"### {key}\n", _intro(kind), _table(kind)]
    parts += [_CHANNELS, _table(ChannelSettings, leave_out=("options",)), _WORDS, _table(PauseReason)]
    return "\n".join(parts)


def _steps() -> list[str]:
    out = [f"### [[flows.NAME.steps]]\n\n`{TAG}` says what the step does; every step may have an `id`.\n"]
    for kind in AnyStep.__args__:
        tag = kind.__struct_config__.tag
        out += [f'#### {TAG} = "{tag}"\n', _intro(kind)]
        if len(kind.__struct_fields__) > 1:
            out.append(_table(kind, leave_out=("id",)))
        if kind is Branch:
            out += ["##### cases\n", _intro(Case), _table(Case)]
        if kind is Identify:
            out += ["##### pin\n", _intro(Pin), _table(Pin)]
            out += ["##### one_time_code\n", _intro(OneTimeCode), _table(OneTimeCode)]
        if kind is Send:
            out += ["##### link\n", _intro(LinkRule), _table(LinkRule)]
    return out


def _intro(kind: type) -> str:
    text = source.getdoc(kind) or ""
    if text.startswith("["):
        text = text.partition("]: ")[2]
        text = text[0].upper() + text[1:]
    return text + "\n"


def _table(kind: type, only: tuple[str, ...] = (), leave_out: tuple[str, ...] = ()) -> str:
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    info = inspect.type_info(kind)
    for field in info.fields if isinstance(info, inspect.StructType) else ():
        key = key_of(kind, field.name)
        if key.name or field.name in leave_out or (only and field.name not in only):
            continue
        cells = (f"`{field.encode_name}`", _value(field.type, kind, field.name), _default(field))
        rows.append(f"| {' | '.join(cells)} | {words(kind, field.name)} |")
    return "\n".join(rows) + "\n"


def words(kind: type, field: str) -> str:
    """What a key means, in one line; empty if nobody wrote it."""
    text = _docs(kind).get(field) or key_of(kind, field).doc
    return " ".join(text.split()).replace("|", "\\|")


@cache
def _docs(kind: type) -> dict[str, str]:
    """Field → the docstring under it, those of the struct that it is made from among them."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            docs |= _own_docs(base)
    return docs


def _own_docs(kind: type) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(source.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101  a struct is a class
    docs: dict[str, str] = {}
    name = ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            docs[name] = str(node.value.value)
            name = ""
        else:
            name = ""
    return docs


def _value(kind: inspect.Type, struct: type, field: str) -> str:
    key = key_of(struct, field)
    text = _type(kind)
    if key.choices:
        text = ("list of " if text.startswith("list") else "") + " or ".join(
            f'`"{word}"`' for word in key.choices
        )
    elif key.path:
        text = text.replace("text", "path")
    if key.low is not None and key.high is not None:
        text += f", {_number(key.low)} to {_number(key.high)}"
    return text


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "whole number"
        case inspect.FloatType():
            return "number"
        case inspect.EnumType():
            return " or ".join(f"`{member.value}`" for member in kind.cls)
        case inspect.AnyType():
            return "value"
        case inspect.DictType():
            return f"table: {_type(kind.key_type)} → {_type(kind.value_type)}"
        case inspect.VarTupleType():
            return f"list of {_type(kind.item_type)}"
        case inspect.UnionType():
            members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
            if any(isinstance(member, inspect.StrType) for member in members) and len(members) > 1:
                return " or ".join(_type(member) for member in sorted(members, key=_is_table))
            return "tables" if len(members) > 1 else _type(members[0])
        case inspect.StructType():
            return "table"
        case inspect.CustomType() if kind.cls is Secret:
            return "secret"
        case _:
            return "text"


def _is_table(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.DictType)


def _default(field: inspect.Field) -> str:
    if field.required:
        return "**must be set**"
    value: Any = field.default
    if value is msgspec.NODEFAULT or value is None or value == () or isinstance(value, Secret):
        return ""
    if isinstance(value, msgspec.Struct) or (
        isinstance(value, tuple) and isinstance(value[0], msgspec.Struct)
    ):
        return "" if isinstance(value, msgspec.Struct) else "UDP on port 5060"
    if isinstance(value, tuple):
        return f"`[{', '.join(_literal(element) for element in value)}]`"
    return "" if value == "" else f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.10g}"


if __name__ == "__main__":
    sys.stdout.write(reference())
