"""The composition: its tables are whole, and no order of facts whatever breaks it."""

import random
from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.bridging import events as ev
from ccd.ivr import do
from ccd.model import commands as cmd
from ccd.model import facts, facts_erasing, facts_outside
from ccd.model.callback_rules import CallbackRule
from ccd.model.links import LinkRule, SurveyLink
from ccd.model.nouns import Availability, Binding, Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.rules import (
    AgentRule,
    FlowRule,
    OwnCalls,
    ProfileRule,
    QueueRule,
    Rules,
    SurveyRule,
    Suspension,
    Target,
)
from ccd.model.steps import CallBack, Enqueue, Hangup, Menu, Play, Transfer
from ccd.model.steps_bots import Bot
from ccd.model.steps_outside import Send
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Record, Voicemail
from ccd.model.voicemail_rules import VoicemailRule
from ccd.routing import decisions as dec
from ccd.runtime.centre import Centre
from ccd.runtime.consequences import CONSEQUENCES
from ccd.runtime.erasing import names_without
from ccd.runtime.reactions import FACTS
from ccd.testing import invariants
from ccd.voice.performing import PERFORM


def subclasses(base: type, module: str) -> set[type]:
    return {each for each in base.__subclasses__() if each.__module__ == module}


def test_every_fact_has_a_reaction() -> None:
    places = (facts, facts_erasing, facts_outside)
    made = {each for place in places for each in subclasses(facts.Fact, place.__name__)}
    assert set(FACTS) == set(get_args(facts.AnyFact)) == made


def test_every_answer_of_an_engine_has_a_consequence() -> None:
    answers = {
        *subclasses(do.Do, do.__name__),
        *subclasses(dec.Decided, dec.__name__),
        *subclasses(ev.Event, ev.__name__),
    }
    assert set(CONSEQUENCES) == answers
    assert set(get_args(ev.AnyEvent)) == subclasses(ev.Event, ev.__name__)


def test_every_command_has_a_performer() -> None:
    assert set(PERFORM) == set(get_args(cmd.AnyCommand)) == subclasses(cmd.Command, cmd.__name__)


# -- any facts in any order ------------------------------------------------------------------------------

AGENTS = ("ann", "bob", "cat")


