"""Written interactions: who gets whose words, and nothing said is lost.

- before an agent takes it, the customer's texts are kept; the offer shows those that there are;
- an offer waits `FIRST_WORDS_S` for the first text: a visitor arrives a moment before it;
- what was said with an agent is shown to the next one, before anything else (`bridging.transcripts`);
- what a bot wrote to the customer is kept between them: the agent reads who wrote what, in its order;
- what the customer adds while it is offered follows as soon as the agent takes it;
- a text that its channel has not reported as delivered or failed is said again after a restart: at
  least once, because a text was acknowledged to its writer before it left.
"""

from typing import TYPE_CHECKING

import msgspec

from ccd.bridging import transcripts
from ccd.bridging.state import BotText, Party, Phase, Role, Sending, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import Cause, PromptPart

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks

FIRST_WORDS_S = 2.0
"""Longest an offer waits for the customer's first text."""
MOST_TEXTS = 50
NO_WORDS = "(nothing written yet)"


def offer(talks: "Talks", talk: Talk, dial: cmd.DialLeg, now: float) -> None:
    """Show an interaction to an agent's devices, once there is something to show."""
    forget_sending(talk)
    waits = bool(talk.pending)
    talk.pending = [*talk.pending, dial]
    if talk.texts or talk.said:
        dial_pending(talks, talk)
    elif not waits:
        talks.set_deadline(talk, now + FIRST_WORDS_S)


def dial_pending(talks: "Talks", talk: Talk) -> None:
    """Show the offers that wait now, with the words that there are."""
    dials, talk.pending = talk.pending, []
    talks.set_deadline(talk, 0.0)
    for dial in dials:
        party = talk.party(dial.leg, Role.AGENT)
        if party is not None:
            talks.commands.append(msgspec.structs.replace(dial, opening=opening(talk, party)))


def opening(talk: Talk, party: Party) -> tuple[str, ...]:
    """What the first message of a leg shows; never empty, because empty means `go on` to a channel."""
    party.opened = len(talk.texts)
    said = transcripts.lines(talk)
    lines = [_labelled(each) for each in talk.texts] if said or _has_bot(talk) else written(talk)
    if talk.texts_dropped:
        lines = [f"({talk.texts_dropped} texts before are kept no more)", *lines]
    return (*said, *lines) or (NO_WORDS,)


def written(talk: Talk) -> list[str]:
    """What the customer wrote, without a bot's part in it."""
    return [each for each in talk.texts if isinstance(each, str)]


def _has_bot(talk: Talk) -> bool:
    return any(isinstance(each, BotText) for each in talk.texts)


def _labelled(text: str | BotText) -> str:
    if isinstance(text, BotText):
        return transcripts.line(transcripts.BOT, text.text)
    return transcripts.line(transcripts.CUSTOMER, text)


def take(talks: "Talks", leg: str, message: str, text: str) -> bool:
    """A party wrote: relay it, or keep it for the agent to come. Always acknowledged; True if new."""
    talks.commands.append(cmd.AcknowledgeText(leg, message))
    found = talks.legs.get(leg)
    if found is None:
        return False
    talk, role = found
    seen = f"{role.value} {message}"
    if seen in talk.seen:
        return False
    talk.seen = [*talk.seen[-(MOST_TEXTS - 1) :], seen]
    talks.note(talk, "text", role=role.value, characters=len(text))
    if role is not Role.CUSTOMER:
        party = talk.party(leg, role)
        if role is Role.AGENT and party is not None:
            transcripts.add(talk, transcripts.of_agent(party.agent), text)
        if not talk.customer_gone:
            _relay(talks, talk, Role.CUSTOMER, message, text)
    elif talk.phase is Phase.TALKING:
        transcripts.add(talk, transcripts.CUSTOMER, text)
        _relay(talks, talk, Role.AGENT, message, text)
    elif talk.phase is Phase.OUTSIDE:
        _relay(talks, talk, Role.THIRD, message, text)
    else:
        keep(talk, text)
        if talk.phase is Phase.OFFERED and talk.pending:
            dial_pending(talks, talk)
    return True


