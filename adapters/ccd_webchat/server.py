"""The sockets of a web chat channel: one HTTP listener, one WebSocket (RFC 6455) a visitor.

What a visitor is owed is decided in `visits.py`; here are the connections, each with a bounded queue
of frames, a deadline for every wait, and one place that catches what is unexpected.
"""

import asyncio
import errno
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from ccd.channels.port import Post
from ccd.clock import Clock
from ccd.errors import Misconfigured, PeerBroke, TryLater
from ccd.ids import Chance
from ccd.model import commands as do
from ccd.model.commands import AnyCommand
from ccd.model.facts import LegEnded, PromptEnded, RecordingEnded
from ccd.model.nouns import Cause, ChannelClass
from ccd_webchat.addresses import client, networks
from ccd_webchat.frames import Bye, Hello, decode
from ccd_webchat.page import page
from ccd_webchat.settings import WebchatSettings
from ccd_webchat.visits import POLICY, Visits

QUEUED_FRAMES = 300
"""Most frames that wait for a slow reader; then its connection is closed (it may come back)."""
WRITE_S = 10.0
"""Longest time for one frame to leave."""
CLOSE_S = 2.0
"""Longest wait for the other side's closing frame."""
SPARE_CONNECTIONS = 50
"""Connections taken beyond `max_visitors`: for a clear refusal, and for those who come back."""

log = structlog.get_logger(__name__)


