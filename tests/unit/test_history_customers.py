"""What is remembered of customers: held against everything that happened, its bounds, and its age."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.history import customers as memory
from ccd.history.customers import DAY_S, MOST_CONTACTS, Contacts, Customers
from ccd.model.entry import PAST

NOW = 1_800_000_000.0
ANN, BEN, ID = "+33611111111", "+33622222222", "customer c-7"
DAYS = 30.0


def figures(store: Customers, names: tuple[str, ...], before: float, days: float = DAYS) -> dict[str, object]:
    past = store.past(names, before, before, days)
    return {name: past.figure(name) for name in PAST}


def reborn(store: Customers) -> Customers:
    """The same out of a snapshot."""
    packed = msgspec.msgpack.encode(store.known)
    return Customers(msgspec.msgpack.decode(packed, type=dict[str, Contacts]))


def test_one_who_is_new_was_in_contact_no_time() -> None:
    none = {"last_agent": None, "last_outcome": None, "last_queue": None, "since_last_s": None}
    got = figures(Customers({}), (ANN,), NOW)
    assert got == dict.fromkeys(set(PAST) - set(none), 0) | none


@pytest.mark.parametrize(
    ("figure", "days"), [("contacts_24h", 1), ("contacts_7d", 7), ("contacts_30d", 30), ("abandoned_24h", 1)]
)
def test_a_window_ends_to_the_second(figure: str, days: int) -> None:
    store = Customers({})
    store.came((ANN,), NOW, NOW, 400)
    store.ended((ANN,), NOW, "sales", "", "abandoned")
    edge = NOW + days * DAY_S
    assert figures(store, (ANN,), edge, 400)[figure] == 1
    assert figures(store, (ANN,), edge + 0.001, 400)[figure] == 0
    assert figures(store, (ANN,), NOW, 400)[figure] == 0, "it does not count itself"


def test_the_last_one_is_the_last_that_ended() -> None:
    store = Customers({})
    for at, queue, agent in ((0.0, "sales", "ann"), (10.0, "help", ""), (20.0, "", "")):
        store.came((ANN,), NOW + at, NOW + at, DAYS)
        if queue:
            store.ended((ANN,), NOW + at, queue, agent, "handled" if agent else "abandoned")
    got = figures(store, (ANN,), NOW + 60)
    assert (got["last_queue"], got["last_agent"], got["last_outcome"]) == ("help", None, "abandoned")
    assert (got["since_last_s"], got["contacts_24h"], got["abandoned_7d"]) == (40.0, 3, 1)


def test_a_recall_counts_only_once_somebody_had_it_and_then_as_no_contact() -> None:
    store = Customers({})
    store.came((ANN,), NOW, NOW, DAYS)
    store.ended((ANN,), NOW, "sales", "", "abandoned")
    store.ended((ANN,), NOW + 60, "sales", "", "callback_failed")
    assert figures(store, (ANN,), NOW + 90)["last_outcome"] == "abandoned"
    store.ended((ANN,), NOW + 60, "sales", "bob", "handled")
    got = figures(store, (ANN,), NOW + 90)
    assert (got["last_outcome"], got["last_agent"], got["contacts_24h"]) == ("handled", "bob", 1)


def test_a_customer_of_two_names_has_the_contacts_of_both_each_once() -> None:
    store = Customers({})
    for at, names in ((0.0, (ANN,)), (10.0, (BEN, ID)), (20.0, (ANN, ID))):
        store.came(names[:1], NOW + at, NOW + at, DAYS)
        store.came(names, NOW + at, NOW + at + 5, DAYS)  # identified a while later
        store.ended(names, NOW + at, "sales", names[0], "abandoned")
    now = NOW + 60
    assert [figures(store, names, now)["contacts_7d"] for names in ((ANN,), (BEN,), (ID,), (ANN, ID))] == [
        2, 1, 2, 3,
    ]  # fmt: skip
    assert figures(store, (ANN, ID), now)["abandoned_24h"] == 3
    assert figures(store, (BEN, ID), now)["last_agent"] == ANN
    store.forget((ANN, ID))
    assert figures(store, (ANN, ID), now)["contacts_7d"] == 0
    assert figures(store, (BEN,), now)["contacts_7d"] == 1


def test_counts_end_at_the_bound_and_what_falls_out_is_no_longer_abandoned() -> None:
    store = Customers({})
    for number in range(MOST_CONTACTS + 5):
        store.came((ANN,), NOW + number, NOW + number, DAYS)
        store.ended((ANN,), NOW + number, "sales", "", "abandoned" if number < 10 else "handled")
    got = figures(store, (ANN,), NOW + 100)
    assert (got["contacts_24h"], got["abandoned_24h"]) == (MOST_CONTACTS, 5)


def test_the_one_in_contact_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_CUSTOMERS", 3)
    store = Customers({})
    for at, name in enumerate(("a", "b", "c", "a", "d", "e")):
        store.came((name,), NOW + at, NOW + at, DAYS)
    assert set(store.known) == {"a", "d", "e"}


def test_what_is_too_old_is_neither_told_nor_kept() -> None:
    store = Customers({})
    store.came((ANN,), NOW, NOW, 2)
    assert figures(store, (ANN,), NOW + 2 * DAY_S, 2)["contacts_30d"] == 1
    assert figures(store, (ANN,), NOW + 2 * DAY_S + 1, 2)["contacts_30d"] == 0
    store.came((BEN,), NOW + 2 * DAY_S, NOW + 2 * DAY_S, 2)
    assert set(store.known) == {ANN, BEN}
    store.came((BEN,), NOW + 2 * DAY_S + 1, NOW + 2 * DAY_S + 1, 2)
    assert set(store.known) == {BEN}
    store.came((ANN,), NOW + 3 * DAY_S, NOW + 3 * DAY_S, 0)
    assert set(store.known) == set(), "0 days: nothing is remembered any more"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["came", "came", "came", "ended", "gave up", "identified", "forget", "reborn"]),
        st.integers(0, 4),
        st.sampled_from([0.0, 1.0, 600.0, DAY_S / 2, 3 * DAY_S]),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(STEPS)
def test_it_knows_what_everything_that_happened_says(steps: list[tuple[str, int, float]]) -> None:
    """Against a plain list of all contacts; and out of a snapshot all goes on in the same way."""
    store, twin, now = Customers({}), Customers({}), NOW
    contacts: list[tuple[float, set[str], list[str]]] = []
    for what, who, later in steps:
        now += later
        names = (f"+3361111111{who}",)
        if what == "came" and not any(at == now for at, *_ in contacts):
            contacts.append((now, set(names), []))
            each(store, twin, lambda one, names=names, now=now: one.came(names, now, now, DAYS))
        elif what in ("ended", "gave up") and contacts:
            at, known, ends = contacts[who % len(contacts)]
            how = "abandoned" if what == "gave up" else "handled"
            ends.append(how)
            of = tuple(sorted(known))
            each(store, twin, lambda one, of=of, at=at, how=how: one.ended(of, at, "q", "x", how))
        elif what == "identified" and contacts and not contacts[-1][2]:  # while it runs
            at, known, _ = contacts[-1]
            known.add(ID)
            of = tuple(sorted(known))
            each(store, twin, lambda one, of=of, at=at, now=now: one.came(of, at, now, DAYS))
        elif what == "forget":
            each(store, twin, lambda one, names=names: one.forget(names))
            for _, known, _ in contacts:
                known.discard(names[0])
        elif what == "reborn":
            twin = reborn(twin)
        assert twin.known == store.known and list(twin.known) == list(store.known)
        for asked in (names, (*names, ID)):
            check(store, asked, contacts, now + 1)


def each(store: Customers, twin: Customers, act: object) -> None:
    act(store)  # type: ignore[operator]
    act(twin)  # type: ignore[operator]


def check(
    store: Customers, asked: tuple[str, ...], contacts: list[tuple[float, set[str], list[str]]], now: float
) -> None:
    mine = [(at, ends) for at, known, ends in contacts if known & set(asked) and at >= now - DAYS * DAY_S]
    got = figures(store, asked, now)
    for days, name in ((1, "contacts_24h"), (7, "contacts_7d"), (30, "contacts_30d")):
        many = sum(at >= now - days * DAY_S for at, _ in mine)
        assert got[name] == many if many <= MOST_CONTACTS else got[name] >= MOST_CONTACTS
    if len(mine) <= MOST_CONTACTS:
        gave_up = [at for at, ends in mine if "abandoned" in ends]
        assert got["abandoned_7d"] == sum(at >= now - 7 * DAY_S for at in gave_up)
    assert got["since_last_s"] == (now - max(at for at, _ in mine) if mine else None)