def make_rules(variant: int) -> Rules:
    """A small centre in which everything can happen; variants for reloads."""
    agents = {
        name: AgentRule(
            name=name,
            devices=(f"{name}-1", f"{name}-2"),
            extension=str(200 + number),
            skills={"french": number} if number else {},
            works_on_hold=name == "bob",
            may_dial=() if name == "cat" else None,
        )
        for number, name in enumerate(AGENTS)
        if not (variant == 1 and name == "cat")
    }
    names = tuple(agents)
    queues = {
        "sales": QueueRule(
            name="sales",
            agents=names,
            extension="300",
            wrap_up_s=5.0,
            wrap_up_extensions=1,
            dispositions={"1": "sale", "2": "call_back"},
            disposition=("required", "optional")[variant % 2],
            record=True,
            announce_position=True,
            max_length=2,
            overflow=Target(queue="help"),
            on_miss={OfferEnd.NO_ANSWER: 2},
            voicemail=VoicemailRule(key="4", later_s=30.0),
            mask_key="9",
            after_call=("rate", "rate", "", "gone")[variant],
            callback=CallbackRule(
                key="1",
                attempts=2,
                recall=True,
                recall_waited_s=1.0,
                first="customer" if variant == 3 else "agent",
            ),
        ),
        "help": QueueRule(
            name="help",
            agents=names[:2],
            extension="301",
            whisper="whisper",
            wrap_up=("until_ended", None, None)[variant % 3],
            dispositions={"1": "solved"} if variant == 0 else {},
            max_wait_s=45.0,
            retry_same_after_s=0.0,
            callback=CallbackRule(key="1", first="customer", valid_s=900.0),
            after_call="again" if variant != 1 else "rate",
            overflow=(Target(agent="ann"), Target(flow="ivr"), Target(address="+33900"))[variant % 3],
        ),
        "full": QueueRule(name="full", max_length=0, overflow=Target(flow="full")),
    }
    if variant == 2:
        del queues["help"]
        agents["bob"] = msgspec.structs.replace(agents["bob"], capacity=200)
    flows = {
        "ivr": FlowRule(
            name="ivr",
            steps=(
                Menu(prompt="m", choices={"1": "s", "2": "h", "3": "out"}, on_no_input="h"),
                Enqueue(queue="sales", id="s"),
                Play(prompts=("sorry",)),
                Enqueue(queue="help", id="h"),
                Transfer(address="+33800", id="out"),
                Hangup(prompt="bye"),
            ),
        ),
        "full": FlowRule(name="full", steps=(Enqueue(queue="full"), CallBack(queue="help"))),
        "message": FlowRule(name="message", steps=(Record(switch="mask"), Voicemail(queue="sales"))),
        "rate": FlowRule(
            name="rate",
            steps=(
                Survey(name="recommend", kind="nps", say="0 to 10?"),
                Survey(name="why", kind="free", say="why?"),
                Enqueue(queue="help"),
            ),
        ),
        "link": FlowRule(name="link", steps=(LINK, Enqueue(queue="sales"))),
        "again": FlowRule(name="again", steps=(Survey(name="happy", kind="csat"), Enqueue(queue="sales"))),
        "bot": FlowRule(name="bot", steps=(Bot(bot="clerk", on_leave="s"), Enqueue(queue="sales", id="s"))),
        "straight": FlowRule(name="straight", steps=(Enqueue(queue="sales"), Enqueue(queue="help"))),
    }
    return Rules(
        agents=agents,
        queues=queues,
        flows=flows,
        numbers={
            "+331": "ivr",
            "+332": "full",
            "+333": "straight",
            "+334": "message",
            "+335": "bot",
            "+336": "link",
        },
        surveys={
            "rate": SurveyRule(
                "rate",
                sample_pct=80.0,
                quiet_days=0.01,
                alert_below={"nps": 7},
                recall_queue="help",
                send=SurveyLink("texts", "web", {"text": "{link}"}, uses=2) if variant == 2 else None,
            )
        },
        pause_reasons={"1": "lunch"},
        own_calls=OwnCalls(may_dial=("+337",), record=variant != 2),
        profiles={name: profile for name, profile in PROFILES.items() if variant != 3 or name == "rush"},
    )


NUMBERED = ("ivr", "full", "straight", "message", "bot", "link")
LINK = Send(service="texts", values={"text": "{link}"}, link=LinkRule("web", "rate", uses=2, valid_s=90.0))
PROFILES = {
    "rush": ProfileRule(
        name="rush",
        agents={"cat": {"join": ["help"], "leave": ["sales"], "wrap_up_s": 1.0}},
        queues={"sales": {"max_wait_s": 30.0, "max_length": 4, "overflow": {"flow": "ivr"}}},
        numbers={"+333": "ivr"},
    ),
    "closed": ProfileRule(
        name="closed",
        suspend=Suspension(queues={"sales": Target(queue="help")}, channels={"web": Target(queue="help")}),
    ),
    "later": ProfileRule(
        name="later",
        flows={"ivr": "straight"},
        suspend=Suspension(queues={"help": Target()}, channels={"voice": Target(flow="straight")}),
    ),
}


LOOKS = (
    invariants.loads,
    invariants.own_calls,
    invariants.idle_beside_work,
    invariants.agreement,
    invariants.figures,
    invariants.dispositions,
)


