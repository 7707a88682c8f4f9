"""The verbs of wrap-up and dispositions: extend, end, and say how an interaction ended."""

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import facts
from ccd.routing.wrap_ups import name_of
from ccd.runtime import views
from ccd.runtime.asking import Args, Call, act, unknown
from ccd.runtime.centre import Centre
from ccd.runtime.loop import Runtime


class _WrapUp(Args, frozen=True):
    agent: str
    extend: bool = False
    end: bool = False


class _Disposition(Args, frozen=True):
    interaction: str
    code: str
    """Code or name."""


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about wrap-up."""
    console = WrapUpConsole(runtime, centre, clock)
    return {
        "agent.wrap_up": act(console.wrap_up, _WrapUp),
        "interaction.disposition": act(console.disposition, _Disposition),
    }


class WrapUpConsole:
    """The verbs over one daemon."""

    def __init__(self, runtime: Runtime, centre: Centre, clock: Clock) -> None:
        self._runtime = runtime
        self._centre = centre
        self._clock = clock

    async def wrap_up(self, asked: _WrapUp, by: str) -> views.View:
        """Extend or end an agent's wrap-up. Raises `Refused` where there is nothing to extend or to end."""
        name = asked.agent
        if name not in self._centre.state.rules.agents:
            raise unknown("agent", name, self._centre.state.rules.agents)
        if asked.extend is asked.end:
            raise Refused("wrap_up.what", "say what to do with the wrap-up: extend it, or end it")
        if asked.extend:
            self._centre.router.check_extension(name)
            await self._commit(facts.WrapUpExtendAsked(name, by))
        else:
            self._check_end(name)
            await self._commit(facts.WrapUpEndAsked(name, by))
        return views.agent(self._centre, name, self._clock.now())

    def _check_end(self, name: str) -> None:
        view = self._centre.router.agent_view(name, self._clock.now())
        if view is None or not view.wrap_up:
            raise Refused("wrap_up.none", f"agent {name} is not in wrap-up: there is nothing to end")
        if view.owes:
            first = view.owes[0]
            known = self._centre.router.dispositions_of(first, name)
            told = ", ".join(f"{code} {each}" for code, each in known.items())
            problem = f"the disposition of interaction {first} is missing: the wrap-up of {name} ends with it"
            cure = f"give it by `ccctl interaction disposition {first} CODE` ({told})"
            raise Refused("wrap_up.owed", f"{problem} — {cure}")

    async def disposition(self, asked: _Disposition, by: str) -> views.View:
        """Say how an interaction ended, or ends. Raises `Refused` as `Router.dispose` does."""
        name, router = asked.interaction, self._centre.router
        await self._know(name)
        shares = router.check_disposition(name, asked.code)
        said = name_of(router.dispositions_of(name), asked.code)
        await self._commit(facts.DispositionGiven(name, asked.code, by))
        return {"interaction": name, "disposition": said, "agents": [state.name for state, _ in shares]}

    async def _know(self, name: str) -> None:
        """One that never was is another mistake than one that is over for too long."""
        running = self._centre.state.interactions
        if name in running:
            return
        await self._runtime.stored()
        if await self._runtime.ask(lambda ledger: ledger.record(name)) is None:
            raise unknown("interaction", name, list(running)[:200])

    async def _commit(self, fact: facts.AnyFact) -> None:
        self._runtime.post(fact)
        await self._runtime.stored()
