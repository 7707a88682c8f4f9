"""The whole centre on virtual time. What a queue says never delays the agent who answers."""

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.testing.parties import NEVER
from tests.scenario.centre_rules import centre

TOLD = {"announce_position": True, "announce_every_s": 5.0, "comfort": ("patience",)}


def test_the_bridge_is_in_the_turn_of_the_answer_while_an_announcement_plays() -> None:
    sim = centre(agents=("ann",), **TOLD)
    sim.phone("ann-phone", NEVER)
    leg = sim.call()
    sim.login("ann")
    agent = sim.talk(leg).agent
    assert agent is not None and sim.heard(leg).play, "a word of comfort plays, the phone rings"
    play, before = sim.heard(leg).play, len(sim.commands)
    sim.tell(facts.LegAnswered(agent.leg, "ann-phone"))
    assert sim.commands[before:] == [cmd.BridgeLegs(leg, agent.leg)], "and nothing else: the bridge cuts it"
    assert sim.agent_of(leg) == "ann"
    sim.tell(facts.PromptEnded(leg, play, completed=False))
    assert sim.commands[before + 1 :] == [] and sim.heard(leg).peer == agent.leg, "its end changes nothing"
    sim.check_replay()


@pytest.mark.parametrize("wrote", [True, False])
def test_an_agent_who_takes_a_chat_is_there_at_once_whatever_the_queue_tells(wrote: bool) -> None:
    sim = centre("ann", agents=("ann",), **TOLD)
    sim.behaviours["ann-phone"] = NEVER
    leg = sim.chat("hello")
    agent = sim.talk(leg).agent
    assert agent is not None and sim.rings_at(leg) == "ann"
    sim.run(5.0)
    if wrote:
        sim.write(leg, "anybody there?", "w2")
    before, now = len(sim.commands), sim.now
    sim.tell(facts.LegAnswered(agent.leg, "ann-phone"))
    assert (sim.agent_of(leg), sim.now) == ("ann", now)
    rest = [each.text for each in sim.commands[before:] if isinstance(each, cmd.SendText)]
    assert rest == (["anybody there?"] if wrote else [])
    sim.run(20.0)
    later = sim.commands[before:]
    assert not any(isinstance(each, cmd.TellPosition) for each in later), "nobody waits any more"
    sim.check_replay()


def test_a_chat_is_told_its_place_while_it_waits() -> None:
    sim = centre("ann", agents=("ann",), **TOLD)
    sim.call()
    sim.run(5)
    leg = sim.chat("hello")
    sim.run(1)
    assert cmd.TellPosition(leg, 1, 0) in sim.performed(cmd.TellPosition)