class Chaos:
    """A bare centre to which anything happens; nobody carries out its commands."""

    def __init__(self) -> None:
        self.centre = Centre()
        self.now = 1000.0
        self.log: list[tuple[float, facts.AnyFact]] = []
        self.plays: list[tuple[str, str]] = [("voice:nobody", "b0")]
        self.recordings: list[str] = ["0-1"]
        self.legs: list[str] = ["voice:nobody"]
        self.tell(facts.DaemonStarted("test", "b"))
        self.tell(facts.RulesLoaded(make_rules(0)))

    def tell(self, fact: facts.AnyFact) -> None:
        self.log.append((self.now, fact))
        for command in self.centre.turn(fact, self.now):
            if isinstance(command, cmd.PlayPrompt | cmd.PlayTone | cmd.PlayRecording):
                self.plays.append((command.leg, command.play))
            elif isinstance(command, cmd.StartRecording | cmd.RecordMessage):
                self.recordings.append(command.recording)
            elif isinstance(command, cmd.DialLeg):
                assert command.devices or command.address, command
                self.legs.append(command.leg)
        self.check()

    def check(self) -> None:
        centre = self.centre
        for look in LOOKS:
            assert list(look(centre)) == [], self.log[-8:]

    def leg(self, number: int) -> str:
        """Mostly one that is up, now and then one that is over or never was."""
        live = [*self.centre.talks.legs, *self.centre.state.services]
        pool = live if number % 7 and live else self.legs
        return pool[number % len(pool)]

    def dialled(self, number: int) -> str:
        """Mostly the leg of an agent or a third party."""
        live = [leg for leg in self.centre.talks.legs if leg.startswith("voice:d")]
        return live[number % len(live)] if live and number % 11 else self.leg(number)

    def fresh(self, number: int) -> str:
        leg = f"{'web' if number % 3 == 0 else 'voice'}:c{len(self.legs)}" if number % 9 else self.leg(number)
        self.legs.append(leg)
        return leg


def arrive(chaos: Chaos, a: int, b: int) -> None:
    leg = chaos.fresh(a)
    text = leg.startswith("web")
    target = ("+331", "+336", "+332", "+333", "+333", "+339", "+334", "+335")[b % 8]
    chaos.tell(
        facts.LegArrived(
            leg,
            leg.partition(":")[0],
            ChannelClass.LIVE_TEXT if text else ChannelClass.VOICE,
            LegKind.TEXT if text else LegKind.AUDIO,
            ("+3361", "+33612345678", "")[b % 3],
            target,
            continues=f"d{a % 5}" if text and a % 2 else "",
        )
    )


def make_link(chaos: Chaos, a: int, b: int) -> None:
    """Mostly of a question that waits for it, now and then a digest that came before."""
    asks = [*chaos.centre.state.links, "9.a9"]
    ask = asks[b % len(asks)]
    chaos.tell(facts.LinkMade(ask.partition(".")[0], ask, f"d{a % 5}"))


def pass_time(chaos: Chaos, a: int, b: int) -> None:
    due = chaos.centre.next_deadline()
    if due is not None and b % 4:
        chaos.now = max(chaos.now, due - 0.001 if b % 4 == 1 else due)
    else:
        chaos.now += a
    chaos.tell(facts.TimePassed())


def set_profile(chaos: Chaos, a: int, b: int) -> None:
    until = (None, chaos.now + b, chaos.now - 1.0, chaos.now)[a % 4]
    chaos.tell(facts.ProfileSet((*PROFILES, "none")[b % 4], a % 3 > 0, "test", until, "why" if a % 2 else ""))


def erase_one(chaos: Chaos, a: int, b: int) -> None:
    """Some that run, and one that is over if there is any; the fact may come at any time."""
    number = ("+33612345678", "c-7")[a % 2]
    made = chaos.centre.state.interactions_made
    running = (str(a % (made + 2)), str(b % (made + 2)))
    names = names_without(b"salt", (number,))
    chaos.tell(facts.CustomerErased("test", b"salt", names, files=(f"{a}.wav",), running=running))


