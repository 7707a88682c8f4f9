"""Made days: one seed gives one day, what is drawn has its mean, and a wrong description is named."""

import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import Misconfigured
from ccd.model.nouns import Availability, ChannelClass
from ccd.testing.day import Day, Presence, Reach, with_hours
from ccd.testing.draws import Draws, exponential, lognormal
from ccd.testing.made_day import clock_s, make_day, midnight, midnights, read_day
from tests.scenario.day_rules import day_rule

GOOD = """
date = "2026-11-24"
begins = "08:00"
ends = "10:00"
[[arrivals]]
queue = "sales"
per_interval = [10, 20]
talk = { mean_s = 180 }
[[shifts]]
agents = ["ann"]
begins = "08:00"
ends = "10:00"
"""


def test_streams_are_known_by_their_words() -> None:
    assert Draws(1, "a", "b").share() == Draws(1, "a", "b").share()
    shares = {Draws(*each).share() for each in ((1, "a"), (2, "a"), (1, "b"), (1, "a", "b"), (1, "ab"))}
    assert len(shares) == 5


def test_what_is_drawn_has_its_mean_and_spread() -> None:
    draws = Draws(1)
    talks = [lognormal(draws.share(), 180.0, 0.8) for _ in range(20_000)]
    assert statistics.fmean(talks) == pytest.approx(180.0, rel=0.02)
    assert statistics.stdev(talks) == pytest.approx(144.0, rel=0.05)
    waits = [exponential(draws.share(), 90.0) for _ in range(20_000)]
    assert statistics.fmean(waits) == pytest.approx(90.0, rel=0.03)
    came = [draws.poisson(7.5) for _ in range(5_000)]
    assert statistics.fmean(came) == pytest.approx(7.5, rel=0.03)
    assert statistics.variance(came) == pytest.approx(7.5, rel=0.08)
    assert draws.poisson(0.0) == 0


@given(st.integers(0, 2**63))
def test_a_share_is_never_nought_or_one(seed: int) -> None:
    assert 0.0 < Draws(seed).share() < 1.0


def test_the_same_seed_gives_the_same_day_and_another_another() -> None:
    rule = day_rule(exactly=False)
    assert make_day(rule, 7) == make_day(rule, 7)
    assert make_day(rule, 7).arrivals != make_day(rule, 8).arrivals


def test_arrivals_are_in_order_in_their_intervals_and_as_many_as_described() -> None:
    rule = day_rule()
    day = make_day(rule, 3)
    assert [each.at for each in day.arrivals] == sorted(each.at for each in day.arrivals)
    assert all(day.begins_at <= each.at < day.ends_at for each in day.arrivals)
    assert [each.id for each in day.arrivals] == [str(place) for place in range(1, 301)]
    kinds = [each.channel_class for each in day.arrivals]
    assert kinds.count(ChannelClass.VOICE) == 180 and kinds.count(ChannelClass.DEFERRED_TEXT) == 40
    assert all(each.patience_s is None for each in day.arrivals if each.channel == "mail")


def test_one_more_stream_leaves_the_customers_of_the_others_alone() -> None:
    rule = day_rule()
    fewer = type(rule)(
        **{name: getattr(rule, name) for name in rule.__struct_fields__} | {"arrivals": rule.arrivals[:1]}
    )

    def works(day: object) -> list[tuple[float, float]]:
        return [
            (each.at, each.stages[0].talk_s)
            for each in day.arrivals  # type: ignore[attr-defined]
            if each.stages[0].queue == "sales"
        ]

    assert works(make_day(rule, 5)) == works(make_day(fewer, 5))


def test_pauses_do_not_outlast_the_shift() -> None:
    day = make_day(day_rule(), 1)
    last = {each.agent: each for each in day.presences}
    assert {each.availability for each in last.values()} == {Availability.LOGGED_OUT}
    assert max(each.at for each in day.presences) == day.ends_at


def test_hours_given_take_the_place_of_the_agents_own() -> None:
    own = (Presence(1.0, "ann", Availability.READY), Presence(2.0, "bob", Availability.READY))
    lost = (Reach(0.0, "ann", False), Reach(0.0, "bob", True))
    found = with_hours(Day("x", 0.0, 10.0, (), own, lost), ["ann", "cat"], [(5.0, 9.0)])
    assert [(each.at, each.agent) for each in found.presences] == [
        (2.0, "bob"), (5.0, "ann"), (5.0, "cat"), (9.0, "ann"), (9.0, "cat"),
    ]  # fmt: skip
    assert found.reaches == lost[1:]


def test_a_clock_and_a_date_are_read() -> None:
    assert clock_s("08:30", "x") == 30_600 and clock_s("24:00", "x") == 86_400
    began, ended = midnights("2026-11-24")
    assert midnight("2026-11-24") == began and ended - began == 86_400
    for text in ("8", "8:3", "24:01", "12:60", "aa:bb", ""):
        with pytest.raises(Misconfigured, match="is no time of day — write 08:30"):
            clock_s(text, "x")
    with pytest.raises(Misconfigured, match="is no date"):
        midnights("yesterday")


def test_a_description_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day.toml"
    path.write_text(GOOD)
    rule = read_day(path)
    assert rule.arrivals[0].per_interval == (10, 20) and rule.shifts[0].agents == ("ann",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('queue = "sales"', "", r"arrivals\[0\] has not one of queue and number"),
        ('queue = "sales"', 'queue = "sales"\nnumber = "+331"', "has not one of queue and number"),
        ("[10, 20]", '["many"]', r"Expected `float`, got `str` - at `\$.arrivals\[0\].per_interval\[0\]`"),
        ("[10, 20]", "[-1]", r"arrivals\[0\].per_interval — give numbers from 0"),
        ("[10, 20]", "[900000, 900000]", "give at most 1000000 in all"),
        ("[10, 20]", "[1.5]\nexactly = true", "give whole numbers"),
        ("{ mean_s = 180 }", "{ mean_s = -1 }", "give 0 or more"),
        ("{ mean_s = 180 }", "{ mean_s = 180 }\npatience_mean_s = 0", "leave it out: nobody leaves"),
        ("{ mean_s = 180 }", "{ mean = 180 }", "unknown field `mean`"),
        ('begins = "08:00"\nends = "10:00"\n[[a', 'begins = "11:00"\nends = "10:00"\n[[a', "is not after"),
        ('agents = ["ann"]\nbegins = "08:00"', 'agents = ["ann"]\nbegins = "8"', r"shifts\[0\]: '8' is no"),
        ("[[arrivals]]", "interval_min = 0\n[[arrivals]]", "give 1 to 1440 minutes"),
        ("[[shifts]]", "[[shifts", "not TOML"),
    ],
)
def test_a_wrong_description_is_named_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "day.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(Misconfigured, match=told) as raised:
        read_day(path)
    assert str(path) in raised.value.message


def test_a_description_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        read_day(tmp_path / "none.toml")
