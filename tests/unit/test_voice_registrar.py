"""The registrar: who is let in, which facts come of it, phones found again after a restart."""

import msgspec
import pytest

from ccd.ids import SeededChance
from ccd.model.facts import DeviceBound, DeviceLost, DeviceReachable, DeviceUnbound
from ccd.model.nouns import Binding
from ccd.model.settings import DeviceSettings, Secret, SipSettings
from ccd.sip import digest
from ccd.sip.events import Flow, RequestArrived
from ccd.sip.message import Response
from ccd.voice.authentication import WRONG_PER_HOST, WRONG_PER_USER, Guesses, Tongues
from ccd.voice.registrar import Registrar
from tests.unit.voice_twins import LISTENER, HandClock, Inbox, StackTwin, arrived

RIGHT = "secret"
PHONE = Flow("UDP", "192.0.2.7", 5060, LISTENER)
LINE = Flow("TCP", "192.0.2.9", 40000, "tcp-1")
DEVICES = {
    "ann": DeviceSettings("ann", Secret(RIGHT), max_bindings=2),
    "bob": DeviceSettings("bob", Secret("other"), username="bob-login"),
}
SIP = SipSettings(domain="ccd.test", qualify_s=30.0, qualify_timeout_s=4.0, nonce_s=300)


class Wall:
    """The clock on the wall, which may be ahead of the steady one."""

    def __init__(self, steady: HandClock) -> None:
        self.steady, self.ahead_s = steady, 0.0

    def now(self) -> float:
        return self.steady.time + self.ahead_s


class Scene:
    def __init__(self, sip: SipSettings = SIP, now: float = 1000.0) -> None:
        self.clock = HandClock(now)
        self.stack = StackTwin(self.clock)
        self.inbox = Inbox()
        self.wall = Wall(self.clock)
        self.registrar = Registrar(
            DEVICES, sip, self.clock, SeededChance(5), self.stack, self.inbox, self.wall
        )
        self.cseq = 0

    def request(
        self,
        device: str = "ann",
        *,
        method: str = "REGISTER",
        contact: str = "<sip:ann@192.0.2.7:5060>",
        expires: int = 600,
        flow: Flow = PHONE,
        more: tuple[str, ...] = (),
        agent: str = "Phone 1",
        call_id: str = "c1",
    ) -> RequestArrived:
        self.cseq += 1
        lines = [
            f"{method} sip:ccd.test SIP/2.0",
            f"Via: SIP/2.0/{flow.protocol} {flow.host}:5060;branch=z9hG4bK{self.cseq}",
            "Max-Forwards: 70",
            f"From: <sip:{device}@ccd.test>;tag=1",
            f"To: <sip:{device}@ccd.test>",
            f"Call-ID: {call_id}",
            f"CSeq: {self.cseq} {method}",
            *([f"Contact: {contact}"] if contact else []),
            f"Expires: {expires}",
            f"User-Agent: {agent}",
            *more,
        ]
        return arrived("\n".join(lines), flow)

    def send(self, event: RequestArrived) -> Response:
        self.registrar.on_register(event)
        return self.stack.replies[-1]

    def credentials(
        self, response: Response, *, user: str = "ann", password: str = RIGHT, nc: int = 1, at: int = 0
    ) -> str:
        asked = response.get_all("WWW-Authenticate")[at]
        return "Authorization: " + digest.answer(asked, "REGISTER", "sip:ccd.test", user, password, nc, "cn")

    def register(
        self, device: str = "ann", user: str = "", password: str = RIGHT, **what: object
    ) -> Response:
        first = self.send(self.request(device, **what))  # type: ignore[arg-type]
        assert first.status == 401
        line = self.credentials(first, user=user or device, password=password)
        return self.send(self.request(device, more=(line,), **what))  # type: ignore[arg-type]

    def wait_until(self, at: float) -> None:
        while (deadline := self.registrar.next_deadline()) is not None and deadline <= at:
            self.clock.time = max(self.clock.time, deadline)
            self.registrar.expire(self.clock.time)
        self.clock.time = at


# -- who is let in -----------------------------------------------------------------------------


