"""Records on their way to the ledger."""

from ccd.channels.ledger import RecordRow
from ccd.history.explain import encode_record
from ccd.history.state import Record


def record_row(record: Record) -> RecordRow:
    """A record of an interaction that is over, to be filed; again: in place of the former one."""
    return RecordRow(
        interaction=record.interaction,
        queue=record.queue,
        channel=record.channel,
        began_at=record.began_at,
        ended_at=record.ended_at,
        outcome=record.outcome,
        body=encode_record(record),
    )
