"""ccd: a contact centre in one daemon."""

__version__ = "0.1.0"
