"""A small centre for the tests of the console: real engines and runtime, a channel without an outside."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec

from ccd.channels.ledger import Entry, RecordRow
from ccd.errors import Misconfigured, TryLater
from ccd.model import facts, rules, steps
from ccd.model.nouns import Availability, Binding, Cause
from ccd.model.settings import LedgerSettings
from ccd.runtime.asking import Call
from ccd.runtime.centre import Centre
from ccd.runtime.doors import Doors
from ccd.runtime.loop import Runtime
from ccd.runtime.replay import replay
from ccd.runtime.verbs import verbs
from ccd.storage.memory import MemoryLedger
from ccd.testing.clock import VirtualClock
from ccd.testing.fake_channel import FakeChannel

BY = "ccctl:root"
ESCAPE = "Eve\x1b[2J\u202eX"
"""A caller's name that would wipe the screen and turn the line around."""

RULES = rules.Rules(
    agents={
        "alice": rules.AgentRule(name="alice", display="Alice", devices=("alice",)),
        "bob": rules.AgentRule(name="bob", display="Bob", devices=("bob",)),
        "carol": rules.AgentRule(name="carol", display="Carol", devices=("carol",)),
    },
    queues={
        "sales": rules.QueueRule(name="sales", agents=("alice", "bob"), wrap_up_s=30.0),
        "support": rules.QueueRule(name="support", agents=("carol",)),
    },
    flows={
        "sales": rules.FlowRule(name="sales", steps=(steps.Answer(), steps.Enqueue(queue="sales"))),
        "support": rules.FlowRule(name="support", steps=(steps.Answer(), steps.Enqueue(queue="support"))),
        "listen": rules.FlowRule(name="listen", steps=(steps.Answer(), steps.Play(prompts=("welcome",)))),
    },
    numbers={"+331": "sales", "+332": "support", "+333": "listen"},
    pause_reasons={"1": "lunch", "2": "training"},
    profiles={
        "rush": rules.ProfileRule(
            name="rush",
            display="Monday rush",
            agents={"alice": {"join": ["support"]}},
            queues={"sales": {"wrap_up_s": 5.0}},
            numbers={"+333": "support"},
        ),
        "quiet": rules.ProfileRule(
            name="quiet", suspend=rules.Suspension(queues={"support": rules.Target()})
        ),
    },
)


DISPOSITIONS = {"dispositions": {"1": "sale", "2": "call_back"}, "disposition": "required"}
"""Keys of a queue whose conversations must be told the end of."""


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until it is so; the test's own time limit ends what never comes."""
    while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
        await asyncio.sleep(0)


class PhoneChannel(FakeChannel):
    """A fake channel that also tells `ccctl` of trunks, devices and SIP messages."""

    passed_over = False
    """Whether its service is passed over."""
    certificates: tuple[dict[str, Any], ...] = ()
    """Those that are to be renewed."""
    scarcity: tuple[dict[str, str], ...] = ()
    """Why newcomers get no port for audio."""
    turned_away: tuple[dict[str, str], ...] = ()
    """Why new calls get 503."""

    def report(self, topic: str, argument: str = "") -> Any:
        trunk = {"trunk": "carrier", "up": False, "note": "503", "host": "192.0.2.1", "addresses": []}
        bound = {
            "contact": "sip:alice@192.0.2.7:5066",
            "source": "udp:192.0.2.7:5066",
            "expires_in_s": 540,
            "user_agent": "Phone 1.0",
            "reach": "reachable",
            "round_trip_ms": 12.4,
        }
        told: dict[str, Any] = {
            "trunks": [
                {**trunk, "priority": 10, "channels": 30, "in_use": 2}
                | {"registration": "registered", "reach": "lost", "round_trip_ms": 0.0}
            ],
            "devices": [
                {"device": "alice", "lost": False, "bindings": [bound]},
                {"device": "bob", "lost": False, "bindings": []},
            ],
            "services": [
                {
                    "service": "crm",
                    "kind": "http",
                    "passed_over": self.passed_over,
                    "rests_s": 12.0,
                    "running": 0,
                }
                | {"asked": 9, "answered": 3, "cached": 1, "failed": 5, "passed": 2, "in_row": 5}
                | {"p50_ms": 12.4, "p99_ms": None, "note": "status 500"}
            ],
            "bots": [{"bot": "clerk", "running": 1, "talked": 7, "ended": 3, "stopped": 2, "failed": 1}],
            "sip trace": [message for message in TRACE if argument in ("", "voice:traced")],
            "certificates": self.certificates,
            "ports": self.scarcity,
            "door": self.turned_away,
            "sip": {"transactions": 0, "refused": {}},
        }
        return told.get(topic)


def _message(at: float, direction: str, peer: str, text: str) -> dict[str, Any]:
    return {"at": at, "direction": direction, "peer": peer, "message": text.replace("\n", "\r\n")}