def end_prompt(chaos: Chaos, a: int, b: int) -> None:
    leg, play = chaos.plays[-1 - a % min(len(chaos.plays), 6)]
    chaos.tell(facts.PromptEnded(leg, play, b % 3 > 0, "no file" if b % 3 == 0 else ""))


def end_recording(chaos: Chaos, a: int, b: int) -> None:
    recording = chaos.recordings[-1 - a % min(len(chaos.recordings), 8)]
    path = "x.wav" if b % 5 else ""
    chaos.tell(facts.RecordingEnded(recording, path, 4.0, quiet_s=b % 4))


def of(make: Callable[[Chaos, int, int], facts.AnyFact]) -> Callable[[Chaos, int, int], None]:
    return lambda chaos, a, b: chaos.tell(make(chaos, a, b))


def phone(number: int) -> str:
    """Each agent has two."""
    return f"{AGENTS[number // 2 % 3]}-{1 + number % 2}"


CAUSES = list(Cause)
TARGETS = ("+331", "+333", "+33700", "200", "201", "202", "300", "301", "+33700", "nobody")
TARGETS += ("*41", "*44", "*43", "*421", "*429", "*42", "*45", "*461", "*462", "*469")
TARGETS += ("*8", "*8200", "*8201", "*8202")
STATES = (Availability.READY,) * 4 + (Availability.PAUSED, Availability.LOGGED_OUT)

