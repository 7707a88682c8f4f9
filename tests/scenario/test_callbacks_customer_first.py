"""The whole centre on virtual time. Callbacks where the customer is called before the agent is rung."""

from typing import Any

import msgspec

from ccd.bridging.callbacks import GOODBYE_S
from ccd.model import facts
from ccd.model.nouns import Availability
from ccd.testing.parties import BUSY, NEVER, Behaviour
from tests.scenario.callback_line import ANN_CALLS, BEN_CALLS, CAT_CALLS, Line
from tests.scenario.centre_rules import TICK, doing


def first(**how: Any) -> Line:
    callback = {"first": "customer", **how.pop("callback", {})}
    return Line(callback=callback, **how)


def test_the_agent_is_kept_free_and_rung_when_the_customer_answers() -> None:
    line = first()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=6.0)
    line.leave(a)
    line.end_first()
    assert (line.phase(a), line.place(a), line.dialled()) == ("calling", "offered", [ANN_CALLS])
    agent = line.sim.centre.router.state.agents["ann"]
    assert (agent.held, line.phase(b)) == ({a: 100}, "waiting"), "the last slot is taken"
    line.sim.run(6.5)
    talk = line.sim.centre.talks.state.talks[a]
    assert (line.phase(a), talk.away) == ("offered", False)
    assert line.sim.heard(talk.customer.leg).play, "is told who calls"
    line.sim.run(3)
    assert line.phase(a) == "talking"
    assert line.figures() == (3, 2, 0, 0, 0)
    line.sim.check_replay()


def test_a_customer_who_is_there_goes_before_all_others_when_the_agent_misses() -> None:
    line = first(agents=("ann", "bob"))
    a, b, c = line.call(ANN_CALLS), line.call(BEN_CALLS), line.call(CAT_CALLS)
    line.sim.tell(facts.ChangeAsked(b, "test", priority=100))
    line.leave(c)
    line.sim.behaviours[CAT_CALLS] = Behaviour(answers_after=1.0)
    line.sim.behaviours["ann-phone"] = NEVER
    line.sim.hang_up(line.sim.centre.talks.state.talks[a].customer.leg)
    line.sim.hang_up(line.sim.centre.talks.state.talks[b].customer.leg)
    d, e = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.sim.tell(facts.ChangeAsked(e, "test", priority=100))
    line.sim.tell(facts.ChangeAsked(c, "test", priority=200))
    line.end_first()
    line.sim.run(1.5)
    assert line.phase(c) == "offered"
    line.sim.tell(facts.ChangeAsked(c, "test", priority=0))
    line.sim.run(20)
    assert line.phase(c) == "waiting" and line.waiting() == [c, e, d]
    leg = line.sim.centre.talks.state.talks[c].customer.leg
    assert line.sim.heard(leg).music == "default"
    line.sim.login("bob")
    line.sim.run(4)
    assert line.phase(c) == "talking"
    line.sim.check_replay()


def test_an_agent_whom_a_reload_takes_away_meanwhile_is_not_rung_and_another_is() -> None:
    line = first(agents=("ann", "bob"))
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=6.0)
    line.leave(a)
    line.end_first()
    assert line.phase(a) == "calling"
    rules = line.sim.centre.state.rules
    agents = {name: agent for name, agent in rules.agents.items() if name != "ann"}
    queues = {
        name: msgspec.structs.replace(queue, agents=tuple(each for each in queue.agents if each != "ann"))
        for name, queue in rules.queues.items()
    }
    line.sim.tell(facts.RulesLoaded(msgspec.structs.replace(rules, agents=agents, queues=queues), "test"))
    line.sim.run(7)
    assert line.phase(a) == "waiting", "on the line, and first in it"
    line.sim.login("bob")
    line.sim.run(4)
    assert (line.phase(a), line.sim.centre.talks.state.talks[a].agent.agent) == ("talking", "bob")  # type: ignore[union-attr]
    line.sim.check_replay()


