"""Digest authentication: the RFCs' examples, and every way credentials can be wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.digest import Nonces, Verdict, answer, challenge, strongest
from ccd.sip.grammar import SipParseError
from ccd.sip.headers import parse_auth

SECRET = b"0123456789abcdef"
NOW = 1_700_000_000.0
PASSWORD = "pass"


def credentials(
    nonces: Nonces, now: float = NOW, nc: int = 1, password: str = PASSWORD, qop: str | None = "auth"
) -> str:
    return answer(
        challenge("ccd", nonces.issue(now), qop=qop), "REGISTER", "sip:h", "alice", password, nc, "cn"
    )


def test_the_example_of_rfc_2617() -> None:
    asked = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", opaque="5ccc069c403ebaf9f0171e9517f40e41",'
    )
    asked += ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    got = parse_auth(answer(asked, "GET", "/dir/index.html", "Mufasa", "Circle Of Life", 1, "0a4f113b"))[1]
    assert got["response"] == "6629fae49393a05397450978507c4ef1"
    assert (got["opaque"], got["nc"], got["qop"]) == ("5ccc069c403ebaf9f0171e9517f40e41", "00000001", "auth")
    assert "algorithm" not in got


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    asked = challenge("http-auth@example.org", nonce, algorithm)
    assert f'response="{response}"' in answer(
        asked, "GET", "/dir/index.html", "Mufasa", "Circle of Life", 1, cnonce
    )


def test_without_qop_as_in_rfc_2069() -> None:
    got = parse_auth(answer('Digest realm="r", nonce="n"', "REGISTER", "sip:h", "u", "p"))[1]
    assert set(got) == {"username", "realm", "nonce", "uri", "response"}
    assert got["response"] == "f7949f33797a7abbe390eaa95b1ca294", "by hand: H(H(u:r:p):n:H(REGISTER:sip:h))"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ["auth", None])
def test_our_answer_satisfies_our_check(algorithm: str, qop: str | None) -> None:
    nonces = Nonces(SECRET, 60, ("MD5", "SHA-256", "MD5-sess", "SHA-256-sess"))
    asked = challenge("ccd", nonces.issue(NOW), algorithm, qop=qop)
    given_back = answer(asked, "REGISTER", "sip:h", 'al"ice', "pä:ss", 1, "cn")
    assert nonces.check(given_back, "REGISTER", "pä:ss", NOW) is Verdict.OK


def test_wrong_password_method_user_or_uri_is_bad() -> None:
    nonces = Nonces(SECRET, 60)
    good = credentials(nonces)
    assert nonces.check(good, "REGISTER", "other", NOW) is Verdict.BAD
    assert nonces.check(good, "REGISTER", None, NOW) is Verdict.BAD
    assert nonces.check(good, "INVITE", "pass", NOW) is Verdict.BAD
    for old, new in (
        ("alice", "bob"),
        ("sip:h", "sip:i"),
        ('realm="ccd"', 'realm="x"'),
        ("cn", "cm"),
        ("nc=", "nc=1"),
    ):
        assert nonces.check(good.replace(old, new), "REGISTER", "pass", NOW) is Verdict.BAD, new
    assert nonces.check(good, "REGISTER", "pass", NOW) is Verdict.OK, "failed attempts use nothing up"


def test_no_user_means_bad_even_with_an_empty_password() -> None:
    nonces = Nonces(SECRET, 60)
    assert nonces.check(credentials(nonces, password=""), "REGISTER", None, NOW) is Verdict.BAD


def test_a_nonce_lives_as_long_as_it_says() -> None:
    nonces = Nonces(SECRET, 60)
    good = credentials(nonces)
    assert nonces.check(good, "REGISTER", "pass", NOW + 60.1) is Verdict.STALE
    assert nonces.check(good, "REGISTER", "wrong", NOW + 60.1) is Verdict.BAD
    assert nonces.check(good, "REGISTER", "pass", NOW - 1) is Verdict.STALE, "issued in the future: not ours"
    assert nonces.check(good, "REGISTER", "pass", NOW + 59.9) is Verdict.OK


def test_a_foreign_or_altered_nonce_is_stale() -> None:
    nonces = Nonces(SECRET, 60)
    assert (
        nonces.check(credentials(Nonces(b"another secret..", 60)), "REGISTER", "pass", NOW) is Verdict.STALE
    )
    for nonce in ("x", "é" * 60, "0" * 53, nonces.issue(NOW)[:-1] + "x"):
        made = answer(challenge("ccd", nonce), "REGISTER", "sip:h", "alice", "pass", 1, "cn")
        assert nonces.check(made, "REGISTER", "pass", NOW) is Verdict.STALE


def test_the_count_must_grow() -> None:
    nonces = Nonces(SECRET, 60)
    asked = challenge("ccd", nonces.issue(NOW))

    def use(nc: int) -> Verdict:
        return nonces.check(
            answer(asked, "REGISTER", "sip:h", "alice", "pass", nc, "cn"), "REGISTER", "pass", NOW
        )

    verdicts = [use(nc) for nc in (1, 1, 2, 5, 4, 5, 6)]
    ok, replay = Verdict.OK, Verdict.REPLAY
    assert verdicts == [ok, replay, ok, ok, replay, replay, ok]


def test_without_a_count_a_nonce_serves_once() -> None:
    nonces = Nonces(SECRET, 60)
    good = credentials(nonces, qop=None)
    assert nonces.check(good, "REGISTER", "pass", NOW) is Verdict.OK
    assert nonces.check(good, "REGISTER", "pass", NOW) is Verdict.REPLAY


def test_memory_is_bounded_and_what_is_forgotten_is_not_taken_again() -> None:
    nonces = Nonces(SECRET, 60, limit=3)
    used = [credentials(nonces, NOW + i) for i in range(6)]
    for i, value in enumerate(used):
        assert nonces.check(value, "REGISTER", "pass", NOW + i) is Verdict.OK
    assert len(nonces._used) == 3
    later = [nonces.check(value, "REGISTER", "pass", NOW + 6) for value in used]
    assert later == [Verdict.STALE] * 3 + [Verdict.REPLAY] * 3
    assert nonces.check(credentials(nonces, NOW + 100), "REGISTER", "pass", NOW + 100) is Verdict.OK
    assert len(nonces._used) == 1, "the expired ones are gone"


@pytest.mark.parametrize(
    "value",
    ["", "Basic YTpi", "Digest", 'Digest username="alice"', 'Digest realm="a', "Digest nonce=1,nonce=2"],
)
def test_broken_credentials_are_bad(value: str) -> None:
    assert Nonces(SECRET, 60).check(value, "REGISTER", "pass", NOW) is Verdict.BAD


@pytest.mark.parametrize("part", ["username", "realm", "nonce", "uri", "response", "cnonce", "nc"])
def test_each_part_of_the_credentials_is_needed(part: str) -> None:
    nonces = Nonces(SECRET, 60)
    cut = re.sub(rf'(?<=[ ,]){part}=("[^"]*"|[^,]*)(, |$)', "", credentials(nonces)).rstrip(", ")
    assert part not in parse_auth(cut)[1]
    assert nonces.check(cut, "REGISTER", "pass", NOW) is Verdict.BAD


def test_an_algorithm_we_do_not_take_is_bad() -> None:
    nonces = Nonces(SECRET, 60, ("SHA-256",))
    assert nonces.check(credentials(nonces), "REGISTER", "pass", NOW) is Verdict.BAD


@pytest.mark.parametrize("nc", ["0", "-1", "0x1", "1_0", "zz", "", "123456789"])
def test_a_malformed_count_is_bad(nc: str) -> None:
    nonces = Nonces(SECRET, 60)
    value = credentials(nonces).replace("nc=00000001", f'nc="{nc}"')
    assert nonces.check(value, "REGISTER", "pass", NOW) is Verdict.BAD


def test_nonces_differ_within_one_instant() -> None:
    nonces = Nonces(SECRET, 60)
    assert len({nonces.issue(NOW) for _ in range(1000)}) == 1000


def test_challenges() -> None:
    scheme, params = parse_auth(challenge('a "b"', "n", "SHA-256", stale=True))
    assert scheme == "digest"
    assert params == {"realm": 'a "b"', "nonce": "n", "qop": "auth", "algorithm": "SHA-256", "stale": "true"}
    with pytest.raises(ValueError, match="unknown digest algorithm"):
        challenge("r", "n", "SHA-1")


def test_the_strongest_challenge_is_answered() -> None:
    md5, sha = challenge("r", "n"), challenge("r", "n", "SHA-256")
    odd = [
        'Digest realm="r", nonce="n", algorithm=SHA3',
        "Basic x=y",
        "",
        'Digest realm="r", nonce="n", qop="auth-int"',
    ]
    assert strongest([*odd, md5, sha]) == sha == strongest([sha, md5])
    assert strongest(odd) is None
    for value in odd:
        with pytest.raises(SipParseError):
            answer(value, "REGISTER", "sip:h", "u", "p")


@given(st.text(max_size=60), st.text(max_size=10))
def test_any_text_as_credentials_is_judged(text: str, password: str) -> None:
    nonces = Nonces(SECRET, 60)
    for value in (text, "Digest " + text, credentials(nonces).replace("cn", text, 1)):
        assert nonces.check(value, "REGISTER", password, NOW) in {Verdict.BAD, Verdict.STALE}
