"""The whole centre on virtual time. What a flow gives along with an offer: `screen` of a `queue` step."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.cli.interactions import _shown
from ccd.ivr.screens import MOST_SHOWN, screen_of
from ccd.model import commands as cmd
from ccd.model.answers import MOST_CHARACTERS
from ccd.model.rules import Target
from ccd.model.steps import Collect, Enqueue, Set
from ccd.runtime import views
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import listed, rules

SCREEN = {
    "order": "{var.order}",
    "url": "https://crm.test/?c={var.order}&n={caller_name}",
    "pin": "{var.pin}",
}
STEPS = (Set(values={"order": "17 & 4"}), Enqueue(queue="sales", screen=SCREEN))
SHOWN = {"order": "17 & 4", "url": "https://crm.test/?c=17%20%26%204&n="}


def offered(sim: SimulatedCentre) -> list[dict[str, str]]:
    return [each.card.screen for each in sim.performed(cmd.DialLeg)]  # type: ignore[union-attr]


def test_it_goes_along_with_the_offer_and_is_shown_while_it_runs_and_after() -> None:
    sim = SimulatedCentre(rules(*STEPS))
    leg = sim.call()
    name = sim.interaction_of(leg)
    sim.login("ann")
    assert offered(sim) == [SHOWN]
    view = views.interaction(sim.centre, name, sim.now)
    assert view is not None and view["screen"] == SHOWN
    assert [each["screen"] for each in listed(sim)] == [SHOWN]
    assert any(line.split() == ["order", "17", "&", "4"] for line in _shown(view))
    sim.run(5)
    sim.hang_up(leg)
    assert sim.record(leg).screen == SHOWN
    assert any("order" in line for line in _shown(views.ended(sim.record(leg))))
    sim.check_replay()


def test_it_is_kept_across_an_overflow() -> None:
    sim = SimulatedCentre(rules(*STEPS, max_wait_s=5.0, overflow=Target(queue="help")))
    sim.call()
    sim.run(6)
    sim.login("cat")
    assert offered(sim) == [SHOWN]


def test_another_step_gives_another_one_and_one_without_leaves_it() -> None:
    first, last = Enqueue(queue="sales", screen=SCREEN), Enqueue(queue="sales", screen={"was": "{var.order}"})
    steps = (STEPS[0], first, Enqueue(queue="help"), last)
    sim = SimulatedCentre(rules(*steps, max_length=1, help_queue={"max_wait_s": 5.0}))
    sim.call()
    sim.run(1)
    leg = sim.call()
    info = sim.centre.state.interactions[sim.interaction_of(leg)]
    assert (info.queue, info.screen) == ("help", SHOWN)
    sim.hang_up(next(iter(sim.voice.legs)))
    sim.run(6)
    assert (info.queue, info.screen) == ("sales", {"was": "17 & 4"})
    sim.check_replay()


def test_secret_keys_are_never_shown() -> None:
    keys = Collect(variable="pin", prompt="pin", secret=True, most=4)
    sim = SimulatedCentre(rules(keys, *STEPS))
    leg = sim.call()
    sim.run(1)
    sim.act(sim.voice.digit, leg, "1234")
    sim.run(5)
    sim.login("ann")
    name = sim.interaction_of(leg)
    assert sim.centre.flows.variables(name)["pin"].startswith("secret:")
    assert offered(sim) == [SHOWN]


@given(st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.just("<{var.x}>"), max_size=16), st.text())
def test_it_is_bounded_whatever_the_variables_hold(templates: dict[str, str], value: str) -> None:
    shown = screen_of(templates, lambda _name: value * 50, "en")
    assert len(shown) <= MOST_SHOWN
    assert all(len(each) <= MOST_CHARACTERS and "\n" not in each for each in shown.values())


@given(st.text(max_size=30))
def test_no_value_adds_to_an_address(value: str) -> None:
    url = screen_of({"url": "https://crm.test/?c={var.x}"}, lambda _name: value, "en")["url"]
    assert not set(url.removeprefix("https://crm.test/?c=")) & set(" &?#/=<>\"'")
