"""The whole centre on virtual time. Keys of a waiting customer: a flow aside, or out of the line."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.rules import FlowRule, ProfileRule, Rules
from ccd.model.steps import CallBack, Enqueue, Hangup, Menu, Play
from ccd.model.voicemail_rules import VoicemailRule
from ccd.model.waiting_keys import WaitingKey
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER, PROMPT_S
from tests.scenario.centre_rules import TICK, doing, rules, totals

KEYS = {"4": WaitingKey(flow="hours"), "0": WaitingKey(leave="main"), "7": WaitingKey(flow="ask")}
HOURS = FlowRule(name="hours", steps=(Play(prompts=("monday", "tuesday")),))
MAIN = FlowRule(
    name="main", steps=(Menu(prompt="main", choices={"1": "in"}, id="menu"), Enqueue("help", id="in"))
)
ASK = FlowRule(name="ask", steps=(Menu(prompt="really", choices={"1": "yes"}, id="m"), CallBack(id="yes")))


def made(**sales: Any) -> Rules:
    plain = rules(**{"agents": ("ann",), "keys": KEYS, **sales})
    flows = {**plain.flows, "hours": HOURS, "main": MAIN, "ask": ASK}
    return msgspec.structs.replace(plain, flows=flows)


class Line:
    """ann talks; one caller waits behind."""

    def __init__(self, found: Rules | None = None, *, origin: str = "+33611111111", **sales: Any) -> None:
        self.sim = SimulatedCentre(found or made(**sales))
        self.sim.login("ann")
        self.first = self.sim.call(origin="+33600000000")
        self.sim.run(5)
        self.leg = self.sim.call(origin=origin)
        self.sim.run(1)
        self.name = self.sim.interaction_of(self.leg)

    def press(self, keys: str) -> None:
        self.sim.act(self.sim.voice.digit, self.leg, keys)

    @property
    def where(self) -> str:
        return self.sim.centre.flows.where(self.name)

    @property
    def phase(self) -> str:
        talk = self.sim.centre.talks.get(self.name)
        return talk.phase.value if talk is not None else "ended"

    def place(self) -> str:
        place = self.sim.centre.router.state.places.get(self.name)
        return place.phase.value if place is not None else "none"

    def notes(self, what: str) -> list[dict[str, Any]]:
        record = self.sim.centre.history.record(self.name)
        assert record is not None
        return [note.details for note in record.timeline if note.what == what]


def test_a_flow_runs_aside_and_the_place_is_kept() -> None:
    line = Line()
    behind = line.sim.call(origin="+33622222222")
    line.press("4")
    assert (line.where, line.phase, line.place()) == ("hours/#1", "waiting", "waiting")
    assert line.sim.heard(line.leg).play and not line.sim.heard(line.leg).music
    line.sim.run(2 * PROMPT_S - TICK)
    assert line.where == "hours/#1"
    line.sim.run(TICK)
    assert (line.where, line.sim.heard(line.leg).music) == ("straight/#1", "default")
    line.sim.hang_up(line.first)
    assert line.sim.rings_at(line.leg) == "ann" and not line.sim.rings_at(behind), "nobody went past"
    assert line.notes("pressed") == [{"key": "4", "queue": "sales", "does": "runs hours"}]
    line.sim.check_replay()


def test_it_may_be_asked_again_and_a_second_key_belongs_to_the_flow() -> None:
    line = Line()
    line.press("44")
    line.sim.run(2 * PROMPT_S)
    assert line.where == "straight/#1" and len(line.notes("pressed")) == 1
    line.press("4")
    assert line.where == "hours/#1" and len(line.notes("pressed")) == 2


def test_a_key_gives_the_place_up_and_goes_on_in_a_flow() -> None:
    line = Line(redial_s=600.0)
    line.press("0")
    assert (line.where, line.phase, line.place()) == ("main/menu", "flow", "none")
    assert totals(line.sim) == (2, 1, 0, 1)
    assert line.notes("overflow") == [{"queue": "sales", "why": "key 0"}]
    assert not line.sim.centre.router.state.lost, "no place is kept for who gave it up"
    record = line.sim.centre.history.record(line.name)
    assert record is not None
    assert any("pressed: key 0, queue sales, does leaves for main" in each for each in explain(record))
    line.press("0")
    assert line.notes("bad key") and len(line.notes("pressed")) == 1, "the second key is the menu's"
    line.press("1")
    assert (line.phase, line.place()) == ("waiting", "waiting")
    assert line.sim.centre.state.interactions[line.name].queue == "help"
    line.sim.check_replay()


def test_who_leaves_and_hangs_up_is_not_abandoned_nor_called_back() -> None:
    line = Line(callback=CallbackRule(recall=True, recall_waited_s=0.0))
    line.press("0")
    line.sim.hang_up(line.leg)
    assert totals(line.sim) == (2, 1, 0, 1) and not line.sim.centre.state.callbacks


def test_leaving_while_a_phone_rings_takes_the_offer_back() -> None:
    line = Line()
    line.sim.behaviours["ann-phone"] = NEVER
    line.sim.hang_up(line.first)
    assert line.phase == "offered" and line.sim.rings_at(line.leg) == "ann"
    line.press("0")
    assert (line.phase, line.where) == ("flow", "main/menu")
    assert doing(line.sim, "ann") == "idle"
    assert line.sim.centre.router.state.agents["ann"].totals.missed == 0
    (offered,) = line.sim.performed(cmd.DialLeg)[1:]
    released = [each.leg for each in line.sim.performed(cmd.ReleaseLeg)]  # type: ignore[union-attr]
    assert offered.leg in released  # type: ignore[union-attr]
    line.sim.check_replay()


@pytest.mark.parametrize("key", ["0", "4"])
def test_an_agent_who_answers_first_wins_and_the_key_does_nothing(key: str) -> None:
    line = Line(whisper="sales")
    line.sim.hang_up(line.first)
    line.sim.run(2.0)
    assert line.phase == "connecting"
    line.press(key)
    assert not line.notes("pressed")
    line.sim.run(PROMPT_S)
    assert line.sim.agent_of(line.leg) == "ann"
    line.press(key)
    assert line.sim.agent_of(line.leg) == "ann" and not line.notes("pressed")


def test_a_late_answer_of_the_agent_finds_nobody() -> None:
    line = Line()
    line.sim.behaviours["ann-phone"] = NEVER
    line.sim.hang_up(line.first)
    agent = line.sim.talk(line.leg).agent
    assert agent is not None
    line.press("0")
    line.sim.tell(facts.LegAnswered(agent.leg, "ann-phone"))
    assert (line.phase, line.where) == ("flow", "main/menu")
    line.sim.check_replay()


def test_a_phone_rings_on_while_the_flow_runs_and_its_answer_ends_that() -> None:
    line = Line()
    line.sim.hang_up(line.first)
    assert line.phase == "offered"
    line.press("4")
    assert line.phase == "offered" and line.where == "hours/#1"
    line.sim.run(2.5)
    assert line.sim.agent_of(line.leg) == "ann" and line.where == ""
    line.sim.run(10)
    assert line.sim.agent_of(line.leg) == "ann"
    line.sim.check_replay()


def test_a_key_cuts_an_announcement() -> None:
    line = Line(announce_position=True, announce_every_s=5.0)
    line.sim.run(4.5)
    assert line.sim.heard(line.leg).play
    line.press("4")
    line.sim.run(2 * PROMPT_S + 0.2)
    assert line.sim.heard(line.leg).music == "default" and line.where == "straight/#1"
    line.sim.run(2.0)
    assert line.sim.heard(line.leg).play
    line.press("0")
    assert line.where == "main/menu"
    line.sim.check_replay()


def test_the_longest_wait_ends_a_flow_that_runs_aside() -> None:
    line = Line(max_wait_s=3.0)
    line.press("4")
    line.sim.run(2.0 - TICK)
    assert line.where == "hours/#1"
    line.sim.run(TICK)
    notes = [each.details for each in line.sim.record(line.leg).timeline if each.what == "overflow"]
    assert notes == [{"queue": "sales", "why": "max_wait"}]


def test_a_flow_that_runs_aside_may_keep_a_callback() -> None:
    line = Line()
    line.press("71")
    assert line.sim.centre.talks.state.talks[line.name].away and line.place() == "resting"


def test_what_only_ends_a_flow_leaves_who_waits_in_line() -> None:
    found = made(keys={"4": WaitingKey(flow="bye")})
    bye = FlowRule(name="bye", steps=(Hangup(prompt="goodbye"),))
    line = Line(msgspec.structs.replace(found, flows={**found.flows, "bye": bye}))
    line.press("4")
    assert (line.phase, line.where, line.sim.heard(line.leg).music) == ("waiting", "straight/#1", "default")


def test_other_keys_keep_their_meaning() -> None:
    line = Line(callback=CallbackRule(key="1"), voicemail=VoicemailRule(key="2"))
    line.press("9")
    assert line.where == "straight/#1" and not line.notes("pressed")
    line.press("2")
    assert line.notes("overflow") == [{"queue": "sales", "why": "voicemail"}]
    line = Line(callback=CallbackRule(key="1"), voicemail=VoicemailRule(key="2"))
    line.press("1")
    assert line.notes("asks for a callback")


def test_who_was_called_back_and_left_the_line_has_no_keys() -> None:
    line = Line()
    line.sim.tell(facts.CallbackAsked(line.name, "test", ""))
    line.press("0")
    assert line.place() == "resting" and not line.notes("pressed")


def test_a_profile_brings_keys_and_takes_them_away() -> None:
    found = made(keys={})
    rush = ProfileRule(name="rush", queues={"sales": {"keys": {"4": {"flow": "hours"}}}})
    line = Line(msgspec.structs.replace(found, profiles={"rush": rush}))
    line.press("4")
    assert not line.notes("pressed")
    line.sim.tell(facts.ProfileSet("rush", True, "test"))
    line.press("4")
    assert line.where == "hours/#1"
    line.sim.tell(facts.ProfileSet("rush", False, "test"))
    line.sim.run(2 * PROMPT_S)
    assert line.where == "straight/#1" and line.sim.heard(line.leg).music == "default"
    line.press("4")
    assert len(line.notes("pressed")) == 1
    line.sim.check_replay()


def test_a_reload_takes_the_flow_away_while_it_runs() -> None:
    line = Line()
    line.press("4")
    flows = {name: flow for name, flow in made().flows.items() if name != "hours"}
    line.sim.tell(facts.RulesLoaded(msgspec.structs.replace(made(keys={}), flows=flows), "test"))
    assert line.where == "hours/#1"
    line.sim.run(2 * PROMPT_S)
    assert line.sim.heard(line.leg).music == "default"
    line.press("40")
    assert line.place() == "waiting" and len(line.notes("pressed")) == 1
    line.sim.check_replay()


def test_a_visitor_writes_the_key() -> None:
    where = Menu(say="Paris or Rome?", choices={"Paris": "p"}, id="m", no_input_limit=1)
    say = FlowRule(name="hours", steps=(where, Play(say="9 to 5", id="p")))
    found = made()
    sim = SimulatedCentre(msgspec.structs.replace(found, flows={**found.flows, "hours": say}))
    leg = sim.chat("hello")
    name = sim.interaction_of(leg)
    sim.run(3)
    sim.write(leg, "at 4 o'clock", "w2")
    assert sim.centre.flows.where(name) == "straight/#1"
    sim.write(leg, " 4 ", "w3")
    assert sim.centre.flows.where(name) == "hours/m"
    sim.write(leg, "paris", "w4")
    said = [each.text for each in sim.performed(cmd.SendText)]  # type: ignore[union-attr]
    assert said[-2:] == ["Paris or Rome?", "9 to 5"] and sim.centre.flows.where(name) == "straight/#1"
    sim.write(leg, "0", "w5")
    assert sim.centre.flows.where(name) == "main/menu" and totals(sim) == (1, 0, 0, 1)
    sim.write(leg, "0", "w5")
    sim.check_replay()


def test_a_restart_in_the_middle_of_it_goes_on_for_a_visitor() -> None:
    found = made()
    ask = FlowRule(
        name="hours", steps=(Menu(say="Sure?", choices={"yes": "p"}, id="m"), Play(say="9 to 5", id="p"))
    )
    sim = SimulatedCentre(msgspec.structs.replace(found, flows={**found.flows, "hours": ask}))
    leg = sim.chat("hello")
    sim.run(3)
    sim.write(leg, "4", "w2")
    sim.restart()
    sim.write(leg, "yes", "w3")
    talk = sim.talk(leg)
    assert (talk.asking, talk.phase.value) == (False, "waiting")
    sim.login("ann")
    sim.run(5)
    assert sim.agent_of(leg) == "ann"
