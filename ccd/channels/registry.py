"""Which adapters are installed: entry points of the group `ccd.adapters`."""

from importlib import metadata
from typing import cast

from ccd.channels.port import AdapterSpec
from ccd.errors import Misconfigured

GROUP = "ccd.adapters"


def find(name: str) -> AdapterSpec:
    """The adapter of that name. `Misconfigured` when it is not installed or cannot be loaded."""
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            try:
                return cast(AdapterSpec, entry.load())
            except ImportError as error:
                raise Misconfigured(
                    "adapter.broken", f"the adapter {name} cannot be loaded: {error}; install ccd[{name}]"
                ) from error
    raise Misconfigured("adapter.unknown", f"no adapter {name} is installed")
