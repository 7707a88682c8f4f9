"""The fact about a person who is erased. Part of `ccd.model.facts`."""

import msgspec

from ccd.model.fact import Fact


class NameDigest(msgspec.Struct, frozen=True):
    """A name of a person, without it."""

    ends: str
    """Its last two characters, so that few names need to be tried."""
    digest: bytes
    """Of the salt and the name (`ccd.runtime.erasing.digest`)."""


class CustomerErased(Fact, frozen=True):
    """Somebody at the console erases a customer: the records that are to stand in place of the former ones,
    the files to be deleted, and what is to be forgotten. The number itself does not stand in it."""

    by: str
    """`ccctl:USER`."""
    salt: bytes
    names: tuple[NameDigest, ...] = ()
    records: tuple[bytes, ...] = ()
    """Records as they are filed from now on (msgpack)."""
    files: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    """Interactions that are not over: erased when they are; those that wait to be called back end now."""
