"""Which number was dialled first, and who calls: what carriers put beside From."""

import pytest

from ccd.sip.message import Request
from ccd.voice.diverted import diverted_from
from ccd.voice.numbers import Caller, caller_of
from tests.unit.sip_pair import make_request


def request(*headers: tuple[str, str]) -> Request:
    made = make_request()
    for name, value in headers:
        made.add(name, value)
    return made


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ([], ""),
        ([("Diversion", "<sip:0123456789@pbx>;reason=unconditional")], "+33123456789"),
        (
            [("Diversion", "<sip:+33145678901@pbx>;reason=no-answer, <tel:+33123456789>;reason=user-busy")],
            "+33123456789",
        ),
        (
            [("Diversion", "<sip:+33145678901@pbx>"), ("Diversion", '"Shop" <sip:+33123456789@pbx>')],
            "+33123456789",
        ),
        ([("Diversion", "<sip:+33123456789@pbx>;privacy=full;reason=unknown")], ""),
        ([("Diversion", "nonsense <<<")], ""),
        ([("Diversion", "<sip:anonymous@anonymous.invalid>")], ""),
        ([("History-Info", "<sip:+33123456789@pbx>;index=1")], ""),
        (
            [
                (
                    "History-Info",
                    "<sip:+33145678901@c?Reason=SIP%3Bcause%3D302>;index=1.1, <sip:+33123456789@pbx>;index=1",
                )
            ],
            "+33123456789",
        ),
        ([("History-Info", "<sip:bob@a>;index=1"), ("History-Info", "<sip:bob@b>;index=1.1")], ""),
        ([("History-Info", "<sip:+33123456789@pbx?Privacy=history>;index=1, <sip:x@y>;index=1.1")], ""),
        ([("History-Info", "<sip:+33123456789@pbx>, <sip:x@y>;index=a")], "+33123456789"),
    ],
)
def test_the_number_dialled_first(headers: list[tuple[str, str]], number: str) -> None:
    assert diverted_from(request(*headers), "bob", "FR") == number
    if number:
        assert diverted_from(request(*headers), number, "FR") == "", "it leads where it was dialled"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ([("Remote-Party-ID", '"Ada" <sip:+33612345678@gw>;party=calling;screen=yes')], "+33612345678"),
        (
            [
                ("P-Asserted-Identity", "<sip:+33111111111@gw>"),
                ("Remote-Party-ID", "<sip:+33612345678@gw>;party=calling"),
            ],
            "+33111111111",
        ),
        (
            [
                ("Remote-Party-ID", "<sip:+33145678901@gw>;party=called"),
                ("Remote-Party-ID", "<sip:+33612345678@gw>;party=calling;privacy=off"),
            ],
            "+33612345678",
        ),
        ([("Remote-Party-ID", "<sip:+33612345678@gw>;party=calling;privacy=full")], ""),
        ([("Remote-Party-ID", "<sip:+33612345678@gw>"), ("Privacy", "id")], ""),
        ([("Remote-Party-ID", "not <an address")], "alice"),
    ],
)
def test_who_calls_by_remote_party_id(headers: list[tuple[str, str]], caller: str) -> None:
    assert caller_of(request(*headers), "FR").number == caller


def test_a_private_caller_has_no_name_either() -> None:
    assert caller_of(
        request(("Privacy", "id"), ("P-Asserted-Identity", "<tel:+33612345678>")), "FR"
    ) == Caller("", "")
