"""Text on an agent's softphone by SIP MESSAGE (RFC 3428).

Each written interaction is a correspondent of its own, `sip:chat-4711@domain`: the phone shows one
conversation an interaction. States of a text leg: OFFERED ──first answer──▶ UP ──▶ gone.

- the offer goes to every binding of the agent's devices; the device that answers first has the talk;
- messages to one binding leave one after another, each after the answer to the former: the order holds;
- `/refuse` declines an offer, `/close` ends the conversation;
- `/transfer WHERE` sends the customer on, to a queue or an agent by extension or name;
- `/disposition CODE` says how it ended, also after it is over; the answer comes as a text;
- the agent's own text is answered 200 only once it is durable (`AcknowledgeText`).
"""

from collections import deque
from typing import TYPE_CHECKING

from ccd.model import facts
from ccd.model.commands import DialLeg, OfferCard
from ccd.model.nouns import Cause
from ccd.sip.endpoint import ResponseArrived, ServerTransaction, TransactionFailed
from ccd.sip.message import Request
from ccd.sip.registrations import Bound
from ccd.voice.targets import quotable

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

MOST_BYTES = 16_000
_OFFER, _MORE, _TOLD, _END = "\0offer", "\0more", "\0told", "\0end"
"""Messages of our own, named as none of a channel: an offer, what does not fit there, a word from us, the
last one."""
_CLOSE, _REFUSE, _DISPOSITION, _TRANSFER = "/close", "/refuse", "/disposition", "/transfer"
_AWAY = frozenset({404, 408, 410, 430, 480, 503})
"""Answers of a phone, or of what stands before it, that nobody is there; others refuse this one text."""
_NOT_PASSED_ON = {
    Cause.BUSY: "that agent has no room",
    Cause.UNREACHABLE: "that agent cannot be reached",
    Cause.NO_ANSWER: "no answer",
    Cause.REJECTED: "it was declined",
    Cause.NOT_FOUND: "no queue and no agent has this extension or name",
    Cause.FORBIDDEN: "it cannot be passed on now",
}
"""What the agent reads about a `/transfer` that failed."""
_LAST_WORDS = {Cause.TRANSFERRED: "(passed on)", Cause.UNREACHABLE: "(passed on: your phone did not answer)"}


_CONTROLS = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\n\t")
"""What no text needs and a phone might act on."""


def _body(text: str) -> bytes:
    """The text as it leaves; what is too long for one message is cut between two characters."""
    data = text.translate(_CONTROLS).encode("utf-8", "replace")
    return data if len(data) <= MOST_BYTES else data[:MOST_BYTES].decode("utf-8", "ignore").encode()


def _pieces(lines: list[str]) -> list[str]:
    """As few messages as hold them, so that nothing is cut off but of a line too long for one by itself."""
    pieces, size = [lines[0]], len(lines[0].encode("utf-8", "replace"))
    for line in lines[1:]:
        more = len(line.encode("utf-8", "replace")) + 1
        if size + more <= MOST_BYTES:
            pieces[-1] += "\n" + line
            size += more
        else:
            pieces.append(line)
            size = more
    return pieces


class Post:
    """Messages on their way to one binding, one at a time."""

    __slots__ = ("binding", "busy", "leg", "waiting")

    def __init__(self, leg: "TextLeg", binding: Bound) -> None:
        self.leg = leg
        self.binding = binding
        self.waiting: deque[tuple[str, str]] = deque()
        self.busy = ""

    def send(self, message: str, text: str) -> None:
        self.waiting.append((message, text))
        if not self.busy:
            self._next()

    def _next(self) -> None:
        if self.waiting:
            self.busy, text = self.waiting.popleft()
            self.leg.transmit(self, text)

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """Delivered, or not; then the next one."""
        del now
        message, self.busy = self.busy, ""
        status = event.response.status if isinstance(event, ResponseArrived) else 408
        if status < 200:
            self.busy = message
            return
        self.leg.delivered(self, message, status)
        self._next()


