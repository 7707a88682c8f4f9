"""Records in words: `interaction show` and `interaction explain`. Filing: a record to bytes and back."""

from collections import deque
from datetime import UTC, datetime, tzinfo

import msgspec

from ccd.errors import Refused
from ccd.history.state import Note, Record
from ccd.model.trace import Passed, Trace, Why

_CUES = {
    "arrived": "it arrived",
    "agent free": "the agent became free",
    "agent reachable": "the agent's phone came back",
    "missed": "the agent before did not take it",
    "retry": "the agent may be asked again",
    "withdrawn": "the offer before was taken back",
    "rules": "the configuration changed",
    "relaxed": "the queue asks for less by now, or more agents may be asked",
    "kept no longer": "it is no longer kept for one agent",
    "changed": "it was changed by hand",
    "joins": "it rings already, and this phone rings with the others from now on",
    "picked up": "it rings at a colleague, and the agent asked for it",
    "queue free": "the queue may offer again what it held back",
    "closed": "the queue is closed",
    "callback": "the customer leaves the line to be called back",
    "called back": "it is time to call back",
    "busy": "the customer's line was busy",
    "no_answer": "the customer did not answer",
    "unreachable": "the customer could not be reached",
    "agent left": "the agent hung up before the customer answered",
    "restart": "the daemon was restarted under the attempt",
    "later": "the agent put the message off",
    "voicemail": "the customer leaves a message instead",
    "no_agents": "nobody is there to serve the queue",
    "queue_removed": "the queue is not in the configuration any more",
    "max_wait": "the longest wait of the queue is over",
    "max_length": "the queue is full",
    "max_ewt": "it would probably wait too long",
    "max_load": "too many wait for the agents who are ready",
}

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)


ENTRY_RULES = "entry rules"
"""Note of what the entry rules of a queue added; it stands among the decisions that it had a part in."""
ASKED_OUTSIDE = "asked outside"
"""Note of what came of a question to a service outside."""
RELAXED = "relaxed"
"""Note of what a condition of its queue gave it, and what the figures were."""
PRESSED = "pressed"
"""Note of a key that its customer pressed while waiting, and what that does."""
NO_QUEUE = "no queue of this step"
"""Note of a computed queue that is none of those that the step may lead to."""
PAYMENT_ASKED, PAYMENT = "payment asked", "payment"
"""Notes that a payment was asked for, and of what came of it."""
NOT_SAID = "bot text not said"
"""Note that a caller did not hear what a bot wrote, and why."""
CONSULT, ATTENDED = "consult", "attended transfer"
"""Notes that its agent asked somebody about it, and of what came of joining the two."""
PICKED_UP = "pickup"
"""Note that a phone asked to be in the place of another, and of what came of it."""
_AMONG_DECISIONS = frozenset(
    {ENTRY_RULES, ASKED_OUTSIDE, RELAXED, PRESSED, NO_QUEUE, PAYMENT_ASKED, PAYMENT, NOT_SAID}
    | {CONSULT, ATTENDED, PICKED_UP}
)
"""Notes that stand among the decisions."""


def encode_record(record: Record) -> bytes:
    """The body to be filed."""
    return _ENCODER.encode(record)


def decode_record(body: bytes) -> Record:
    """A filed body; raises `Refused` when it is not one."""
    try:
        return _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise Refused("record_unreadable", f"the filed record cannot be read: {error}") from error


def explain(record: Record, zone: tzinfo = UTC) -> list[str]:
    """Each decision about an interaction, oldest first, with who was passed over and why."""
    head = f"{record.interaction}: {record.channel_class.value} from {record.origin or 'withheld'}"
    lines = [f"{head} to {record.target}, {_clock(record.began_at, zone, date=True)}"]
    lines.extend(say_chain(record))
    if not record.traces:
        lines.append("no decision was made about it: it never was in a queue")
    notes = deque(note for note in record.timeline if note.what in _AMONG_DECISIONS)
    for number, trace in enumerate(record.traces):
        while notes and notes[0].at <= trace.at:
            note = notes.popleft()
            lines.append(f"{_clock(note.at, zone)}  {_say(note)}")
        lines.extend(_trace_lines(trace, zone))
        if number == 3 and record.traces_dropped:
            lines.append(f"… {record.traces_dropped} decisions more are not kept")
    lines.extend(f"{_clock(note.at, zone)}  {_say(note)}" for note in notes)
    if record.outcome and record.ended_at:
        lines.append(f"{_clock(record.ended_at, zone)}  closed: {record.outcome} ({record.cause.value})")
    return lines


_MISSES = {"incompatible": "the phone refused our audio"}
"""Those whose word alone would say too little."""


def say_chain(record: Record) -> list[str]:
    """What it goes on from, and what went on from it, in words."""
    lines = []
    if record.continues:
        chain = f" (chain {record.chain})" if record.chain != record.continues else ""
        lines.append(f"continues {record.continues}{chain}")
    if record.continued_as:
        lines.append(f"continued as {', '.join(record.continued_as)}")
    return lines


