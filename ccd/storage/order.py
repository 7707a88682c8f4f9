"""The one rule of order that all ledgers hold: 1, 2, 3… without gaps, times that never run back."""

from ccd.channels.ledger import Entry
from ccd.errors import IllegalMove


def check_entries(entries: list[Entry], last: tuple[int, float]) -> None:
    """Raise `IllegalMove` unless `entries` continue the sequence that ends with `last` (seq, at)."""
    seq, at = last
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            raise IllegalMove("ledger.gap", f"fact {entry.seq} cannot follow fact {seq - 1}: expected {seq}")
        if entry.at < at:
            raise IllegalMove(
                "ledger.time", f"fact {seq} is dated {at - entry.at:.6f} s before fact {seq - 1}"
            )
        at = entry.at


def is_repeat(entries: list[Entry], first: int, last: tuple[int, float]) -> bool:
    """Whether this is the newest batch again, which began with `first` and ended with `last`.

    A commit may have succeeded though an error was reported; the runtime then hands the same batch
    in once more, and that must not be stored twice.
    """
    return bool(entries) and entries[0].seq == first and (entries[-1].seq, entries[-1].at) == last
