"""The control socket: people and scripts at the console ask, the daemon answers (`protocol` has the words).

A table of verbs, given by the composition root, says what can be asked. Frames for those who watch are
made once a second for all of them together, and only while somebody watches; a watcher who does not
read misses frames and delays nobody.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ccd.control.encoding import encoded
from ccd.control.protocol import FRAME_S, LINE_LIMIT, WATCH, Answer, Question, Trouble, trouble_of
from ccd.control.unix_socket import close_socket, is_there, open_socket, peer_name
from ccd.errors import CcdError
from ccd.model.settings import ControlSettings

Verb = Callable[[dict[str, Any], str], Any | Awaitable[Any]]
"""Gets the arguments and who asks (`ccctl:USER`); raises `Refused`, `TryLater` or `Misconfigured`."""

CONNECTIONS = 64
IDLE_S = 60.0
"""A connection that asks nothing (and watches nothing) this long is closed."""
ANSWER_S = 30.0
"""Longest time for one answer."""
DRAIN_S = 10.0
"""Longest time for a client to read an answer."""
FRAMES_MISSED = 30
"""A watcher who missed so many frames in a row is let go."""
TOP = "top"
"""The verb whose result is a frame of `watch`."""


class _Client:
    """One connection."""

    __slots__ = ("by", "frame", "missed", "writer")

    def __init__(self, writer: asyncio.StreamWriter, by: str) -> None:
        self.writer = writer
        self.by = by
        self.frame: int | str | None = None
        """Id of its `watch`; None: watches nothing."""
        self.missed = 0


class ControlServer:
    """Answers on one local socket."""

    def __init__(self, socket_path: Path, settings: ControlSettings, verbs: Mapping[str, Verb]) -> None:
        self.path = socket_path
        self._settings = settings
        self._verbs = verbs
        self._log = structlog.get_logger("control")
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._astray = False
        """Its file is gone and cannot be made anew: it was said."""
        self._clients: dict[_Client, asyncio.Task[None] | None] = {}
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the socket. Raises `Misconfigured` or `TryLater`, with words for people."""
        listening = open_socket(self.path, self._settings)
        self._inode = self.path.lstat().st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_LIMIT)

    async def stop(self) -> None:
        """Close the socket and every connection. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        close_socket(self.path, self._inode)
        tasks = [task for task in (*self._clients.values(), self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stay(self) -> None:
        """To be called now and then: a socket file that was deleted (by a broom over /run, say) is made anew,
        else nobody at the console reaches the daemon until it is restarted."""
        if self._server is None or is_there(self.path):
            return
        try:
            fresh = open_socket(self.path, self._settings)
        except CcdError as fault:
            if not self._astray:
                self._log.error("control socket gone", path=str(self.path), problem=fault.message)
            self._astray = True
            return
        self._astray = False
        former, self._inode = self._server, self.path.lstat().st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=fresh, limit=LINE_LIMIT)
        former.close()
        self._log.warning("control socket made anew", path=str(self.path))

    # -- one connection --------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            client = _Client(writer, peer_name(writer.get_extra_info("socket").fileno()))
        except OSError:  # gone before it was looked at
            writer.close()
            return
        if len(self._clients) >= CONNECTIONS:
            trouble = Trouble(
                "try_later", "control.busy", f"{CONNECTIONS} connections are open already", "try again"
            )
            self._write(client, Answer(0, False, error=trouble))
            writer.close()
            return
        self._clients[client] = asyncio.current_task()
        try:
            await self._converse(client, reader)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client left, does not read, or we stop: nothing is owed to it
        finally:
            del self._clients[client]
            writer.close()

    async def _converse(self, client: _Client, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                async with asyncio.timeout(None if client.frame is not None else IDLE_S):
                    line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                words = f"the line is longer than {LINE_LIMIT} bytes"
                self._write(client, _usage(0, "control.line", words, "send one JSON object a line"))
                await self._flush(client)
                return
            self._write(client, await self._answer(client, line))
            await self._flush(client)

    async def _answer(self, client: _Client, line: bytes) -> Answer:
        try:
            question = msgspec.json.decode(line, type=Question)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            cure = 'write for example {"id":1,"verb":"status","args":{}}'
            return _usage(0, "control.question", f"not a question: {error}", cure)
        if question.verb == WATCH and TOP in self._verbs:
            return self._start_watch(client, question)
        verb = self._verbs.get(question.verb)
        if verb is None:
            return _usage(
                question.id,
                "control.verb",
                f"there is no verb {question.verb!r}",
                self._nearest(question.verb),
            )
        return await self._call(question, verb, client.by)

    async def _call(self, question: Question, verb: Verb, by: str) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_S):
                result = verb(question.args, by)
                if inspect.isawaitable(result):
                    result = await result
            return Answer(question.id, True, await encoded(result))
        except TimeoutError:
            words = f"no answer within {ANSWER_S:g} s; it may still be done"
            trouble = Trouble("try_later", "control.slow", words, "look at `ccctl status`")
        except CcdError as error:
            trouble = trouble_of(error)
        except Exception:
            self._log.exception("a verb of the control socket failed", verb=question.verb, by=by)
            words = f"{question.verb} failed inside the daemon"
            trouble = Trouble("fault", "control.fault", words, "the daemon's log has the reason")
        return Answer(question.id, False, error=trouble)

    def _nearest(self, word: str) -> str:
        near = get_close_matches(word, [*self._verbs, WATCH], n=1)
        return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._verbs))}"

    def _write(self, client: _Client, answer: Answer) -> None:
        # who hung up before its answer is owed none, and uvloop raises for a write to what is closed
        if not client.writer.transport.is_closing():
            client.writer.write(msgspec.json.encode(answer) + b"\n")

    async def _flush(self, client: _Client) -> None:
        async with asyncio.timeout(DRAIN_S):
            await client.writer.drain()

    # -- those who watch -------------------------------------------------------------------------

    def _start_watch(self, client: _Client, question: Question) -> Answer:
        client.frame = question.id
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._push_frames())
        return Answer(question.id, True, {"every_s": FRAME_S})

    async def _push_frames(self) -> None:
        while watchers := [client for client in self._clients if client.frame is not None]:
            frame = await self._call(Question(TOP), self._verbs[TOP], "")
            for client in watchers:
                self._push(client, frame)
            await asyncio.sleep(FRAME_S)

    def _push(self, client: _Client, frame: Answer) -> None:
        transport = client.writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > 0:
            client.missed += 1
            if client.missed >= FRAMES_MISSED:
                transport.abort()
            return
        client.missed = 0
        self._write(client, msgspec.structs.replace(frame, id=client.frame, more=True))


def _usage(asked: int | str, code: str, problem: str, cure: str) -> Answer:
    return Answer(asked, False, error=Trouble("usage", code, problem, cure))
