"""The voice channel's secret keys: timers at each deadline, the quiet after, what is masked and hidden."""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ccd.channels.secrets import LONGEST_S, Secrets
from ccd.model.commands import CollectSecret, ForgetSecrets
from ccd.model.facts import SecretCollected
from ccd.voice import engine
from ccd.voice.secret_keys import QUIET_S, TAIL_S, SecretKeys
from ccd.voice.stack import without_keys

LEG, TICK = "voice:1", 0.001


class Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Leg:
    id = LEG
    call_id = "call-1"


class Channel:
    """What `SecretKeys` asks of the channel, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.legs = {LEG: Leg()}
        self.secrets = Secrets()
        self.posted: list[Any] = []
        self.masks: list[tuple[float, bool]] = []
        self.stops: list[float] = []
        self.hidden: list[str] = []
        self.stack = self
        self.engine = self
        self._timers: list[tuple[float, int, Timer, Callable[[], Any]]] = []
        self._count = itertools.count()

    def hide(self, call_id: str) -> None:
        self.hidden.append(call_id)

    def perform(self, command: engine.Mask | engine.Stop) -> None:
        if isinstance(command, engine.Mask):
            self.masks.append((self.now, command.on))
        else:
            self.stops.append(self.now)

    def post(self, fact: Any) -> None:
        self.posted.append((self.now, fact))

    def call_later(self, delay_s: float, call: Callable[[], Any]) -> Timer:
        timer = Timer()
        heapq.heappush(self._timers, (self.now + delay_s, next(self._count), timer, call))
        return timer

    def run(self, until: float) -> None:
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer, call = heapq.heappop(self._timers)
            if not timer.cancelled:
                call()
        self.now = until


def command(ref: str = "secret:7.s1", play: str = "", **keys: Any) -> CollectSecret:
    what = {
        "least": 4,
        "most": 4,
        "terminator": "#",
        "first_wait_s": 8.0,
        "wait_s": 3.0,
        "total_s": 20.0,
        **keys,
    }
    return CollectSecret(LEG, ref, play=play, **what)


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def keys(channel: Channel) -> SecretKeys:
    return SecretKeys(channel)  # type: ignore[arg-type]


def press(keys: SecretKeys, text: str) -> list[bool]:
    return [keys.press(LEG, key) for key in text]


def test_the_first_key_has_its_time_from_the_end_of_the_prompt(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command(play="7.p1"))
    channel.run(100.0)
    assert channel.posted == [], "the prompt plays"
    keys.prompt_ended(LEG, "another")
    keys.prompt_ended(LEG, "7.p1")
    channel.run(108.0 - TICK)
    assert channel.posted == []
    channel.run(108.0)
    assert channel.posted == [(108.0, SecretCollected(LEG, "secret:7.s1", 0, False, "no key"))]


def test_the_first_key_cuts_the_prompt_whichever_way_it_came(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command(play="7.p1"))
    channel.run(1.0)
    press(keys, "12")
    assert channel.stops == [1.0]
    keys.prompt_ended(LEG, "7.p1")
    channel.run(4.0)
    assert channel.posted[0][0] == 4.0, "its time counts from the last key, not from the end that was cut"


def test_each_key_has_its_time_and_all_have_theirs(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1")
    channel.run(3.0 - TICK)
    assert channel.posted == []
    channel.run(3.0)
    assert channel.posted == [(3.0, SecretCollected(LEG, "secret:7.s1", 1, False, "too short"))]
    keys.collect(command("secret:7.s2"))
    for second in range(3, 23, 2):
        channel.run(float(second))
        press(keys, "1*")
    channel.run(23.0)
    assert channel.posted[1][0] == 23.0, "twenty seconds after the second begin, however often it began anew"


def test_without_a_limit_there_is_one(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command(total_s=0.0))
    for second in range(0, int(LONGEST_S), 2):
        channel.run(float(second))
        press(keys, "1*")
    channel.run(LONGEST_S)
    assert [at for at, _ in channel.posted] == [LONGEST_S]


def test_masked_until_the_last_tone_is_over_and_quiet_meanwhile(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    assert press(keys, "12345678") == [True] * 8, "what is too much is for nobody"
    assert [fact.length for _, fact in channel.posted] == [4]
    assert channel.secrets.get("secret:7.s1") == "1234"
    channel.run(QUIET_S - TICK)
    assert channel.masks == [(0.0, True)]
    channel.run(QUIET_S)
    assert channel.masks == [(0.0, True), (QUIET_S, False)]
    assert channel.hidden == ["call-1"]


def test_a_needless_terminator_is_taken_for_one_once(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1234")
    channel.run(QUIET_S + 1.0)
    assert press(keys, "##") == [True, False]
    keys.collect(command("secret:7.s2"))
    press(keys, "1234")
    channel.run(channel.now + QUIET_S + 1.0)
    assert press(keys, "1#") == [False, False], "another key means what it says, and ends it"
    keys.collect(command("secret:7.s3"))
    press(keys, "1234")
    channel.run(channel.now + QUIET_S + TAIL_S)
    assert press(keys, "#") == [False]


def test_a_second_command_in_the_quiet_stays_masked(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1234")
    channel.run(QUIET_S / 2)
    keys.collect(command("secret:7.s2"))
    channel.run(2.0)
    assert all(on for _, on in channel.masks)
    assert press(keys, "1") == [True]


def test_a_conversation_breaks_it_off(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "123")
    keys.break_off(LEG)
    keys.break_off(LEG)
    assert [fact.note for _, fact in channel.posted] == ["broken off"]
    channel.run(QUIET_S)
    assert channel.masks[-1] == (QUIET_S, False)
    assert press(keys, "4") == [False]


def test_the_end_of_the_leg_forgets_everything(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1234")
    channel.run(60.0)
    assert channel.secrets.get("secret:7.s1") == "1234"
    keys.forget(LEG)
    assert channel.secrets.get("secret:7.s1") is None
    keys.collect(command("secret:7.s2"))
    press(keys, "12")
    keys.forget(LEG)
    channel.run(200.0)
    assert len(channel.posted) == 1, "no timer is left"


def test_other_legs_and_legs_that_are_gone(channel: Channel, keys: SecretKeys) -> None:
    channel.legs.clear()
    keys.collect(command())
    assert press(keys, "1") == [False]
    keys.prompt_ended("voice:2", "7.p1")
    keys.break_off("voice:2")
    keys.forget("voice:2")


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize("name", [b"Call-ID", b"i"])
def test_an_info_loses_its_body_however_it_is_written(line: bytes, name: bytes) -> None:
    data = line.join([b"INFO sip:x SIP/2.0", name + b": call-1", b"Content-Length: 8", b"", b"Signal=7"])
    assert b"Signal" not in without_keys(data, [b"other", b"call-1"])
    assert name + b": call-1" in without_keys(data, [b"call-1"])
    assert without_keys(data, [b"other"]) == data


def nobody(ref: str = "secret:7.s8") -> CollectSecret:
    return CollectSecret(LEG, ref, 1, 1, "", 120.0, 120.0, 120.0, for_nobody=True)


@pytest.mark.parametrize("between", [False, True])
def test_a_terminator_on_the_heels_of_a_whole_number_is_none_for_the_next(
    channel: Channel, keys: SecretKeys, between: bool
) -> None:
    """Four digits are whole by themselves; who presses # all the same does not mean the next question."""
    keys.collect(command())
    press(keys, "1234")
    if between:
        keys.collect(nobody())
        keys.drop(ForgetSecrets(LEG, ("secret:7.s8",)))
    keys.collect(command("secret:7.s2"))
    channel.run(0.2)
    assert press(keys, "#5678") == [True] * 5
    assert [(fact.secret, fact.length) for _, fact in channel.posted] == [
        ("secret:7.s1", 4),
        ("secret:7.s2", 4),
    ]


