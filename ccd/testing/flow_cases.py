"""Test files of flows, `rehearsals/*.toml` beside `conf.d`: calls as they should go, and whether they do.

    [[rehearsal]]
    name = "on Christmas Day it is closed"
    flow = "welcome"
    at = "2026-12-25 10:00"
    keys = ["1"]
    expect = { ends = "hangup", hears = ["closed"], variables = { language = "en" } }

`hears` and `steps` name what must come, in this order; other things may come between. `variables` are those
that must have these values, `within_s` is the longest time in the flow.
"""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from operator import eq
from pathlib import Path
from typing import Any

import msgspec

from ccd.config.positions import key_lines
from ccd.errors import CcdError, Misconfigured
from ccd.model.entry import PAST
from ccd.model.expression_text import nearest
from ccd.model.frozen import Frozen
from ccd.model.numbers import to_e164
from ccd.model.rules import Rules
from ccd.testing.flow_rehearsal import Caller, Played, rehearse_call

FOLDER = "rehearsals"
MOST_BYTES = 4_000_000


_KEYS = frozenset("0123456789*#")
_WORDS = frozenset({"last_agent", "last_outcome", "last_queue"})


class Expected(Frozen, frozen=True):
    """The key `expect`."""

    ends: str = ""
    hears: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """`flow/step`, or `step` of the flow that is rehearsed."""
    variables: dict[str, str] = {}
    within_s: float | None = None


class Case(Frozen, frozen=True):
    """One `[[rehearsal]]`."""

    at: str
    """Date and time on the clock of the calendars: `2026-12-25 10:00`."""
    name: str = ""
    flow: str = ""
    """Empty: the one that answers `dialled`."""
    caller: str = "+33612345678"
    dialled: str = ""
    keys: tuple[str, ...] = ()
    answers: dict[str, Any] = {}
    figures: dict[str, float] = {}
    """Figures of queues as the flow sees them: `{ "queue.sales.ewt_s" = 420 }`."""
    history: dict[str, Any] = {}
    """What is remembered of the caller: `{ contacts_7d = 3, last_queue = "sales" }`."""
    notice: str = ""
    """Text of a notice that is in force."""
    language: str = ""
    """The caller was spoken to in it before, as after a queue."""
    expect: Expected = Expected()


