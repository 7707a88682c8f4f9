"""The registrar's table, by hand-counted time (RFC 3261 §10.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.sip.events import Flow
from ccd.sip.message import Request, parse
from ccd.sip.registrations import Bound, Outcome, Registrations, Unbound

PHONE = Flow("UDP", "192.0.2.7", 5060, "0.0.0.0:5060")
OTHER = Flow("UDP", "192.0.2.8", 5060, "0.0.0.0:5060")
LINE = Flow("TCP", "192.0.2.9", 40000, "tcp-1")


def register(
    *contacts: str,
    call_id: str = "c1",
    cseq: int = 1,
    expires: int | str | None = None,
    more: tuple[str, ...] = (),
) -> Request:
    lines = [
        "REGISTER sip:ccd.test SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKx",
        "Max-Forwards: 70",
        "From: <sip:ann@ccd.test>;tag=1",
        "To: <sip:ann@ccd.test>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *(f"Contact: {contact}" for contact in contacts),
        *([] if expires is None else [f"Expires: {expires}"]),
        *more,
    ]
    message = parse(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


def table() -> Registrations:
    return Registrations(min_s=60, max_s=3600, default_s=600)


def uris(outcome: Outcome) -> list[str]:
    return [value for name, value in outcome.headers if name == "Contact"]


def test_a_binding_keeps_contact_source_and_time() -> None:
    registrations = table()
    done = registrations.register("ann", register("<sip:ann@10.0.0.7:5060>", expires=120), PHONE, 1000.0, 5)
    assert (done.status, uris(done)) == (200, ["<sip:ann@10.0.0.7:5060>;expires=120"])
    [bound] = registrations.bindings("ann")
    assert (bound.contact, bound.flow, bound.expires_at) == ("sip:ann@10.0.0.7:5060", PHONE, 1120.0)
    assert done.taken[0].changed
    assert registrations.next_deadline() == 1120.0


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("<sip:a@h>;expires=90", 200, 90),
        ("<sip:a@h>", 200, 200),
        ("<sip:a@h>", None, 600),
        ("<sip:a@h>;expires=junk", None, 600),
        ("<sip:a@h>", "junk", 600),
        ("<sip:a@h>;expires=999999", None, 3600),
        ("<sip:a@h>;expires=99999999999999999999", None, 3600),
        ("<sip:a@h>;expires=60", None, 60),
    ],
)
def test_time_granted(contact: str, expires: int | str | None, granted: int) -> None:
    done = table().register("ann", register(contact, expires=expires), PHONE, 0.0, 5)
    assert uris(done) == [f"<sip:a@h>;expires={granted}"]


@pytest.mark.parametrize("seconds", [1, 59])
def test_too_brief_is_423_with_the_minimum(seconds: int) -> None:
    registrations = table()
    done = registrations.register("ann", register("<sip:a@h>", expires=seconds), PHONE, 0.0, 5)
    assert (done.status, done.headers) == (423, (("Min-Expires", "60"),))
    assert len(registrations) == 0


def test_a_query_lists_and_changes_nothing() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", expires=100), PHONE, 0.0, 5)
    done = registrations.register("ann", register(cseq=2), OTHER, 40.4, 5)
    assert (done.status, uris(done), done.taken) == (200, ["<sip:a@h>;expires=60"], ())


def test_a_refresh_moves_the_deadline_and_is_no_change() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", expires=100), PHONE, 0.0, 5)
    done = registrations.register("ann", register("<sip:a@h>", cseq=2, expires=100), PHONE, 80.0, 5)
    assert [each.changed for each in done.taken] == [False]
    assert registrations.next_deadline() == 180.0
    assert registrations.expire(179.9) == []
    [gone] = registrations.expire(180.0)
    assert (gone.cause, gone.binding.key) == ("expired", done.taken[0].binding.key)
    assert registrations.next_deadline() is None
    assert registrations.bindings("ann") == []


def test_the_same_contact_from_elsewhere_is_a_change() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>"), PHONE, 0.0, 5)
    done = registrations.register("ann", register("<sip:a@h>", cseq=2), OTHER, 1.0, 5)
    assert [each.changed for each in done.taken] == [True]
    assert len(registrations) == 1
    assert (registrations.devices_at(PHONE), registrations.devices_at(OTHER)) == (set(), {"ann"})


def test_expires_zero_removes_one() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", "<sip:b@h>"), PHONE, 0.0, 5)
    done = registrations.register("ann", register("<sip:a@h>;expires=0", cseq=2), PHONE, 1.0, 5)
    assert [(gone.binding.contact, gone.cause) for gone in done.unbound] == [("sip:a@h", "unregistered")]
    assert uris(done) == ["<sip:b@h>;expires=599"]


def test_star_with_expires_zero_removes_all() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", "<sip:b@h>"), PHONE, 0.0, 5)
    registrations.register("bob", register("<sip:b@h2>"), OTHER, 0.0, 5)
    done = registrations.register("ann", register("*", cseq=2, expires=0), PHONE, 1.0, 5)
    assert (done.status, len(done.unbound), uris(done)) == (200, 2, [])
    assert [bound.device for bound in registrations] == ["bob"]


@pytest.mark.parametrize(("contacts", "expires"), [(("*",), None), (("*",), 60), (("*", "<sip:a@h>"), 0)])
def test_star_otherwise_is_400(contacts: tuple[str, ...], expires: int | None) -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>"), PHONE, 0.0, 5)
    request = register(*contacts, cseq=2, expires=expires)
    assert registrations.register("ann", request, PHONE, 1.0, 5).status == 400
    assert len(registrations) == 1


@pytest.mark.parametrize("cseq", [4, 5])
def test_an_older_or_equal_cseq_of_the_same_call_id_fails_whole(cseq: int) -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", cseq=5, expires=100), PHONE, 0.0, 5)
    late = register("<sip:new@h>", "<sip:a@h>;expires=0", cseq=cseq)
    done = registrations.register("ann", late, PHONE, 1.0, 5)
    assert done.status == 500
    assert [bound.contact for bound in registrations.bindings("ann")] == ["sip:a@h"]
    assert registrations.register("ann", register("*", cseq=cseq, expires=0), PHONE, 1.0, 5).status == 500
    assert len(registrations) == 1


def test_another_call_id_may_start_again_at_one() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", cseq=50), PHONE, 0.0, 5)
    assert registrations.register("ann", register("<sip:a@h>", call_id="c2"), PHONE, 1.0, 5).status == 200
    assert len(registrations) == 1


def test_one_bad_contact_leaves_all_as_it_was() -> None:
    registrations = table()
    for bad in ("<mailto:ann@example.com>", "<sip:" + "x" * 600 + "@h>", "<tel:+33123456789>"):
        done = registrations.register("ann", register("<sip:a@h>", bad), PHONE, 0.0, 5)
        assert done.status == 400
        assert len(registrations) == 0


def test_one_more_than_the_limit_replaces_the_oldest() -> None:
    registrations = table()
    for number in range(3):
        flow = Flow("UDP", f"192.0.2.{number}", 5060, "l")
        contact = f"<sip:a@192.0.2.{number}>"
        done = registrations.register("ann", register(contact, call_id=f"c{number}"), flow, float(number), 2)
    assert [(gone.binding.contact, gone.cause) for gone in done.unbound] == [("sip:a@192.0.2.0", "replaced")]
    assert [bound.contact for bound in registrations.bindings("ann")] == [
        "sip:a@192.0.2.2",
        "sip:a@192.0.2.1",
    ]
    too_many = register("<sip:a@h>", "<sip:b@h>", "<sip:c@h>", call_id="c9")
    assert registrations.register("ann", too_many, PHONE, 9.0, 2).status == 403


def test_a_refresh_makes_a_binding_young_again() -> None:
    registrations = table()
    for number, device_number in enumerate([1, 2, 1]):
        flow = Flow("UDP", f"192.0.2.{device_number}", 5060, "l")
        contact = f"<sip:a@192.0.2.{device_number}>"
        registrations.register(
            "ann", register(contact, call_id=f"c{device_number}", cseq=number + 1), flow, 0.0, 2
        )
    registrations.register("ann", register("<sip:a@192.0.2.3>", call_id="c3"), OTHER, 1.0, 2)
    assert {bound.contact for bound in registrations.bindings("ann")} == {
        "sip:a@192.0.2.1",
        "sip:a@192.0.2.3",
    }


def test_a_restarted_phone_replaces_its_former_self_on_the_same_socket() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:ann-0x1@10.0.0.7:5060>"), PHONE, 0.0, 5)
    done = registrations.register("ann", register("<sip:ann-0x2@10.0.0.7:5060>", call_id="c2"), PHONE, 5.0, 5)
    assert [gone.cause for gone in done.unbound] == ["replaced"]
    assert [bound.contact for bound in registrations.bindings("ann")] == ["sip:ann-0x2@10.0.0.7:5060"]


def test_two_phones_behind_one_proxy_do_not_replace_each_other() -> None:
    registrations = table()
    proxy = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy"
    for number in (1, 2):
        request = register(f"<sip:ann{number}@10.0.0.1>", call_id=f"c{number}", more=(proxy,))
        registrations.register("ann", request, PHONE, 0.0, 5)
    assert len(registrations) == 2


def test_an_instance_is_one_binding_wherever_it_goes() -> None:
    registrations = table()
    instance = ';+sip.instance="<urn:uuid:00000000-0000-0000-0000-000000000001>"'
    registrations.register("ann", register("<sip:a@10.0.0.1>" + instance), PHONE, 0.0, 5)
    moved = register("<sip:b@10.9.9.9:7000>" + instance, call_id="c2")
    done = registrations.register("ann", moved, OTHER, 1.0, 5)
    assert [each.changed for each in done.taken] == [True]
    assert len(registrations) == 1


def test_contacts_that_the_rfc_calls_equal_are_one() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:ann@Host.Example;x=1>"), PHONE, 0.0, 5)
    registrations.register("ann", register("<sip:ann@host.example>", cseq=2), PHONE, 1.0, 5)
    assert len(registrations) == 1
    registrations.register("ann", register("<sip:Ann@host.example>", cseq=3), PHONE, 2.0, 5)
    assert len(registrations) == 2


def test_behind_nat_the_source_is_the_next_hop() -> None:
    registrations = table()
    source = Flow("UDP", "198.51.100.1", 33445, "l")
    registrations.register("ann", register("<sip:ann@192.168.1.5:5060>"), source, 0.0, 5)
    assert registrations.bindings("ann")[0].flow == source


def test_without_nat_the_port_of_the_contact_is_the_next_hop() -> None:
    registrations = table()
    source = Flow("UDP", "192.0.2.7", 33445, "l")
    registrations.register("ann", register("<sip:ann@192.0.2.7>"), source, 0.0, 5)
    assert registrations.bindings("ann")[0].flow == Flow("UDP", "192.0.2.7", 5060, "l")


def test_path_is_kept_as_route() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", more=("Path: <sip:edge.example;lr>",)), PHONE, 0.0, 5)
    assert registrations.bindings("ann")[0].route == ("<sip:edge.example;lr>",)


def test_higher_q_first_then_the_newest() -> None:
    registrations = table()
    registrations.register(
        "ann", register("<sip:a@h>;q=0.5", "<sip:b@h>;q=0.9", "<sip:c@h>;q=0.9"), PHONE, 0.0, 5
    )
    assert [bound.contact for bound in registrations.bindings("ann")] == ["sip:c@h", "sip:b@h", "sip:a@h"]


def test_a_closed_connection_takes_its_bindings_along() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h;transport=tcp>"), LINE, 0.0, 5)
    registrations.register("bob", register("<sip:b@h>"), PHONE, 0.0, 5)
    assert [(gone.binding.device, gone.cause) for gone in registrations.close(LINE)] == [
        ("ann", "connection closed")
    ]
    assert registrations.close(LINE) == []
    assert [bound.device for bound in registrations] == ["bob"]


def test_restore_does_not_overrule_what_registered_since() -> None:
    registrations = table()
    registrations.register("ann", register("<sip:a@h>", expires=100), PHONE, 50.0, 5)
    live = registrations.bindings("ann")[0]
    registrations.restore(Bound("ann", live.key, "sip:old@h", OTHER, "c0", 1, 60.0, 60))
    assert registrations.bindings("ann") == [live]
    registrations.restore(Bound("bob", "k", "sip:b@h", OTHER, "c0", 1, 60.0, 60))
    assert registrations.next_deadline() == 60.0


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["<sip:a@h>", "<sip:b@h>", "<sip:c@h2>", "*"]),
        st.sampled_from([0, 60, 100, 1000]),
        st.sampled_from([PHONE, OTHER, LINE]),
        st.sampled_from(["register", "close", "wait"]),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(OPERATIONS)
def test_whatever_happens_the_table_agrees_with_itself(
    operations: list[tuple[str, str, int, Flow, str]],
) -> None:
    registrations = table()
    now = 0.0
    announced: set[tuple[str, str]] = set()
    for number, (device, contact, expires, flow, what) in enumerate(operations):
        gone: tuple[Unbound, ...] = ()
        if what == "close":
            gone = tuple(registrations.close(flow))
        elif what == "wait":
            now += 90.0
            gone = tuple(registrations.expire(now))
        else:
            request = register(contact, cseq=number + 1, expires=expires)
            done = registrations.register(device, request, flow, now, 2)
            announced |= {(each.binding.device, each.binding.key) for each in done.taken}
            gone = done.unbound
        announced -= {(each.binding.device, each.binding.key) for each in gone}
        held = {(bound.device, bound.key) for bound in registrations}
        assert held == announced
        assert len(registrations) == len(held)
        assert all(len(registrations.bindings(name)) <= 2 for name in ("ann", "bob"))
        assert all(bound.expires_at > now for bound in registrations)
        at_flows = set().union(*(registrations.devices_at(each) for each in (PHONE, OTHER, LINE)))
        assert at_flows == {device for device, _ in held}
        deadline = registrations.next_deadline()
        assert deadline == min((bound.expires_at for bound in registrations), default=None)
