"""What conditions and texts may ask of the clock: the calendars of a configuration, and the centre's zone."""

from ccd.config.values import Reader
from ccd.model.clock_figures import ClockNames, common_zone


def clock_names(reader: Reader) -> ClockNames:
    """As the file has them, also where they have faults of their own: those are told once, in their place."""
    tree = reader.document.tree
    calendars = tree.get("calendars")
    tables = calendars if isinstance(calendars, dict) else {}
    daemon = tree.get("daemon")
    zone = daemon.get("zone") if isinstance(daemon, dict) else None
    zones = [str(each.get("zone", "")) for each in tables.values() if isinstance(each, dict)]
    return ClockNames(tables.keys(), common_zone(zone if isinstance(zone, str) else "", zones))
