"""Keys that a channel collects in secret, for whichever step: how they are asked for, and dropped."""

from typing import TYPE_CHECKING, Final

import msgspec

from ccd.ivr.do import CollectSecretly, Do, Forget
from ccd.ivr.input import secret_name
from ccd.ivr.scripts import PLAY_LIMIT_S, Words
from ccd.ivr.state import FlowState
from ccd.model.step import Say

if TYPE_CHECKING:
    from ccd.ivr.flows import Flows

SECRET_LIMIT_S: Final = 600.0
"""A channel is done with secret keys by then; if it is not heard of, no key came."""
TOO_SHORT, NOT_VALID = "too short", "not valid"
DROPPED: Final = "dropped"
"""In `FlowState.given`: the reference of keys that are for nobody."""
DROP_S: Final = 120.0
"""Longer than a service is waited for."""


class Told(msgspec.Struct, frozen=True):
    """What a channel says of secret keys."""

    secret: str
    length: int
    ok: bool
    note: str


class Keys(msgspec.Struct, frozen=True):
    """What is to be keyed; as in `Collect`."""

    least: int
    most: int
    terminator: str
    first_wait_s: float
    wait_s: float
    total_s: float
    valid: str = ""


def ask(
    flows: "Flows",
    run: FlowState,
    keys: Keys,
    prompts: tuple[str, ...],
    now: float,
    out: list[Do],
    say: Say = "",
    first: Words | None = None,
) -> None:
    """Have them collected; `run.play` is the reference that the channel answers with."""
    flows.answer(run, out)
    secret, play, at = _name(run), flows.next_play(run), len(out)
    run.play = ""
    said = flows.say(run, prompts, True, now, out, say=say, first=first)
    if not said:
        run.plays += 1
    out.insert(  # before its prompt: a key on the heels of that is secret already
        at,
        CollectSecretly(
            run.interaction,
            secret,
            keys.least,
            keys.most,
            keys.terminator,
            keys.first_wait_s,
            keys.wait_s,
            keys.total_s,
            keys.valid,
            play if said else "",
        ),
    )
    run.play = secret
    flows.wait(run, now + PLAY_LIMIT_S + (keys.total_s or SECRET_LIMIT_S))


def drop(run: FlowState, out: list[Do]) -> None:
    """Drop all keys until `forget`: who keys on while a service is asked keys the same secret."""
    secret = _name(run)
    run.plays += 1
    run.given = run.given | {DROPPED: secret}
    out.append(
        CollectSecretly(run.interaction, secret, 1, 1, "", DROP_S, DROP_S, DROP_S, "", "", for_nobody=True)
    )


def forget(run: FlowState, out: list[Do], *names: str) -> None:
    """Forget what was given (all of it, if no name says what), and listen to keys again."""
    given = {name: ref for name, ref in run.given.items() if not names or name in names}
    if given:
        run.given = {name: ref for name, ref in run.given.items() if name not in given}
        out.append(Forget(run.interaction, tuple(given.values())))


def _name(run: FlowState) -> str:
    return secret_name(run.interaction, run.plays + 1)
