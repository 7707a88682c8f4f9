"""Errors named by what the catcher must do.

No SIP or HTTP status stands here: each edge maps `code` and the class to its own protocol.
"""


class CcdError(Exception):
    """Base of all errors that ccd raises on purpose.

    `code` is stable and short (for logs, counters and tests); the message is for a person and says
    what is wrong, where, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class Misconfigured(CcdError):
    """The configuration is wrong: a person must change it; trying again cannot help."""


class TryLater(CcdError):
    """Temporarily impossible: the same request may succeed later."""


class PeerBroke(CcdError):
    """The other side broke its protocol: drop or refuse what it sent, count it, go on."""


class Refused(CcdError):
    """Asked for something that the rules or the present state forbid: tell the asker why."""


class MaybeSent(CcdError):
    """It is not known whether the peer got it: never repeat without asking for its state."""


class IllegalMove(CcdError):
    """A state machine got an event that its table does not allow: a bug of ours, close that one thing."""
