"""The whole centre on virtual time. What a flow computes: values of `set` and `call`, and the queue."""

import pytest

from ccd.history.explain import explain
from ccd.history.state import Note
from ccd.ivr.flows import Flows
from ccd.model import commands as cmd
from ccd.model.callback_rules import CallbackRule
from ccd.model.nouns import LegKind
from ccd.model.proofs import Pin
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import AnyStep, CallBack, Enqueue, Hangup, Play, Set
from ccd.model.steps_calling import Call
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Identify, Lookup
from ccd.model.steps_pay import Pay
from ccd.model.steps_voicemail import Voicemail
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import rules

SWISS = "+41441234567"
END = Play(prompts=("end",))
BYE = Hangup(prompt="bye", id="bye")


def called(
    *steps: AnyStep, flows: dict[str, FlowRule] | None = None, **sales: object
) -> tuple[SimulatedCentre, str]:
    """A centre, and a Swiss caller in a flow of these steps."""
    found = rules(*steps, **sales)
    found = Rules(
        **{name: getattr(found, name) for name in found.__struct_fields__}
        | {"flows": {**found.flows, **(flows or {})}}
    )
    sim = SimulatedCentre(found)
    leg = sim.call(origin=SWISS)
    sim.run(0.1)
    return sim, leg


def variables(sim: SimulatedCentre, leg: str) -> dict[str, str]:
    return sim.centre.flows.variables(sim.interaction_of(leg))


def timeline(sim: SimulatedCentre, leg: str) -> list[Note]:
    record = sim.centre.history.record(sim.interaction_of(leg))
    assert record is not None
    return record.timeline


def told(sim: SimulatedCentre) -> list[str]:
    """Prompts and texts that were played."""
    parts = [part for each in sim.performed(cmd.PlayPrompt) for part in each.parts]  # type: ignore[union-attr]
    return [part.name or part.text for part in parts]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{caller}", SWISS),
        ("from {caller} to {dialled}", f"from {SWISS} to +33100"),
        ("{var.before}!", "b!"),
        ("{var.nothing}", ""),
        ("{var.amount:money:EUR}", "€12.50"),
        ("{{caller}}", "{caller}"),
        ("{queue.sales.waiting}", "0"),
        ("plain", "plain"),
    ],
)
def test_a_value_is_put_together_from_what_is_known(text: str, value: str) -> None:
    sim, leg = called(Set(values={"before": "b", "amount": "12.5"}), Set(values={"x": text}), END)
    assert variables(sim, leg)["x"] == value
    sim.check_replay()


def test_all_values_of_a_step_are_as_things_were_before_it() -> None:
    sim, leg = called(Set(values={"a": "1", "b": "2"}), Set(values={"a": "{var.b}", "b": "{var.a}"}), END)
    assert variables(sim, leg) == {"a": "2", "b": "1"}


def test_a_priority_that_is_computed_acts() -> None:
    sim, leg = called(
        Set(values={"worth": "7"}), Set(values={"priority": "{var.worth}"}), Enqueue(queue="sales")
    )
    assert sim.centre.router.state.places[sim.interaction_of(leg)].priority == 7


@pytest.mark.parametrize("worth", ["much", "99999", ""])
def test_a_priority_beyond_all_bounds_is_left_out(worth: str) -> None:
    sim, leg = called(
        Set(values={"worth": worth}), Set(values={"priority": "{var.worth}"}), Enqueue(queue="sales")
    )
    assert "priority" not in variables(sim, leg)
    assert sim.centre.router.state.places[sim.interaction_of(leg)].priority == 0


def test_arguments_of_a_call_are_put_together_and_gone_after_it() -> None:
    inner = FlowRule(name="inner", steps=(Play(say="{var.greeting}"),))
    sim, leg = called(
        Call(flow="inner", arguments={"greeting": "hello {caller}"}), END, flows={"inner": inner}
    )
    assert variables(sim, leg) == {"greeting": f"hello {SWISS}"}
    sim.run(3)
    assert variables(sim, leg) == {}
    assert [note.details for note in timeline(sim, leg) if note.what == "set"] == [
        {"greeting": f"hello {SWISS}"}
    ]


def test_braces_of_an_older_script_stand_for_themselves() -> None:
    """What a ledger of before holds was never checked as a template."""
    sim, leg = called(Set(values={"open": "{caller"}), END)
    assert variables(sim, leg) == {"open": "{caller"}


def test_what_was_keyed_in_secret_stays_secret() -> None:
    """Neither a reference nor what it stands for comes into another variable, whole or in pieces."""
    sim, leg = called(
        Collect(variable="pin", secret=True, most=4),
        Set(values={"copy": "{var.pin}", "told": "it is {var.pin}", "half": "secret", "rest": ":1.s1"}),
        Set(values={"made": "{var.half}{var.rest}"}),
        END,
    )
    sim.act(sim.voice.digit, leg, "1234")
    sim.run(0.5)
    found = variables(sim, leg)
    assert found["pin"].startswith("secret:")
    assert (found["copy"], found["told"], found["made"]) == ("", "it is ", "")


def test_what_is_put_together_is_one_short_line() -> None:
    many = {f"v{number}": "x" * 400 for number in range(4)}
    sim, leg = called(Set(values=many), Set(values={"all": "".join(f"{{var.{name}}}" for name in many)}), END)
    assert len(variables(sim, leg)["all"]) == 1024