def test_both_algorithms_are_offered_and_either_is_taken() -> None:
    for at, algorithm in enumerate(("MD5", "SHA-256")):
        scene = Scene()
        asked = scene.send(scene.request())
        offered = asked.get_all("WWW-Authenticate")
        assert asked.status == 401
        assert [f"algorithm={name}" in value for name, value in zip(("MD5", "SHA-256"), offered, strict=True)]
        assert f"algorithm={algorithm}" in offered[at]
        assert all('realm="ccd.test"' in value and 'qop="auth"' in value for value in offered)
        done = scene.send(scene.request(more=(scene.credentials(asked, at=at),)))
        assert done.status == 200
        assert done.get_all("Contact") == ["<sip:ann@192.0.2.7:5060>;expires=600"]


def test_a_wrong_password_is_asked_again_without_stale() -> None:
    scene = Scene()
    done = scene.register(password="wrong")
    assert done.status == 401
    assert "stale" not in (done.get("WWW-Authenticate") or "")
    assert scene.inbox.facts == []


def test_an_unknown_device_is_answered_like_a_wrong_password() -> None:
    scene = Scene()
    wrong = scene.register("ann", password="wrong")
    unknown = scene.register("nobody", password="wrong")
    assert (unknown.status, unknown.reason) == (wrong.status, wrong.reason)
    assert [name for name, _ in unknown.headers] == [name for name, _ in wrong.headers]


def test_an_old_nonce_is_stale() -> None:
    scene = Scene()
    asked = scene.send(scene.request())
    scene.clock.time += 301.0
    done = scene.send(scene.request(more=(scene.credentials(asked),)))
    assert done.status == 401
    assert "stale=true" in (done.get("WWW-Authenticate") or "")
    assert scene.send(scene.request(more=(scene.credentials(done),))).status == 200


def test_a_nonce_count_is_taken_once() -> None:
    scene = Scene()
    asked = scene.send(scene.request())
    assert scene.send(scene.request(more=(scene.credentials(asked, nc=1),))).status == 200
    assert scene.send(scene.request(more=(scene.credentials(asked, nc=1),))).status == 401
    assert scene.send(scene.request(more=(scene.credentials(asked, nc=2),))).status == 200


def test_the_password_of_another_device_is_403() -> None:
    scene = Scene()
    assert scene.register("ann", user="bob-login", password="other").status == 403
    assert scene.inbox.facts == []


def test_a_device_may_have_another_user_name() -> None:
    scene = Scene()
    assert scene.register("bob", user="bob-login", password="other").status == 200
    assert scene.register("bob", user="bob", password="other").status == 401


def test_credentials_for_another_realm_are_no_credentials() -> None:
    scene = Scene()
    line = 'Authorization: Digest username="ann", realm="other", nonce="n", uri="sip:ccd.test", response="00"'
    assert scene.send(scene.request(more=(line,))).status == 401
    assert scene.send(scene.request(more=("Authorization: Basic YTpi",))).status == 401
    assert scene.send(scene.request(more=("Authorization: ,,,",))).status == 401


def test_too_many_wrong_passwords_are_refused_unheard_for_a_while() -> None:
    scene = Scene()
    for _ in range(WRONG_PER_USER):
        assert scene.register(password="wrong").status == 401
    assert scene.register().status == 403  # right, but too late
    assert scene.register("bob", user="bob-login", password="other").status == 200  # others are not touched
    elsewhere = Flow("UDP", "192.0.2.200", 5060, LISTENER)
    assert scene.register(flow=elsewhere).status == 200
    scene.clock.time += 60.0
    assert scene.register().status == 200


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    guesses, tongues = Guesses(), Tongues()
    for number in range(20_000):
        guesses.add(f"h{number}", "u", 0.0)
        tongues.algorithms("u", f"h{number}", "", 0.0)
    assert len(guesses) <= 4096
    assert len(tongues) <= 4096


def test_one_address_may_not_try_all_users() -> None:
    guesses = Guesses()
    told = [guesses.add("h", f"u{number}", 0.0) for number in range(WRONG_PER_HOST)]
    assert told == [False] * (WRONG_PER_HOST - 1) + [True]
    assert guesses.blocked("h", "fresh", 1.0)
    assert not guesses.blocked("h", "fresh", 60.0)


