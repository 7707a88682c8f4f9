"""By which of its targets each trunk is reached: finds them, asks them (OPTIONS), changes over, goes back.

A target is left when it is silent or cannot be reached (to OPTIONS, REGISTER or a call), and when it answers
503 to OPTIONS or REGISTER (RFC 3263 §4.3). What a trunk with one target does is not changed by any of it.
"""

from collections.abc import Callable, Iterable

import msgspec
import structlog

from ccd.clock import Clock
from ccd.errors import CcdError
from ccd.ids import Chance
from ccd.model.settings import SipSettings
from ccd.sip.events import Flow
from ccd.sip.timers import Timers
from ccd.voice.locating import Answer, Names, Place, Question
from ccd.voice.locator import Locator
from ccd.voice.qualify import Qualify, Reach, Watched
from ccd.voice.registrar import RegistrarStack
from ccd.voice.streams import Trust
from ccd.voice.trunk import Trunk
from ccd.voice.trunk_targets import REST_S, Target, Targets

log = structlog.get_logger(__name__)

BETTER = "it has rested and is the best one now"

Moved = Callable[[Trunk], None]
"""A trunk has another flow than before, or its first one."""
Reviewed = Callable[[Trunk, str], None]
"""Something is known anew of a trunk; the text is why it has no target, empty if it has one."""
Found = Callable[[Question], None]
"""Addresses of a question were told to the trunks that asked it."""


