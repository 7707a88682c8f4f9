"""From the raw tree to typed values: each key is checked against the field types of a msgspec Struct.

The structs of `ccd.model` and of adapters are the only schema. A bad value leaves a fault and the
field's default behind, so that everything else can still be checked in the same run.
"""

import math
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ccd.config.faults import FaultList, Path, did_you_mean, listed, shown
from ccd.config.files import Document, relative
from ccd.config.keys import NONE, Key, key_of
from ccd.config.secret import SecretSource
from ccd.model.settings import Secret


class _Bad:
    """Stands for a value that could not be made; its fault is told already."""


BAD = _Bad()
TAG = "do"
_UNITS = {"_s": "seconds", "_ms": "milliseconds", "_pct": "a percentage", "_bytes": "bytes"}


class Reader:
    """Makes values from one document; every fault goes to one list."""

    def __init__(self, document: Document, faults: FaultList, secrets: SecretSource) -> None:
        self.document = document
        self.faults = faults
        self._secrets = secrets

    def fault(self, path: Path, problem: str, cure: str) -> None:
        """Note a fault at the place of a path."""
        self.faults.add(self.document.place(path), path, problem, cure)

    def over(self, document: Document, faults: FaultList) -> "Reader":
        """A reader of another document, whose faults go to another list."""
        return Reader(document, faults, self._secrets)

    # -- tables --------------------------------------------------------------------------------

    def struct(
        self,
        kind: type,
        path: Path,
        raw: object,
        given: Mapping[str, Any] | None = None,
        also: Iterable[str] = (),
    ) -> Any:
        """A value of the struct `kind` from a raw table; BAD if it is none or lacks a required key.

        `given` are fields that are not keys (a table's own name); `also` are keys read elsewhere.
        """
        if not isinstance(raw, dict):
            self.fault(path, f"must be a table, is {shown(raw)}", "write its keys under a [table] heading")
            return BAD
        values = dict(given or {})
        fields = {field.encode_name: field for field in _fields(kind) if field.name not in values}
        self._unknown(path, raw, [*fields, *also], values)
        whole = True
        for name, field in fields.items():
            here = (*path, name)
            if name not in raw:
                if field.required:
                    whole = False
                    self._lacks(here, path)
                continue
            value = self.value(field.type, here, raw[name], key_of(kind, field.name))
            if value is not BAD:
                values[field.name] = value
            elif field.required:
                whole = False
        if not whole:
            return BAD
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:  # a check of an adapter's own __post_init__
            self.fault(path, str(error), "see the adapter's documentation")
            return BAD

    def changes(
        self, kind: type, path: Path, raw: dict[str, Any], also: Mapping[str, inspect.Type] | None = None
    ) -> dict[str, Any]:
        """Values for some of the keys of `kind`, and for those of `also`: none is required.

        The values are plain ones, as a file or a ledger holds them.
        """
        names = [field.name for field in _fields(kind) if key_of(kind, field.name).name]
        fields = {field.encode_name: field for field in _fields(kind) if field.name not in names}
        kinds = {**{name: field.type for name, field in fields.items()}, **(also or {})}
        self._unknown(path, raw, list(kinds), dict.fromkeys(names))
        out: dict[str, Any] = {}
        for name in [name for name in raw if name in kinds]:
            key = key_of(kind, fields[name].name) if name in fields else NONE
            value = self.value(kinds[name], (*path, name), raw[name], key)
            if value is not BAD:
                out[name] = msgspec.json.decode(msgspec.json.encode(value))
        return out

    def _unknown(self, path: Path, raw: dict[str, Any], known: list[str], given: Mapping[str, Any]) -> None:
        for key in raw:
            if key in known:
                continue
            if key in given:
                self.fault((*path, key), "is no key: the name is that of the table", "remove it")
            else:
                cure = did_you_mean(key, known, f"known here: {listed(sorted(known), 30)}")
                self.fault((*path, key), "is not a known key", cure)

    def _lacks(self, here: Path, path: Path) -> None:
        self.faults.add(self.document.place(path), here, "is missing", f"add {here[-1]} = … to this table")

    # -- values --------------------------------------------------------------------------------

    def value(self, kind: inspect.Type, path: Path, raw: object, key: Key = NONE) -> Any:
        """A checked value of the type; BAD after a fault."""
        match kind:
            case inspect.BoolType():
                return self._bool(path, raw)
            case inspect.IntType() | inspect.FloatType():
                return self._number(kind, path, raw, key)
            case inspect.StrType():
                return self._text(kind, path, raw, key)
            case inspect.EnumType():
                return self._choice(kind.cls, path, raw)
            case inspect.DictType():
                return self._dict(kind, path, raw, key)
            case inspect.VarTupleType() | inspect.ListType():
                return self._list(kind, path, raw, key)
            case inspect.UnionType():
                return self._union(kind, path, raw, key)
            case inspect.StructType():
                return self.struct(kind.cls, path, raw)
            case inspect.CustomType() if kind.cls is Secret:
                return self._secrets.find(path, raw)
            case inspect.Metadata():
                return self.value(kind.type, path, raw, key)
            case _:
                return self._other(kind, path, raw)

    def _bool(self, path: Path, raw: object) -> Any:
        if isinstance(raw, bool):
            return raw
        self.fault(path, f"must be true or false, is {shown(raw)}", "write true or false without quotes")
        return BAD

    def _number(self, kind: inspect.IntType | inspect.FloatType, path: Path, raw: object, key: Key) -> Any:
        whole = isinstance(kind, inspect.IntType)
        what, example = ("a whole number", "3") if whole else ("a number", "20")
        number = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw)
        if not number or (whole and not isinstance(raw, int)):
            unit = next((unit for end, unit in _UNITS.items() if str(path[-1]).endswith(end)), "it")
            cure = f"write {unit} as {what} without quotes, e.g. {_example(key, example)}"
            self.fault(path, f"must be {what}, is {shown(raw)}", cure)
            return BAD
        assert isinstance(raw, int | float)  # noqa: S101  said by `number` above
        low = key.low if kind.ge is None else kind.ge
        high = key.high if kind.le is None else kind.le
        if kind.gt is not None and raw <= kind.gt:
            self.fault(path, f"must be over {kind.gt:g}, is {raw}", f"write more than {kind.gt:g}")
            return BAD
        if kind.lt is not None and raw >= kind.lt:
            self.fault(path, f"must be under {kind.lt:g}, is {raw}", f"write less than {kind.lt:g}")
            return BAD
        if (low is not None and raw < low) or (high is not None and raw > high):
            self.fault(
                path, f"must be {_between(low, high)}, is {raw}", f"choose a value {_between(low, high)}"
            )
            return BAD
        return raw if whole else float(raw)

    def _text(self, kind: inspect.StrType, path: Path, raw: object, key: Key) -> Any:
        if not isinstance(raw, str):
            self.fault(
                path, f"must be {key.must or 'text'}, is {shown(raw)}", key.cure or "write it in quotes"
            )
            return BAD
        if key.choices and raw not in key.choices:
            cure = did_you_mean(raw, key.choices, f"choose one of: {listed(key.choices)}")
            self.fault(path, f"must be one of {listed(key.choices)}, is {shown(raw)}", cure)
            return BAD
        if key.pattern and not re.fullmatch(key.pattern, raw):
            self.fault(path, f"must be {key.must}, is {shown(raw)}", key.cure)
            return BAD
        size = len(raw)
        if size < (kind.min_length or 0) or (kind.max_length is not None and size > kind.max_length):
            bounds = _between(kind.min_length, kind.max_length)
            self.fault(path, f"must have a length {bounds}, has {size}", "shorten or lengthen it")
            return BAD
        if any(ord(char) < 32 for char in raw):
            self.fault(path, "holds a control character or a line break", "write it on one line")
            return BAD
        return relative(self.document, path, raw) if key.path else raw

    def _choice(self, cls: type[Enum], path: Path, raw: object) -> Any:
        words = [str(member.value) for member in cls]
        if isinstance(raw, str) and raw in words:
            return cls(raw)
        cure = did_you_mean(str(raw), words, f"choose one of: {listed(words)}")
        self.fault(path, f"must be one of {listed(words)}, is {shown(raw)}", cure)
        return BAD

    def _dict(self, kind: inspect.DictType, path: Path, raw: object, key: Key) -> Any:
        if not isinstance(raw, dict):
            self.fault(path, f"must be a table, is {shown(raw)}", "write { key = value, … }")
            return BAD
        out = {}
        for word, value in raw.items():
            here = (*path, word)
            left = self.value(kind.key_type, here, word)
            right = self.value(kind.value_type, here, value, key)
            if left is not BAD and right is not BAD:
                out[left] = right
        return out

    def _list(self, kind: inspect.VarTupleType | inspect.ListType, path: Path, raw: object, key: Key) -> Any:
        if not isinstance(raw, list):
            self.fault(path, f"must be a list, is {shown(raw)}", "write it in [ ], elements apart by commas")
            return BAD
        made = [self.value(kind.item_type, (*path, at), element, key) for at, element in enumerate(raw)]
        good = [element for element in made if element is not BAD]
        return good if isinstance(kind, inspect.ListType) else tuple(good)

    def _union(self, kind: inspect.UnionType, path: Path, raw: object, key: Key) -> Any:
        members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        tagged = {str(member.tag): member for member in members if isinstance(member, inspect.StructType)}
        if len(tagged) > 1:
            return self._tagged(tagged, path, raw)
        if len(members) == 1:
            return self.value(members[0], path, raw, key)
        return self._other(kind, path, raw)

    def _tagged(self, kinds: Mapping[str, inspect.StructType], path: Path, raw: object) -> Any:
        if not isinstance(raw, dict):
            self.fault(path, f"must be a table, is {shown(raw)}", f'write {TAG} = "…" and its keys')
            return BAD
        if TAG not in raw:
            self._lacks((*path, TAG), path)
            return BAD
        tag = raw[TAG]
        if not isinstance(tag, str) or tag not in kinds:
            cure = did_you_mean(str(tag), kinds, f"choose one of: {listed(kinds, 40)}")
            self.fault((*path, TAG), f"must be one of {listed(kinds, 40)}, is {shown(tag)}", cure)
            return BAD
        return self.struct(kinds[tag].cls, path, {name: raw[name] for name in raw if name != TAG})

    def _other(self, kind: inspect.Type, path: Path, raw: object) -> Any:
        if isinstance(kind, inspect.AnyType):
            return raw
        try:
            return msgspec.convert(raw, _python_type(kind))
        except msgspec.ValidationError as error:
            self.fault(path, f"{str(error)[0].lower()}{str(error)[1:]}", "see the key's documentation")
            return BAD


@cache
def _fields(kind: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101  a fault of the caller's, not of the file's
    return info.fields


def _python_type(kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.LiteralType):
        from typing import Literal

        return Literal[kind.values]
    if isinstance(kind, inspect.UnionType):
        return _joined([_python_type(member) for member in kind.types])
    plain = {inspect.IntType: int, inspect.FloatType: float, inspect.StrType: str, inspect.BoolType: bool}
    return plain.get(type(kind), type(None) if isinstance(kind, inspect.NoneType) else Any)


def _joined(kinds: list[Any]) -> Any:
    out = kinds[0]
    for kind in kinds[1:]:
        out = out | kind
    return out


def _example(key: Key, otherwise: str) -> str:
    number = float(otherwise)
    if key.low is not None and number < key.low:
        return f"{key.low:g}"
    if key.high is not None and number > key.high:
        return f"{key.high:g}"
    return otherwise


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return f"of at most {high:g}"
    if high is None:
        return f"of at least {low:g}"
    return f"from {low:.10g} to {high:.10g}"
