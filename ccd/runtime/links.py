"""Links that are out, and interactions that go on from others by them.

A link is promised when a flow sends it, so that it opens the same thing however the interaction ends; its
token is made by the channel that sends it, of which only a digest comes back, and the message leaves once
that digest is durable. Whoever opens it on any channel (`LegArrived.continues`) begins an interaction of the
same chain. Links end by their time, or when they are used up; at the most, the oldest goes.
"""

import heapq
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from ccd.history import chains
from ccd.history.explain import ASKED_OUTSIDE
from ccd.history.state import Note, Record
from ccd.history.timeline import add_note
from ccd.ivr.do import LinkWanted
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.outside import CHANNEL
from ccd.model.saying import text_of
from ccd.runtime.filing import record_row
from ccd.runtime.state import CentreState, Continued, Interaction, Link

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

MOST_LINKS: Final = 10_000
"""That are out at a time; one more, and the oldest opens nothing any more."""
_NOTE_CHARACTERS: Final = 200


def by_digest(state: CentreState) -> dict[str, str]:
    """Digest of a link's token → the question that sent it."""
    return {link.digest: ask for ask, link in state.links.items() if link.digest}


# -- sending -----------------------------------------------------------------------------------------


def promise(centre: "Centre", info: Interaction, ask: str, wanted: LinkWanted) -> cmd.LinkText:
    """A question sends a link: keep what it opens; what the channel is to make and send."""
    state, rule = centre.state, wanted.rule
    if ask in state.links:
        _end(centre, ask)
    while len(state.links) >= MOST_LINKS:
        _end(centre, next(iter(state.links)))
    state.links[ask] = Link(
        of=Continued(
            interaction=info.id,
            chain=info.continues.chain if info.continues is not None else info.id,
            channel=info.channel,
            channel_class=info.channel_class,
            kind=info.kind,
            origin=info.address,
            display=info.display,
            target=info.target,
            identified=info.identified,
            variables=wanted.variables,
        ),
        flow=rule.flow,
        language=wanted.language,
        ends_at=centre.now + rule.valid_s,
        uses=rule.uses,
    )
    _ends_at(state, ask)
    chains.hold(centre.history.state, info.id)
    return cmd.LinkText(rule.url, wanted.values)


def made(centre: "Centre", fact: facts.LinkMade) -> None:
    """The fact: it can be opened, so it may be sent."""
    link = centre.state.links.get(fact.ask)
    if link is None or link.digest or fact.digest in centre.opens:
        return
    link.digest = fact.digest
    centre.opens[fact.digest] = fact.ask
    centre.out.append(cmd.SendLink(f"{CHANNEL}:{fact.ask}"))


def sent(centre: "Centre", fact: facts.OutsideAnswered) -> None:
    """What came of a message with a link, of an interaction that is over: its record says so."""
    record = chains.filed(centre.history.state, fact.interaction)
    if fact.ask not in centre.state.links or record is None:
        return
    details = {"outcome": "found" if fact.ok else "failed", "took_ms": round(fact.took_ms, 1)}
    if fact.note:
        details["why"] = fact.note[:_NOTE_CHARACTERS]
    add_note(record, Note(centre.now, ASKED_OUTSIDE, details))
    file_anew(centre, record)


# -- opening -----------------------------------------------------------------------------------------


def opened(centre: "Centre", digest: str) -> Link | None:
    """Somebody brought a token: the link that it opens now, which counts as used. None: it opens nothing."""
    ask = centre.opens.get(digest, "")
    link = centre.state.links.get(ask)
    if link is None or not compare_digest(link.digest, digest) or link.ends_at <= centre.now:
        return None
    chains.hold(centre.history.state, link.of.interaction)
    link.uses -= 1
    if link.uses <= 0:
        _end(centre, ask)
    return link


def refuse(centre: "Centre", leg: str) -> None:
    """Say that the link opens nothing, and no more: whether it was too old, used up or never there."""
    rules = centre.state.rules
    _, text = text_of(rules.links.refused, rules.language, "en")
    if text:
        centre.out.append(cmd.SendText(leg, f"{leg}.link", text))
    centre.out.append(cmd.ReleaseLeg(leg, Cause.FORBIDDEN))


def flow_of(centre: "Centre", link: Link | None) -> str:
    """The flow that it opens; empty when there is none (any more)."""
    return link.flow if link is not None and link.flow in centre.state.rules.flows else ""


def take_over(info: Interaction, link: Link) -> str:
    """What is known of the customer goes along, before the interaction begins; the language."""
    info.continues, info.identified = link.of, link.of.identified
    info.display = info.display or link.of.display
    return link.language


def join(centre: "Centre", info: Interaction) -> None:
    """The interaction has begun: it and the one that it goes on from say so."""
    if info.continues is None:
        return
    over = chains.join(centre.history.state, info.id, info.continues.interaction, centre.now)
    if over is not None:
        file_anew(centre, over)


def over(centre: "Centre", info: Interaction) -> None:
    """The interaction is over, and holds the one that it goes on from no longer."""
    if info.continues is not None:
        chains.let_go(centre.history.state, info.continues.interaction)


# -- what it is about --------------------------------------------------------------------------------


def booked(centre: "Centre", interaction: str) -> Record | None:
    """Whose record answers to a survey belong to: of one that goes on from another, and of which no agent had
    a part, the other's."""
    history = centre.history
    own, info = history.record(interaction), centre.state.interactions.get(interaction)
    if own is None or own.agents or info is None or info.continues is None:
        return own
    before = info.continues.interaction
    return history.state.open.get(before) or chains.filed(history.state, before) or own


def file_anew(centre: "Centre", record: Record) -> None:
    """File the record of one that is over again, with what was added."""
    if record.interaction not in centre.history.state.open:
        centre.records.append(record_row(record))


# -- the end -----------------------------------------------------------------------------------------


def next_due(centre: "Centre") -> float | None:
    """When a link ends by its time."""
    ends = centre.state.link_ends
    return ends[0][0] if ends else None


def expire(centre: "Centre") -> None:
    """End those whose time is over: nothing of them is kept."""
    state = centre.state
    while state.link_ends and state.link_ends[0][0] <= centre.now:
        at, ask = heapq.heappop(state.link_ends)
        link = state.links.get(ask)
        if link is not None and link.ends_at <= at:
            _end(centre, ask)


def _ends_at(state: CentreState, ask: str) -> None:
    """Note when a new link ends by its time; those of links that were used up are dropped now and then."""
    heapq.heappush(state.link_ends, (state.links[ask].ends_at, ask))
    if len(state.link_ends) > 64 + 2 * len(state.links):
        state.link_ends = [(link.ends_at, each) for each, link in state.links.items()]
        heapq.heapify(state.link_ends)


def end_of(centre: "Centre", interactions: set[str]) -> None:
    """The links of some interactions open nothing any more."""
    found = [ask for ask, link in centre.state.links.items() if link.of.interaction in interactions]
    for ask in found:
        _end(centre, ask)


def _end(centre: "Centre", ask: str) -> None:
    link = centre.state.links.pop(ask)
    centre.opens.pop(link.digest, None)
    chains.let_go(centre.history.state, link.of.interaction)
