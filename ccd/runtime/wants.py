"""What each want of a flow does: one function a type, one table of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging import thirds
from ccd.ivr import do
from ccd.model.numbers import to_e164
from ccd.runtime import bots, callbacks, charges, customers, outside, secrets, surveys
from ccd.runtime.languages import as_the_flow
from ccd.runtime.leaving import leave
from ccd.runtime.relaxations import in_words
from ccd.runtime.spoken import last_with
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def _answer(centre: "Centre", want: do.Answer) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.talks.answer(talk)


def _play(centre: "Centre", want: do.PlayParts) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        talk.language = want.language
        centre.talks.play(talk, want.play, want.parts, want.language, want.barge)


def _queue(centre: "Centre", want: do.Queue) -> None:
    info = centre.state.interactions.get(want.interaction)
    if info is not None:
        talk = centre.talks.get(info.id)
        if talk is not None:
            as_the_flow(centre, talk)
        if want.requirement:
            info.requirement = want.requirement
        if want.screen:
            _show(centre, info, want.screen)
        agents = centre.state.rules.agents
        prefer = next((name for name in want.prefer if name in agents), "") if want.prefer else ""
        if not prefer and want.prefer_last_s:
            number = to_e164(info.origin, centre.state.rules.country)  # as an agent's phone would dial it
            since, names = centre.now - want.prefer_last_s, (info.origin, number, *info.known_as)
            prefer = last_with(centre.state.spoken, names, since)
        centre.enqueue(
            info,
            want.queue,
            want.priority,
            prefer=prefer,
            prefer_wait_s=want.prefer_wait_s,
            whisper=want.whisper,
            whisper_say=want.whisper_say,
        )


def _show(centre: "Centre", info: Interaction, screen: dict[str, str]) -> None:
    """Agents are shown this from here on; what is over keeps it in its record."""
    info.screen = screen
    record = centre.history.record(info.id)
    if record is not None:
        record.screen = screen


def _transfer(centre: "Centre", want: do.TransferTo) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.history.note(want.interaction, centre.now, "dial outside", address=want.address)
        until = centre.now + want.ring_timeout_s
        thirds.dial_out(centre.talks, talk, want.address, until, talk.origin)


def _recognised(centre: "Centre", want: do.Recognised) -> None:
    info = centre.state.interactions.get(want.interaction)
    if info is not None:
        info.identified = want.customer
        customers.came(centre, info)


def _hangup(centre: "Centre", want: do.HangUp) -> None:
    talk = centre.talks.get(want.interaction)
    info = centre.state.interactions.get(want.interaction)
    if talk is None or info is None:
        return
    centre.history.note(want.interaction, centre.now, "flow ended", note=want.note)
    leave(centre, info, talk, want.cause)


def _chose(centre: "Centre", want: do.Chose) -> None:
    centre.history.note(want.interaction, centre.now, "chose", step=want.step, key=want.key)


def _missed(centre: "Centre", want: do.Missed) -> None:
    what = "bad key" if want.key else "no key"
    centre.history.note(want.interaction, centre.now, what, step=want.step, key=want.key, count=want.count)


def _branched(centre: "Centre", want: do.Branched) -> None:
    case = want.case or "none of its cases"
    was = {"was": in_words(want.was)} if want.was else {}
    centre.history.note(want.interaction, centre.now, "branched", step=want.step, case=case, **was)


def _assigned(centre: "Centre", want: do.Assigned) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None and "language" in want.values:
        talk.language = want.values["language"]
    centre.history.note(want.interaction, centre.now, "set", **want.values)


WANTS: dict[type, Callable[["Centre", Any], None]] = {
    do.Answer: _answer,
    do.PlayParts: _play,
    do.Queue: _queue,
    do.TransferTo: _transfer,
    do.HangUp: _hangup,
    do.Chose: _chose,
    do.Missed: _missed,
    do.Branched: _branched,
    do.CallBack: callbacks.wanted,
    do.LeaveLine: callbacks.leaves,
    do.Stay: callbacks.stays,
    do.Assigned: _assigned,
    do.Recognised: _recognised,
    do.CollectSecretly: secrets.collect,
    do.Rejected: secrets.rejected,
    do.Forget: secrets.forget,
    do.Compare: secrets.compare,
    do.Remarked: secrets.remarked,
    **outside.WANTS,
    **surveys.WANTS,
    **bots.WANTS,
    **charges.WANTS,
}
"""They are part of `ccd.runtime.consequences.CONSEQUENCES`."""
