"""What each fact does to the centre: one function a fact, one table of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging import recording, texts
from ccd.bridging.state import Phase, Role, Talk
from ccd.errors import CcdError
from ccd.history.state import Detail
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, PromptPart
from ccd.model.rules import pause_names
from ccd.runtime import (
    after_calls,
    asides,
    bots,
    callbacks,
    charges,
    customers,
    deletions,
    emergency,
    erasing,
    links,
    longest,
    outside,
    own_calls,
    pickups,
    profiles,
    secrets,
    transfers,
    voicemail,
    waiting_keys,
    wrap_ups,
)
from ccd.runtime.beginning import begin, begin_flow
from ccd.runtime.leaving import leave
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def _started(centre: "Centre", fact: facts.DaemonStarted) -> None:
    state = centre.state
    state.boot, state.draining = fact.boot, False
    state.services.clear()
    centre.router.drain(False)
    written = centre.talks.restarted(centre.now)
    callbacks.restarted(centre)
    voicemail.restarted(centre)
    deletions.restarted(centre)
    bots.restarted(centre)
    charges.restarted(centre)
    for device, bindings in list(state.bindings.items()):
        kept = {key: bound for key, bound in bindings.items() if bound.expires_at > centre.now}
        if kept:
            state.bindings[device] = kept
        else:
            del state.bindings[device]
    state.lost.clear()
    state.trunks.clear()  # those that there still are say anew how they are
    for talk in written:
        _reopen(centre, talk)
    for agent in state.rules.agents:
        centre.update_reach(agent)


def _reopen(centre: "Centre", talk: Talk) -> None:
    """A written interaction goes on: its agents' legs, which lived in the former process, are opened anew."""
    info = centre.state.interactions[talk.interaction]
    agents = centre.state.rules.agents
    parties = [party for _, party in talk.parties()[1:]]
    gone = [party for party in parties if party.agent and party.agent not in agents]
    for party in gone:
        centre.talks.ended(party.leg, Cause.UNREACHABLE, centre.now)
    if len(gone) < len(parties) or not parties:
        devices = {party.agent: agents[party.agent].devices for party in parties if party.agent in agents}
        texts.reopen(centre.talks, talk, devices, centre.card(info))


def _stopped(centre: "Centre", _: facts.DaemonStopped) -> None:
    """Nothing: what still runs is ended by the next `DaemonStarted`."""


def _drain(centre: "Centre", fact: facts.DrainAsked) -> None:
    centre.state.draining = fact.on
    centre.router.drain(fact.on)


def _time(centre: "Centre", _: facts.TimePassed) -> None:
    centre.push(centre.router.expire(centre.now))
    centre.push(centre.flows.expire(centre.now))
    centre.talks.expire(centre.now)
    deletions.delete_due(centre)
    links.expire(centre)
    longest.end_due(centre)


def _arrived(centre: "Centre", fact: facts.LegArrived) -> None:
    state = centre.state
    if fact.leg in centre.talks.legs:
        return  # the same arrival twice
    if state.draining:
        centre.out.append(cmd.ReleaseLeg(fact.leg, Cause.OVERLOAD))
        return
    link = links.opened(centre, fact.continues) if fact.continues else None
    if fact.continues and link is None:
        links.refuse(centre, fact.leg)
        return
    diverted = state.rules.diverted.get(fact.channel, "")
    flow = diverted or links.flow_of(centre, link) or fact.flow or state.rules.numbers.get(fact.target, "")
    info = Interaction(
        id="",
        leg=fact.leg,
        channel=fact.channel,
        channel_class=fact.channel_class,
        kind=fact.kind,
        origin=fact.origin,
        display=fact.display,
        target=fact.target,
        arrived_at=centre.now,
        diverted_from=fact.diverted_from,
    )
    language = state.rules.language
    if link is not None:
        language = links.take_over(info, link) or language
    told: dict[str, Detail] = {"via": fact.via, "flow": flow}
    if fact.diverted_from:
        told["diverted_from"] = fact.diverted_from
    talk = begin(centre, info, language, told)
    if info.continues is not None:
        links.join(centre, info)
    if diverted:
        centre.history.note(info.id, centre.now, "diverted", channel=fact.channel, flow=flow)
    if not flow:
        centre.history.note(info.id, centre.now, "no flow for this number", target=fact.target)
        centre.talks.end(talk, Cause.NOT_FOUND, centre.now)
        return
    if state.notices:
        emergency.begin_flow(centre, info, flow, language)
    else:
        begin_flow(centre, info, flow, language)


