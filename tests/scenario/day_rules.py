"""A day for the scenarios of what-if: two queues by telephone, one of chats, one of mails; and its people."""

from typing import Any

from ccd.model.nouns import ChannelClass
from ccd.model.rules import AgentRule, FlowRule, QueueRule, Rules, Target
from ccd.model.steps import Enqueue, Menu
from ccd.testing.made_day import ArrivalsRule, DayRule, Pause, ShiftRule, Spread

NUMBER = "+33100"


def day_rules(agents: int = 12, **sales: Any) -> Rules:
    """A third of the agents serve sales, a third support, a third both written queues and support."""
    names = [f"agent{number:02}" for number in range(agents)]
    third = max(1, agents // 3)
    queues = (
        QueueRule(name="sales", extension="300", wrap_up_s=20.0, agents=tuple(names[:third]), **sales),
        QueueRule(
            name="support",
            extension="301",
            wrap_up_s=20.0,
            max_wait_s=180.0,
            overflow=Target(queue="sales"),
            agents=tuple(names[third:]),
        ),
        QueueRule(name="chat", agents=tuple(names[2 * third :])),
        QueueRule(name="mail", agents=tuple(names[2 * third :]), service_level_s=600.0),
    )
    menu = FlowRule(
        name="menu",
        steps=(
            Menu(prompt="menu", choices={"1": "sales", "2": "support"}, on_no_input="sales", id="menu"),
            Enqueue(queue="sales", id="sales"),
            Enqueue(queue="support", id="support"),
        ),
    )
    return Rules(
        agents={name: AgentRule(name=name, devices=(f"{name}-phone",)) for name in names},
        queues={queue.name: queue for queue in queues},
        flows={"menu": menu},
        numbers={NUMBER: "menu"},
    )


def day_rule(hours: int = 2, scale: float = 1.0, agents: int = 12, exactly: bool = True) -> DayRule:
    """So many hours from 08:00; at scale 1 there are 150 arrivals an hour."""
    intervals = hours * 2

    def each(number: float) -> tuple[float, ...]:
        expected = number * scale
        return (float(round(expected)) if exactly else expected,) * intervals

    text = ArrivalsRule(
        queue="chat",
        channel_class=ChannelClass.LIVE_TEXT,
        per_interval=each(20),
        talk=Spread(300.0),
        patience_mean_s=300.0,
        exactly=exactly,
    )
    return DayRule(
        date="2026-11-24",
        begins="08:00",
        ends=f"{8 + hours:02}:00",
        arrivals=(
            ArrivalsRule(
                queue="sales",
                per_interval=each(25),
                talk=Spread(180.0),
                wrap_up=Spread(10.0),
                patience_mean_s=90.0,
                exactly=exactly,
            ),
            ArrivalsRule(
                number=NUMBER,
                keys="2",
                per_interval=each(20),
                talk=Spread(150.0),
                patience_mean_s=120.0,
                exactly=exactly,
            ),
            text,
            ArrivalsRule(
                queue="mail",
                channel_class=ChannelClass.DEFERRED_TEXT,
                per_interval=each(10),
                talk=Spread(240.0),
                exactly=exactly,
            ),
        ),
        shifts=(
            ShiftRule(
                agents=tuple(f"agent{number:02}" for number in range(agents)),
                begins="08:00",
                ends=f"{8 + hours:02}:00",
                pauses=(Pause(at="09:00", minutes=10.0, reason="break"),),
                stagger_min=5.0,
            ),
        ),
    )