def test_phones_that_cannot_read_two_challenges_get_one() -> None:
    scene = Scene()
    asked = scene.send(scene.request(agent="baresip v1.0.0 (x86_64/linux)"))
    assert len(asked.get_all("WWW-Authenticate")) == 1
    assert "MD5" in asked.get_all("WWW-Authenticate")[0]


def test_a_phone_that_did_not_understand_is_asked_more_simply() -> None:
    scene = Scene()
    assert len(scene.send(scene.request()).get_all("WWW-Authenticate")) == 2
    scene.clock.time += 1.9
    assert len(scene.send(scene.request()).get_all("WWW-Authenticate")) == 2
    scene.clock.time += 0.2
    asked = scene.send(scene.request())
    assert len(asked.get_all("WWW-Authenticate")) == 1
    assert scene.send(scene.request(more=(scene.credentials(asked),))).status == 200
    scene.clock.time += 500.0
    assert len(scene.send(scene.request()).get_all("WWW-Authenticate")) == 1  # it is not asked both again


def test_a_phone_that_answers_is_offered_both_for_ever() -> None:
    scene = Scene()
    for _ in range(3):
        assert scene.register().status == 200
        scene.clock.time += 500.0


@pytest.mark.parametrize(
    ("needed", "status"), [("path", 401), ("outbound", 401), ("100rel", 420), ("path, x", 420)]
)
def test_extensions_required(needed: str, status: int) -> None:
    scene = Scene()
    done = scene.send(scene.request(more=(f"Require: {needed}",)))
    assert done.status == status
    if status == 420:
        assert done.get("Unsupported") == needed.rsplit(", ", maxsplit=1)[-1]


def test_other_methods_are_authenticated_by_from() -> None:
    scene = Scene()
    first = scene.request(method="MESSAGE", contact="")
    assert scene.registrar.authenticate(first) is None
    asked = scene.stack.replies[-1].get_all("WWW-Authenticate")[0]
    line = "Authorization: " + digest.answer(asked, "MESSAGE", "sip:ccd.test", "ann", "secret", 1, "cn")
    assert scene.registrar.authenticate(scene.request(method="MESSAGE", contact="", more=(line,))) == "ann"
    assert (
        scene.registrar.authenticate(scene.request("bob", method="MESSAGE", contact="", more=(line,))) is None
    )


# -- facts -------------------------------------------------------------------------------------


def bound_facts(scene: Scene) -> list[DeviceBound]:
    return [fact for fact in scene.inbox.take() if isinstance(fact, DeviceBound)]


def test_a_refresh_is_a_fact_only_when_half_the_time_is_used() -> None:
    scene = Scene()
    scene.register()
    assert len(bound_facts(scene)) == 1
    scene.clock.time = 1299.0
    scene.register()
    assert bound_facts(scene) == []
    scene.clock.time = 1300.0
    scene.register()
    assert len(bound_facts(scene)) == 1


def test_a_move_is_a_fact_at_once() -> None:
    scene = Scene()
    scene.register()
    scene.register(contact="<sip:ann@192.0.2.7:5060>", flow=Flow("UDP", "192.0.2.8", 5060, LISTENER))
    assert len(bound_facts(scene)) == 2


def test_the_ledger_never_thinks_a_live_binding_expired() -> None:
    """Whenever a refresh is not told, what was told before covers it."""
    scene = Scene(SipSettings(domain="ccd.test", qualify_s=0.0))
    known = 0.0
    for step in (1, 150, 299, 300, 301, 599, 100, 250, 290, 599, 299, 299):
        scene.clock.time += step
        scene.register()
        for fact in bound_facts(scene):
            known = fact.binding.expires_at
        assert known >= scene.clock.time + 600


def test_unregistering_and_expiry_are_facts() -> None:
    scene = Scene(SipSettings(domain="ccd.test", qualify_s=0.0))
    scene.register()
    key = bound_facts(scene)[0].binding.binding
    scene.register(expires=0)
    assert scene.inbox.take() == [DeviceUnbound("ann", key, "unregistered")]
    scene.register()
    scene.inbox.take()
    scene.wait_until(scene.clock.time + 600)
    assert scene.inbox.take() == [DeviceUnbound("ann", key, "expired")]
    assert scene.registrar.bindings("ann") == []
    assert scene.registrar.next_deadline() is None