def _dialled(centre: "Centre", fact: facts.AgentDialled) -> None:
    state = centre.state
    if fact.leg in state.services:
        return  # the same call twice
    agent = centre.owners.get(fact.device, "")
    if not agent:
        centre.out.append(cmd.ReleaseLeg(fact.leg, Cause.FORBIDDEN))
        return
    if pickups.dialled(centre, agent, fact):
        return
    prompt = _feature(centre, agent, fact)
    if prompt is None:
        own_calls.dial(centre, agent, fact)
        return
    play = f"x{fact.leg}" if prompt == "agent/refused" else f"f{fact.leg}"
    state.services[fact.leg] = play
    language = state.rules.agents[agent].language or state.rules.language
    centre.out.append(cmd.AnswerLeg(fact.leg))
    centre.out.append(cmd.PlayPrompt(fact.leg, play, (PromptPart(prompt),), language))


def _feature(centre: "Centre", agent: str, fact: facts.AgentDialled) -> str | None:
    """Carry out a feature code; name the prompt that answers, None: no such code."""
    rules, target, by = centre.state.rules, fact.target, f"phone:{fact.device}"
    codes = rules.features
    ask = centre.router.set_availability
    if target == codes.login:
        centre.push(ask(agent, Availability.READY, "", by, centre.now))
        return "agent/logged-in"
    if target == codes.logout:
        centre.push(ask(agent, Availability.LOGGED_OUT, "", by, centre.now))
        return "agent/logged-out"
    if target == codes.ready:
        centre.push(centre.router.end_wrap_up(agent, centre.now))
        centre.push(ask(agent, Availability.READY, "", by, centre.now))
        return "agent/ready"
    if target == codes.extend:
        return wrap_ups.dial_extend(centre, agent, by)
    if codes.disposition and target.startswith(codes.disposition):
        return wrap_ups.dial_disposition(centre, agent, target[len(codes.disposition) :], by)
    if codes.pause and target.startswith(codes.pause):
        code = target[len(codes.pause) :]
        reason = pause_names(rules.pause_reasons).get(code, "" if code else "pause")
        if not reason:
            return "agent/refused"
        view = centre.router.agent_view(agent, centre.now)
        talking = view is not None and view.doing == "talking"
        centre.push(ask(agent, Availability.PAUSED, reason, by, centre.now, when_done=talking))
        return "agent/paused-later" if talking else "agent/paused"
    return asides.dialled(centre, agent, target, by)


def _ringing(centre: "Centre", fact: facts.LegRinging) -> None:
    centre.talks.ringing(fact.leg, fact.early_media)


def _answered(centre: "Centre", fact: facts.LegAnswered) -> None:
    centre.talks.answered(fact.leg, fact.device)


def _ended(centre: "Centre", fact: facts.LegEnded) -> None:
    centre.state.services.pop(fact.leg, None)
    found = centre.talks.legs.get(fact.leg)
    if found is not None and (fact.sip_status or fact.note):
        centre.history.note(
            found[0].interaction,
            centre.now,
            "cause",
            sip_status=fact.sip_status,
            q850=fact.q850,
            note=fact.note,
        )
    centre.talks.ended(fact.leg, fact.cause, centre.now)


def _held(centre: "Centre", fact: facts.LegHeld) -> None:
    _hold(centre, fact.leg, True)


def _resumed(centre: "Centre", fact: facts.LegResumed) -> None:
    _hold(centre, fact.leg, False)


def _hold(centre: "Centre", leg: str, on: bool) -> None:
    """An agent who has the customer on hold may be offered other work meanwhile, if the rules say so."""
    centre.talks.held(leg, on)
    found = centre.talks.legs.get(leg)
    if found is not None and found[1] is Role.AGENT and found[0].phase is Phase.TALKING:
        centre.push(centre.router.hold(found[0].interaction, on, centre.now))


