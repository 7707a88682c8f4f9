"""baresip as an agent's softphone or a caller, headless on the loopback, steered over its control socket.

Plain 127.0.0.1 works when `net_interface` holds the *address*; with the interface's name baresip skips
loopback addresses. Other traps, found the hard way: it opens TLS on the port above its SIP port;
`audio_player` must be `aubridge` (a player that fails silently stops the 200); one WAV a direction appears in
`snd_path` a call, and what it *hears* is no longer written after a re-INVITE that changed the direction
(hold, resume): judge talk after a hold at the other end or in a recording.
"""

import asyncio
import contextlib
import itertools
import json
import signal
import tempfile
from pathlib import Path

from tests.peers.ports import free_block, free_port
from tests.peers.process import WAIT_S, PeerFailed, PeerProcess, program
from tests.peers.steered import SteeredPhone
from tests.peers.tones import write_tone

MODULES = Path("/usr/lib/baresip/modules")
_phones = itertools.count(1)

CONFIG = """\
poll_method epoll
net_interface {host}
sip_listen {host}:{port}
call_local_timeout 120
call_max_calls 4
audio_player aubridge,sink
audio_source aufile,{tone}
audio_alert aubridge,bell
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_ports {rtp_low}-{rtp_high}
rtp_stats no
jitter_buffer_delay 2-10
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
module_app debug_cmd.so
ctrl_tcp_listen {host}:{control}
snd_path {recordings}
"""