def test_a_closed_connection_unbinds() -> None:
    scene = Scene()
    scene.register(flow=LINE, contact="<sip:ann@192.0.2.9:40000;transport=tcp>")
    assert scene.registrar.device_at(LINE) == "ann"
    scene.inbox.take()
    scene.registrar.flow_closed(LINE)
    [gone] = scene.inbox.take()
    assert isinstance(gone, DeviceUnbound)
    assert gone.cause == "connection closed"
    assert scene.registrar.device_at(LINE) == ""


def test_the_oldest_binding_over_the_limit_is_replaced_as_a_fact() -> None:
    scene = Scene()
    for number in range(3):
        flow = Flow("UDP", f"192.0.2.{10 + number}", 5060, LISTENER)
        scene.register(contact=f"<sip:ann@192.0.2.{10 + number}>", flow=flow, call_id=f"c{number}")
    gone = [fact for fact in scene.inbox.facts if isinstance(fact, DeviceUnbound)]
    assert [fact.cause for fact in gone] == ["replaced"]
    assert len(scene.registrar.bindings("ann")) == 2


def test_paths_are_given_back() -> None:
    scene = Scene()
    assert scene.register().get("Path") is None
    first = scene.send(scene.request(more=("Path: <sip:edge;lr>",)))
    line = scene.credentials(first)
    done = scene.send(scene.request(more=("Path: <sip:edge;lr>", line)))
    assert done.get_all("Path") == ["<sip:edge;lr>"]


# -- reach -------------------------------------------------------------------------------------


def test_a_silent_phone_is_lost_before_it_is_called_and_found_again() -> None:
    scene = Scene()
    scene.register()
    scene.inbox.take()
    scene.wait_until(scene.clock.time + 9.5)
    assert scene.inbox.take() == [DeviceLost("ann", "no answer in 4 s")]
    assert scene.registrar.bindings("ann") == []
    scene.wait_until(scene.clock.time + 33.0)
    scene.stack.deliver(scene.stack.sent[-1], 200)
    [fact] = scene.inbox.take()
    assert isinstance(fact, DeviceReachable)
    assert (fact.device, fact.round_trip_ms > 0) == ("ann", True)
    assert len(scene.registrar.bindings("ann")) == 1


def test_a_phone_that_answers_makes_no_facts() -> None:
    scene = Scene()
    scene.register()
    scene.inbox.take()
    for _ in range(5):
        before = len(scene.stack.sent)
        while len(scene.stack.sent) == before:
            scene.wait_until(scene.clock.time + 0.5)
        scene.stack.deliver(scene.stack.sent[-1], 200)
    assert scene.inbox.take() == []


def test_a_device_is_lost_only_when_no_binding_answers() -> None:
    scene = Scene()
    scene.register()
    other = Flow("UDP", "192.0.2.8", 5060, LISTENER)
    scene.register(contact="<sip:ann@192.0.2.8>", flow=other, call_id="c2")
    scene.inbox.take()
    end = scene.clock.time + 20
    while scene.clock.time < end:
        scene.wait_until(scene.clock.time + 0.1)
        for tx in scene.stack.sent:
            if tx.flow == other:
                scene.stack.deliver(tx, 200)
        scene.stack.sent.clear()
    assert scene.inbox.take() == []
    assert [bound.flow for bound in scene.registrar.bindings("ann")] == [other]
    scene.register(contact="<sip:ann@192.0.2.8>", flow=other, call_id="c2", expires=0)
    lost = [fact for fact in scene.inbox.take() if isinstance(fact, DeviceLost)]
    assert [fact.device for fact in lost] == ["ann"]


def test_without_qualify_nobody_is_asked() -> None:
    scene = Scene(SipSettings(domain="ccd.test", qualify_s=0.0))
    scene.register()
    scene.wait_until(scene.clock.time + 500)
    assert scene.stack.sent == []
    assert len(scene.registrar.bindings("ann")) == 1


