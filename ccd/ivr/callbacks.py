"""How a waiting caller is asked where to be called back, where no flow of one's own says it.

The number that the caller calls from is read back: 1 takes it, 2 is for another one, which is keyed in, ended
by `#` and read back too. No key: the caller stays in the line. Who withholds the number is asked for one.
"""

from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import AnyStep, CallBack, Goto, Menu, Play
from ccd.model.steps_keys import Collect

NO_NUMBER, DENIED, ALREADY, TOO_LATE = "no-number", "denied", "already", "too-late"
NO_TIME, CLOSED_THEN = "no-time", "closed-then"
"""Why a callback is not kept."""
SAID = frozenset({NO_NUMBER, DENIED, ALREADY, NO_TIME, CLOSED_THEN})
"""What is said by a prompt of that name below `callback/`."""
ASK_AGAIN = frozenset({NO_NUMBER, DENIED, NO_TIME, CLOSED_THEN})
"""What another number, or another time, may cure."""

KNOWN, WITHHELD = "(callback)", "(callback, number withheld)"
"""Names that no flow of a file can have."""

_STEPS: tuple[AnyStep, ...] = (
    Play(prompts=("callback/number",), digits="number", id="read"),
    Menu(
        prompt="callback/choose",
        choices={"1": "keep", "2": "other"},
        id="choose",
        no_input_limit=1,
        bad_input_limit=2,
        bad_input_prompt="bad-input",
        on_no_input="out",
        on_bad_input="out",
    ),
    Collect(variable="number", id="other", prompt="callback/other", on_none="out"),
    Goto(step="read"),
    CallBack(id="keep", number="number", on_refused="other"),
    Play(prompts=(), id="out"),
)
_SCRIPTS = {
    KNOWN: FlowRule(name=KNOWN, steps=_STEPS),
    WITHHELD: FlowRule(name=WITHHELD, steps=(Goto(step="other"), *_STEPS)),
}


def script_of(number: str) -> str:
    """The flow for one who calls from this number; empty: withheld."""
    return KNOWN if number.startswith("+") else WITHHELD


def scripts_for(rules: Rules) -> dict[str, FlowRule]:
    """The flows that the queues of these rules need besides those of the file."""
    asked = any(
        queue.callback is not None and queue.callback.key and not queue.callback.flow
        for queue in rules.queues.values()
    )
    return _SCRIPTS if asked else {}