ACTIONS: dict[str, Callable[[Chaos, int, int], None]] = {
    "arrive": arrive,
    "time": pass_time,
    "prompt ended": end_prompt,
    "recording ended": end_recording,
    "answer": of(lambda c, a, b: facts.LegAnswered(c.dialled(a), phone(b * 2))),
    "ring": of(lambda c, a, b: facts.LegRinging(c.dialled(a), b % 2 == 0)),
    "end": of(lambda c, a, b: facts.LegEnded(c.leg(a), CAUSES[b % len(CAUSES)])),
    "outside answered": of(
        lambda c, a, b: facts.OutsideAnswered(
            i := str(a % (c.centre.state.interactions_made + 2)), f"{i}.a{b % 4}", b % 3 > 0, {"x": "7"}
        )
    ),
    "link made": make_link,
    "bot": of(
        lambda c, a, b: (
            facts.BotStarted(i := str(a % (c.centre.state.interactions_made + 2)), f"{i}.b{b % 4}"),
            facts.BotSaid(i, f"{i}.b{b % 4}", "hello"),
            facts.BotEnded(i, f"{i}.b{b % 4}", a % 2 > 0, "", {"x": "7"}),
        )[b % 3]
    ),
    "digit": of(lambda c, a, b: facts.DigitPressed(c.leg(a), "12394#"[b % 6])),
    "secret": of(lambda c, a, b: facts.SecretCollected(c.leg(a), f"secret:{b}.s1", b % 5, b % 2 == 0)),
    "compared": of(lambda c, a, b: facts.SecretsCompared(c.leg(a), f"secret:{b}.s1", b % 2 == 0)),
    "hold": of(lambda c, a, b: facts.LegHeld(c.leg(a))),
    "resume": of(lambda c, a, b: facts.LegResumed(c.leg(a))),
    "transfer": of(lambda c, a, b: facts.TransferAsked(c.dialled(a), TARGETS[b % len(TARGETS)])),
    "join": of(lambda c, a, b: facts.TransferAsked(c.leg(a), "", attended=True, replaces=c.leg(b))),
    "take over": of(lambda c, a, b: facts.TakeOverAsked(c.fresh(a), phone(b * 2), c.dialled(b))),
    "dial": of(lambda c, a, b: facts.AgentDialled(c.fresh(a), phone(b * 2), TARGETS[a % len(TARGETS)])),
    "lose media": of(lambda c, a, b: facts.MediaLost(c.leg(a), 30.0)),
    "text": of(lambda c, a, b: facts.TextReceived(c.leg(a), "hello", f"m{b}")),
    "delivered": of(lambda c, a, b: facts.TextDelivered(c.leg(a), f"m{b}")),
    "text failed": of(lambda c, a, b: facts.TextFailed(c.leg(a), f"m{b}", Cause.UNREACHABLE)),
    "ask": of(lambda c, a, b: facts.AvailabilityAsked((*AGENTS, "zoe")[a % 4], STATES[b % 6], "lunch")),
    "end wrap-up": of(lambda c, a, b: facts.WrapUpEndAsked((*AGENTS, "zoe")[a % 4])),
    "settle payment": of(lambda c, a, b: facts.PaymentSettled(f"{a}-{b}", "test")),
    "extend wrap-up": of(lambda c, a, b: facts.WrapUpExtendAsked((*AGENTS, "zoe")[a % 4])),
    "disposition": of(
        lambda c, a, b: facts.DispositionGiven(
            str(a % (c.centre.state.interactions_made + 2)),
            ("1", "2", "sale", "none")[b % 4],
            "test",
            device=phone(b) if a % 2 else "",
            leg=c.leg(a) if b % 2 else "",
        )
    ),
    "bind": of(lambda c, a, b: facts.DeviceBound(Binding(phone(a), "1", "{}", c.now + 600 * (b % 3)))),
    "unbind": of(lambda c, a, b: facts.DeviceUnbound(phone(a), "1", "expired")),
    "lost": of(lambda c, a, b: facts.DeviceLost(phone(a), "silent")),
    "reachable": of(lambda c, a, b: facts.DeviceReachable(phone(a))),
    "trunk": of(lambda c, a, b: facts.TrunkChanged("carrier", b % 2 == 0)),
    "change": of(
        lambda c, a, b: facts.ChangeAsked(
            str(a % (c.centre.state.interactions_made + 2)),
            "test",
            priority=b % 3 if b % 2 else None,
            requirement=("", "french", None)[b % 3],
            queue=(None, "sales", "help")[a % 3],
        )
    ),
    "call back": of(
        lambda c, a, b: facts.CallbackAsked(
            str(a % (c.centre.state.interactions_made + 2)), "test", ("", f"+336{b:08d}")[b % 3 > 0]
        )
    ),
    "hangup": of(lambda c, a, b: facts.HangupAsked(str(a % (c.centre.state.interactions_made + 2)), "test")),
    "mask": of(
        lambda c, a, b: facts.MaskAsked(str(a % (c.centre.state.interactions_made + 2)), b % 2 > 0, "test")
    ),
    "deleted": of(lambda c, a, b: facts.FilesDeleted((f"{a}-{b}.wav",))),
    "drain": of(lambda c, a, b: facts.DrainAsked(a % 5 == 0, "test")),
    "profile": set_profile,
    "notice": of(
        lambda c, a, b: facts.NoticeSet("test", c.now + b - 1, "outage", numbers=("+331",) if a % 2 else ())
    ),
    "forget": of(lambda c, a, b: facts.CustomerForgotten(("+33612345678", "c-7", "")[a % 3], "test")),
    "erase": erase_one,
    "no notice": of(lambda c, a, b: facts.NoticeRemoved(f"n{a}", "test")),
    "close": of(
        lambda c, a, b: facts.QueueClosed(
            ("sales", "help", "none")[a % 3], "test", (None, c.now + b, c.now)[b % 3], text="shut" * (a % 2)
        )
    ),
    "open": of(lambda c, a, b: facts.QueueOpened(("sales", "help", "none")[a % 3], "test")),
    "rules": of(lambda c, a, b: facts.RulesLoaded(make_rules(b % 4))),
    "restart": of(lambda c, a, b: facts.DaemonStarted("test", "b")),
    "stopped": of(lambda c, a, b: facts.DaemonStopped()),
}  # fmt: skip