TRACE = [
    _message(
        1.0,
        "in",
        "UDP 192.0.2.1:5060",
        "INVITE sip:1@ccd SIP/2.0\nCSeq: 1 INVITE\nContent-Type: application/sdp\n\nv=0\n",
    ),
    _message(1.1, "out", "UDP 192.0.2.1:5060", "SIP/2.0 180 Ringing\nCSeq: 1 INVITE\n\n"),
    _message(1.2, "out", "UDP 192.0.2.7:5066", "INVITE sip:alice@192.0.2.7 SIP/2.0\nCSeq: 7 INVITE\n\n"),
    _message(1.9, "in", "UDP 192.0.2.7:5066", "SIP/2.0 200 OK\nCSeq: 7 INVITE\nSubject: \x1b[2J\n\n"),
    _message(
        2.0,
        "in",
        "UDP 192.0.2.7:5066",
        'REGISTER sip:ccd SIP/2.0\nAuthorization: Digest username="alice", '
        'response="6629fae49393a05397450978", uri="sip:ccd"\nCSeq: 2 REGISTER\n\n',
    ),
]


class DiskLedger(MemoryLedger):
    """A ledger whose disk may be full."""

    full = False

    def append(self, entries: list[Entry], records: list[RecordRow]) -> None:
        if self.full:
            raise TryLater("ledger.full", "the disk is full")
        super().append(entries, records)


class Room:
    """An async context manager: the centre runs within."""

    def __init__(self, settings: LedgerSettings | None = None) -> None:
        self.clock = VirtualClock()
        self.centre = Centre()
        self.channel = PhoneChannel("voice", prompts_end=False)
        self.ledger = DiskLedger()
        self.reloads: list[str] = []
        self.drains: list[tuple[bool, str]] = []
        self.fault: Misconfigured | None = None
        self.next_start: list[str] = []
        self._settings = settings or LedgerSettings(commit_every_ms=1.0)

    async def __aenter__(self) -> "Room":
        replayed = replay(self.centre, self.ledger)
        self.runtime = Runtime(
            self.centre,
            self.ledger,
            self.clock,
            {"voice": self.channel},
            self._settings,
            replayed=replayed,
            report_fault=self._raise,
        )
        self.faults: list[Any] = []
        self.ahead_s = 0.0
        self.runtime.post(facts.DaemonStarted("0", "boot"))
        self.runtime.post(facts.RulesLoaded(RULES))
        await self.channel.start(self.runtime.post)
        self.runtime.start()
        await self.runtime.settled()
        self.verbs: dict[str, Call] = verbs(
            Doors(
                runtime=self.runtime,
                centre=self.centre,
                channels={"voice": self.channel},
                clock=self.clock,
                reload=self._reload,
                drain=self._drain,
                next_start=lambda: self.next_start,
                ahead_s=lambda: self.ahead_s,
            )
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.runtime.stop()
        assert not self.faults, self.faults

    async def ask(self, verb: str, **args: Any) -> Any:
        """A verb called as the server does."""
        result = self.verbs[verb](args, BY)
        return await result if hasattr(result, "__await__") else result

    async def ready(self, agent: str) -> None:
        """The agent's phone registers and the agent logs in."""
        self.bind(agent)
        self.runtime.post(facts.AvailabilityAsked(agent, Availability.READY, by="test"))
        await self.runtime.settled()

    def bind(self, device: str) -> None:
        self.runtime.post(facts.DeviceBound(Binding(device, "1", "{}", self.clock.now() + 3600)))

    async def rules(self, **queues: dict[str, Any]) -> None:
        """From here on these queues have these keys besides, and no others."""
        made = {
            name: rules.QueueRule(name=name, agents=RULES.queues[name].agents, **keys)
            for name, keys in queues.items()
        }
        self.runtime.post(facts.RulesLoaded(msgspec.structs.replace(RULES, queues={**RULES.queues, **made})))
        await self.runtime.settled()

    async def call(self, number: str = "+331", display: str = "") -> str:
        """A call comes in; its leg."""
        leg = self.channel.arrive("+33612345678", number, display=display)
        await self.runtime.settled()
        return leg

    async def talk(self, number: str = "+331") -> tuple[str, str]:
        """A call is taken by a free agent: both legs."""
        leg = await self.call(number)
        ringing = next(
            each.id for each in self.channel.legs.values() if each.dial and each.state != "answered"
        )
        self.channel.ring(ringing)
        self.channel.answer(ringing)
        await self.runtime.settled()
        return leg, ringing

    async def leave(self, leg: str, after_s: float = 0.0) -> None:
        """The party hangs up."""
        self.clock.advance(after_s)
        self.channel.end(leg, Cause.NORMAL)
        await self.runtime.settled()

    async def _reload(self, by: str) -> list[str]:
        self.reloads.append(by)
        if self.fault is not None:
            raise self.fault
        return ["+ agents.eve"]

    def _drain(self, on: bool, by: str) -> None:
        self.drains.append((on, by))
        self.runtime.post(facts.DrainAsked(on, by))

    def _raise(self, fault: Any) -> None:
        self.faults.append(fault)
