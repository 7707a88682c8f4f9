"""What people are told of the services that flows ask outside."""

from collections.abc import Iterable

from ccd.runtime.troubles import View, alarm


def alarms(rows: Iterable[View]) -> list[View]:
    """One for each service that is passed over."""
    return [
        alarm("service passed over", row["service"], f"{row['in_row']} failures in a row: {row['note']}")
        for row in rows
        if row["passed_over"]
    ]
