"""How an offer ended whose phone did not take it, by why its leg ended."""

from ccd.model.nouns import Cause, OfferEnd

_MISSES = {
    Cause.BUSY: OfferEnd.BUSY,
    Cause.REJECTED: OfferEnd.REJECTED,
    Cause.FORBIDDEN: OfferEnd.REJECTED,
    Cause.NO_ANSWER: OfferEnd.NO_ANSWER,
    Cause.LAPSED: OfferEnd.NO_ANSWER,
    Cause.CANCELLED: OfferEnd.NO_ANSWER,
    Cause.INCOMPATIBLE: OfferEnd.INCOMPATIBLE,
}


def miss_of(cause: Cause) -> OfferEnd:
    """An agent who was rung and is not there; unreachable, where nothing more is known."""
    return _MISSES.get(cause, OfferEnd.UNREACHABLE)