class _File(Frozen, frozen=True):
    rehearsal: tuple[Case, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """One rehearsal, and what differs."""

    file: str
    line: int
    name: str
    flow: str
    ends: str
    differs: list[str]
    """`LINE: what`, in words; empty: it went as expected."""


def read_cases(file: Path) -> list[tuple[int, dict[str, int], Case]]:
    """Each rehearsal with its line and the lines of what it expects. Raises `Misconfigured`."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise Misconfigured("flow.rehearsal", f"{file} is larger than 4 MB — split it")
        text = file.read_text(encoding="utf-8-sig")
        lines = key_lines(text)
        found = msgspec.convert(tomllib.loads(text), _File)
    except (OSError, ValueError, RecursionError) as error:
        cure = "docs/flows.md has the keys of a [[rehearsal]]"
        raise Misconfigured("flow.rehearsal", f"{file}: {error} — {cure}") from error
    out = []
    for at, case in enumerate(found.rehearsal):
        start = lines.get(("rehearsal", at), 0)
        named = {
            str(path[-1]): line
            for path, line in lines.items()
            if path[:3] == ("rehearsal", at, "expect") and len(path) == 4
        }
        out.append((start, named, case))
    return out


def one_by_one(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Keys as a caller presses them: `"4711#"` is five of them."""
    return tuple(key for each in keys for key in (each if set(each) <= _KEYS else (each,)))


def judge(
    file: Path, rules_at: Callable[[datetime], Rules], zone: Callable[[Rules], tzinfo | None]
) -> Iterator[Verdict]:
    """Play all rehearsals of a file. `rules_at`: with the holidays of that day's year."""
    for line, lines, case in read_cases(file):
        try:
            moment = moment_of(case.at)
            rules = rules_at(moment)
            flow = flow_of(rules, case.flow, case.dialled)
            caller = Caller(
                flow,
                case.caller,
                case.dialled,
                one_by_one(case.keys),
                answers_of(rules, case.answers),
                case.figures,
                history_of(case.history),
                case.notice,
                case.language,
            )
            played = rehearse_call(rules, caller, moment.replace(tzinfo=zone(rules)).timestamp())
        except CcdError as error:
            yield Verdict(str(file), line, case.name, case.flow, "", [f"{line}: {error.message}"])
            continue
        differs = [f"{lines.get(key, line)}: {what}" for key, what in _differs(case.expect, flow, played)]
        yield Verdict(str(file), line, case.name, flow, played.ends, differs)


def moment_of(text: str) -> datetime:
    """A date and time without zone. Raises `Misconfigured`."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        cure = 'write e.g. "2026-12-25 10:00"'
        raise Misconfigured("flow.at", f"{text!r} is no date and time — {cure}") from None


def history_of(given: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a caller, looked at: known names, numbers and texts. Raises `Misconfigured`."""
    for name, value in given.items():
        if name not in PAST:
            cure = nearest(name, PAST, f"there are: {', '.join(PAST)}")
            raise Misconfigured("flow.history", f"history: there is no {name!r} — {cure}")
        text = name in _WORDS
        if not isinstance(value, str if text else int | float):
            cure = 'write it in quotes, as last_queue = "sales"' if text else "write a number, as 3"
            raise Misconfigured("flow.history", f"history: {name} is {value!r} — {cure}")
    return given


def flow_of(rules: Rules, flow: str, dialled: str) -> str:
    """The flow to rehearse: the one named, or the one that answers the number. Raises `Misconfigured`."""
    number = to_e164(dialled, rules.country) or dialled
    name = flow or rules.numbers.get(dialled, "") or rules.numbers.get(number, "")
    if name in rules.flows:
        return name
    what = f"no flow {name!r}" if name else f"no flow that answers {dialled!r}"
    known = ", ".join(sorted(rules.flows if name else rules.numbers)) or "(none)"
    raise Misconfigured("flow.unknown", f"there is {what} — there are: {known}")


def answers_of(rules: Rules, given: dict[str, Any]) -> dict[str, Any]:
    """What is answered, looked at: by services and bots that some flow asks. Raises `Misconfigured`."""
    keys = ("service", "caller_service", "number_service", "bot")
    steps = [step for flow in rules.flows.values() for step in flow.steps]
    proofs = [getattr(step, key, None) for step in steps for key in ("pin", "one_time_code")]
    asking = [*steps, *proofs, *(survey.send for survey in rules.surveys.values())]
    known = sorted({name for each in asking for key in keys if (name := getattr(each, key, ""))})
    for name in given:
        if name not in known:
            cure = nearest(name, known, f"asked are: {', '.join(known) or '(none)'}")
            raise Misconfigured("flow.answer", f"answers: no flow asks {name!r} — {cure}")
    return given


def _differs(expected: Expected, flow: str, played: Played) -> Iterator[tuple[str, str]]:
    if expected.ends and expected.ends != played.ends:
        yield "ends", f'ends in "{played.ends}", not in "{expected.ends}"'
    missing = _first_missing(expected.hears, played.hears, _is_heard)
    if missing:
        yield "hears", f'"{missing}" is not heard (where it should be); heard: {", ".join(played.hears)}'
    named = [step if "/" in step else f"{flow}/{step}" for step in expected.steps]
    missing = _first_missing(named, played.steps)
    if missing:
        yield "steps", f'does not come to "{missing}" (where it should); steps: {", ".join(played.steps)}'
    for name, value in expected.variables.items():
        found = played.variables.get(name)
        if found != value:
            told = "is not set" if found is None else f'is "{found}"'
            yield "variables", f'{name} {told}, not "{value}"'
    if expected.within_s is not None and played.spent_s > expected.within_s:
        yield "within_s", f"takes {played.spent_s:g} s, more than {expected.within_s:g}"


def _is_heard(wanted: str, heard: str) -> bool:
    """A prompt by its name; a text also by some of its words."""
    return wanted == heard or (" " in heard and wanted in heard)


def _first_missing(wanted: Sequence[str], found: Sequence[str], same: Callable[[str, str], bool] = eq) -> str:
    left = iter(found)
    return next((each for each in wanted if not any(same(each, one) for one in left)), "")
