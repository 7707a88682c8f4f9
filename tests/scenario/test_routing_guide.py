"""docs/routing.md: its configuration passes the check, its examples happen as they say."""

import re
from pathlib import Path

import pytest

from ccd.config.load import check, render
from ccd.model.nouns import Availability, ChannelClass, LegKind, OfferEnd
from ccd.routing import decisions as d
from ccd.routing.router import Router

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
EXAMPLES = re.findall(r"^```example\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CLASSES = {
    "call": ChannelClass.VOICE,
    "chat": ChannelClass.LIVE_TEXT,
    "mail": ChannelClass.DEFERRED_TEXT,
}
ARRIVES = re.compile(
    r"(call|chat|mail) (\d+)(?: with priority (\d+))?(?: kept for (\w+))? arrives in (\w+): (.+)"
)
BEGAN = 1_800_000_000.0


class Play:
    """One example, line by line."""

    def __init__(self, folder: Path) -> None:
        (folder / "ccd.toml").write_text("\n".join(re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)))
        settings, faults = check(folder)
        assert settings is not None, render(faults)
        self.router = Router(settings.rules)
        self.now = BEGAN - 10
        for name in settings.rules.agents:
            self.router.set_reachable(name, True, self.now)
            self.router.set_availability(name, Availability.READY, "", "test", self.now)
            self.now += 1

    def line(self, text: str) -> None:
        at, _, what = text.partition(" ")
        self.now = BEGAN + float(at)
        happened, _, then = what.partition(": ")
        if found := ARRIVES.fullmatch(what):
            self.arrive(*found.groups())
        elif found := re.fullmatch(r"(\w+) pauses", happened):
            self.router.set_availability(found[1], Availability.PAUSED, "", "test", self.now)
        elif found := re.fullmatch(r"(\w+) is ready", happened):
            ready = self.router.set_availability(found[1], Availability.READY, "", "test", self.now)
            assert self.said(ready) == then
        elif found := re.fullmatch(r"\w+ (\d+) is answered by (\w+)", happened):
            offer = self.router.offers_of(found[1])[found[2]]
            assert self.said(self.router.answered(offer, self.now)) == then
            self.router.bridged(found[1], self.now)
        elif found := re.fullmatch(r"\w+ (\d+) is answered", happened):
            self.router.answered(self.router.offer_of(found[1]), self.now)
            self.router.bridged(found[1], self.now)
        elif found := re.fullmatch(r"call (\d+) leaves the line", happened):
            self.router.call_back(found[1], self.now + 28_800, self.now + 15, self.now)
            assert self.said(self.router.wake(found[1], self.now)) == then
        elif found := re.fullmatch(r"call (\d+) is accepted", happened):
            self.router.answered(self.router.offer_of(found[1]), self.now)
        elif found := re.fullmatch(r"the customer of call (\d+) is busy", happened):
            assert self.said(self.router.rest(found[1], self.now + 120, "busy", self.now)) == then
        elif found := re.fullmatch(r"\w+ (\d+) ends", happened):
            assert self.said(self.router.finish(found[1], self.now)) == then
        else:
            assert happened == "time passes"
            assert self.said(self.router.expire(self.now)) == then

    def arrive(self, kind: str, name: str, priority: str, prefer: str, queue: str, then: str) -> None:
        out = self.router.enqueue(
            name,
            queue,
            self.now,
            channel_class=CLASSES[kind],
            kind=LegKind.AUDIO if kind == "call" else LegKind.TEXT,
            priority=int(priority) if priority else None,
            prefer=prefer or "",
        )
        said = self.said(out)
        assert (f"{kind} {name} {then}" if then != "waits" else "nothing") == said

    def said(self, out: list[d.Decision]) -> str:
        kinds = {channel_class: kind for kind, channel_class in CLASSES.items()}
        offers = [one for one in out if isinstance(one, d.Offer)]
        assert not [one for one in out if isinstance(one, d.OfferWithdrawn) and one.end is OfferEnd.NO_ANSWER]
        places = self.router.state.places
        told = [f"call {o.interaction} leaves {o.queue} as {o.why}" for o in out if isinstance(o, d.Overflow)]
        rung: dict[str, list[str]] = {}
        for offer in offers:
            rung.setdefault(offer.interaction, []).append(offer.agent)
        told += [
            f"{kinds[places[name].channel_class]} {name} rings at {', '.join(agents)}"
            for name, agents in rung.items()
        ]
        return ", ".join(told) or "nothing"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_it_happens_as_the_guide_says(example: str, tmp_path: Path) -> None:
    play = Play(tmp_path)
    for line in example.splitlines():
        play.line(line)