# -- restart and reload ------------------------------------------------------------------------


def kept(scene: Scene) -> list[Binding]:
    return [fact.binding for fact in bound_facts(scene)]


def test_phones_are_found_again_after_a_restart() -> None:
    before = Scene()
    before.register()
    ledger = kept(before)
    after = Scene(now=1100.0)
    after.registrar.restore(ledger)
    [bound] = after.registrar.bindings("ann")
    assert (bound.contact, bound.flow, bound.user_agent) == ("sip:ann@192.0.2.7:5060", PHONE, "Phone 1")
    assert after.registrar.device_at(PHONE) == "ann"
    assert after.inbox.take() == []
    while not after.stack.sent:
        after.wait_until(after.clock.time + 0.5)
    after.stack.deliver(after.stack.sent[0], 200)
    assert [type(fact) for fact in after.inbox.take()] == [DeviceReachable]  # whatever was thought before
    after.cseq = 50
    after.register()
    assert [type(fact) for fact in after.inbox.take()] == [DeviceBound]


def test_what_cannot_be_used_after_a_restart_is_reported_gone() -> None:
    before = Scene()
    before.register(flow=LINE, contact="<sip:ann@h;transport=tcp>")
    [line] = kept(before)
    after = Scene(now=1100.0)
    after.registrar.restore(
        [
            line,
            Binding("ann", "k1", "{broken", 5000.0),
            Binding("ann", "k2", line.blob, 1100.0),
            Binding("gone", "k3", line.blob, 5000.0),
        ]
    )
    facts = after.inbox.take()
    assert [(fact.device, fact.cause) for fact in facts if isinstance(fact, DeviceUnbound)] == [
        ("ann", "connection closed"),
        ("ann", "not readable"),
        ("ann", "expired"),
        ("gone", "not configured"),
    ]
    assert len(facts) == 4


def test_another_listener_after_the_restart_is_found() -> None:
    before = Scene()
    before.register()
    [binding] = kept(before)
    blob = msgspec.json.decode(binding.blob)
    blob["local"] = "10.1.1.1:5062"
    after = Scene(now=1100.0)
    after.registrar.restore([msgspec.structs.replace(binding, blob=msgspec.json.encode(blob).decode())])
    assert after.registrar.bindings("ann")[0].flow == PHONE


def test_a_device_that_is_configured_away_is_unbound() -> None:
    scene = Scene()
    scene.register()
    scene.inbox.take()
    scene.registrar.reload({"bob": DEVICES["bob"]})
    [gone] = scene.inbox.take()
    assert isinstance(gone, DeviceUnbound)
    assert gone.cause == "not configured"
    assert scene.registrar.next_deadline() is None
    assert scene.register().status == 401


def test_the_report_shows_what_an_administrator_needs() -> None:
    scene = Scene()
    scene.register()
    [ann, bob] = scene.registrar.report()
    assert (ann["device"], bob["device"], bob["bindings"]) == ("ann", "bob", [])
    [binding] = ann["bindings"]
    assert binding["source"] == "udp:192.0.2.7:5060"
    assert (binding["expires_in_s"], binding["reach"], binding["user_agent"]) == (600, "fresh", "Phone 1")
    assert "secret" not in repr(list(scene.registrar.report()))


def test_a_correction_of_the_wall_clock_ends_no_registration_and_survives_a_restart() -> None:
    """The time left is counted by the steady clock; the ledger, which lives by the wall, is told its time."""
    sip = SipSettings(domain="ccd.test", qualify_s=0.0)
    scene = Scene(sip)
    scene.wall.ahead_s = 3600.0
    assert scene.register().status == 200
    assert scene.registrar.bindings("ann")
    (bound,) = [fact.binding for fact in scene.inbox.facts if isinstance(fact, DeviceBound)]
    assert bound.expires_at == 1000.0 + 3600.0 + 600 + 300
    scene.wait_until(1000.0 + 590)
    assert scene.registrar.bindings("ann")
    after = Scene(sip, now=scene.wall.now())
    after.registrar.restore([bound])
    assert after.registrar.bindings("ann")
