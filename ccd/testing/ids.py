"""Ids for tests: the same again for the same seed."""

from ccd.ids import SeededChance

__all__ = ["SeededChance"]