def keep(talk: Talk, text: str | BotText) -> None:
    """For the agent to come; of too many the oldest goes."""
    talk.texts = [*talk.texts, text]
    if len(talk.texts) > MOST_TEXTS:
        talk.texts = talk.texts[1:]
        talk.texts_dropped += 1
        for _, party in talk.parties():
            party.opened = max(0, party.opened - 1)


def give_rest(talks: "Talks", talk: Talk, role: Role) -> None:
    """Somebody took it: what the offer did not show follows."""
    party = _party(talk, role)
    shown = 0 if party is None else party.opened
    transcripts.add_kept(talk, talk.texts)
    rest, talk.texts, talk.texts_dropped = talk.texts[shown:], [], 0
    if party is not None:
        party.opened = 0
    for text in rest:
        words = text if isinstance(text, str) else _labelled(text)
        _relay(talks, talk, role, talks.play_id(), words)


def show(talks: "Talks", talk: Talk, play: str, parts: tuple[PromptPart, ...]) -> None:
    """Write to the customer what a flow says; it is kept until the channel has delivered it."""
    words = [part.text if part.text.startswith("\n") else f" {part.text}" for part in parts if part.text]
    text = "".join(words).strip()
    if text:
        _relay(talks, talk, Role.CUSTOMER, play, text)


def tell(talks: "Talks", talk: Talk, text: str) -> None:
    """The centre itself says something to the customer."""
    if not talk.customer_gone:
        _relay(talks, talk, Role.CUSTOMER, talks.play_id(), text)


def _relay(talks: "Talks", talk: Talk, role: Role, message: str, text: str) -> None:
    party = _party(talk, role)
    if party is None:
        return
    talk.sending = [*talk.sending[-(MOST_TEXTS - 1) :], Sending(role, message, text)]
    talks.commands.append(cmd.SendText(party.leg, message, text))


def _party(talk: Talk, role: Role) -> Party | None:
    return {Role.CUSTOMER: talk.customer, Role.AGENT: talk.agent, Role.THIRD: talk.third}[role]


def forget_sending(talk: Talk) -> None:
    """The agent has it no more: what was on the way stands in the transcript for the next one."""
    talk.sending = [each for each in talk.sending if each.role is not Role.AGENT]


def settled(talks: "Talks", leg: str, message: str, failed: Cause | None = None) -> None:
    """A text reached its party, or (`failed`) did not."""
    found = talks.legs.get(leg)
    if found is None:
        return
    talk, role = found
    talk.sending = [each for each in talk.sending if (each.role, each.message) != (role, message)]
    if failed is not None:
        talks.note(talk, "text failed", leg=leg, message=message, cause=failed.value)


def reopen(talks: "Talks", talk: Talk, devices: dict[str, tuple[str, ...]], card: cmd.OfferCard) -> None:
    """After a restart: the customer's channel has its leg still, the agents' legs are opened anew.

    `devices` are those that the rules give each agent now; one that answered before is the only one asked.
    What the last run may not have carried out is asked for again: both channels take it once.
    """
    if not talk.customer_gone:
        if talk.phase is Phase.ENDING:
            talks.commands.append(cmd.ReleaseLeg(talk.customer.leg, talk.cause))
        elif talk.customer.answered:
            talks.commands.append(cmd.AnswerLeg(talk.customer.leg))
    waiting = {dial.leg for dial in talk.pending}
    if waiting:
        dial_pending(talks, talk)
    for _, party in talk.parties()[1:]:
        if party.leg not in waiting:
            known = devices.get(party.agent, ())
            asked = (party.device,) if party.device in known else known
            words = () if party.answered else opening(talk, party)
            talks.commands.append(
                cmd.DialLeg(party.leg, party.kind, card, asked, party.address, "", words, talk.customer.leg)
            )
    for each in talk.sending:
        to = _party(talk, each.role)
        if to is not None:
            talks.commands.append(cmd.SendText(to.leg, each.message, each.text))
