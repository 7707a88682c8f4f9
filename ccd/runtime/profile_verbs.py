"""The verbs of profiles: which there are and what they change, on and off (peak mode)."""

import msgspec

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import facts
from ccd.model.profiles import apply_profiles, differences
from ccd.model.rules import ProfileRule, Target, way_of
from ccd.runtime import views
from ccd.runtime.asking import Args, Call, act, look, unknown
from ccd.runtime.centre import Centre
from ccd.runtime.ending import end_of
from ccd.runtime.loop import Runtime
from ccd.runtime.profiles import base_rules

LONGEST_REASON = 200


class _None(Args, frozen=True):
    """A verb without arguments."""


class _One(Args, frozen=True):
    profile: str


class _On(Args, frozen=True):
    profile: str
    until: float | None = None
    """Seconds since the epoch."""
    for_s: float | None = None
    """Seconds from now, as another way to say it."""
    reason: str = ""


class _Off(Args, frozen=True):
    profile: str
    reason: str = ""


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about profiles."""
    console = ProfileConsole(runtime, centre, clock)
    return {
        "profiles": look(console.profiles, _None),
        "profile.show": look(console.show, _One),
        "profile.on": act(console.on, _On),
        "profile.off": act(console.off, _Off),
    }


class ProfileConsole:
    """The verbs over one daemon."""

    def __init__(self, runtime: Runtime, centre: Centre, clock: Clock) -> None:
        self._runtime = runtime
        self._centre = centre
        self._clock = clock

    def profiles(self, _asked: _None) -> list[views.View]:
        """All profiles, those that are on first, in the order in which they were turned on."""
        return views.profiles(self._centre, self._clock.now())

    def show(self, asked: _One) -> views.View:
        """One profile, and each thing that is other when it alone is on."""
        profile = self._known(asked.profile)
        return {**self._row(profile.name), "changes": _changes(self._centre, profile)}

    async def on(self, asked: _On, by: str) -> views.View:
        """Turn a profile on, or give one that is on another end and reason. Raises `Refused`."""
        profile = self._known(asked.profile)
        until = self._end(asked)
        if len(asked.reason) > LONGEST_REASON:
            problem = f"the reason has {len(asked.reason)} characters"
            raise Refused("profile.reason", f"{problem} — say it in {LONGEST_REASON}")
        await self._commit(facts.ProfileSet(profile.name, True, by, until, asked.reason))
        return self._row(profile.name)

    async def off(self, asked: _Off, by: str) -> views.View:
        """Turn a profile off; nothing happens to one that is off already. Raises `Refused`."""
        profile = self._known(asked.profile)
        if any(each.profile == profile.name for each in self._centre.state.profiles):
            await self._commit(facts.ProfileSet(profile.name, False, by, reason=asked.reason))
        return self._row(profile.name)

    # -- within ----------------------------------------------------------------------------------

    def _known(self, name: str) -> ProfileRule:
        known = base_rules(self._centre.state).profiles
        if name not in known:
            raise unknown("profile", name, known)
        return known[name]

    def _end(self, asked: _On) -> float | None:
        """When it is to end; None: not by itself."""
        return end_of("profile", asked.until, asked.for_s, self._clock.now())

    def _row(self, name: str) -> views.View:
        rows = views.profiles(self._centre, self._clock.now())
        return next(row for row in rows if row["profile"] == name)

    async def _commit(self, fact: facts.AnyFact) -> None:
        self._runtime.post(fact)
        await self._runtime.stored()


def _changes(centre: Centre, profile: ProfileRule) -> list[views.View]:
    """`key`, its value `without` the profile and its value `meanwhile`, in the words of the file."""
    base, plain = base_rules(centre.state), msgspec.to_builtins
    resting = profile.suspend.queues
    found = [
        {"key": ".".join(key), "without": plain(before), "meanwhile": plain(after)}
        for key, before, after in differences(base, apply_profiles(base, [profile.name]))
        if not (key[0] == "queues" and key[1] in resting)
    ]
    for queue, target in resting.items():
        what = f"suspended: interactions {_goes(target)}"
        found.append({"key": f"queues.{queue}", "without": "served", "meanwhile": what})
    return found


def _goes(target: Target) -> str:
    way = way_of(target)
    return f"go to {way}" if way else "wait"
