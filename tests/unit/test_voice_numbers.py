"""Numbers as carriers, phones and people write them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.message import Request
from ccd.sip.uri import parse_uri
from ccd.voice.numbers import Caller, caller_of, is_e164, normalise, number_of, shown


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("+33123456789", "FR", "+33123456789"),
        ("+33 1 23 45 67 89", "FR", "+33123456789"),
        ("+33 (0)1 23 45 67 89", "FR", "+33123456789"),
        ("+330123456789", "FR", "+33123456789"),
        ("0123456789", "FR", "+33123456789"),
        ("01.23.45.67.89", "FR", "+33123456789"),
        ("0033123456789", "FR", "+33123456789"),
        ("0033123456789", "", "+33123456789"),
        ("33123456789", "FR", "+33123456789"),
        ("442079460000", "FR", "+442079460000"),
        ("011442079460000", "US", "+442079460000"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("2125550123", "US", "+12125550123"),
        ("0800123456", "FR", "+33800123456"),
        ("tel:+33123456789", "FR", "+33123456789"),
        ("0123456789;phone-context=+33", "GB", "+33123456789"),
        ("123456789;phone-context=+331", "GB", "123456789"),
        ("23456789;phone-context=+331", "GB", "+33123456789"),
        ("101;phone-context=example.com", "FR", "101"),
        ("%2B33123456789", "FR", "+33123456789"),
    ],
)
def test_numbers_become_e164(raw: str, country: str, expected: str) -> None:
    assert normalise(raw, country) == expected


@pytest.mark.parametrize("raw", ["101", "3631", "112", "118218", "*41", "*4201", "#31#", "bob", "chat-4711"])
def test_short_codes_feature_codes_and_names_stay(raw: str) -> None:
    assert normalise(raw, "FR") == raw


def test_an_escaped_hash_is_a_hash() -> None:
    assert normalise("%2331%23", "FR") == "#31#"


@pytest.mark.parametrize("raw", ["", "anonymous", "Anonymous", "RESTRICTED", " unknown ", "unavailable"])
def test_withheld_is_empty(raw: str) -> None:
    assert normalise(raw, "FR") == ""


def test_what_the_plan_does_not_know_stays_as_dialled() -> None:
    assert normalise("0999999999999", "FR") == "0999999999999"
    assert normalise("+999123456789", "FR") == "+999123456789"
    assert normalise("0123456789", "") == "0123456789"


@given(st.text(max_size=30), st.sampled_from(["FR", "US", "GB", ""]))
def test_anything_is_taken_and_normal_stays_normal(raw: str, country: str) -> None:
    once = normalise(raw, country)
    if is_e164(once):
        assert normalise(once, country) == once


def test_numbers_in_uris() -> None:
    assert number_of(parse_uri("sip:0123456789@gw.example;user=phone"), "FR") == "+33123456789"
    assert number_of(parse_uri("sip:+331;phone-context=+33@h"), "FR") == "+331"
    assert number_of(parse_uri("sip:0123456789;phone-context=+33@h"), "GB") == "+33123456789"
    assert number_of(parse_uri("tel:+33-1-23456789"), "GB") == "+33123456789"
    assert number_of(parse_uri("tel:0123456789;phone-context=+33"), "GB") == "+33123456789"
    assert number_of(parse_uri("urn:service:sos"), "FR") == ""
    assert number_of(parse_uri("sip:gw.example"), "FR") == ""


def test_shown_is_national_at_home_and_international_abroad() -> None:
    assert shown("+33123456789", "FR") == "01 23 45 67 89"
    assert shown("+33123456789", "GB") == "+33 1 23 45 67 89"
    assert shown("+33123456789", "") == "+33 1 23 45 67 89"
    assert shown("101", "FR") == "101"
    assert shown("", "FR") == ""


def invite(sender: str, *more: tuple[str, str]) -> Request:
    return Request.create("INVITE", "sip:+33100000000@ccd.test", [("From", sender), *more])


def test_caller_from_from() -> None:
    request = invite('"Ann Lee" <sip:0123456789@gw.example>;tag=1')
    assert caller_of(request, "FR") == Caller("+33123456789", "Ann Lee")


def test_a_name_that_only_repeats_the_number_is_no_name() -> None:
    request = invite('"0123456789" <sip:+33123456789@gw.example>;tag=1')
    assert caller_of(request, "FR") == Caller("+33123456789", "")


def test_asserted_identity_comes_before_from() -> None:
    request = invite(
        '"Ann" <sip:reception@gw.example>;tag=1',
        ("P-Asserted-Identity", '"Ann" <sip:0123456789@gw.example>, <tel:+33987654321>'),
    )
    assert caller_of(request, "FR").number == "+33123456789"


def test_a_broken_asserted_identity_says_nothing() -> None:
    request = invite("<sip:0123456789@gw>;tag=1", ("P-Asserted-Identity", "<<<;;tel:@"))
    assert caller_of(request, "FR").number == "+33123456789"


@pytest.mark.parametrize("privacy", ["id", "user;critical", "header; id", "FULL"])
def test_private_callers_are_withheld_even_where_asserted(privacy: str) -> None:
    request = invite(
        '"Ann" <sip:0123456789@gw>;tag=1',
        ("Privacy", privacy),
        ("P-Asserted-Identity", "<tel:+33123456789>"),
    )
    assert caller_of(request, "FR") == Caller("", "")


def test_anonymous_caller() -> None:
    request = invite('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', ("Privacy", "none"))
    assert caller_of(request, "FR") == Caller("", "")


def test_phonenumbers_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from ccd.voice.numbers import normalise; normalise('+33123456789', 'FR');"
        "normalise('101', 'FR'); assert 'phonenumbers' not in sys.modules;"
        "normalise('0123456789', 'FR'); assert 'phonenumbers' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