class TextLeg:
    """One written interaction on an agent's devices."""

    __slots__ = ("card", "channel", "device", "devices", "gone", "id", "name", "posts", "said")

    def __init__(self, channel: "VoiceChannel", command: DialLeg) -> None:
        self.channel = channel
        self.id = command.leg
        self.card: OfferCard = command.card
        self.name = f"chat-{command.card.interaction}"
        self.devices = command.devices
        self.device = ""
        """Device that answered; empty: still offered."""
        self.gone = False
        self.said = 0
        self.posts: list[Post] = []

    def open(self, bindings: list[Bound], opening: tuple[str, ...]) -> None:
        """Offer it to the devices; without opening words it goes on after a restart."""
        self.posts = [Post(self, bound) for bound in bindings]
        if not opening:
            return
        card = self.card
        head = f"[{card.queue}] {card.caller_name or card.caller or 'visitor'} waits since {card.waited_s} s."
        screen = [f"{name}: {value}" for name, value in card.screen.items()]
        if card.continues:
            screen = [f"Goes on from interaction {card.continues}, {card.caller or 'no number'}.", *screen]
        first, *more = _pieces([head + f" Answer to accept, {_REFUSE} to decline.", *screen, *opening])
        for post in self.posts:
            post.send(_OFFER, first)
            for text in more:
                post.send(_MORE, text)

    def transmit(self, post: Post, text: str) -> None:
        """One MESSAGE to one binding."""
        channel, bound = self.channel, post.binding
        domain = channel.settings.sip.domain
        shown = quotable(self.card.caller_name or "visitor")[:80]
        self.said += 1
        headers = [
            ("Max-Forwards", "70"),
            ("From", f'"{shown}" <sip:{self.name}@{domain}>;tag={channel.chance.token(10)}'),
            ("To", f"<sip:{bound.device}@{domain}>"),
            ("Call-ID", f"{channel.chance.token(16)}@{domain}"),
            ("CSeq", f"{self.said} MESSAGE"),
            ("Content-Type", "text/plain;charset=utf-8"),
        ]
        request = Request.create("MESSAGE", bound.contact, headers, _body(text))
        channel.remember_call(request.call_id, self.id)
        channel.stack.request(request, bound.flow, owner=post)

    def delivered(self, post: Post, message: str, status: int) -> None:
        """What became of a MESSAGE: the final status of its answer, 408 when none came."""
        if self.gone or message in (_END, _MORE, _TOLD):
            return
        ok = status < 300
        if message == _OFFER:
            if not ok:
                self.posts.remove(post)
                if not self.posts and not self.device:
                    self.over(Cause.UNREACHABLE)
            elif not self.device:
                self.channel.post(facts.LegRinging(self.id))
        elif ok:
            self.channel.post(facts.TextDelivered(self.id, message))
        else:
            cause = Cause.UNREACHABLE if status in _AWAY else Cause.REJECTED
            self.channel.post(facts.TextFailed(self.id, message, cause))

    def report_transfer(self, cause: Cause) -> None:
        """It was not passed on, and why: the conversation goes on."""
        self._tell(f"(not passed on: {_NOT_PASSED_ON.get(cause, cause.value)})")

    def _pass_on(self, target: str, device: str) -> None:
        if not self.device:
            self._tell(f"(answer first, then {_TRANSFER}; {_REFUSE} declines)", device)
        elif not target:
            self._tell(f"({_TRANSFER} needs the extension or name of a queue or agent)")
        else:
            self.channel.post(facts.TransferAsked(self.id, target))

    def _tell(self, words: str, device: str = "") -> None:
        """A word from us to the device that has the conversation, or to this one."""
        posts = [post for post in self._live_posts() if device in ("", post.binding.device)]
        for post in posts[:1]:
            post.send(_TOLD, words)

    def send(self, message: str, text: str) -> None:
        """A text of the customer."""
        posts = self._live_posts()
        if not posts:
            self.channel.post(facts.TextFailed(self.id, message, Cause.UNREACHABLE))
        for post in posts[:1]:
            post.send(message, text)

    def _live_posts(self) -> list[Post]:
        """The device that answered, by its newest bindings: a phone that moved is found again."""
        if not self.device:
            return self.posts
        bindings = self.channel.registrar.bindings(self.device)
        known = {post.binding.key: post for post in self.posts}
        self.posts = [known.get(bound.key) or Post(self, bound) for bound in bindings]
        return self.posts

    def receive(self, tx: ServerTransaction, request: Request, device: str) -> None:
        """The agent wrote."""
        text = request.body.decode("utf-8", "replace").strip()
        word, _, rest = text.partition(" ")
        if word.lower() == _DISPOSITION:
            self.channel.stack.reply(tx, 200)
            said, by = rest.strip(), f"phone:{device}"
            self.channel.post(
                facts.DispositionGiven(self.card.interaction, said, by, device=device, leg=self.id)
            )
            return
        if self.gone:
            self.channel.stack.reply(tx, 404, reason="Conversation Ended")
            return
        if word.lower() == _TRANSFER:
            self.channel.stack.reply(tx, 200)
            self._pass_on(rest.strip(), device)
            return
        word = text.lower()
        if word in {_CLOSE, _REFUSE}:
            self.channel.stack.reply(tx, 200)
            refused = word == _REFUSE and not self.device
            self.over(Cause.REJECTED if refused else Cause.NORMAL)
            return
        if not text:
            self.channel.stack.reply(tx, 200)
            return
        if not self.device:
            self.device = device
            self._end_elsewhere(device)
            self.channel.post(facts.LegAnswered(self.id, device))
        message = f"{request.call_id}/{request.cseq.number}"
        self.channel.await_acknowledgement(self.id, message, tx)
        self.channel.post(facts.TextReceived(self.id, text, message))

    def _end_elsewhere(self, device: str) -> None:
        """Several devices were offered it: the others learn that it is taken."""
        others = [post for post in self.posts if post.binding.device != device]
        self.posts = [post for post in self.posts if post.binding.device == device]
        for post in others:
            post.send(_END, "(taken on another device)")

    def belongs_to(self, device: str) -> bool:
        """Whether this device may write here."""
        return device in self.devices and self.device in ("", device)

    def release(self, cause: Cause, by: str = "") -> None:
        """End it from our side; the agent sees a last line. `by`: who took it instead."""
        if self.gone:
            return
        words = f"(taken by {by})" if by else "(withdrawn)"
        if self.device:
            words = _LAST_WORDS.get(cause, "(conversation ended)")
        for post in self._live_posts():
            post.waiting = deque(item for item in post.waiting if item[0] not in (_OFFER, _MORE))
            post.send(_END, words)
        self.over(cause)

    def over(self, cause: Cause) -> None:
        if not self.gone:
            self.gone = True
            self.channel.forget_text(self)
            self.channel.post(facts.LegEnded(self.id, cause, remote=True))
