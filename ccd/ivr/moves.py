"""What each event does in each mode of the interpreter, and what executes each step: the two tables."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.ivr import asking, collecting, deciding, parting, speaking, surveying
from ccd.ivr.do import Do
from ccd.ivr.state import Event, FlowState, Mode
from ccd.model.steps import (
    Answer,
    AnyStep,
    Branch,
    Collect,
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
from ccd.model.steps_surveys import Survey

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

Move = Callable[["Flows", FlowState, str, float, list[Do]], None]

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
    (Mode.RATING, Event.DIGIT): surveying.key,
    (Mode.RATING, Event.TEXT): surveying.written,
    (Mode.RATING, Event.PROMPT_ENDED): surveying.asked,
    (Mode.RATING, Event.DEADLINE): surveying.waited,
    (Mode.REFUSING, Event.PROMPT_ENDED): parting.refusal_told,
    (Mode.REFUSING, Event.DEADLINE): parting.refusal_lost,
    (Mode.LEAVING, Event.PROMPT_ENDED): speaking.left,
    (Mode.LEAVING, Event.DEADLINE): speaking.leave_lost,
    (Mode.KEEPING, Event.REFUSED): parting.refused,
}
"""What each event that a mode waits for does in it."""
MOVES: dict[tuple[Mode, Event], Move | None] = {
    (mode, event): AWAITED.get((mode, event)) for mode in Mode for event in Event
}
"""What each event does in each mode; None: it crossed with a move of ours and is ignored."""

LEAVING_STEPS = (Enqueue, Transfer, Hangup)
"""Steps that mean nothing while the customer waits in a queue: there the flow ends, and the wait goes on."""

Run = Callable[["Flows", FlowState, Any, float, list[Do]], int]

STEPS: dict[type[AnyStep], Run] = {
    Answer: speaking.do_answer,
    Play: speaking.do_play,
    Menu: asking.do_menu,
    Set: deciding.do_set,
    Enqueue: parting.do_queue,
    Collect: collecting.do_collect,
    StepCallBack: parting.do_call_back,
    Transfer: parting.do_transfer,
    Goto: deciding.do_goto,
    Branch: deciding.do_branch,
    Hangup: speaking.do_hangup,
    Hours: deciding.do_hours,
    Survey: surveying.do_survey,
}
"""What executes each step: returns the index of the next, `WAITS` or `ENDS`."""