class Baresip(SteeredPhone):
    """One phone with one account; `async with` starts it (and registers it) and stops it.

    `Baresip("alice", "secret", registrar="127.0.0.1:5060", domain="example.test")`; without a registrar it is
    a phone for direct calls (`phone.uri`). Events: `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED`…
    """

    KIND = "type"

    def __init__(
        self,
        user: str,
        password: str = "",
        *,
        registrar: str = "",
        domain: str = "",
        tone_hz: float = 440,
        tone_s: float = 60,
        answer: str = "manual",
        transport: str = "udp",
        codecs: str = "pcmu,pcma",
        dtmf: str = "rtpevent",
        expires_s: int = 120,
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
        source: Path | None = None,
        account_extra: str = "",
        ca: Path | None = None,
        srtp: str = "",
    ) -> None:
        """`answer`: manual, auto or early; `registrar` host:port where it registers and sends all calls;
        `domain` of its address of record (default: the registrar's); `source` a WAV instead of the tone;
        `dtmf` rtpevent or info; `srtp` optional or mandatory, else its audio is plain.
        """
        self.user = user
        self.tone_hz = tone_hz
        self.host = host
        self.port = port or free_port(host)
        self.control_port = free_port(host)
        self.folder = folder or Path(tempfile.mkdtemp(prefix="baresip-"))
        self.recordings = self.folder / "recordings"
        self.recordings.mkdir(parents=True, exist_ok=True)
        self.registered = False
        self._registrar = registrar
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        domain = domain or registrar or f"{host}:{self.port}"
        self.uri = f"sip:{user}@{host}:{self.port}"
        tone = source or write_tone(self.folder / "tone.wav", tone_hz, tone_s)
        rtp_low = free_block(40, host)
        config = CONFIG.format(
            host=host,
            port=self.port,
            tone=tone,
            control=self.control_port,
            rtp_low=rtp_low,
            rtp_high=rtp_low + 38,
            modules=MODULES,
            recordings=self.recordings,
        )
        if ca is not None:  # for transport tls
            config += f"sip_cafile {ca}\n"
        (self.folder / "config").write_text(config, encoding="utf-8")
        account = f"<sip:{user}@{domain};transport={transport}>;answermode={answer};audio_codecs={codecs}"
        account += f";dtmfmode={dtmf};regint={expires_s if registrar else 0}"
        if password:
            account += f";auth_user={user};auth_pass={password}"
        if registrar:
            account += f';outbound="sip:{registrar};transport={transport}"'
        if srtp:
            account += f";mediaenc={'srtp-mand' if srtp == 'mandatory' else 'srtp'}"
        (self.folder / "accounts").write_text(account + account_extra + "\n", encoding="utf-8")
        (self.folder / "contacts").touch()
        argv = [program("baresip"), "-f", str(self.folder), "-4", "-t", "900", "-v"]
        super().__init__(PeerProcess(f"baresip-{next(_phones)}-{user}", argv, self.folder, ahead=True))

    # life

    async def start(self, timeout_s: float = WAIT_S) -> None:
        """Until it is ready and, with a registrar, registered."""
        await self._process.start()
        async with asyncio.timeout(timeout_s):
            reader = await self._connect()
        self._reading = asyncio.create_task(self._read(reader))
        if self._registrar:
            await self._until_registered(timeout_s)
            self.registered = True

    async def _until_registered(self, timeout_s: float) -> None:
        """Its event may have come before we were there to hear it, so the phone is asked."""
        try:
            async with asyncio.timeout(timeout_s):
                while "OK" not in (told := await self.command("reginfo")):
                    if "ERR" in told or any(each["type"] == "REGISTER_FAIL" for each in self.events):
                        raise PeerFailed(self.words(f"not registered: {told}"))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise PeerFailed(self.words("not registered in time")) from None

    async def _connect(self) -> asyncio.StreamReader:
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(self.host, self.control_port)
            except OSError:
                if not self._process.running:
                    raise PeerFailed(self.words("ended at once")) from None
                await asyncio.sleep(0.05)
            else:
                return reader

    async def stop(self) -> None:
        """Unregister, end calls, close; recordings are complete afterwards."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        await self._process.stop()

    def kill(self) -> None:
        """As if its cable were pulled: gone without a word."""
        self._process.signal(signal.SIGKILL)

    # control

    async def command(self, name: str, params: str = "", timeout_s: float = WAIT_S) -> str:
        """One menu command; returns what it prints. Raises `PeerFailed` when baresip says no."""
        writer = self._writer
        assert writer is not None, "start() first"

        def send(token: int) -> None:
            body = json.dumps({"command": name, "params": params, "token": str(token)}).encode()
            writer.write(b"%d:%s," % (len(body), body))

        answer = await self._answer(name, send, timeout_s)
        if not answer.get("ok"):
            raise PeerFailed(self.words(f"{name} {params}: {answer.get('data')}"))
        return str(answer.get("data", ""))

    async def dial(self, target: str) -> None:
        """A number (sent to the registrar) or a whole SIP URI."""
        await self.command("dial", target)

    async def accept(self) -> None:
        await self.command("accept")

    async def hangup(self) -> None:
        await self.command("hangup")

    async def hold(self) -> None:
        await self.command("hold")

    async def resume(self) -> None:
        await self.command("resume")

    async def transfer(self, target: str) -> None:
        """Blind, by REFER."""
        await self.command("transfer", target)

    async def press(self, digits: str) -> None:
        """Keys in the talk, one after the other as a person presses them (150 ms and a pause)."""
        for digit in digits:
            await self.command("sndcode", digit)
            await asyncio.sleep(0.15)
            await self.command("sndcode", "\x04")  # releases the key
            await asyncio.sleep(0.1)

    # what it has heard

    def heard(self) -> list[Path]:
        """WAVs of what it received, oldest call first. Complete once the call has ended."""
        return sorted(self.recordings.glob("*-dec.wav"))

    def said(self) -> list[Path]:
        return sorted(self.recordings.glob("*-enc.wav"))

    def tail(self) -> str:
        return self._process.tail()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                size = await reader.readuntil(b":")
                body = await reader.readexactly(int(size[:-1]) + 1)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            message = json.loads(body[:-1])
            if message.get("response"):
                self._answered(int(message.get("token") or 0), message)
            else:
                await self._told(message)
