"""Who was there on a day, read from facts: logged in the day before, by feature codes, with a dead phone."""

from typing import get_args

import msgspec
import pytest

from ccd.channels.ledger import Entry
from ccd.errors import Misconfigured
from ccd.model import facts
from ccd.model.facts import AnyFact
from ccd.model.nouns import Availability, Binding
from ccd.model.rules import AgentRule, Rules
from ccd.storage.memory import MemoryLedger
from ccd.testing.day import Order, Presence, Reach
from ccd.testing.ledger_people import People, read_people, tag_of

DAY, NEXT = 1000.0, 2000.0
READY, PAUSED, OUT = Availability.READY, Availability.PAUSED, Availability.LOGGED_OUT
RULES = Rules(
    agents={
        "ann": AgentRule(name="ann", devices=("ann", "ann-home")),
        "bob": AgentRule(name="bob", devices=("bob",)),
    },
    pause_reasons={"1": "lunch"},
)


def people(*happened: tuple[float, AnyFact]) -> People:
    ledger = MemoryLedger()
    facts_ = [(1.0, facts.RulesLoaded(RULES)), *happened]
    packed = [Entry(seq, at, msgspec.msgpack.encode(fact)) for seq, (at, fact) in enumerate(facts_, 1)]
    ledger.append(packed, [])
    return read_people(ledger, DAY, NEXT)


def dialled(device: str, target: str) -> facts.AgentDialled:
    return facts.AgentDialled(f"voice:{device}{target}", device, target)


def bound(device: str, until: float = 9e9, key: str = "1") -> facts.DeviceBound:
    return facts.DeviceBound(Binding(device, key, "{}", until))


def test_who_logged_in_the_day_before_is_there_when_the_day_begins() -> None:
    found = people(
        (10.0, facts.AvailabilityAsked("ann", READY)),
        (20.0, facts.AvailabilityAsked("bob", READY)),
        (30.0, facts.AvailabilityAsked("ann", PAUSED, "night")),
        (40.0, dialled("bob", "*44")),
    )
    assert found.presences == [Presence(DAY, "ann", PAUSED, "night")]


def test_feature_codes_are_declarations() -> None:
    found = people(
        (1100.0, dialled("ann-home", "*41")),
        (1200.0, dialled("ann", "*421")),
        (1250.0, dialled("ann", "*429")),
        (1300.0, dialled("ann", "*43")),
        (1350.0, dialled("ann", "102")),
        (1360.0, dialled("stranger", "*41")),
        (1400.0, dialled("ann", "*44")),
        (NEXT, dialled("ann", "*41")),
    )
    assert found.presences == [
        Presence(1100.0, "ann", READY),
        Presence(1200.0, "ann", PAUSED, "lunch"),
        Presence(1300.0, "ann", READY),
        Presence(1400.0, "ann", OUT),
    ]
    assert found.ready_at == {"ann": [1100.0, 1200.0, 1300.0, 1400.0]}


def test_a_wrap_up_that_somebody_ended_is_noted() -> None:
    found = people((1100.0, facts.WrapUpEndAsked("bob")), (1200.0, facts.WrapUpEndAsked("bob")))
    assert found.ready_at == {"bob": [1100.0, 1200.0]} and found.presences == []


def test_an_agent_is_reached_while_any_phone_answers() -> None:
    found = people(
        (10.0, bound("ann")),
        (20.0, bound("bob")),
        (30.0, facts.DeviceUnbound("bob", "1", "expired")),
        (1100.0, bound("ann-home")),
        (1200.0, facts.DeviceUnbound("ann", "1", "unregistered")),
        (1300.0, facts.DeviceLost("ann-home", "408")),
        (1400.0, facts.DeviceReachable("ann-home")),
        (1500.0, bound("ann-home")),
        (1600.0, bound("nobody")),
    )
    assert found.reaches == [
        Reach(DAY, "ann", True),
        Reach(DAY, "bob", False),
        Reach(1300.0, "ann", False),
        Reach(1400.0, "ann", True),
    ]


def test_what_expired_while_the_daemon_was_down_is_gone_when_it_starts() -> None:
    found = people(
        (10.0, bound("ann", 1150.0)),
        (20.0, bound("bob")),
        (30.0, facts.DeviceLost("bob", "408")),
        (1200.0, facts.DaemonStarted("1", "b")),
    )
    assert found.reaches == [
        Reach(DAY, "ann", True),
        Reach(DAY, "bob", False),
        Reach(1200.0, "ann", False),
        Reach(1200.0, "bob", True),
    ]


def test_profiles_that_were_on_are_on_when_the_day_begins() -> None:
    rush, night = facts.ProfileSet("rush", True, "ann"), facts.ProfileSet("night", True, "ann")
    short = facts.ProfileSet("short", True, "ann", until=900.0)
    off = facts.ProfileSet("rush", False, "bob")
    found = people((10.0, rush), (20.0, night), (30.0, short), (1500.0, off))
    assert found.orders == [Order(DAY, rush), Order(DAY, night), Order(1500.0, off)]
    assert people((10.0, rush), (20.0, off)).orders == []


def test_the_rules_are_those_in_force_when_the_day_began() -> None:
    later = msgspec.structs.replace(RULES, language="fr")
    latest = msgspec.structs.replace(RULES, language="de")
    found = people((500.0, facts.RulesLoaded(later)), (1500.0, facts.RulesLoaded(latest)))
    assert found.rules == later
    ledger = MemoryLedger()
    ledger.append([Entry(1, 1500.0, msgspec.msgpack.encode(facts.RulesLoaded(latest)))], [])
    assert read_people(ledger, DAY, NEXT).rules == latest


@pytest.mark.parametrize("kind", get_args(AnyFact), ids=lambda kind: kind.__name__)
def test_the_kind_of_a_fact_is_seen_in_its_first_bytes(kind: type[AnyFact]) -> None:
    filled = {field.name: "x" for field in msgspec.structs.fields(kind)}
    packed = msgspec.msgpack.encode(kind(**filled))  # type: ignore[arg-type]
    assert tag_of(packed) == kind.__name__.encode()
    assert tag_of(packed[:3]) == b""


def test_a_fact_that_this_version_cannot_read_is_named() -> None:
    ledger = MemoryLedger()
    ledger.append([Entry(1, 5.0, msgspec.msgpack.encode({"type": "RulesLoaded", "rules": 7}))], [])
    with pytest.raises(Misconfigured, match="fact 1 of the ledger cannot be read"):
        read_people(ledger, DAY, NEXT)
