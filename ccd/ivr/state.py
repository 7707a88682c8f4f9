"""State of the flows that run: plain values that go into the snapshot.

A running interaction keeps the script that it began with, whatever is reloaded meanwhile: scripts
are numbered, and a number is forgotten once nobody follows it and a newer one took its name.
"""

from enum import StrEnum

import msgspec

from ccd.model.nouns import LegKind
from ccd.model.rules import FlowRule


class Mode(StrEnum):
    """What an interaction in a flow waits for."""

    PLAYING = "playing"
    """The end of the prompts of a `play` step."""
    ASKING = "asking"
    """A key, while a menu's prompt plays."""
    LISTENING = "listening"
    """A key, the menu's prompt being over."""
    QUEUED = "queued"
    """An agent; the queue has it."""
    TRANSFERRING = "transferring"
    """An outside address to answer."""
    COLLECTING = "collecting"
    """Several keys, while the prompt plays and after it."""
    KEEPING = "keeping"
    """Whether a callback can be kept."""
    REFUSING = "refusing"
    """The end of the prompt that says why it cannot."""
    RATING = "rating"
    """The answer to a question of a survey, while its prompt plays and after it."""
    LEAVING = "leaving"
    """The end of the goodbye prompt."""


class Event(StrEnum):
    """What may happen to an interaction in a flow."""

    DIGIT = "digit"
    TEXT = "text"
    PROMPT_ENDED = "prompt_ended"
    RESUME = "resume"
    DEADLINE = "deadline"
    REFUSED = "refused"


class FlowState(msgspec.Struct, omit_defaults=True):
    """Where one interaction is."""

    interaction: str
    script: int
    """Number of the script in `FlowsState.scripts`."""
    kind: LegKind
    language: str
    at: int = 0
    """Index of the present step."""
    mode: Mode = Mode.PLAYING
    answered: bool = False
    variables: dict[str, str] = {}
    plays: int = 0
    """Prompts asked for so far; makes the ids of plays."""
    play: str = ""
    """The play whose end is awaited; empty: none."""
    typed: str = ""
    """Keys pressed during a prompt that may be cut, of which the next menu takes the first; or collected."""
    no_input: int = 0
    bad_input: int = 0
    deadline: float | None = None
    moved_at: float = 0.0
    """Instant of the last step, and how many steps were taken at it."""
    steps: int = 0
    aside: bool = False
    """It runs while the customer waits in a queue: at its end the wait goes on."""
    outer: "FlowState | None" = None
    """The flow that waits for the queue meanwhile."""


class FlowsState(msgspec.Struct, omit_defaults=True):
    """Everything that the interpreter keeps."""

    running: dict[str, FlowState] = {}
    scripts: dict[int, FlowRule] = {}
    current: dict[str, int] = {}
    """Flow's name → number of the script that new interactions follow."""
    next_script: int = 1