OFTEN = {
    "arrive": 4,
    "call back": 2,
    "dial": 4,
    "answer": 6,
    "transfer": 4,
    "prompt ended": 3,
    "time": 3,
    "ask": 2,
    "bind": 2,
    "end": 2,
}
SELDOM = {"notice", "close", "restart", "profile", "drain", "rules", "stopped", "unbind", "lost", "erase"}
WEIGHTED = [name for name in sorted(ACTIONS) for _ in range(OFTEN.get(name, 1))]


def test_the_chaos_knows_every_fact() -> None:
    chaos = Chaos()
    for number in range(40):
        for action in ACTIONS.values():
            action(chaos, number * 5 + 1, number)
    assert {type(fact) for _, fact in chaos.log} == set(FACTS)


def wake(chaos: Chaos) -> None:
    for name in AGENTS:
        chaos.tell(facts.DeviceBound(Binding(f"{name}-1", "1", "{}", chaos.now + 1e6)))
        chaos.tell(facts.AvailabilityAsked(name, Availability.READY))


def finish(chaos: Chaos) -> None:
    """Everybody leaves and every recording closes: nothing may be left."""
    for leg in list(chaos.centre.talks.legs):
        chaos.tell(facts.LegEnded(leg, Cause.NORMAL))
    for recording in chaos.recordings:
        chaos.tell(facts.RecordingEnded(recording, "x.wav", 1.0))
    chaos.now += 1
    chaos.tell(facts.TimePassed())
    for leg in list(chaos.centre.talks.legs):  # dialled since
        chaos.tell(facts.LegEnded(leg, Cause.NORMAL))
    for name, talk in list(chaos.centre.talks.state.talks.items()):
        if talk.message is not None:  # messages wait for ever
            chaos.tell(facts.HangupAsked(name, "test"))
    chaos.now += 60
    while (due := chaos.centre.next_deadline()) is not None:
        chaos.now = max(chaos.now, due)
        chaos.tell(facts.TimePassed())
    assert not chaos.centre.state.interactions
    assert not chaos.centre.talks.legs
    assert not chaos.centre.state.links and not chaos.centre.history.state.linked
    for agent in chaos.centre.router.state.agents.values():
        assert agent.load == 0


def replays(chaos: Chaos, cut: int) -> None:
    """The same facts give the same state, also by way of a snapshot after `cut` of them."""
    fresh = Centre()
    for at, fact in chaos.log[:cut]:
        fresh.turn(fact, at)
    resumed = Centre()
    resumed.load(fresh.dump())
    assert resumed.dump() == fresh.dump()
    for at, fact in chaos.log[cut:]:
        assert fresh.turn(fact, at) == resumed.turn(fact, at)
    assert invariants.same_state(chaos.centre, fresh) == ""
    assert invariants.same_state(fresh, resumed) == ""
    packed = [
        (at, msgspec.msgpack.decode(msgspec.msgpack.encode(f), type=facts.AnyFact)) for at, f in chaos.log
    ]
    assert packed == chaos.log


STEPS = st.lists(st.tuples(st.sampled_from(WEIGHTED), st.integers(0, 40), st.integers(0, 40)), max_size=60)


@given(steps=STEPS, cut=st.integers(0, 10_000), awake=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_order_of_facts_breaks_the_centre(
    steps: list[tuple[str, int, int]], cut: int, awake: bool
) -> None:
    chaos = Chaos()
    if awake:
        wake(chaos)
    for name, a, b in steps:
        ACTIONS[name](chaos, a, b)
    replays(chaos, cut % len(chaos.log))
    finish(chaos)


@pytest.mark.parametrize("seed", [*range(12), 172, 193, 283])
def test_long_chaos_adds_up(seed: int) -> None:
    chance = random.Random(seed)
    chaos = Chaos()
    wake(chaos)
    weights = [0.1 if name in SELDOM else 1.0 for name in WEIGHTED]
    for name in chance.choices(WEIGHTED, weights, k=1200):
        ACTIONS[name](chaos, chance.randrange(1000), chance.randrange(1000))
    replays(chaos, chance.randrange(len(chaos.log)))
    finish(chaos)
