"""The whole centre on virtual time. A customer is erased: records, files, memories, after a crash too."""

import msgspec

from ccd.history.erasing import ERASED, Person, erase, files_of
from ccd.history.explain import decode_record, encode_record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.runtime.erasing import names_without
from ccd.testing.centre import SimulatedCentre
from tests.scenario.callback_line import ANN_CALLS, BEN_CALLS, Line
from tests.scenario.centre_rules import centre

SALT = b"salt"


def fact_about(sim: SimulatedCentre, number: str, running: tuple[str, ...] = ()) -> facts.CustomerErased:
    """What the console posts."""
    person, bodies, files = Person((number,)), [], []
    for row in sim.ledger.records(limit=1000):
        record = decode_record(row.body)
        if person.owns(record):
            files += files_of(record)
            erase(record, person)
            bodies.append(encode_record(record))
    names = names_without(SALT, (number,))
    return facts.CustomerErased("ccctl:eve", SALT, names, tuple(bodies), tuple(files), running)


def bodies(sim: SimulatedCentre) -> bytes:
    return b"".join(row.body for row in sim.ledger.records(limit=1000))


def talked(*numbers: str) -> SimulatedCentre:
    """A recorded conversation with each."""
    sim = centre("ann", record=True)
    for number in numbers:
        call = sim.call(origin=number)
        sim.run(5)
        sim.hang_up(call)
        sim.run(5)
    return sim


def deleted(sim: SimulatedCentre) -> list[str]:
    return [path for each in sim.performed(cmd.DeleteFiles) for path in each.paths]  # type: ignore[union-attr]


def test_records_files_and_memories_of_one_go_and_of_no_other() -> None:
    sim = talked(ANN_CALLS, BEN_CALLS)
    before = sim.centre.history.report_total({})
    fact = fact_about(sim, ANN_CALLS)
    assert len(fact.records) == len(fact.files) == 1
    assert ANN_CALLS.encode() not in msgspec.msgpack.encode(fact)
    sim.tell(fact)
    sim.run(1)
    assert ANN_CALLS.encode() not in bodies(sim) and BEN_CALLS.encode() in bodies(sim)
    assert deleted(sim) == list(fact.files)
    state = sim.centre.state
    assert list(state.spoken) == [BEN_CALLS] and list(sim.centre.history.state.customers) == [BEN_CALLS]
    assert ANN_CALLS.encode() not in sim.centre.dump()
    assert sim.centre.history.report_total({}) == before
    sim.check_replay()


def test_a_replay_that_files_the_former_record_again_files_the_erased_one_after_it() -> None:
    """The daemon is killed with the fact stored and nothing else done: that follows at the next start."""
    sim = talked(ANN_CALLS)
    fact = fact_about(sim, ANN_CALLS)
    sim.restart(lost=fact)
    sim.run(1)
    assert ANN_CALLS.encode() not in bodies(sim)
    assert deleted(sim) == list(fact.files)
    sim.check_replay()


def test_twice_is_nothing_more() -> None:
    sim = talked(ANN_CALLS)
    sim.tell(fact_about(sim, ANN_CALLS))
    sim.run(1)
    again = fact_about(sim, ANN_CALLS)
    assert not (again.records or again.files)
    before = bodies(sim)
    sim.tell(again)
    assert bodies(sim) == before


def test_a_call_that_runs_is_erased_when_it_is_over() -> None:
    sim = centre("ann", record=True)
    call = sim.call(origin=ANN_CALLS)
    sim.run(5)
    name = sim.interaction_of(call)
    sim.tell(fact_about(sim, ANN_CALLS, (name,)))
    sim.run(5)
    assert sim.heard(call).peer, "nobody is cut off"
    sim.hang_up(call)
    sim.run(5)
    record = sim.record(call)
    assert (record.origin, record.outcome, record.agents) == (ERASED, "handled", ["ann"])
    assert ANN_CALLS.encode() not in bodies(sim)
    assert len(deleted(sim)) == 1
    assert ANN_CALLS.encode() not in sim.centre.dump()
    sim.check_replay()


def test_who_waits_to_be_called_back_is_not_called() -> None:
    line = Line()
    a = line.call(ANN_CALLS)
    line.leave(a)
    line.sim.tell(fact_about(line.sim, ANN_CALLS, (a,)))
    line.sim.run(1)
    record = line.record(a)
    assert (record.origin, record.cause) == (ERASED, Cause.CANCELLED)
    line.end_first()
    line.sim.run(600)
    assert line.dialled() == []
    assert ANN_CALLS.encode() not in bodies(line.sim) + line.sim.centre.dump()
    offered, handled, abandoned, overflowed, failed = line.figures()
    assert offered == handled + abandoned + overflowed + failed
    line.sim.check_replay()
