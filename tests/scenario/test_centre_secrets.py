"""Secret keys in the whole centre on virtual time: where they go, and above all where they do not."""

import json
import logging

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.key_checks import luhn
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import Branch, Case, Enqueue, Hangup
from ccd.model.steps_keys import Collect
from ccd.runtime import views
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import PROMPT_S
from tests.scenario.centre_rules import rules

CARD = "4111111111111111"
STEPS = (
    Collect(
        variable="card",
        id="card",
        prompt="card",
        secret=True,
        least=12,
        most=16,
        valid="luhn",
        bad_input_limit=2,
        on_none="out",
        first_wait_s=6.0,
    ),
    Collect(variable="pin", id="pin", prompt="pin", secret=True, least=4, most=4, on_none="out"),
    Branch(cases=(Case(when='var.card != ""', step="line"),), otherwise="out"),
    Enqueue(queue="line", id="line"),
    Hangup(id="out", prompt="bye"),
)


def secret_rules() -> Rules:
    base = rules()
    name = next(iter(base.queues))
    steps = tuple(
        msgspec.structs.replace(step, queue=name) if isinstance(step, Enqueue) else step for step in STEPS
    )
    return msgspec.structs.replace(
        base,
        flows=base.flows | {"secret": FlowRule(name="secret", steps=steps)},
        numbers={"+33777": "secret"},
    )


def everything(sim: SimulatedCentre) -> str:
    """All that is kept, sent, shown or told about anything."""
    centre = sim.centre
    shown = [views.interaction(centre, name, sim.now) for name in centre.state.interactions]
    rows = [row.body for row in sim.ledger.records(limit=1000)]
    parts = [
        repr(sim.facts),
        repr(sim.commands),
        repr(centre.dump()),
        json.dumps(msgspec.to_builtins(shown), default=str),
        repr(rows),
        repr(centre.history.state),
    ]
    return " ".join(parts)


def test_a_card_and_a_pin_go_on_as_references_only() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    name = sim.interaction_of(call)
    sim.act(sim.voice.digit, call, CARD)
    assert sim.centre.flows.where(name) == "secret/pin"
    sim.act(sim.voice.digit, call, "9172")
    assert sim.centre.flows.where(name) == "secret/line"
    assert sim.centre.flows.shown(name) == {"card": "•••• (16)", "pin": "•••• (4)"}
    references = sim.centre.flows.variables(name)
    assert [sim.voice.secrets.get(references[one]) for one in ("card", "pin")] == [CARD, "9172"]
    shown = views.interaction(sim.centre, name, sim.now)
    assert shown is not None and shown["variables"]["card"] == "•••• (16)"
    assert any("•••• (16)" in line for line in shown["timeline"])
    assert not [fact for fact in sim.facts if isinstance(fact, facts.DigitPressed)]
    assert CARD not in everything(sim) and "9172" not in everything(sim)
    sim.check_replay()
    sim.hang_up(call)
    assert [sim.voice.secrets.get(reference) for reference in references.values()] == [None, None]


def test_the_command_comes_before_the_prompt_that_asks() -> None:
    """A key on the heels of the prompt is secret already."""
    sim = SimulatedCentre(secret_rules())
    sim.call("+33777")
    kinds = [type(command) for command in sim.commands]
    assert kinds.index(cmd.CollectSecret) + 1 == kinds.index(cmd.PlayPrompt)


def test_bad_keys_are_asked_for_again_then_given_up() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    name = sim.interaction_of(call)
    sim.act(sim.voice.digit, call, "4111111111111112")
    assert sim.centre.flows.where(name) == "secret/card"
    sim.act(sim.voice.digit, call, "123#")
    assert sim.centre.flows.where(name) == "secret/out"
    sim.run(10)
    lines = [note.details for note in sim.record(call).timeline if note.what == "bad input"]
    assert [(each["why"], each["count"]) for each in lines] == [("not valid", 1), ("too short", 2)]
    assert "4111111111111112" not in everything(sim)


def test_who_keys_nothing_goes_on_at_the_step_for_it() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    name = sim.interaction_of(call)
    sim.run(2 * PROMPT_S + 6 + 0.1)
    assert sim.centre.flows.where(name) == "secret/out"
    sim.check_replay()


def test_who_leaves_in_the_midst_takes_it_along() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    sim.act(sim.voice.digit, call, CARD)
    sim.act(sim.voice.digit, call, "91")
    sim.hang_up(call)
    assert repr(sim.voice.secrets) == "<0 secrets>"
    assert not sim.centre.state.interactions
    sim.check_replay()


def test_a_restart_in_the_midst_ends_the_call_and_the_secret_with_it() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    sim.act(sim.voice.digit, call, CARD)
    sim.restart()
    assert CARD not in everything(sim)
    assert not sim.centre.state.interactions


def test_a_reload_that_takes_the_flow_away_changes_nothing_for_who_is_in_it() -> None:
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777")
    name = sim.interaction_of(call)
    sim.tell(facts.RulesLoaded(rules()))
    sim.act(sim.voice.digit, call, CARD)
    assert sim.centre.flows.shown(name) == {"card": "•••• (16)"}
    sim.check_replay()


def a_card(drawn: tuple[list[str], list[str], bool]) -> str:
    """Sixteen digits, no eight of which stand anywhere by chance; half of them good cards."""
    first = "".join(drawn[0] + drawn[1][:5])
    return first + (next(last for last in "0123456789" if luhn(first + last)) if drawn[2] else drawn[1][6])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    card=st.tuples(st.permutations("0123456789"), st.permutations("0123456789"), st.booleans()).map(a_card),
    pin=st.integers(0, 9999).map("{:04}".format),
    twice=st.booleans(),
    cuts=st.lists(st.tuples(st.integers(0, 16), st.sampled_from(["*", "#", "A", ""])), max_size=3),
    wait_s=st.floats(0, 12),
    leaves=st.booleans(),
)
def test_whatever_is_keyed_in_whatever_order_it_is_nowhere(
    caplog: pytest.LogCaptureFixture,
    card: str,
    pin: str,
    twice: bool,
    cuts: list[tuple[int, str]],
    wait_s: float,
    leaves: bool,
) -> None:
    """No eight keys in a row are in any fact, command, record, snapshot, view or line of the log."""
    caplog.set_level(logging.DEBUG)
    sim = SimulatedCentre(secret_rules())
    call = sim.call("+33777", origin="")
    pressed = card
    for at, key in cuts:
        pressed = pressed[:at] + key + pressed[at:]
    for keys in (pressed, *([pressed] if twice else []), pin):
        collects = call in sim.voice.legs and sim.voice.legs[call].secret is not None
        for key in keys if collects else "":
            if call in sim.voice.legs and sim.voice.legs[call].secret is not None:
                sim.act(sim.voice.digit, call, key)
        sim.run(wait_s)
    if leaves and call in sim.voice.legs:
        sim.hang_up(call)
    said = everything(sim) + caplog.text
    assert card not in said
    assert not any(card[at : at + 8] in said for at in range(9))
    assert not [fact for fact in sim.facts if isinstance(fact, facts.DigitPressed)]
    sim.replayed()
