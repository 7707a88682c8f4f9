"""Voicemail: a customer speaks a message in place of waiting, and an agent hears it later.

    FLOW (speaks) ──▶ WAITING (away) ──offer──▶ OFFERED ──▶ CONNECTING ──▶ LISTENING ──▶ ENDING
                          ▲                                                │      │
                          └───────── not heard, or put off ────────────────┘      └──▶ CALLING ──▶ TALKING

Failure cases and what comes of them:

- the customer hangs up while speaking: the message is kept as far as it goes, once it is whole on disk;
- its end is never reported: after `ENDING_S` there was no message;
- the agent hangs up before the message was heard whole: `AgentMissed`, it is back in its place;
- the agent hangs up after that: `MessageDone`, the same as `#`;
- nobody presses a key (a phone that answers by itself beside an empty chair): `MessagePutOff`;
- the message cannot be played: the agent hears an error, may call back, and who hangs up is done with it;
- the daemon is restarted: what was spoken just then is lost; a message that was kept is back in its place.
"""

from typing import TYPE_CHECKING

from ccd.bridging import callbacks, recording
from ccd.bridging import events as ev
from ccd.bridging.state import Message, Move, Talk
from ccd.model import commands as cmd
from ccd.model.nouns import OfferEnd, PromptPart
from ccd.model.voicemail_rules import CHOOSE_PROMPT

if TYPE_CHECKING:
    from ccd.bridging.talks import Talks

ENDING_S = 10.0
"""The end of a recording that was stopped is reported within this time."""
CHOOSE_S = 60.0
"""Time for a key, from the end of the message on; the prompt that names the keys plays in it."""
CHOOSE = (PromptPart(CHOOSE_PROMPT),)
BEEP, ERROR = "beep", "error"


# -- the customer speaks --------------------------------------------------------------------------


def beep(talks: "Talks", talk: Talk, play: str) -> None:
    """Say that it is time to speak."""
    talks.answer(talk)
    talk.playing = play
    talks.commands.append(cmd.PlayTone(talk.customer.leg, play, BEEP))


def take(talks: "Talks", talk: Talk, message: Message, silence_s: float) -> None:
    """Record what the customer says from now on; `message.recording` is set here."""
    talks.answer(talk)
    message.recording = recording.next_recording(talks, talk)
    talk.message, talk.playing = message, ""
    talks.commands.append(cmd.RecordMessage(message.recording, talk.customer.leg, silence_s))


def stop(talks: "Talks", talk: Talk, now: float) -> None:
    """The message is long enough, or the customer says that it is whole."""
    if talk.speaks and talk.message is not None:
        talks.commands.append(cmd.StopRecording(talk.message.recording, talk.customer.leg))
        talks.set_deadline(talk, now + ENDING_S)


def caller_gone(talks: "Talks", talk: Talk, now: float) -> None:
    """The customer hung up while speaking: the recording is about to be closed."""
    talk.away = True
    talks.set_deadline(talk, now + ENDING_S)


# -- an agent hears it ----------------------------------------------------------------------------


def listen(talks: "Talks", talk: Talk, now: float) -> None:
    """The agent answered."""
    talk.move(Move.LISTEN)
    if talk.message is not None:
        talk.message.heard, talk.message.listened_at = False, now
    play(talks, talk, now)


def play(talks: "Talks", talk: Talk, now: float) -> None:
    """Play the message, from its beginning."""
    agent, message = talk.agent, talk.message
    if agent is None or message is None:
        return
    talk.whispering = talks.play_id()
    message.asked = False
    talks.commands.append(cmd.PlayRecording(agent.leg, talk.whispering, message.path))
    talks.set_deadline(talk, now + message.seconds + CHOOSE_S)


def say(talks: "Talks", talk: Talk, parts: tuple[PromptPart, ...]) -> None:
    """Say something to the agent who listens, in place of what plays."""
    if talk.agent is not None and talk.message is not None:
        talk.whispering, talk.message.asked = talks.play_id(), True
        language = talk.agent.language or talk.language
        talks.commands.append(cmd.PlayPrompt(talk.agent.leg, talk.whispering, parts, language))


def played(talks: "Talks", talk: Talk, completed: bool, note: str) -> None:
    """What the agent heard is over: after the message the keys are named, once."""
    message = talk.message
    talk.whispering = ""
    if message is None or message.asked or not (completed or note):
        return
    message.heard = True
    if note and not completed and talk.agent is not None:  # no file: let the agent know that this was all
        message.asked, talk.whispering = True, talks.play_id()
        talks.commands.append(cmd.PlayTone(talk.agent.leg, talk.whispering, ERROR))
    else:
        say(talks, talk, CHOOSE)


def agent_gone(talks: "Talks", talk: Talk, offer: str) -> None:
    """The agent who listened hung up."""
    if talk.message is not None and talk.message.heard:
        talks.events.append(ev.MessageDone(talk.interaction))
    else:
        talks.offer_over(talk)
        talks.events.append(ev.AgentMissed(talk.interaction, offer, OfferEnd.VANISHED))


def no_key(talks: "Talks", talk: Talk) -> None:
    """The agent pressed no key in all this time."""
    talks.events.append(ev.MessagePutOff(talk.interaction))


def keep(talks: "Talks", talk: Talk, number: str, now: float) -> None:
    """The message waits for an agent from now on: say goodbye to the customer, if still there."""
    goodbye = talk.message.goodbye if talk.message is not None else ""
    callbacks.leave_line(talks, talk, number, now, (PromptPart(goodbye),) if goodbye else ())