class SocketLine:
    """One connection: a bounded queue of frames before a WebSocket. Is a `visits.Line`."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        written: Callable[["SocketLine", str], None],
        address: str = "",
    ) -> None:
        self.address = address
        """Whose connection it is, as wrong links are counted."""
        self._socket = socket
        self._transport = transport
        self._written = written
        self._frames: deque[tuple[str, str]] = deque()
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None

    def put(self, frame: str, message: str = "") -> None:
        if self._close is not None:
            return
        if len(self._frames) >= QUEUED_FRAMES:
            self._frames.clear()
            self.close(POLICY, "reads too slowly")
            return
        self._frames.append((frame, message))
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        if self._close is None:
            self._close = (code, reason)
            self._wake.set()

    async def run(self) -> None:
        """Write until closed. Ends with the connection closed, whatever happens."""
        try:
            while self._frames or self._close is None:
                if not self._frames:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                frame, message = self._frames.popleft()
                async with asyncio.timeout(WRITE_S):
                    await self._socket.send_str(frame)
                if message:
                    self._written(self, message)
            async with asyncio.timeout(CLOSE_S + 1):
                code, reason = self._close
                await self._socket.close(code=code, message=reason.encode())
        except (ConnectionError, TimeoutError, RuntimeError):
            pass  # the connection is gone or does not move: what it was owed is kept by the visits
        finally:
            if self._transport is not None:
                self._transport.abort()


class WebchatChannel:
    """A web chat: a Channel that also `Drains`, `ResumesLegs` and `Reports`."""

    def __init__(self, name: str, settings: WebchatSettings, clock: Clock, chance: Chance) -> None:
        self._settings = settings
        self._clock = clock
        self._visits = Visits(name, settings, chance)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._connections = 0
        self._proxies = networks(settings.trusted_proxies)
        self._page, self._page_headers = page(settings.path)

    @property
    def name(self) -> str:
        return self._visits.name

    @property
    def channel_class(self) -> ChannelClass:
        return ChannelClass.LIVE_TEXT

    @property
    def port(self) -> int:
        """Port listened on; 0 when stopped."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    # -- the Channel protocol and its abilities ------------------------------------------------------

    async def start(self, post: Post) -> None:
        if self._runner is not None:
            return
        self._visits.post = post
        app = web.Application(client_max_size=1024)
        app.router.add_get(self._settings.path, self._chat)
        if self._settings.page:
            app.router.add_get("/", self._show_page)
        app.on_response_prepare.append(_hide_server)
        logger = logging.Logger("ccd_webchat.http")
        logger.addHandler(_Complaints(self._visits.counts))
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_S, logger=logger
        )
        await runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: self._handler(runner), self._settings.host, self._settings.port, backlog=128
            )
        except OSError as error:
            await runner.cleanup()
            raise self._refuse_address(error) from error
        self._runner = runner
        log.info("webchat.started", channel=self.name, host=self._settings.host, port=self.port)

    async def stop(self) -> None:
        self._visits.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._server is not None:
            self._server.close()
            self._server = None
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            log.info("webchat.stopped", channel=self.name, **self._visits.counts)

    def perform(self, command: AnyCommand) -> None:
        visits = self._visits
        match command:
            case do.SendText(leg=leg, message=message, text=text):
                visits.send(leg, message, text)
            case do.AcknowledgeText(leg=leg, message=message):
                visits.acknowledge(leg, message)
            case do.TellPosition(leg=leg, position=position, wait_min=wait_min):
                visits.tell_position(leg, position, wait_min)
            case do.AnswerLeg(leg=leg):
                visits.answer(leg)
            case do.ReleaseLeg(leg=leg, cause=cause):
                visits.release(leg, cause, self._clock.now())
                self._arm()
            case _:
                self._decline(command)

    def drain(self, on: bool) -> None:
        self._visits.draining = on

    def resume(self, legs: list[str]) -> None:
        self._visits.resume(legs, self._clock.now())
        self._arm()

    def report(self, topic: str, argument: str = "") -> Any:
        """`visitors`: one row each; `counters`: what was refused, repeated, resumed, faulty."""
        del argument
        if topic == "visitors":
            return self._visits.report()
        if topic == "counters":
            return dict(self._visits.counts)
        return None

    def _decline(self, command: AnyCommand) -> None:
        """Answer a command that a written channel cannot carry out with the fact that says so."""
        post = self._visits.post
        if post is None:
            return
        match command:
            case do.DialLeg(leg=leg):
                note = "a web chat cannot call anybody: its visitors come by themselves"
                post(LegEnded(leg, Cause.UNREACHABLE, remote=False, note=note))
            case do.PlayPrompt(leg=leg, play=play) | do.PlayTone(leg=leg, play=play):
                post(PromptEnded(leg, play, False, "nothing can be played in a web chat"))
            case do.StartRecording(recording=recording):
                post(RecordingEnded(recording, "", 0.0, "a web chat has no sound to record"))
            case _:
                pass  # music, bridges, ringing: the visitor takes no notice

    def _handler(self, runner: web.AppRunner) -> asyncio.Protocol:
        """What serves a new connection. Silent ones count too: they must not use up our descriptors."""
        most = self._settings.max_visitors + 2 * SPARE_CONNECTIONS
        if runner.server is None or len(runner.server.connections) >= most:
            self._visits.counts["refused"] += 1
            return _Closed()
        return runner.server()

    def _refuse_address(self, error: OSError) -> Misconfigured | TryLater:
        where = f"{self._settings.host}:{self._settings.port}"
        if error.errno == errno.EADDRINUSE:
            return TryLater(
                "webchat.address_in_use",
                f"channel {self.name}: another program listens on {where}; stop it, or choose another port",
            )
        return Misconfigured(
            "webchat.bad_address",
            f"channel {self.name}: cannot listen on {where} ({error.strerror or error}); set host to an "
            "address of this machine and port to one that ccd may use",
        )

    def _arm(self) -> None:
        """Set the one timer to the visits' next deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._visits.next_deadline()
        if due is not None:
            delay = max(0.001, due - self._clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._visits.expire(self._clock.now())
        self._arm()

    # -- HTTP -------------------------------------------------------------------------------------------

    async def _show_page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self._page, content_type="text/html", headers=self._page_headers)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if not self._allows(origin, request.host):
            self._visits.counts["wrong_origin"] += 1
            log.info("webchat.wrong_origin", channel=self.name, origin=origin[:200])
            return web.Response(status=403, text="This page may not open the chat: see allowed_origins.\n")
        if self._connections >= self._settings.max_visitors + SPARE_CONNECTIONS:
            self._visits.counts["refused"] += 1
            return web.Response(status=503, text="Too many connections.\n", headers={"Retry-After": "30"})
        socket = web.WebSocketResponse(
            timeout=CLOSE_S,
            heartbeat=self._settings.ping_s,
            compress=False,
            max_msg_size=6 * self._settings.max_message_bytes + 1024,  # JSON may write a byte as \u00XX
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=426, text="This is a WebSocket.\n", headers={"Upgrade": "websocket"})
        self._connections += 1
        try:
            await socket.prepare(request)
            line = SocketLine(socket, request.transport, self._visits.written, self._address(request))
            await self._serve(socket, line)
        finally:
            self._connections -= 1
        return socket

    def _address(self, request: web.Request) -> str:
        """The visitor's; a header that nobody trusted is told of once, as all visitors share a limit then."""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        if forwarded and not self._proxies:
            if not self._visits.counts["unknown_proxy"]:
                log.warning(
                    "webchat.unknown_proxy",
                    channel=self.name,
                    peer=request.remote,
                    cure="set trusted_proxies of the channel to the web server's address, or visitors "
                    "cannot be told apart",
                )
            self._visits.counts["unknown_proxy"] += 1
        return client(request.remote or "", forwarded, self._proxies)

    async def _serve(self, socket: web.WebSocketResponse, line: SocketLine) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.run())
            try:
                await self._read(socket, line)
            except TimeoutError:
                line.close(POLICY, "said nothing")
            except Exception:
                log.exception("webchat.fault_of_ours", channel=self.name)
                line.close(1011, "a fault of ours, come back")
            finally:
                self._visits.gone(line, self._clock.now())
                self._arm()
                line.close(1000, "")

    async def _read(self, socket: web.WebSocketResponse, line: SocketLine) -> None:
        """Take frames until the connection ends. `TimeoutError` when the visitor says nothing at all."""
        while True:
            message = await socket.receive(timeout=self._visits.patience(line))
            if message.type is WSMsgType.TEXT:
                self._take(line, message.data)
            elif message.type is WSMsgType.BINARY:
                self._visits.fault(line, "this frame is not understood: it is binary, send JSON as text")
            else:
                return

    def _take(self, line: SocketLine, data: str) -> None:
        now = self._clock.now()
        try:
            frame = decode(data)
        except PeerBroke as error:
            if not self._visits.counts["faults"]:
                log.info("webchat.first_bad_frame", channel=self.name, problem=error.message)
            self._visits.fault(line, error.message)
            return
        if isinstance(frame, Hello):
            self._visits.hello(line, frame, now, line.address)
            self._arm()
        elif isinstance(frame, Bye):
            self._visits.bye(line)
        else:
            self._visits.text(line, frame, now)

    def _allows(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may open the chat; what is no browser sends none."""
        allowed = self._settings.allowed_origins
        if not origin or "*" in allowed or origin in allowed:
            return True
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False


class _Closed(asyncio.Protocol):
    """A connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class _Complaints(logging.Handler):
    """What aiohttp logs: a request that is no HTTP is counted, a fault of ours goes into our log."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            self._counts["bad_requests"] += 1
        elif record.levelno >= logging.WARNING:
            log.error("webchat.fault_of_ours", what=record.getMessage(), exc_info=record.exc_info)


async def _hide_server(_: web.Request, response: web.StreamResponse) -> None:
    """Do not tell the versions of our libraries."""
    response.headers["Server"] = "ccd"
