"""Registrar and trunk on real sockets: our registering client against our registrar, over UDP and TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ccd.clock import SystemClock
from ccd.ids import SeededChance
from ccd.model.facts import AnyFact, DeviceBound, DeviceLost, DeviceReachable, DeviceUnbound, TrunkChanged
from ccd.model.settings import DeviceSettings, Secret, SipSettings, TransportSettings, TrunkSettings
from ccd.sip.events import Event, FlowClosed, RequestArrived, ResponseArrived, TransactionFailed
from ccd.voice.registrar import Registrar
from ccd.voice.stack import SipStack
from ccd.voice.trunks import Trunks

PATIENCE_S = 15.0
PASSWORD = "right"


def sip(qualify_s: float = 0.2) -> SipSettings:
    return SipSettings(
        domain="centre.test",
        transports=(TransportSettings("udp", "127.0.0.1", 0), TransportSettings("tcp", "127.0.0.1", 0)),
        t1_ms=20,
        qualify_s=qualify_s,
        qualify_timeout_s=0.3,
    )


class Station:
    """A stack with a registrar and trunks, and the one timer that drives both."""

    def __init__(self, seed: int, settings: SipSettings) -> None:
        self.clock = SystemClock()
        self.settings = settings
        self.stack = SipStack(settings, self.clock, SeededChance(seed))
        self.facts: list[AnyFact] = []
        self.answers_options = True
        self._changed = asyncio.Event()
        self._seed = seed
        self._timer: asyncio.TimerHandle | None = None
        self.registrar: Registrar | None = None
        self.trunks: Trunks | None = None

    def be_registrar(self) -> Registrar:
        devices = {"ann": DeviceSettings("ann", Secret(PASSWORD))}
        self.registrar = Registrar(
            devices, self.settings, self.clock, SeededChance(self._seed + 1), self.stack, self.post
        )
        return self.registrar

    async def be_phone(self, port: int, protocol: str = "udp", password: str = PASSWORD) -> Trunks:
        trunk = TrunkSettings(
            "line",
            "127.0.0.1",
            port=port,
            protocol=protocol,
            register=True,
            username="ann",
            password=Secret(password),
            qualify_s=0.0,
        )
        self.trunks = Trunks(
            {"line": trunk},
            self.settings,
            "FR",
            self.clock,
            SeededChance(self._seed + 2),
            self.stack,
            self.post,
        )
        await self.trunks.start()
        self._set_timer()
        return self.trunks

    def post(self, fact: AnyFact) -> None:
        self.facts.append(fact)
        self._changed.set()

    def hear(self, event: Event) -> None:
        if isinstance(event, (ResponseArrived, TransactionFailed)) and event.owner is not None:
            event.owner.heard(event, self.clock.now())
        elif isinstance(event, FlowClosed):
            if self.registrar is not None:
                self.registrar.flow_closed(event.flow)
            if self.trunks is not None:
                self.trunks.flow_closed(event.flow)
        elif isinstance(event, RequestArrived):
            if event.request.method == "REGISTER" and self.registrar is not None:
                self.registrar.on_register(event)
            elif self.answers_options:
                self.stack.reply(event.tx, 200)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        sides = [side for side in (self.registrar, self.trunks) if side is not None]
        deadlines = [at for side in sides if (at := side.next_deadline()) is not None]
        if deadlines:
            nap = max(0.001, min(deadlines) - self.clock.now())
            self._timer = asyncio.get_running_loop().call_later(nap, self._wake)

    def _wake(self) -> None:
        for side in (self.registrar, self.trunks):
            if side is not None:
                side.expire(self.clock.now())
        self._set_timer()

    async def first(
        self, kind: type[AnyFact], ready: Callable[[AnyFact], bool] = lambda _fact: True
    ) -> AnyFact:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for fact in self.facts:
                    if isinstance(fact, kind) and ready(fact):
                        return fact
                self._changed.clear()
                await self._changed.wait()

    def port(self, protocol: str) -> int:
        return self.stack.listening(protocol.upper())[0][1]

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_timer = lambda: None  # type: ignore[method-assign]
        await self.stack.stop()


@pytest.fixture
async def stations() -> AsyncIterator[tuple[Station, Station]]:
    """(registrar's, phone's)"""
    centre, phone = Station(10, sip()), Station(20, sip())
    for station in (centre, phone):
        await station.stack.start(station.settings.transports, station.hear)
    centre.be_registrar()
    yield centre, phone
    for station in (centre, phone):
        await station.close()


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_register_refresh_and_unregister(stations: tuple[Station, Station], protocol: str) -> None:
    centre, phone = stations
    trunks = await phone.be_phone(centre.port(protocol), protocol)
    up = await phone.first(TrunkChanged)
    assert up == TrunkChanged("line", True, "registered for 600 s")
    bound = await centre.first(DeviceBound)
    assert isinstance(bound, DeviceBound)
    assert centre.registrar is not None
    [binding] = centre.registrar.bindings("ann")
    assert binding.flow.protocol == protocol.upper()
    assert binding.flow.host == "127.0.0.1"
    if protocol == "udp":
        assert binding.flow.port == phone.port("udp")
    await trunks.stop()
    gone = await centre.first(DeviceUnbound)
    assert isinstance(gone, DeviceUnbound)
    assert gone.cause == "unregistered"


async def test_a_wrong_password_stays_out(stations: tuple[Station, Station]) -> None:
    centre, phone = stations
    await phone.be_phone(centre.port("udp"), password="wrong")
    down = await phone.first(TrunkChanged)
    assert down == TrunkChanged("line", False, "401 wrong user or password")
    assert centre.facts == []


async def test_a_closed_connection_unbinds(stations: tuple[Station, Station]) -> None:
    centre, phone = stations
    await phone.be_phone(centre.port("tcp"), "tcp")
    await centre.first(DeviceBound)
    await phone.close()
    gone = await centre.first(DeviceUnbound)
    assert isinstance(gone, DeviceUnbound)
    assert gone.cause == "connection closed"


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_qualify_measures_loses_and_finds_again(
    stations: tuple[Station, Station], protocol: str
) -> None:
    centre, phone = stations
    assert centre.registrar is not None
    await phone.be_phone(centre.port(protocol), protocol)
    await centre.first(DeviceBound)
    phone.answers_options = False
    lost = await centre.first(DeviceLost)
    assert lost == DeviceLost("ann", "no answer in 0.3 s")
    assert centre.registrar.bindings("ann") == []
    phone.answers_options = True
    found = await centre.first(DeviceReachable)
    assert isinstance(found, DeviceReachable)
    assert 0 < found.round_trip_ms < 1000
    assert len(centre.registrar.bindings("ann")) == 1


async def test_a_phone_whose_socket_is_gone_is_lost(stations: tuple[Station, Station]) -> None:
    centre, phone = stations
    await phone.be_phone(centre.port("udp"))
    await centre.first(DeviceBound)
    await phone.close()
    lost = await centre.first(DeviceLost)
    assert isinstance(lost, DeviceLost)


async def test_after_a_restart_phones_are_reached_without_registering(
    stations: tuple[Station, Station],
) -> None:
    centre, phone = stations
    await phone.be_phone(centre.port("udp"))
    bound = await centre.first(DeviceBound)
    assert isinstance(bound, DeviceBound)
    port = centre.port("udp")
    await centre.close()
    settings = SipSettings(
        domain="centre.test",
        transports=(TransportSettings("udp", "127.0.0.1", port),),
        t1_ms=20,
        qualify_s=0.2,
        qualify_timeout_s=0.3,
    )
    again = Station(30, settings)
    await again.stack.start(settings.transports, again.hear)
    try:
        registrar = again.be_registrar()
        registrar.restore([bound.binding])
        [binding] = registrar.bindings("ann")
        assert binding.flow.port == phone.port("udp")
        again._set_timer()
        found = await again.first(DeviceReachable)
        assert isinstance(found, DeviceReachable)
        assert found.device == "ann"
    finally:
        await again.close()
