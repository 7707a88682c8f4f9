"""What was said in a written conversation, kept for the next agent who takes it.

Before an agent takes a conversation its texts are kept by `bridging.texts`; from then on they stand here,
with whose words they are, until the interaction is over. Bounded in texts and in bytes, the newest are kept.
What is said while the conversation is masked is kept as `MASKED` only.
"""

from ccd.bridging.state import BotText, Said, Talk

MOST_SAID = 50
"""Texts."""
MOST_SAID_BYTES = 8_000
"""Of all of them, in UTF-8."""
LONGEST_SAID_BYTES = 2_000
"""Of one; the rest of a longer one is left out."""
CUSTOMER, BOT = "customer", "bot"
MASKED = "(masked)"
HEAD = "Said so far:"


def of_agent(agent: str) -> str:
    """How an agent stands in a transcript."""
    return f"agent {agent}"


def add(talk: Talk, who: str, text: str) -> None:
    """One more text; of too many the oldest goes."""
    said = [*talk.said, Said(who, MASKED if talk.masked else _cut(text))]
    size = sum(len(each.text.encode("utf-8", "replace")) for each in said)
    gone = 0
    while len(said) - gone > MOST_SAID or size > MOST_SAID_BYTES:
        size -= len(said[gone].text.encode("utf-8", "replace"))
        gone += 1
    talk.said, talk.said_dropped = said[gone:], talk.said_dropped + gone


def add_kept(talk: Talk, kept: list[str | BotText]) -> None:
    """What waited for an agent has been given to one."""
    for each in kept:
        if isinstance(each, BotText):
            add(talk, BOT, each.text)
        else:
            add(talk, CUSTOMER, each)


def lines(talk: Talk) -> list[str]:
    """For the next agent, oldest first; empty when no agent had it yet."""
    if not talk.said:
        return []
    before = [f"({talk.said_dropped} texts before are kept no more)"] if talk.said_dropped else []
    return [HEAD, *before, *(line(each.who, each.text) for each in talk.said)]


def line(who: str, text: str) -> str:
    """A text with its author: further lines of it are set in, so that nobody can write in another's name."""
    return f"{who}: " + "\n    ".join(text.splitlines())


def _cut(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= LONGEST_SAID_BYTES:
        return text
    return data[:LONGEST_SAID_BYTES].decode("utf-8", "ignore") + " …"
