"""The timeline of a record: of bounded length."""

from ccd.history.state import Note, Record

FIRST_NOTES, LAST_NOTES = 40, 160


def add_note(record: Record, note: Note) -> None:
    """Append to a timeline of bounded length: the beginning and the end are kept."""
    record.timeline.append(note)
    if len(record.timeline) > FIRST_NOTES + LAST_NOTES:
        del record.timeline[FIRST_NOTES]
        record.notes_dropped += 1
