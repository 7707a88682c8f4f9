"""Peak mode at work: profiles go on and off, and the rules in force follow (`model.profiles` makes them).

The state keeps the base rules beside those in force only while a profile is on. A profile whose end has
come is off before the next fact is looked at, whichever that is: not one interaction too many follows it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ccd.model import facts
from ccd.model.profiles import ProfileOn, apply_profiles, suspended, touched_queues
from ccd.model.rules import Rules, Target
from ccd.routing.phases import Phase
from ccd.runtime import own_calls
from ccd.runtime.state import CentreState

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def base_rules(state: CentreState) -> Rules:
    """The rules as they are without any profile."""
    return state.rules if state.base is None else state.base


def next_end(state: CentreState) -> float | None:
    """When the first of the profiles that are on ends by itself."""
    return min((each.until for each in state.profiles if each.until is not None), default=None)


def profiles_lost(state: CentreState, fresh: Rules) -> list[str]:
    """Profiles that are on and that a reload of `fresh` turns off, as lines for who reloads."""
    lost = [each.profile for each in state.profiles if each.profile not in fresh.profiles]
    return [f"! profiles.{name}: is on, and is turned off because it is removed" for name in lost]


class InForce:
    """What the profiles that are on make of queues, for quick looks; rebuilt with the rules."""

    __slots__ = ("changed", "resting")

    def __init__(self, state: CentreState) -> None:
        rules = base_rules(state)
        profiles = [rules.profiles[each.profile] for each in state.profiles]
        self.resting = suspended(rules, profiles)
        """Suspended queue → profile that says so, and where its interactions go."""
        self.changed: dict[str, str] = {}
        """Queue → profiles that change something in it."""
        for profile in profiles:
            for queue in dict.fromkeys(touched_queues(profile)):
                known = self.changed.get(queue)
                self.changed[queue] = f"{known}, {profile.name}" if known else profile.name

    def why(self, queue: str, why: str) -> str:
        """Why an interaction left a queue: the suspension where it was that."""
        name = self._sends_on(queue)
        return f"suspended by profile {name}" if name else why

    def cue(self, queue: str, what: str, cue: str) -> str:
        """What set off a decision; about a suspended queue the suspension is what there is to say."""
        name = ""
        if what == "waits" and queue in self.resting:
            name = self.resting[queue][0]
        elif what == "overflowed":
            name = self._sends_on(queue)
        return f"the queue is suspended by profile {name}" if name else cue

    def _sends_on(self, queue: str) -> str:
        """Profile that sends on what is in the queue; one that lets it wait leaves the queue its limits."""
        name, target = self.resting.get(queue, ("", Target()))
        return name if target != Target() else ""


# -- facts ---------------------------------------------------------------------------------------------


def load_rules(centre: "Centre", fact: facts.RulesLoaded) -> None:
    """The configuration anew: profiles that are on stay on over it, those it no longer has are off."""
    state = centre.state
    gone = [each for each in state.profiles if each.profile not in fact.rules.profiles]
    _note(centre, gone, "profile off", by=fact.by or "config", why="no longer configured")
    kept = [each for each in state.profiles if each not in gone]
    _follow(centre, fact.rules, kept, "")


def set_profile(centre: "Centre", fact: facts.ProfileSet) -> None:
    """On or off. Unknown profiles, and one turned on until a time that has passed, are left off."""
    state, base = centre.state, base_rules(centre.state)
    before = next((each for each in state.profiles if each.profile == fact.profile), None)
    lasts = fact.on and (fact.until is None or fact.until > centre.now) and fact.profile in base.profiles
    if not lasts:
        if before is not None:
            _end(centre, [before], fact.by, fact.reason)
        return
    since = centre.now if before is None else before.since
    fresh = ProfileOn(fact.profile, fact.by, since, fact.until, fact.reason)
    if before is not None:  # the same rules, another end
        state.profiles = [fresh if each is before else each for each in state.profiles]
        return
    _follow(centre, base, [*state.profiles, fresh], f"profile {fact.profile} was turned on")
    details = {"reason": fact.reason} if fact.reason else {}
    _note(centre, [fresh], "profile on", by=fact.by, **details)


def end_due(centre: "Centre") -> None:
    """Turn off every profile whose time is over."""
    over = [each for each in centre.state.profiles if each.until is not None and each.until <= centre.now]
    if over:
        _end(centre, over, "policy:until", "")


def _end(centre: "Centre", over: list[ProfileOn], by: str, reason: str) -> None:
    details = {"reason": reason} if reason else {}
    _note(centre, over, "profile off", by=by, **details)
    kept = [each for each in centre.state.profiles if each not in over]
    names = ", ".join(each.profile for each in over)
    _follow(centre, base_rules(centre.state), kept, f"profile {names} was turned off")


def _follow(centre: "Centre", base: Rules, on: list[ProfileOn], cue: str) -> None:
    """From here on these profiles are on over these base rules."""
    state = centre.state
    state.profiles = on
    state.base = base if on else None
    state.rules = apply_profiles(base, [each.profile for each in on])
    centre.index_rules()
    centre.rules_cue = cue
    centre.flows.load_rules(state.rules)
    own_calls.keep_whole(centre)
    centre.push(centre.router.load_rules(state.rules, centre.now))
    for agent in state.rules.agents:
        centre.update_reach(agent)


def _note(centre: "Centre", profiles: Iterable[ProfileOn], what: str, **details: str) -> None:
    """On the timeline of each interaction that waits or rings in a queue that the profiles change."""
    known = base_rules(centre.state).profiles
    names: dict[str, list[str]] = {}
    for each in profiles:
        for queue in dict.fromkeys(touched_queues(known[each.profile])):
            names.setdefault(queue, []).append(each.profile)
    if not names:
        return
    for place in centre.router.state.places.values():
        if place.queue in names and place.phase is not Phase.CONNECTED:
            profile = ", ".join(names[place.queue])
            centre.history.note(place.interaction, centre.now, what, profile=profile, **details)