def test_a_customer_who_was_reached_and_gives_up_has_abandoned() -> None:
    line = first()
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=1.0)
    line.sim.behaviours["ann-phone"] = NEVER
    line.leave(a)
    line.end_first()
    line.sim.run(5)
    line.sim.hang_up(line.sim.centre.talks.state.talks[a].customer.leg)
    assert line.record(a).outcome == "abandoned" and line.figures() == (2, 1, 1, 0, 0)


def test_an_agent_who_goes_away_stops_the_call_and_nothing_has_failed() -> None:
    line = first()
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.end_first()
    line.sim.run(5)
    leg = line.sim.centre.talks.state.talks[a].customer.leg
    line.sim.ask("ann", Availability.PAUSED, "lunch")
    assert (line.phase(a), line.place(a), leg in line.sim.voice.legs) == ("waiting", "waiting", False)
    callback = line.sim.centre.state.interactions[a].callback
    assert callback is not None and callback.attempts == 0
    line.sim.ask("ann", Availability.READY)
    assert line.phase(a) == "calling"


def test_busy_frees_the_agent_for_the_next_at_once() -> None:
    line = first()
    a, b = line.call(ANN_CALLS), line.call(BEN_CALLS)
    line.sim.behaviours[ANN_CALLS] = BUSY
    line.leave(a)
    line.end_first()
    line.sim.run(1)
    assert (line.place(a), line.phase(b)) == ("resting", "offered")
    assert line.sim.centre.router.state.agents["ann"].totals.missed == 0


def test_the_agent_is_kept_as_long_as_the_phone_rings_and_no_longer() -> None:
    line = first(callback={"ring_s": 40.0}, ring_timeout_s=15.0)
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.leave(a)
    line.end_first()
    began = line.sim.now
    line.sim.run_until(began + 40 - TICK)
    assert line.phase(a) == "calling"
    line.sim.run_until(began + 40)
    assert (line.place(a), doing(line.sim, "ann")) == ("resting", "idle")


def test_a_kill_while_the_customer_waits_for_the_agent_calls_anew() -> None:
    line = first()
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=1.0)
    line.sim.behaviours["ann-phone"] = NEVER
    line.leave(a)
    line.end_first()
    line.sim.run(5)
    assert line.phase(a) == "offered"
    line.sim.restart()
    line.sim.run(1)
    assert line.phase(a) == "offered" or line.phase(a) == "calling"
    assert line.dialled() == [ANN_CALLS, ANN_CALLS]
    line.sim.check_replay()


def test_a_kill_in_the_goodbye_loses_nothing() -> None:
    line = first()
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = NEVER
    line.sim.tell(facts.CallbackAsked(a, "test"))
    line.sim.restart()
    assert line.place(a) in ("waiting", "offered") and line.sim.centre.talks.state.talks[a].away
    line.sim.run(GOODBYE_S)
    line.sim.check_replay()


def test_the_agents_phone_rings_its_whole_time_however_late_the_customer_answered() -> None:
    line = first(callback={"ring_s": 30.0}, ring_timeout_s=20.0)
    a = line.call(ANN_CALLS)
    line.sim.behaviours[ANN_CALLS] = Behaviour(answers_after=29.0)
    line.sim.behaviours["ann-phone"] = NEVER
    line.leave(a)
    line.end_first()
    called = line.sim.now
    line.sim.run_until(called + 29 + 20 - TICK)
    assert (line.phase(a), line.place(a)) == ("offered", "offered")
    line.sim.run_until(called + 29 + 20)
    assert line.place(a) == "waiting"
    line.sim.check_replay()


def test_one_agent_is_kept_though_the_queue_rings_all() -> None:
    line = first(agents=("ann", "bob"), strategy="ring_all")
    a = line.call(ANN_CALLS)
    line.sim.behaviours |= {ANN_CALLS: Behaviour(answers_after=5.0), "ann-phone": NEVER}
    line.leave(a)
    line.end_first()
    line.sim.login("bob")
    line.sim.behaviours["bob-phone"] = NEVER
    line.sim.run(4)
    assert line.phase(a) == "calling" and len(line.sim.centre.router.offers_of(a)) == 1
    line.sim.run(2)
    assert sorted(line.sim.centre.router.offers_of(a)) == ["ann", "bob"], "the customer is there: all ring"
    line.sim.check_replay()
