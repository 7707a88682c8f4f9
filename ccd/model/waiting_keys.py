"""Keys that a waiting customer may press at any time, besides those for a callback and for voicemail."""

from ccd.model.frozen import Frozen


class WaitingKey(Frozen, frozen=True):
    """What a key does that a waiting customer presses: exactly one is set."""

    flow: str = ""
    """Flow that runs while the wait goes on: the place is kept, and at its end the music plays again."""
    leave: str = ""
    """Flow in which the customer goes on: the place is given up."""
