"""What every rule and setting is made of."""

import msgspec


class Frozen(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of rule values."""