def test_a_terminator_that_came_in_the_quiet_is_not_awaited_again(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1234#")
    keys.collect(command("secret:7.s2"))
    press(keys, "#")
    assert [(fact.secret, fact.length) for _, fact in channel.posted][1:] == [("secret:7.s2", 0)]


def test_keys_for_nobody_are_dropped_masked_and_never_told(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(nobody())
    assert press(keys, "4929#*1") == [True] * 7
    channel.run(60.0)
    assert channel.masks == [(0.0, True)] and channel.posted == []
    keys.drop(ForgetSecrets(LEG, ("secret:7.s8",)))
    assert press(keys, "1") == [True]
    channel.run(60.0 + QUIET_S)
    assert channel.masks[1:] == [(60.0 + QUIET_S, False)] and press(keys, "1") == [False]
    assert channel.posted == [] and repr(channel.secrets) == "<0 secrets>"


def test_keys_for_nobody_end_by_themselves_in_the_end(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(nobody())
    channel.run(120.0 + QUIET_S)
    assert press(keys, "1") == [False] and channel.posted == []


def test_what_is_forgotten_is_gone_and_no_longer_collected(channel: Channel, keys: SecretKeys) -> None:
    keys.collect(command())
    press(keys, "1234")
    keys.drop(ForgetSecrets(LEG, ("secret:7.s1", "secret:7.s9")))
    assert channel.secrets.get("secret:7.s1") is None
    keys.collect(command("secret:7.s2"))
    press(keys, "12")
    keys.drop(ForgetSecrets(LEG, ("secret:7.s1",)))
    press(keys, "34")
    assert channel.secrets.get("secret:7.s2") == "1234", "another one is not disturbed"
    keys.drop(ForgetSecrets("voice:9", ("secret:7.s2",)))
    assert channel.secrets.get("secret:7.s2") is None
