"""A phone that sends each key by RFC 4733 and by INFO presses each key once."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.voice.keyed_twice import MOST_UNPAIRED, TOGETHER_S, KeyedTwice, Way


def test_the_second_way_is_no_press_whichever_comes_first() -> None:
    for first, second in ((Way.AUDIO, Way.INFO), (Way.INFO, Way.AUDIO)):
        keys = KeyedTwice()
        assert not keys.again("leg", "1", first, 10.0)
        assert keys.again("leg", "1", second, 10.0 + TOGETHER_S)


def test_the_same_key_twice_in_one_way_is_two_presses() -> None:
    keys = KeyedTwice()
    assert not keys.again("leg", "1", Way.INFO, 10.0)
    assert not keys.again("leg", "1", Way.INFO, 10.1)
    assert keys.again("leg", "1", Way.AUDIO, 10.2)
    assert keys.again("leg", "1", Way.AUDIO, 10.3)
    assert not keys.again("leg", "1", Way.AUDIO, 10.4)


def test_a_later_press_another_key_and_another_leg_are_presses() -> None:
    keys = KeyedTwice()
    assert not keys.again("leg", "1", Way.AUDIO, 10.0)
    assert not keys.again("leg", "2", Way.INFO, 10.0)
    assert not keys.again("other", "1", Way.INFO, 10.0)
    assert not keys.again("leg", "1", Way.INFO, 10.1 + TOGETHER_S)


@given(st.text("0123456789*#", max_size=40), st.booleans())
def test_what_is_keyed_fast_and_sent_both_ways_is_heard_as_keyed(keyed: str, info_first: bool) -> None:
    keys, heard = KeyedTwice(), ""
    ways = (Way.INFO, Way.AUDIO) if info_first else (Way.AUDIO, Way.INFO)
    for number, key in enumerate(keyed):
        for way in ways:
            if not keys.again("leg", key, way, number * 0.12):
                heard += key
    assert heard == keyed


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    keys = KeyedTwice()
    for _ in range(1000):
        keys.again("leg", "1", Way.INFO, 10.0)
    assert len(keys._legs["leg"]) == MOST_UNPAIRED
    keys.forget("leg")
    assert len(keys) == 0
