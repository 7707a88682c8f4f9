"""What all facts are."""

import msgspec


class Fact(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of all facts."""