class Reaching:
    """The targets of all trunks. All calls on the loop's thread."""

    def __init__(
        self,
        stack: RegistrarStack,
        sip: SipSettings,
        clock: Clock,
        chance: Chance,
        names: Names,
        told: tuple[Moved, Reviewed, Found],
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._moved, self._reviewed, self._told_found = told
        self._trunks: dict[str, Trunk] = {}
        self._answers: dict[Question, Answer] = {}
        self._locator = Locator(names, clock, chance, self._found)
        self._timers: Timers[Trunk, None] = Timers()
        self._qualify = Qualify(stack, chance, f"sip:ccd@{sip.domain}", sip.qualify_timeout_s, self._heard)
        self._qualify.flow_now = self._flow_of_watched

    # -- life ----------------------------------------------------------------------------------------

    def want(self, trunks: dict[str, Trunk], also: Iterable[Question]) -> None:
        """These trunks are to be reached, and no others; `also`: other names to be found."""
        self._trunks = trunks
        wanted = dict.fromkeys([*(trunk.question for trunk in trunks.values()), *also])
        self._answers = {known: answer for known, answer in self._answers.items() if known in wanted}
        self._locator.want(wanted)

    async def run(self) -> None:
        """Ask for names, for ever: a task of the channel."""
        await self._locator.run()

    def leave(self, trunk: Trunk) -> None:
        """A trunk is configured away, or replaced."""
        for target in trunk.targets.all:
            self._qualify.unwatch(_key(trunk, target))
        if trunk.reconsider is not None:
            self._timers.cancel(trunk.reconsider)
            trunk.reconsider = None

    def next_deadline(self) -> float | None:
        parts = (self._locator, self._qualify, self._timers)
        return min((at for part in parts if (at := part.next_deadline()) is not None), default=None)

    def expire(self, now: float) -> None:
        """Ask the names and the targets that are due, take back those that have rested."""
        self._locator.expire(now)
        for trunk, _ in self._timers.due(now):
            trunk.reconsider = None
            if self._trunks.get(trunk.name) is trunk:
                self._choose(trunk, now, BETTER)
        self._qualify.expire(now)

    # -- names ---------------------------------------------------------------------------------------

    def addresses(self, question: Question) -> tuple[str, ...]:
        """What is known of a name now."""
        answer = self._answers.get(question)
        return tuple(place.address for place in answer.places) if answer is not None else ()

    def _found(self, question: Question, answer: Answer) -> None:
        self._answers[question] = answer
        for trunk in [each for each in self._trunks.values() if each.question == question]:
            if trunk.answer is not answer:
                self._settle(trunk, answer)
        self._told_found(question)

    def _settle(self, trunk: Trunk, answer: Answer) -> None:
        """Take the places of a trunk's host; nothing is disturbed while the one in use is among them."""
        now = self._clock.now()
        before, trunk.answer = trunk.protocol, answer
        if trunk.protocol != before:  # the DNS was silent at first, and now names a transport
            self._forget_targets(trunk)
        former = list(trunk.targets.all)
        places, fault = self._reachable(trunk, answer.places)
        if not places and former:  # none that we can send to: what we have is better
            trunk.answer = msgspec.structs.replace(answer, problem=fault)
            self._reviewed(trunk, "")
            return
        if not places:
            self._reviewed(trunk, answer.problem or fault)
            return
        if trunk.targets.take(places) and former:
            log.info("trunk_targets_changed", trunk=trunk.name, targets=[str(place) for place in places])
        for target in former:
            if target not in trunk.targets.all:
                self._qualify.unwatch(_key(trunk, target))
        for target in trunk.targets.all:
            self._watch(trunk, target, now)
        self._choose(trunk, now, "the former one is no target any more" if former else "")
        self._reviewed(trunk, "")

    def _forget_targets(self, trunk: Trunk) -> None:
        """Those it has are reached in another way from now on."""
        for target in trunk.targets.all:
            self._qualify.unwatch(_key(trunk, target))
        trunk.targets = Targets()

    def _reachable(self, trunk: Trunk, places: tuple[Place, ...]) -> tuple[list[Place], str]:
        """Those that our transports can send to. A TCP connection is made when it is wanted."""
        if trunk.protocol != "udp":
            return list(places), ""
        out, fault = [], ""
        for place in places:
            try:
                self._stack.flow_to(place.address, place.port, "UDP")
                out.append(place)
            except CcdError as error:
                fault = error.message
        return out, fault

    # -- targets -------------------------------------------------------------------------------------

    def flow(self, trunk: Trunk, target: Target) -> Flow:
        """The way to a target: over TCP the connection that stands or a new one. Raises as `flow_to`."""
        if target.flow is None or target.flow.reliable:
            place, settings = target.place, trunk.settings
            trust = None
            if trunk.protocol == "tls":  # the name asked for, not the one that the DNS gave (RFC 5922 §4)
                trust = Trust(settings.certificate_name or settings.host, settings.ca)
            target.flow = self._stack.flow_to(place.address, place.port, trunk.protocol, trust)
        return target.flow

    def _watch(self, trunk: Trunk, target: Target, now: float) -> None:
        if trunk.settings.qualify_s <= 0 or target.watched is not None:
            return
        place, protocol = target.place, trunk.protocol
        flow = Flow(protocol.upper(), place.address, place.port, "")  # `_flow_of_watched` knows better
        target.watched = self._qualify.watch(
            _key(trunk, target), trunk.uri(), flow, now, trunk.settings.qualify_s
        )

    def _flow_of_watched(self, watched: Watched) -> Flow:
        trunk, target = self._of(watched)
        return self.flow(trunk, target) if trunk is not None and target is not None else watched.flow

    def _of(self, watched: Watched) -> tuple[Trunk | None, Target | None]:
        name, host, port = watched.key
        trunk = self._trunks.get(name)
        return trunk, trunk.targets.at(host, port) if trunk is not None else None

    def _heard(self, watched: Watched, former: Reach) -> None:
        """OPTIONS have told something new of a target."""
        trunk, target = self._of(watched)
        if trunk is None or target is None:
            return
        now = self._clock.now()
        why = watched.cause
        if watched.reach is Reach.LOST:
            target.fail(now)
        elif target.declines:
            why = "it declines (503)"
        elif watched.reach is Reach.ALIVE and former in {Reach.LOST, Reach.ALIVE}:
            target.rest(now)  # it lives again, or declines no more
        self._choose(trunk, now, why)
        self._reviewed(trunk, "")

    def failed(self, trunk: Trunk, flow: Flow, why: str) -> None:
        """A REGISTER or a call of ours was not answered there, or the REGISTER was with 503."""
        target = trunk.targets.at(flow.host, flow.port)
        if target is not None and self._trunks.get(trunk.name) is trunk:
            now = self._clock.now()
            target.fail(now)
            self._choose(trunk, now, why)

    def refused(self, trunk: Trunk, flow: Flow, rest_s: float) -> None:
        """A target refused a call for itself (503): others get the next ones."""
        target = trunk.targets.at(flow.host, flow.port)
        if target is not None:
            target.busy_until = self._clock.now() + max(rest_s, REST_S)

    def spare(self, trunk: Trunk, flow: Flow) -> bool:
        """Whether calls may go to another target of that trunk."""
        target = trunk.targets.at(flow.host, flow.port)
        return target is not None and trunk.targets.spare(target, self._clock.now())

    def _choose(self, trunk: Trunk, now: float, why: str) -> None:
        """Use the best target; think about it again when a better one has rested."""
        targets = trunk.targets
        former, best = targets.in_use, targets.choose(now)
        if best is not None and best is not former:
            self._use(trunk, best, why)
        at = targets.next_review(now) if targets.in_use is not None or best is None else now + REST_S
        if trunk.reconsider is not None:
            self._timers.cancel(trunk.reconsider)
        trunk.reconsider = self._timers.set(at, trunk, None) if at is not None else None

    def _use(self, trunk: Trunk, target: Target, why: str) -> None:
        try:
            flow = self.flow(trunk, target)
        except CcdError as fault:
            if trunk.flow is None:
                self._reviewed(trunk, fault.message)
            return
        if trunk.flow is not None:
            former = trunk.targets.in_use
            (log.info if why == BETTER else log.warning)(
                "trunk_target_changed",
                trunk=trunk.name,
                to=str(target.place),
                former=str(former.place) if former is not None else f"{trunk.flow.host}:{trunk.flow.port}",
                why=why,
            )
        trunk.targets.in_use, trunk.flow = target, flow
        self._moved(trunk)

    # -- shown ---------------------------------------------------------------------------------------

    def shown(self, trunk: Trunk) -> dict[str, object]:
        """How it is reached, for `ccctl trunks`."""
        used = trunk.targets.in_use
        watched = used.watched if used is not None else None
        return {
            "addresses": list(trunk.addresses),
            "found_by": trunk.answer.by if trunk.answer is not None else "",
            "target": str(used.place) if used is not None else "",
            "targets": [self._target(target, target is used) for target in trunk.targets.all],
            "reach": watched.reach.value if watched is not None else "not watched",
            "round_trip_ms": watched.round_trip_ms if watched is not None else 0.0,
        }

    def _target(self, target: Target, used: bool) -> dict[str, object]:
        place, watched = target.place, target.watched
        now = self._clock.now()
        return {
            "host": place.host,
            "address": place.address,
            "port": place.port,
            "priority": place.priority,
            "weight": place.weight,
            "used": used,
            "reach": watched.reach.value if watched is not None else "not watched",
            "round_trip_ms": watched.round_trip_ms if watched is not None else 0.0,
            "declines": target.declines,
            "rests_s": round(max(0.0, target.rest_until - now, target.busy_until - now), 1),
        }


def _key(trunk: Trunk, target: Target) -> tuple[str, str, int]:
    return trunk.name, target.place.address, target.place.port