def tell(record: Record, zone: tzinfo = UTC) -> list[str]:
    """The timeline in words, oldest first."""
    lines = []
    for number, note in enumerate(record.timeline):
        lines.append(f"{_clock(note.at, zone)}  {_say(note)}")
        if number == 39 and record.notes_dropped:
            lines.append(f"… {record.notes_dropped} notes more are not kept")
    return lines


def _say(note: Note) -> str:
    what = note.what.replace("_", " ")
    if note.what == RELAXED:
        return "{given}: {when}, was {was}".format_map(note.details)
    details = [f"{key.replace('_', ' ')} {value}" for key, value in note.details.items() if value != ""]
    return f"{what}: {', '.join(details)}" if details else what


def _trace_lines(trace: Trace, zone: tzinfo) -> list[str]:
    cue = _CUES.get(trace.cue, trace.cue) + _say_detail(trace, zone)
    at = _clock(trace.at, zone)
    if trace.what == "offered":
        said = f"offered to {trace.agent} ({trace.offer}), place {trace.position} in {trace.queue}: {cue}"
        if trace.also:
            said += f"; the phones of {', '.join(trace.also)} ring at the same time"
    elif trace.what == "waits":
        said = f"waits, place {trace.position} in {trace.queue}: {cue}, nobody can take it now"
    elif trace.what == "took back":
        said = f"took back {trace.detail}, in {trace.queue}"
    elif trace.what == "rests" and trace.until:
        cue = _CUES.get(trace.cue, trace.cue) + _say_why(trace)
        said = f"rests{_say_until(trace, zone)}, place {trace.position} in {trace.queue}: {cue}"
    else:
        place = f"place {trace.position} in {trace.queue}" if trace.position else trace.queue
        said = f"{trace.what}, {place}: {cue}"
    lines = [f"{at}  {said}"]
    lines.extend(f"              passed over {p.agent}: {say_why(p, trace.at, zone)}" for p in trace.passed)
    if trace.others:
        lines.append(f"              and {trace.others} agents more; {trace.free} had room for it")
    return lines


def _say_detail(trace: Trace, zone: tzinfo) -> str:
    """Why a queue is closed and until when, or how loaded it is: after the words of the cue."""
    return _say_why(trace) + _say_until(trace, zone)


def _say_why(trace: Trace) -> str:
    return f" ({trace.detail})" if trace.detail else ""


def _say_until(trace: Trace, zone: tzinfo) -> str:
    return f" until {datetime.fromtimestamp(trace.until, tz=zone):%Y-%m-%d %H:%M:%S}" if trace.until else ""


def say_why(passed: Passed, at: float, zone: tzinfo = UTC) -> str:
    """Why an agent was passed over at `at`, in words."""
    if passed.why is Why.PAUSED:
        since = f" {_clock(passed.at, zone, seconds=False)}" if passed.at else ""
        return f"paused: {passed.detail}{since}" if passed.detail else f"paused{since}"
    if passed.why is Why.PENDING:
        return f"finishes its work, then {passed.detail.replace('_', ' ')}"
    if passed.why is Why.LOAD:
        return f"load {passed.detail}"
    if passed.why is Why.MISSED:
        why = _MISSES.get(passed.detail, passed.detail.replace("_", " "))
        return f"rang {max(0.0, at - passed.at):.0f} s ago, {why}"
    if passed.why is Why.NO_DEVICE:
        return f"no device: {passed.detail}" if passed.detail else "no device"
    if passed.why is Why.WRAP_UP:
        waits = {"open": "wrap-up until the agent ends it", "owed": "wrap-up until a disposition is given"}
        return waits.get(passed.detail) or f"wrap-up until {_clock(passed.at, zone)}"
    if passed.why is Why.LATER_IN_ORDER:
        return f"free, but later in the order (in line since {_clock(passed.at, zone)})"
    return _say_limit(passed, at)


def _say_limit(passed: Passed, at: float) -> str:
    """What the rules of the queue or the agent have against it."""
    left = f" for {max(0.0, passed.at - at):.0f} s more" if passed.at else ""
    if passed.why is Why.SKILL:
        return f"skill: {passed.detail}{left}"
    if passed.why is Why.TIER:
        return f"not asked yet{left}" if left else "does not serve this queue"
    if passed.why is Why.PREFERRED:
        return f"kept for {passed.detail}{left}"
    if passed.why is Why.CEILING:
        return f"at the most of {passed.detail.replace('_', ' ')}"
    if passed.why is Why.RESERVE:
        return f"kept free: {passed.detail.replace('_', ' ')}"
    if passed.why is Why.MAX_ACTIVE:
        return f"the queue has its most in conversation: {passed.detail}"
    if passed.why is Why.RINGS:
        return "its phone rings for it already"
    return passed.why.value.replace("_", " ")


def _clock(at: float, zone: tzinfo, date: bool = False, seconds: bool = True) -> str:
    moment = datetime.fromtimestamp(at, tz=zone)
    if date:
        return moment.strftime("%Y-%m-%d %H:%M:%S %Z")
    return moment.strftime("%H:%M:%S") if seconds else moment.strftime("%H:%M")
