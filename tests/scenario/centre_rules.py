"""A small centre for the scenarios: three agents, two queues, a menu, and a tick of the clock."""

import asyncio
from typing import Any

from ccd.model.rules import AgentRule, FlowRule, OwnCalls, QueueRule, Rules
from ccd.model.steps import AnyStep, Enqueue, Hangup, Menu, Play, Set, Transfer
from ccd.runtime import frames
from ccd.runtime.views import View
from ccd.testing.centre import SimulatedCentre

TICK = 0.001
MENU = Menu(
    prompt="menu",
    choices={"1": "sales", "2": "out", "3": "talk"},
    wait_s=5.0,
    no_input_limit=2,
    bad_input_limit=3,
    no_input_prompt="no-input",
    bad_input_prompt="bad-input",
    on_bad_input="bye",
    id="menu",
)


def rules(*steps: AnyStep, help_queue: dict[str, Any] | None = None, **sales: Any) -> Rules:
    """Agents ann, bob and cat (201–203); queues sales (300) of ann and bob, help (301) of cat."""
    names = ("ann", "bob", "cat")
    agents = {
        name: AgentRule(name=name, devices=(f"{name}-phone",), extension=str(201 + number))
        for number, name in enumerate(names)
    }
    menu = (
        Set(values={"language": "fr"}),
        MENU,
        Transfer(address="+33900", ring_timeout_s=20.0, id="out"),
        Play(prompts=("sorry",), id="talk"),
        Enqueue(queue="sales", id="sales"),
        Hangup(prompt="goodbye", id="bye"),
    )
    flows = {
        "straight": FlowRule(name="straight", steps=steps or (Enqueue(queue="sales"),)),
        "menu": FlowRule(name="menu", steps=menu),
        "excuse": FlowRule(name="excuse", steps=(Hangup(prompt="excuse"),)),
    }
    queues = {
        "sales": QueueRule(name="sales", extension="300", **{"agents": ("ann", "bob"), **sales}),
        "help": QueueRule(name="help", extension="301", **{"agents": ("cat",), **(help_queue or {})}),
    }
    numbers = {"+33100": "straight", "+33101": "menu", "web:support": "straight"}
    return Rules(
        agents=agents,
        queues=queues,
        flows=flows,
        numbers=numbers,
        pause_reasons={"1": "lunch", "2": "training"},
        own_calls=OwnCalls(may_transfer=("+33",)),
    )


def centre(*agents: str, **sales: Any) -> SimulatedCentre:
    """A simulated centre of these rules; the agents log in one second after the other."""
    sim = SimulatedCentre(rules(**sales))
    for agent in agents:
        sim.login(agent)
        sim.run(1)
    return sim


def doing(sim: SimulatedCentre, agent: str) -> str:
    """What an agent does, in routing's one word."""
    view = sim.centre.router.agent_view(agent, sim.now)
    assert view is not None
    return view.doing


def queue_rows(sim: SimulatedCentre) -> dict[str, View]:
    """What `ccctl queues` shows, by queue."""
    return {row["queue"]: row for row in asyncio.run(frames.queues(sim.centre, sim.now))}


def report(sim: SimulatedCentre) -> View:
    """What `ccctl report` shows."""
    return asyncio.run(frames.report(sim.centre, sim.now))


def listed(sim: SimulatedCentre, agent: str = "") -> list[View]:
    """What `ccctl interactions` lists."""
    rows: list[View] = asyncio.run(frames.interactions(sim.centre, sim.now, agent=agent))["listed"]
    return rows


def totals(sim: SimulatedCentre, queue: str = "sales") -> tuple[int, int, int, int]:
    """(offered, handled, abandoned, overflowed) of a queue."""
    figures = sim.centre.router.state.queues[queue]
    return figures.offered, figures.handled, figures.abandoned, figures.overflowed


def whats(sim: SimulatedCentre, leg: str) -> list[str]:
    """The words of the filed timeline of a customer's leg."""
    return [note.what for note in sim.record(leg).timeline]
