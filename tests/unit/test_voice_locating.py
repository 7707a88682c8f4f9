"""Where a trunk's servers are: RFC 3263 and the order of RFC 2782."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ids import SeededChance
from ccd.voice.locating import (
    AGAIN_S,
    LEAST_KEPT_S,
    MOST_KEPT_S,
    MOST_PLACES,
    Answer,
    Place,
    Question,
    Srv,
    locate,
    ordered,
)
from tests.unit.names_twin import NamesTwin

CARRIER = Question("carrier.test", "udp")
RECORDS = st.lists(
    st.builds(
        Srv,
        st.integers(0, 3),
        st.integers(0, 100),
        st.integers(1, 65_535),
        st.sampled_from(["a.test", "b.test", "c.test", "d.test"]),
    ),
    max_size=12,
)


def places(answer: Answer) -> list[tuple[str, int]]:
    return [(each.address, each.port) for each in answer.places]


# -- the order of RFC 2782 ---------------------------------------------------------------------


@given(RECORDS, st.integers(0, 1 << 16))
def test_every_record_stands_once_and_priorities_only_rise(records: list[Srv], seed: int) -> None:
    found = ordered(records, SeededChance(seed))
    assert Counter(found) == Counter(records)
    priorities = [each.priority for each in found]
    assert priorities == sorted(priorities)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=4), st.integers(0, 1 << 16))
def test_the_first_is_drawn_in_the_proportion_of_the_weights(weights: list[int], seed: int) -> None:
    records = [Srv(1, weight, 5060, f"s{n}.test") for n, weight in enumerate(weights)]
    chance = SeededChance(seed)
    draws = 600
    first = Counter(ordered(records, chance)[0] for _ in range(draws))
    for record in records:
        share = record.weight / sum(weights)
        # the RFC draws from 0 to the sum, both included: the first one gets a little more than its share
        assert abs(first[record] / draws - share) < 0.15 + 1 / sum(weights)


def test_weight_zero_is_drawn_seldom_and_yet_sometimes() -> None:
    chance = SeededChance(4)
    records = [Srv(1, 0, 5060, "spare.test"), Srv(1, 9, 5060, "main.test")]
    first = Counter(ordered(records, chance)[0].host for _ in range(2000))
    assert 100 < first["spare.test"] < 300  # one in ten


def test_all_weights_zero_is_no_fault() -> None:
    records = [Srv(1, 0, 5060, host) for host in ("b.test", "a.test")]
    assert {each.host for each in ordered(records, SeededChance(1))} == {"a.test", "b.test"}


# -- RFC 3263 ----------------------------------------------------------------------------------


async def test_srv_names_servers_ports_and_their_addresses() -> None:
    names = NamesTwin()
    names.records["_sip._udp.carrier.test"] = (
        Srv(20, 0, 5070, "b.carrier.test"),
        Srv(10, 0, 5080, "a.carrier.test"),
    )
    names.hosts = {"a.carrier.test": ("192.0.2.1", "192.0.2.2"), "b.carrier.test": ("192.0.2.3",)}
    answer = await locate(CARRIER, names, SeededChance())
    assert places(answer) == [("192.0.2.1", 5080), ("192.0.2.2", 5080), ("192.0.2.3", 5070)]
    assert (answer.by, answer.problem, answer.keep_s) == ("SRV _sip._udp.carrier.test", "", 300.0)
    assert answer.places[2] == Place("192.0.2.3", 5070, "b.carrier.test", 20, 0)
    assert "carrier.test" not in names.asked


@pytest.mark.parametrize(
    ("question", "asked", "found"),
    [
        (Question("carrier.test", "udp", 5070), ["carrier.test"], [("192.0.2.9", 5070)]),
        (Question("carrier.test", "udp"), ["_sip._udp.carrier.test", "carrier.test"], [("192.0.2.9", 5060)]),
        (Question("carrier.test", "tcp"), ["_sip._tcp.carrier.test", "carrier.test"], [("192.0.2.9", 5060)]),
        (Question("carrier.test", "tls"), ["_sips._tcp.carrier.test", "carrier.test"], [("192.0.2.9", 5061)]),
        (Question("pbx", "udp"), ["pbx"], [("192.0.2.8", 5060)]),
        (Question("192.0.2.7", "udp"), [], [("192.0.2.7", 5060)]),
        (Question("192.0.2.7", "tcp", 5070), [], [("192.0.2.7", 5070)]),
        (Question("192.0.2.7", "tls"), [], [("192.0.2.7", 5061)]),
        (Question("[2001:db8::1]", "udp"), [], [("2001:db8::1", 5060)]),
    ],
)
async def test_what_is_asked(question: Question, asked: list[str], found: list[tuple[str, int]]) -> None:
    names = NamesTwin()
    names.hosts = {"carrier.test": ("192.0.2.9",), "pbx": ("192.0.2.8",)}
    assert places(await locate(question, names, SeededChance())) == found
    assert names.asked == asked


async def test_a_service_that_is_not_offered_is_not_looked_for_elsewhere() -> None:
    names = NamesTwin()
    names.records["_sip._udp.carrier.test"] = (Srv(0, 0, 0, ""),)
    names.hosts["carrier.test"] = ("192.0.2.9",)
    answer = await locate(CARRIER, names, SeededChance())
    assert answer.places == ()
    assert "offers no SIP over UDP" in answer.problem
    assert names.asked == ["_sip._udp.carrier.test"]


async def test_nothing_found_says_so() -> None:
    answer = await locate(CARRIER, NamesTwin(), SeededChance())
    assert (answer.places, answer.keep_s) == ((), AGAIN_S)
    assert answer.problem == "the name carrier.test cannot be resolved"


async def test_where_srv_cannot_be_asked_the_name_itself_serves_for_the_time_being() -> None:
    names = NamesTwin()
    names.failing = {"_sip._udp.carrier.test"}
    names.hosts["carrier.test"] = ("192.0.2.9",)
    answer = await locate(CARRIER, names, SeededChance())
    assert places(answer) == [("192.0.2.9", 5060)]
    assert answer.keep_s == AGAIN_S
    assert "SRV is not known" in answer.problem


async def test_where_srv_was_known_its_failure_leads_nowhere_else() -> None:
    names = NamesTwin()
    names.zone("carrier.test", "udp", (10, 0, "192.0.2.1"))
    names.hosts["carrier.test"] = ("192.0.2.9",)
    former = await locate(CARRIER, names, SeededChance())
    names.failing = {"_sip._udp.carrier.test"}
    assert (await locate(CARRIER, names, SeededChance(), former)).places == ()


async def test_a_server_whose_address_fails_keeps_the_former_one() -> None:
    names = NamesTwin()
    names.zone("carrier.test", "udp", (10, 0, "192.0.2.1"), (20, 0, "192.0.2.2"))
    former = await locate(CARRIER, names, SeededChance())
    names.failing = {"s1.carrier.test"}
    answer = await locate(CARRIER, names, SeededChance(), former)
    assert (places(answer), answer.keep_s) == ([("192.0.2.1", 5060), ("192.0.2.2", 5060)], AGAIN_S)
    without = await locate(CARRIER, names, SeededChance())
    assert places(without) == [("192.0.2.2", 5060)]
    assert without.problem == "no address of s1.carrier.test"


async def test_an_answer_is_bounded_in_size_and_time() -> None:
    names = NamesTwin()
    names.zone("carrier.test", "udp", *((n, 0, f"192.0.2.{n}") for n in range(1, 30)))
    names.ttl_s = 0.0
    answer = await locate(CARRIER, names, SeededChance())
    assert (len(answer.places), answer.keep_s) == (MOST_PLACES, LEAST_KEPT_S)
    names.ttl_s = 1e9
    assert (await locate(CARRIER, names, SeededChance())).keep_s == MOST_KEPT_S
