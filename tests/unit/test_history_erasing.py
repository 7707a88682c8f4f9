"""A person is taken out of records: nothing of them is left, and every figure is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.history.erasing import ERASED, Person, erase, files_of, mask, take_over
from ccd.history.explain import encode_record, explain, tell
from ccd.history.state import OUT, HistoryState, Kept, Note, Record, SurveyAnswer
from ccd.model.nouns import ChannelClass
from ccd.model.trace import Trace

NUMBER = "+33612345678"
ANN = Person(("06 12 34 56 78", NUMBER, "customer 06 12 34 56 78"))


def record(**more: Any) -> Record:
    made = Record("7", "voice", ChannelClass.VOICE, NUMBER, "+33100000000", 10.0)
    made.queue, made.agents, made.waited_s, made.talked_s, made.outcome = (
        "sales",
        ["ann"],
        3.0,
        9.0,
        "handled",
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def full() -> Record:
    return record(
        timeline=[
            Note(10.0, "arrived", {"leg": "voice:i1"}),
            Note(11.0, "set", {"name": "Ann Smith", "queue": "what she said", "by": "0612345678"}),
            Note(12.0, "queued", {"queue": "sales", "priority": 3}),
            Note(13.0, "callback kept", {"number": "0612345678", "queue": "sales"}),
            Note(14.0, "recorded", {"recording": "7-1", "path": "/r/7-1.wav", "seconds": 8.5}),
            Note(15.0, "asked outside", {"service": "crm", "why": "no customer Ann Smith"}),
        ],
        screen={"customer": "Ann Smith"},
        answers=[
            SurveyAnswer(16.0, "after", "score", "score", "4", "sales", "ann"),
            SurveyAnswer(17.0, "after", "why", "free", "because of Ann", "sales", "ann"),
            SurveyAnswer(18.0, "after", "why", "free", "7-2", "sales", "ann", "/r/7-2.wav", 5.0),
        ],
        traces=[Trace(12.0, "waits", "sales", detail=f"for {NUMBER}")],
        disposition="sale",
    )


def test_who_it_was_and_what_was_said_go_and_figures_stay() -> None:
    erased = full()
    assert ANN.owns(erased)
    assert files_of(erased) == ["/r/7-1.wav", "/r/7-2.wav"]
    erase(erased, ANN)
    body = encode_record(erased)
    for left in (b"612345678", b"Ann Smith", b"what she said", b"because", b".wav"):
        assert left not in body, left
    before = full()
    for name in ("began_at", "queue", "agents", "waited_s", "talked_s", "outcome", "disposition", "target"):
        assert getattr(erased, name) == getattr(before, name), name
    assert [(note.at, note.what) for note in erased.timeline] == [(n.at, n.what) for n in before.timeline]
    assert erased.timeline[2].details == {"queue": "sales", "priority": 3}
    assert erased.timeline[4].details == {"recording": "7-1", "seconds": 8.5}
    assert [answer.answer for answer in erased.answers] == ["4", ERASED, ERASED]
    assert files_of(erased) == []
    assert any("recorded" in line for line in tell(erased)) and explain(erased)
    assert not ANN.may_be_in(body), "a second time there is nothing to be done"


def test_of_a_call_to_the_person_the_target_goes() -> None:
    made = record(origin="201", target=NUMBER, direction=OUT, dialled_by="ann")
    assert ANN.owns(made)
    erase(made, ANN)
    assert (made.origin, made.target, made.dialled_by) == ("201", ERASED, "ann")


def test_in_a_record_of_somebody_else_only_the_number_goes() -> None:
    notes = [Note(1.0, "dial outside", {"address": "0033612345678"}), Note(2.0, "set", {"name": "Bob"})]
    made = record(origin="+33699999999", timeline=notes, screen={"name": "Bob"})
    assert not ANN.owns(made)
    mask(made, ANN)
    assert (made.origin, made.screen) == ("+33699999999", {"name": "Bob"})
    assert [note.details for note in made.timeline] == [{"address": ERASED}, {"name": "Bob"}]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("+33612345678", ERASED),
        ("call 0612345678 back", f"call {ERASED} back"),
        ("33612345678,0033612345678", f"{ERASED},{ERASED}"),
        ("+44612345678", "+44612345678"),  # the same end in another country is somebody else
        ("06123456789", "06123456789"),
        ("106123456780", "106123456780"),
    ],
)
def test_a_number_is_known_in_whatever_way_it_is_written(text: str, left: str) -> None:
    assert ANN.without(text) == left


@given(st.lists(st.text("0123456789+ ab", max_size=20), max_size=6), st.integers(0, 5))
def test_wherever_it_stood_it_is_not_found_again(texts: list[str], at: int) -> None:
    texts.insert(min(at, len(texts)), f"x {NUMBER} y")
    notes = [Note(float(n), "set", {"a": text, "queue": text}) for n, text in enumerate(texts)]
    made = record(timeline=notes)
    erase(made, ANN)
    assert not ANN.may_be_in(encode_record(made))


def test_what_was_added_while_it_was_erased_stays() -> None:
    state = HistoryState()
    kept = full()
    state.kept["7"] = Kept(["ann"], kept)
    erased = msgspec.msgpack.decode(encode_record(kept), type=Record)
    erase(erased, ANN)
    kept.disposition = "no_interest"
    kept.timeline.append(Note(20.0, "disposition", {"by": "ccctl:ann"}))
    filed = take_over(state, erased)
    assert filed is kept and kept.disposition == "no_interest"
    assert kept.timeline[-1].what == "disposition" and b"Ann Smith" not in encode_record(kept)
