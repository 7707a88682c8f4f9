"""What each event does in each mode of the interpreter, and what executes each step: the two tables."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.ivr import (
    answering,
    asking,
    bots,
    calling,
    collecting,
    deciding,
    identifying,
    outside,
    parting,
    paying,
    proving,
    speaking,
    spoken_answers,
    surveying,
    voicemail,
)
from ccd.ivr.do import Do
from ccd.ivr.state import Event, FlowState, Mode
from ccd.model.steps import (
    Answer,
    AnyStep,
    Branch,
    Enqueue,
    Goto,
    Hangup,
    Hours,
    Menu,
    Play,
    Set,
    Transfer,
)
from ccd.model.steps import CallBack as StepCallBack
from ccd.model.steps_bots import Bot
from ccd.model.steps_calling import Call, Return
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.steps_speech import Confirm, Language
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Record, Voicemail

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

Move = Callable[["Flows", FlowState, Any, float, list[Do]], None]
"""Gets what the event brings: a key, a text, the id of a play, why; the answer itself of what was asked."""

AWAITED: dict[tuple[Mode, Event], Move] = {
    (Mode.PLAYING, Event.DIGIT): speaking.type_ahead,
    (Mode.PLAYING, Event.PROMPT_ENDED): speaking.played,
    (Mode.PLAYING, Event.DEADLINE): speaking.play_lost,
    (Mode.ASKING, Event.DIGIT): asking.choose,
    (Mode.ASKING, Event.TEXT): asking.typed,
    (Mode.ASKING, Event.PROMPT_ENDED): asking.asked,
    (Mode.ASKING, Event.DEADLINE): asking.ask_lost,
    (Mode.LISTENING, Event.DIGIT): asking.choose,
    (Mode.LISTENING, Event.TEXT): asking.typed,
    (Mode.LISTENING, Event.DEADLINE): asking.no_input,
    (Mode.QUEUED, Event.RESUME): parting.resumed,
    (Mode.TRANSFERRING, Event.RESUME): parting.resumed,
    (Mode.COLLECTING, Event.DIGIT): collecting.key,
    (Mode.COLLECTING, Event.TEXT): collecting.written,
    (Mode.COLLECTING, Event.PROMPT_ENDED): collecting.keys_awaited,
    (Mode.COLLECTING, Event.DEADLINE): collecting.collected,
    (Mode.ANSWERING, Event.DIGIT): answering.key,
    (Mode.ANSWERING, Event.TEXT): answering.written,
    (Mode.ANSWERING, Event.PROMPT_ENDED): answering.asked,
    (Mode.ANSWERING, Event.DEADLINE): answering.late,
    (Mode.KEYING, Event.KEYED): collecting.secret_told,
    (Mode.KEYING, Event.DEADLINE): collecting.secret_lost,
    (Mode.RATING, Event.DIGIT): surveying.key,
    (Mode.RATING, Event.TEXT): surveying.written,
    (Mode.RATING, Event.PROMPT_ENDED): surveying.asked,
    (Mode.RATING, Event.DEADLINE): surveying.waited,
    (Mode.TONE, Event.PROMPT_ENDED): spoken_answers.tone_over,
    (Mode.TONE, Event.DEADLINE): spoken_answers.tone_lost,
    (Mode.TELLING, Event.DIGIT): spoken_answers.key,
    (Mode.TELLING, Event.DEADLINE): spoken_answers.long_enough,
    (Mode.TELLING, Event.SPOKEN): spoken_answers.told,
    (Mode.REFUSING, Event.PROMPT_ENDED): parting.refusal_told,
    (Mode.REFUSING, Event.DEADLINE): parting.refusal_lost,
    (Mode.AWAITING, Event.DIGIT): outside.type_ahead,
    (Mode.AWAITING, Event.PROMPT_ENDED): outside.prompt_over,
    (Mode.AWAITING, Event.ANSWERED): outside.answered,
    (Mode.AWAITING, Event.DEADLINE): outside.late,
    (Mode.RECOGNISING, Event.ANSWERED): identifying.answered,
    (Mode.RECOGNISING, Event.DEADLINE): identifying.late,
    (Mode.IDENTIFYING, Event.DIGIT): identifying.key,
    (Mode.IDENTIFYING, Event.TEXT): identifying.written,
    (Mode.IDENTIFYING, Event.PROMPT_ENDED): identifying.keys_awaited,
    (Mode.IDENTIFYING, Event.DEADLINE): identifying.keyed,
    (Mode.PAYING, Event.KEYED): paying.keyed,
    (Mode.PAYING, Event.DEADLINE): paying.unheard,
    (Mode.CHARGING, Event.ANSWERED): paying.answered,
    (Mode.CHARGING, Event.DEADLINE): paying.late,
    (Mode.PROVING, Event.KEYED): proving.keyed,
    (Mode.PROVING, Event.DEADLINE): proving.unheard,
    (Mode.VERIFYING, Event.ANSWERED): proving.verified,
    (Mode.VERIFYING, Event.DEADLINE): proving.late,
    (Mode.SENDING, Event.ANSWERED): proving.sent,
    (Mode.SENDING, Event.DEADLINE): proving.late,
    (Mode.COMPARING, Event.COMPARED): proving.compared,
    (Mode.COMPARING, Event.DEADLINE): proving.not_compared,
    (Mode.CALLING_BOT, Event.DIGIT): bots.key,
    (Mode.CALLING_BOT, Event.TEXT): bots.written,
    (Mode.CALLING_BOT, Event.BOT_STARTED): bots.started,
    (Mode.CALLING_BOT, Event.BOT_ENDED): bots.ended,
    (Mode.CALLING_BOT, Event.DEADLINE): bots.too_late,
    (Mode.WITH_BOT, Event.DIGIT): bots.key,
    (Mode.WITH_BOT, Event.TEXT): bots.written,
    (Mode.WITH_BOT, Event.BOT_SAID): bots.said,
    (Mode.WITH_BOT, Event.BOT_ENDED): bots.ended,
    (Mode.WITH_BOT, Event.DEADLINE): bots.too_long,
    (Mode.LEAVING, Event.PROMPT_ENDED): speaking.left,
    (Mode.LEAVING, Event.DEADLINE): speaking.leave_lost,
    (Mode.KEEPING, Event.REFUSED): parting.refused,
    (Mode.KEEPING, Event.KEPT): parting.kept,
    (Mode.GREETING, Event.DIGIT): voicemail.key,
    (Mode.GREETING, Event.PROMPT_ENDED): voicemail.greeted,
    (Mode.GREETING, Event.DEADLINE): voicemail.greeting_lost,
    (Mode.BEEPING, Event.PROMPT_ENDED): voicemail.beeped,
    (Mode.BEEPING, Event.DEADLINE): voicemail.beep_lost,
    (Mode.SPEAKING, Event.DIGIT): voicemail.spoken,
    (Mode.SPEAKING, Event.DEADLINE): voicemail.long_enough,
    (Mode.SPEAKING, Event.NO_MESSAGE): voicemail.no_message,
    (Mode.SPEAKING, Event.KEPT): parting.kept,
}
"""What each event that a mode waits for does in it."""
MOVES: dict[tuple[Mode, Event], Move | None] = {
    (mode, event): AWAITED.get((mode, event)) for mode in Mode for event in Event
}
"""What each event does in each mode; None: it crossed with a move of ours and is ignored."""

LEAVING_STEPS = (Enqueue, Voicemail, Transfer, Hangup, Bot)
"""Steps that mean nothing while the customer waits in a queue: there the flow ends, and the wait goes on."""
ELSEWHERE_STEPS = (Enqueue, StepCallBack, Voicemail, Transfer, Bot)
"""Steps that mean nothing once a callback or a message of the customer is kept: there the flow ends."""

Run = Callable[["Flows", FlowState, Any, float, list[Do]], int]

STEPS: dict[type[AnyStep], Run] = {
    Answer: speaking.do_answer,
    Play: speaking.do_play,
    Menu: asking.do_menu,
    Set: deciding.do_set,
    Enqueue: parting.do_queue,
    Collect: collecting.do_collect,
    Confirm: answering.do_confirm,
    Language: answering.do_language,
    StepCallBack: parting.do_call_back,
    Voicemail: voicemail.do_voicemail,
    Record: voicemail.do_record,
    Transfer: parting.do_transfer,
    Goto: deciding.do_goto,
    Branch: deciding.do_branch,
    Hangup: speaking.do_hangup,
    Hours: deciding.do_hours,
    Call: calling.do_call,
    Return: calling.do_return,
    Lookup: outside.do_lookup,
    Hook: outside.do_hook,
    Identify: identifying.do_identify,
    Send: outside.do_send,
    Survey: surveying.do_survey,
    Pay: paying.do_pay,
    Bot: bots.do_bot,
}
"""What executes each step: returns the index of the next, `WAITS` or `ENDS`."""