# -- queues ------------------------------------------------------------------------------------------

TEAM = Set(values={"team": "help"})


def test_a_computed_queue_is_one_of_those_named() -> None:
    sim, leg = called(TEAM, Enqueue(queue="{var.team}", among=("sales", "help")), END)
    assert sim.centre.state.interactions[sim.interaction_of(leg)].queue == "help"
    sim.check_replay()


@pytest.mark.parametrize("team", ["marketing", "", "Sales", "help "])
def test_any_other_leads_to_the_step_for_it(team: str) -> None:
    queue = Enqueue(queue="{var.team}", among=("sales",), on_unknown="bye")
    sim, leg = called(Set(values={"team": team}), queue, END, BYE)
    assert told(sim) == ["bye"]
    assert "no queue of this step" in [note.what for note in timeline(sim, leg)]
    sim.check_replay()


def test_without_a_step_for_it_the_flow_goes_on() -> None:
    sim, leg = called(Enqueue(queue="{var.team}", among=("sales",)), Enqueue(queue="help"))
    assert sim.centre.state.interactions[sim.interaction_of(leg)].queue == "help"


def test_a_callback_and_a_message_go_to_a_computed_queue() -> None:
    sim, leg = called(
        TEAM, CallBack(queue="{var.team}", among=("sales", "help")), END, callback=CallbackRule()
    )
    assert sim.centre.state.interactions[sim.interaction_of(leg)].queue == "help"
    sim, leg = called(TEAM, Voicemail(queue="{var.team}", among=("sales", "help")), END)
    name = sim.interaction_of(leg)
    sim.run(5)
    sim.act(sim.voice.digit, leg, "#")
    sim.run(1)
    assert sim.centre.state.interactions[name].queue == "help"
    sim.check_replay()


def test_a_chain_of_unknown_queues_ends() -> None:
    """Nothing waits in such a loop: it is broken off, and says why."""
    sim, leg = called(Enqueue(queue="{var.team}", among=("sales",), on_unknown="again", id="again"))
    assert leg not in sim.voice.legs


def test_the_explanation_names_what_was_computed() -> None:
    queue = Enqueue(queue="{var.team}", among=("sales",), on_unknown="bye")
    sim, leg = called(Set(values={"team": "marketing"}), queue, BYE)
    sim.run(5)
    assert "marketing" in "\n".join(explain(sim.record(leg)))


# -- texts -------------------------------------------------------------------------------------------


def test_a_text_is_said_while_a_service_is_asked() -> None:
    ask = Lookup(service="crm", say={"en": "One moment, {caller}.", "fr": "Un instant."}, timeout_s=5.0)
    sim, _ = called(Set(values={"language": "fr"}), ask, END)
    assert told(sim)[:1] == ["Un instant."]


def test_a_text_asks_for_the_message_in_place_of_the_usual_prompt() -> None:
    for prompt, heard in ((None, ["", "Speak."]), ("own", ["own", "Speak."])):
        step = Voicemail(queue="sales", say="Speak.", **({"prompt": prompt} if prompt else {}))
        sim, _ = called(step, END)
        assert told(sim) == [each for each in heard if each]
        assert sim.centre.flows.state.running


def test_texts_say_what_was_wrong_before_asking_again() -> None:
    step = Collect(
        variable="n", say="Number?", bad_input_say="No.", no_input_say="Nothing.", least=2, no_input_limit=2
    )
    sim, leg = called(step, END)
    sim.act(sim.voice.digit, leg, "1#")
    assert told(sim) == ["Number?", "No.", "Number?"]
    sim.run(12)
    assert told(sim)[3:5] == ["Nothing.", "Number?"]


def test_the_interpreter_needs_nothing_around_it() -> None:
    """A look-up without any names: every value is missing, and nothing breaks."""
    flow = FlowRule(name="f", steps=(Set(values={"a": "{caller}"}), END))
    flows = Flows(Rules(flows={"f": flow}))
    flows.start("1", "f", 1.0, "en", kind=LegKind.AUDIO)
    assert flows.variables("1") == {"a": ""}


def test_a_pin_and_a_card_are_asked_for_by_texts() -> None:
    """In place of the prompts that ship; and with a prompt of one's own, after it."""
    pin = Pin("pins", say="PIN?", wrong_say="Not so.", wrong_prompt="own", least=4)
    ask = Identify(caller_service="crm", pin=pin, on_refused="bye", timeout_s=2.0)
    sim = SimulatedCentre(rules(ask, BYE))
    sim.outside.answers |= {"crm": Answers({"customer": "4711"}), "pins": Answers({})}
    leg = sim.call()
    sim.run(0.5)
    sim.act(sim.voice.digit, leg, "1234#")
    sim.run(0.5)
    assert told(sim) == ["PIN?", "own", "Not so.", "PIN?"]
    pay = Pay("psp", "12.50", "EUR", card_say="Card?", again_say="Again.")
    sim, leg = called(pay, END)
    assert told(sim) == ["Card?"]
    sim.act(sim.voice.digit, leg, "1#")
    assert told(sim) == ["Card?", "Again.", "Card?"]
