"""Restart: the newest snapshot, then the facts after it through the same turns, commands dropped."""

from collections.abc import Callable

import msgspec

from ccd.channels.ledger import Ledger
from ccd.clock import monotonic
from ccd.errors import Misconfigured, Refused
from ccd.model.facts import AnyFact
from ccd.runtime.ports import Fault, ReportFault, Turns, describe

_RECORDS_AT_ONCE = 500


class Replayed(msgspec.Struct, frozen=True):
    """What a replay did."""

    facts: int
    """Facts turned after the snapshot."""
    last_at: float
    """Time of the newest fact: the clock must not begin before it. 0.0 for an empty ledger."""
    seconds: float
    """How long it took."""
    seq: int = 0
    """Number of the newest fact turned."""
    snapshot_seq: int = 0
    """Fact after which the snapshot was taken; 0: there was none that could be used."""
    faults: int = 0
    """Turns that raised, as they did live."""


def replay(
    turns: Turns,
    ledger: Ledger,
    report: ReportFault | None = None,
    *,
    until: int = 0,
    file_records: bool = True,
    rest: Callable[[], None] | None = None,
) -> Replayed:
    """Bring fresh `turns` to the state after fact `until` (0: the newest).

    With `file_records` the records of the facts turned are filed again (the same rows, so nothing
    doubles). `rest` is called after the snapshot is taken over and after each fact. Raises `Misconfigured`
    for a fact that this version cannot read and for a state that cannot be had any more, `TryLater` from the
    ledger.
    """
    began = monotonic()
    base, at = _load_snapshot(turns, ledger, until)
    if rest is not None:
        rest()
    decode = msgspec.msgpack.Decoder[AnyFact](AnyFact).decode
    seq, faults = base, 0
    turn = turns.turn
    for entry in ledger.read(base, until - base if until else 0):
        if entry.seq != seq + 1:
            raise _beginning_lost(entry.seq)
        seq, at = entry.seq, entry.at
        try:
            fact = decode(entry.fact)
        except msgspec.MsgspecError as error:
            raise Misconfigured(
                "ledger.unknown_fact",
                f"fact {seq} of the ledger cannot be read by this version of ccd ({error}):"
                " install the version that wrote it",
            ) from error
        try:
            turn(fact, at)
        except Exception as error:
            faults += 1
            if report:
                report(Fault("turn", error, describe(fact), seq))
        if rest is not None:
            rest()
        if not seq % _RECORDS_AT_ONCE:
            _take_records(turns, ledger, file_records)
    _take_records(turns, ledger, file_records)
    return Replayed(seq - base, at, monotonic() - began, seq, base, faults)


def _load_snapshot(turns: Turns, ledger: Ledger, until: int) -> tuple[int, float]:
    """(seq, at) of the snapshot taken over, (0, 0.0) when everything is to be turned again."""
    snapshot = ledger.load_snapshot()
    if snapshot is None or (until and snapshot.seq > until):
        return 0, 0.0
    try:
        turns.load(snapshot.state)
    except (Refused, msgspec.MsgspecError):  # another version's: every fact is still there to be turned
        return 0, 0.0
    return snapshot.seq, snapshot.at


def _beginning_lost(first: int) -> Misconfigured:
    """Older facts were deleted (`ledger.keep_days`), and the snapshots that stood for them cannot be used."""
    return Misconfigured(
        "ledger.beginning_lost",
        f"the ledger begins with fact {first}, older ones were deleted by ledger.keep_days, and none of its"
        " snapshots can be used by this version of ccd: install the version that wrote them, or a backup",
    )


def _take_records(turns: Turns, ledger: Ledger, file_records: bool) -> None:
    records = turns.take_records()
    if records and file_records:
        ledger.append([], records)