def _media_lost(centre: "Centre", fact: facts.MediaLost) -> None:
    if fact.both:
        longest.silent(centre, fact)
        return
    if fact.alive:
        found = centre.talks.legs.get(fact.leg)
        if found is not None:
            role, silent_s = found[1].value, round(fact.silent_s, 1)
            centre.history.note(found[0].interaction, centre.now, "silent", role=role, silent_s=silent_s)
        return
    if fact.leg in centre.state.services:
        centre.out.append(cmd.ReleaseLeg(fact.leg, Cause.MEDIA_LOST))
    centre.talks.media_lost(fact.leg, fact.silent_s)


def _digit(centre: "Centre", fact: facts.DigitPressed) -> None:
    found = centre.talks.legs.get(fact.leg)
    if found is None:
        return
    if found[0].customer.leg != fact.leg:
        voicemail.agent_digit(centre, found[0], fact.leg, fact.digit)
    elif found[0].phase is not Phase.FLOW and not found[0].asking:
        waiting_keys.pressed(centre, found[0], fact.digit)
    else:
        centre.push(centre.flows.digit(found[0].interaction, fact.digit, centre.now))


def _prompt_ended(centre: "Centre", fact: facts.PromptEnded) -> None:
    if centre.state.services.get(fact.leg) == fact.play:
        if not fact.completed and fact.note and not fact.play.startswith("t"):
            sound = "error" if fact.play.startswith("x") else "confirm"
            tone = cmd.PlayTone(fact.leg, f"t{fact.leg}", sound)
            centre.state.services[fact.leg] = tone.play
            centre.out.append(tone)
        else:
            centre.out.append(cmd.ReleaseLeg(fact.leg, Cause.NORMAL))
        return
    centre.talks.prompt_ended(fact.leg, fact.play, fact.completed, fact.note)


def _recorded(centre: "Centre", fact: facts.RecordingEnded) -> None:
    recording.ended(centre.talks, fact.recording, fact.path, fact.seconds, fact.note, fact.quiet_s)


def _text(centre: "Centre", fact: facts.TextReceived) -> None:
    found = centre.talks.legs.get(fact.leg)
    fresh = texts.take(centre.talks, fact.leg, fact.message, fact.text)
    if found is None or not fresh or found[0].customer.leg != fact.leg:
        return
    if found[0].phase is Phase.FLOW or found[0].asking:
        centre.push(centre.flows.text(found[0].interaction, fact.text, centre.now))
    else:
        waiting_keys.own_key(centre, found[0], fact.text.strip())


def _delivered(centre: "Centre", fact: facts.TextDelivered) -> None:
    texts.settled(centre.talks, fact.leg, fact.message)


def _text_failed(centre: "Centre", fact: facts.TextFailed) -> None:
    texts.settled(centre.talks, fact.leg, fact.message, failed=fact.cause)
    transfers.text_failed(centre, fact)


def _availability(centre: "Centre", fact: facts.AvailabilityAsked) -> None:
    if fact.agent in centre.state.rules.agents:
        when_done = fact.when_done and fact.availability is not Availability.READY
        ask = centre.router.set_availability
        centre.push(ask(fact.agent, fact.availability, fact.reason, fact.by, centre.now, when_done))


def _wrap_up_end(centre: "Centre", fact: facts.WrapUpEndAsked) -> None:
    centre.push(centre.router.end_wrap_up(fact.agent, centre.now))


def _bound(centre: "Centre", fact: facts.DeviceBound) -> None:
    bound = fact.binding
    centre.state.bindings.setdefault(bound.device, {})[bound.binding] = bound
    centre.state.lost.pop(bound.device, None)
    centre.update_reach(centre.owners.get(bound.device, ""))


def _unbound(centre: "Centre", fact: facts.DeviceUnbound) -> None:
    bindings = centre.state.bindings.get(fact.device)
    if bindings is not None:
        bindings.pop(fact.binding, None)
        if not bindings:
            del centre.state.bindings[fact.device]
            centre.state.lost.pop(fact.device, None)  # no longer silent, but not there: no alarm for ever
    centre.update_reach(centre.owners.get(fact.device, ""))


def _reachable(centre: "Centre", fact: facts.DeviceReachable) -> None:
    if centre.state.lost.pop(fact.device, None) is not None:
        centre.update_reach(centre.owners.get(fact.device, ""))


