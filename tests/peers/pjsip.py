"""A PJSIP phone (pjsua2) as a child process, with the same ways as `tests.peers.baresip`; also MESSAGE.

At most 4 calls a process. What it hears is written to `heard-N.wav`, N being the call's number.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.peers.ports import free_block, free_port
from tests.peers.process import WAIT_S, PeerFailed, PeerMissing, PeerProcess
from tests.peers.steered import SteeredPhone
from tests.peers.tones import write_tone

AGENT = Path(__file__).with_name("pjsua_agent.py")
_phones = itertools.count(1)


def have_pjsua() -> bool:
    """Whether the Python package pjsua2 is installed (pip install pjsua2-python)."""
    return importlib.util.find_spec("pjsua2") is not None


class PjsipPhone(SteeredPhone):
    """`async with PjsipPhone("carol", "secret", registrar="127.0.0.1:5060", tone_hz=650) as phone:`

    Events: registered, incoming, call_state, media, digit, message, message_status, transfer, recorded.
    """

    KIND = "event"

    def __init__(
        self,
        user: str,
        password: str = "",
        *,
        registrar: str = "",
        domain: str = "",
        tone_hz: float = 650,
        tone_s: float = 60,
        answer: str = "manual",
        transport: str = "udp",
        codecs: tuple[str, ...] = ("pcmu", "pcma"),
        expires_s: int = 120,
        register: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
        source: Path | None = None,
        ca: Path | None = None,
        timer_s: int = 0,
        timer_least_s: int = 90,
        srtp: str = "",
        insists: bool = False,
        scheme: str = "sip",
        mux: bool = False,
    ) -> None:
        """`answer`: manual or auto; `register=False` with a registrar sends calls there without REGISTER;
        `timer_s`: it always asks for session timers (RFC 4028), of so long; 0: it knows none;
        `insists`: it requires that ringing is acknowledged (RFC 3262), as caller and when it is called;
        `mux`: it offers that RTCP shares the port of RTP (RFC 5761);
        `scheme`: sips, to register and be reached so (transport tls);
        `source`: a WAV (8 kHz, 16 bit) played instead of the tone, again and again; `ca`: for transport tls,
        who must have signed the registrar's certificate; `srtp`: optional or mandatory, else audio is plain.
        """
        if not have_pjsua():
            raise PeerMissing("pjsua2 is missing: pip install pjsua2-python")
        self.user = user
        self.tone_hz = tone_hz
        self.host = host
        self.port = port or free_port(host)
        self.uri = f"sip:{user}@{host}:{self.port}" + (
            "" if transport == "udp" else f";transport={transport}"
        )
        self.domain = domain or registrar or f"{host}:{self.port}"
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pjsip-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._reading: asyncio.Task[None] | None = None
        first = free_block(24, host)
        self.rtp_ports = range(first, first + 24)
        tone = source or write_tone(self.folder / "tone.wav", tone_hz, tone_s)
        self._options: dict[str, Any] = {
            "user": user,
            "password": password,
            "registrar": registrar,
            "domain": self.domain,
            "answer": answer,
            "transport": transport,
            "codecs": list(codecs),
            "expires_s": expires_s,
            "register": register,
            "host": host,
            "port": self.port,
            "rtp_port": first,
            "folder": str(self.folder),
            "source": str(tone),
            "ca": str(ca or ""),
            "timer_s": timer_s,
            "timer_least_s": timer_least_s,
            "srtp": srtp,
            "insists": insists,
            "scheme": scheme,
            "mux": mux,
        }
        argv = [sys.executable, str(AGENT)]
        super().__init__(
            PeerProcess(f"pjsip-{next(_phones)}-{user}", argv, self.folder, piped=True, ahead=True)
        )

    # life

    async def start(self, timeout_s: float = WAIT_S) -> None:
        """Until it runs and, when it shall register, is registered."""
        await self._process.start()
        self._reading = asyncio.create_task(self._read())
        await self._ask("start", timeout_s=timeout_s, **self._options)
        if self._options["registrar"] and self._options["register"]:
            event = await self.event("registered", "unregistered", timeout_s=timeout_s)
            if event["event"] != "registered":
                raise PeerFailed(self.words(f"not registered: {event['code']} {event['reason']}"))

    async def stop(self) -> None:
        """End calls, unregister, complete the recordings."""
        if self._process.running:
            with contextlib.suppress(PeerFailed, ConnectionError):
                await self._ask("stop", timeout_s=2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._process.process.wait()
        await self._process.stop()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    # requests (call=0: the latest call)

    async def dial(self, target: str, headers: dict[str, str] | None = None) -> int:
        """A number (at the phone's domain) or a SIP URI; returns the call's number."""
        if not target.startswith(("sip:", "sips:", "tel:")):
            target = f"sip:{target}@{self.domain}"
        return int((await self._ask("call", target=target, headers=headers or {}))["call"])

    async def accept(self, call: int = 0, code: int = 200, reason: str = "") -> None:
        """Answer a ringing call; `code` 486 or 603 refuses it."""
        await self._ask("answer", call=call, code=code, reason=reason)

    async def hangup(self, call: int = 0) -> None:
        await self._ask("hangup", call=call)

    async def hold(self, call: int = 0) -> None:
        await self._ask("hold", call=call)

    async def resume(self, call: int = 0) -> None:
        await self._ask("resume", call=call)

    async def press(self, digits: str, call: int = 0, method: str = "rfc2833") -> None:
        """`method`: rfc2833 (RFC 4733 events) or info."""
        await self._ask("press", digits=digits, call=call, method=method)

    async def transfer(self, target: str, call: int = 0) -> None:
        """Blind, by REFER; outcome in events `transfer`."""
        await self._ask("transfer", target=target, call=call)

    async def attend(self, call: int, other: int) -> None:
        """Attended, by REFER in `call` with Replaces of `other`; outcome in events `transfer`."""
        await self._ask("attend", call=call, other=other)

    async def message(self, target: str, text: str) -> None:
        """SIP MESSAGE; its fate comes as event `message_status`."""
        await self._ask("message", target=target, text=text)

    async def register(self, renew: bool = True) -> None:
        """Register now (or unregister)."""
        await self._ask("register", renew=renew)

    async def stats(self, call: int = 0) -> dict[str, int]:
        """RTP packets of a running call: received, lost, sent."""
        answer = await self._ask("stats", call=call)
        return {name: answer[name] for name in ("received", "lost", "sent")}

    # what happens

    async def state(self, wanted: str, timeout_s: float = WAIT_S, call: int = 0) -> dict[str, Any]:
        """The next `call_state` CALLING, EARLY, CONNECTING, CONFIRMED or DISCONNECTED."""
        return await self.event(
            "call_state",
            timeout_s=timeout_s,
            where=lambda event: event["state"] == wanted and call in (0, event["call"]),
        )

    def heard(self, call: int = 1) -> Path:
        """The WAV of what it heard in that call; complete after its event `recorded`."""
        return self.folder / f"heard-{call}.wav"

    def words(self, problem: str) -> str:
        log = self.folder / "pjsip.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:]) if log.exists() else ""
        return f"{super().words(problem)}\n{tail}"

    async def _ask(self, verb: str, timeout_s: float = WAIT_S, **values: Any) -> dict[str, Any]:
        stdin = self._process.process.stdin
        assert stdin is not None

        def send(token: int) -> None:
            stdin.write(json.dumps({"id": token, "do": verb, **values}).encode() + b"\n")

        answer = await self._answer(verb, send, timeout_s)
        if not answer["ok"]:
            raise PeerFailed(self.words(f"{verb} {values}: {answer['problem']}"))
        return answer

    async def _read(self) -> None:
        stdout = self._process.process.stdout
        assert stdout is not None
        async for line in stdout:
            message = json.loads(line)
            if "re" in message:
                self._answered(message["re"], message)
            else:
                await self._told(message)