def _lost(centre: "Centre", fact: facts.DeviceLost) -> None:
    centre.state.lost[fact.device] = fact.cause
    centre.update_reach(centre.owners.get(fact.device, ""))


def _trunk(centre: "Centre", fact: facts.TrunkChanged) -> None:
    if fact.up:
        centre.state.trunks.pop(fact.trunk, None)
    else:
        centre.state.trunks[fact.trunk] = fact.note or "down"


def _hangup(centre: "Centre", fact: facts.HangupAsked) -> None:
    talk = centre.talks.get(fact.interaction)
    info = centre.state.interactions.get(fact.interaction)
    if talk is None or info is None or talk.phase is Phase.ENDING:
        return
    if after_calls.hung_up(centre, talk, fact):
        return
    centre.history.note(info.id, centre.now, "hung up", by=fact.by)
    leave(centre, info, talk, Cause.NORMAL, sent_away=True)


def _change(centre: "Centre", fact: facts.ChangeAsked) -> None:
    """It may have been accepted, or its queue removed, since it was asked: then it stays as it is."""
    info = centre.state.interactions.get(fact.interaction)
    if info is None:
        return
    try:
        decisions = centre.router.change(
            info.id, centre.now, priority=fact.priority, requirement=fact.requirement, queue=fact.queue
        )
    except CcdError as refused:
        centre.history.note(info.id, centre.now, "not changed", by=fact.by, why=refused.message)
        return
    if decisions:
        requirement = "none" if fact.requirement == "" else fact.requirement
        asked = {"priority": fact.priority, "requirement": requirement, "queue": fact.queue}
        change = {key: value for key, value in asked.items() if value is not None}
        centre.history.note(info.id, centre.now, "change", by=fact.by, **change)
        info.priority = info.priority if fact.priority is None else fact.priority
        info.requirement = info.requirement if fact.requirement is None else fact.requirement
        centre.push(decisions)


FACTS: dict[type, Callable[["Centre", Any], None]] = {
    facts.DaemonStarted: _started,
    facts.DaemonStopped: _stopped,
    facts.RulesLoaded: profiles.load_rules,
    facts.ProfileSet: profiles.set_profile,
    facts.NoticeSet: emergency.set_notice,
    facts.NoticeRemoved: emergency.remove_notice,
    facts.CustomerForgotten: customers.forgotten,
    facts.QueueClosed: emergency.close_queue,
    facts.QueueOpened: emergency.open_queue,
    facts.DrainAsked: _drain,
    facts.TimePassed: _time,
    facts.LegArrived: _arrived,
    facts.AgentDialled: _dialled,
    facts.LegRinging: _ringing,
    facts.LegAnswered: _answered,
    facts.LegEnded: _ended,
    facts.LegHeld: _held,
    facts.LegResumed: _resumed,
    facts.TransferAsked: transfers.asked,
    facts.TakeOverAsked: pickups.asked,
    facts.MediaLost: _media_lost,
    facts.CustomerErased: erasing.erased,
    facts.DigitPressed: _digit,
    facts.SecretCollected: secrets.collected,
    facts.SecretsCompared: secrets.compared,
    facts.PromptEnded: _prompt_ended,
    facts.RecordingEnded: _recorded,
    facts.TextReceived: _text,
    facts.TextDelivered: _delivered,
    facts.TextFailed: _text_failed,
    facts.AvailabilityAsked: _availability,
    facts.WrapUpEndAsked: _wrap_up_end,
    facts.PaymentSettled: charges.settled,
    facts.WrapUpExtendAsked: wrap_ups.extend_asked,
    facts.DispositionGiven: wrap_ups.given,
    facts.DeviceBound: _bound,
    facts.DeviceUnbound: _unbound,
    facts.DeviceReachable: _reachable,
    facts.DeviceLost: _lost,
    facts.TrunkChanged: _trunk,
    facts.HangupAsked: _hangup,
    facts.ChangeAsked: _change,
    facts.CallbackAsked: callbacks.asked,
    facts.OutsideAnswered: outside.answered,
    facts.LinkMade: links.made,
    facts.MaskAsked: voicemail.mask_asked,
    facts.FilesDeleted: deletions.done,
    facts.BotStarted: bots.started,
    facts.BotSaid: bots.said,
    facts.BotEnded: bots.ended,
}
"""Every fact has its function; a test holds the table whole."""
