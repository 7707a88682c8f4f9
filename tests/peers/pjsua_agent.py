"""A PJSIP phone in a process of its own: JSON lines in on stdin, JSON lines out on stdout.

Run by `tests.peers.pjsip`; PJSUA2 wants its own thread and must not share an interpreter with asyncio.
Requests: {"id": 1, "do": "call", …}; replies: {"re": 1, "ok": true, …}; events: {"event": "call_state", …}.
"""

import contextlib
import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import pjsua2 as pj

MAX_CALLS = 4
TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}


def say(**message: Any) -> None:
    """One line to our parent."""
    os.write(OUT, json.dumps(message).encode() + b"\n")


class Talk(pj.Call):  # type: ignore[misc]
    """One call: plays the account's WAV, records what it hears."""

    def __init__(self, phone: "Phone", call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, call_id)
        self.phone = phone
        self.number = next(phone.numbers)
        self.player: pj.AudioMediaPlayer | None = None
        self.recorder: pj.AudioMediaRecorder | None = None

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        say(
            event="call_state",
            call=self.number,
            state=info.stateText,
            code=info.lastStatusCode,
            reason=info.lastReason,
        )
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.silence()
            self.phone.ended.append(self)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in (
                pj.PJSUA_CALL_MEDIA_ACTIVE,
                pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
                pj.PJSUA_CALL_MEDIA_LOCAL_HOLD,
            ):
                self.connect(index, media.dir)
            say(event="media", call=self.number, status=int(media.status), dir=int(media.dir))

    def connect(self, index: int, direction: int) -> None:
        """Join the call to the file played and the file written (a changed direction joins again)."""
        audio = self.getAudioMedia(index)
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(str(self.phone.folder / f"heard-{self.number}.wav"))
        if self.player is None and self.phone.source:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.phone.source, 0)
        if direction & pj.PJMEDIA_DIR_DECODING:
            audio.startTransmit(self.recorder)
        if self.player is not None and direction & pj.PJMEDIA_DIR_ENCODING:
            self.player.startTransmit(audio)

    def silence(self) -> None:
        """Give back the ports; only then is the WAV's header complete."""
        self.player = None
        self.recorder = None

    def onDtmfDigit(self, prm: Any) -> None:
        say(event="digit", call=self.number, digit=prm.digit)

    def onInstantMessage(self, prm: Any) -> None:
        self.phone.onInstantMessage(prm)

    def onCallTransferStatus(self, prm: Any) -> None:
        say(event="transfer", call=self.number, code=prm.statusCode, final=bool(prm.finalNotify))


class Phone(pj.Account):  # type: ignore[misc]
    """The one account of this process."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.folder = Path(options["folder"])
        self.source: str = options.get("source", "")
        self.answer: str = options.get("answer", "manual")
        self.numbers = iter(range(1, 1_000_000))
        self.talks: dict[int, Talk] = {}
        self.ended: list[Talk] = []

    def onRegState(self, prm: Any) -> None:
        say(
            event="registered" if prm.code == 200 and prm.expiration else "unregistered",
            code=prm.code,
            reason=prm.reason,
        )

    def onIncomingCall(self, prm: Any) -> None:
        talk = Talk(self, prm.callId)
        self.talks[talk.number] = talk
        info = talk.getInfo()
        say(
            event="incoming",
            call=talk.number,
            remote=info.remoteUri,
            local=info.localUri,
            invite=prm.rdata.wholeMsg,
        )
        reply = pj.CallOpParam()
        reply.statusCode = 200 if self.answer == "auto" else 180
        talk.answer(reply)

    def onInstantMessage(self, prm: Any) -> None:
        say(
            event="message",
            sender=prm.fromUri,
            to=prm.toUri,
            body=prm.msgBody,
            kind=prm.contentType,
            contact=prm.contactUri,
        )

    def onInstantMessageStatus(self, prm: Any) -> None:
        say(event="message_status", to=prm.toUri, code=prm.code, body=prm.msgBody)


class Agent:
    """Reads requests, obeys, and lets the library work."""

    def __init__(self) -> None:
        self.endpoint = pj.Endpoint()
        self.phone: Phone | None = None
        self.buddies: dict[str, pj.Buddy] = {}
        self.over = False
        self.waiting = b""

    def run(self) -> None:
        while not self.over:
            if self.phone is not None:
                self.endpoint.libHandleEvents(10)
                self._bury(self.phone)
            while select.select([0], [], [], 0 if self.phone else 1)[0] and not self.over:
                block = os.read(0, 65536)
                if not block:
                    self.over = True
                self._take(block)

    def _bury(self, phone: Phone) -> None:
        """Drop ended calls outside of their own callback."""
        for talk in phone.ended:
            phone.talks.pop(talk.number, None)
            say(event="recorded", call=talk.number, file=str(phone.folder / f"heard-{talk.number}.wav"))
        phone.ended.clear()

    def _take(self, block: bytes) -> None:
        *lines, self.waiting = (self.waiting + block).split(b"\n")
        for line in lines:
            request = json.loads(line)
            number, verb = request.pop("id"), request.pop("do")
            try:
                answer = getattr(self, "do_" + verb)(**request)
            except pj.Error as fault:
                say(re=number, ok=False, problem=fault.info())
            except Exception as fault:
                say(re=number, ok=False, problem=f"{type(fault).__name__}: {fault}")
            else:
                say(re=number, ok=True, **(answer or {}))

    def do_start(self, **options: Any) -> dict[str, Any]:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = MAX_CALLS
        config.logConfig.level = 4
        config.logConfig.consoleLevel = 0
        config.logConfig.filename = str(Path(options["folder"]) / "pjsip.log")
        config.medConfig.noVad = True
        config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
        config.medConfig.ecTailLen = 0
        self.endpoint.libCreate()
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = options["host"]
        transport.port = options["port"]
        if options["transport"] == "tls":
            transport.tlsConfig.CaListFile = options["ca"]
            transport.tlsConfig.verifyServer = True
        self.endpoint.transportCreate(TRANSPORTS[options["transport"]], transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            name = codec.codecId.split("/")[0].lower()
            wanted = options["codecs"]
            priority = 250 - wanted.index(name) if name in wanted else 0
            self.endpoint.codecSetPriority(codec.codecId, priority)
        self.phone = Phone(options)
        self.phone.create(_account(options))
        return {}

    def _talk(self, call: int) -> Talk:
        assert self.phone is not None
        if call == 0 and self.phone.talks:
            return next(reversed(self.phone.talks.values()))
        return self.phone.talks[call]

    def do_call(self, target: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        assert self.phone is not None
        talk = Talk(self.phone)
        options = pj.CallOpParam(True)
        for name, value in (headers or {}).items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            options.txOption.headers.append(header)
        self.phone.talks[talk.number] = talk
        talk.makeCall(target, options)
        return {"call": talk.number}

    def do_answer(self, call: int = 0, code: int = 200, reason: str = "") -> None:
        reply = pj.CallOpParam()
        reply.statusCode = code
        reply.reason = reason
        self._talk(call).answer(reply)

    def do_hangup(self, call: int = 0, code: int = 0) -> None:
        options = pj.CallOpParam()
        options.statusCode = code
        self._talk(call).hangup(options)

    def do_hold(self, call: int = 0) -> None:
        self._talk(call).setHold(pj.CallOpParam())

    def do_resume(self, call: int = 0) -> None:
        options = pj.CallOpParam(True)
        options.opt.flag = pj.PJSUA_CALL_UNHOLD
        self._talk(call).reinvite(options)

    def do_press(self, digits: str, call: int = 0, method: str = "rfc2833") -> None:
        options = pj.CallSendDtmfParam()
        options.digits = digits
        options.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        self._talk(call).sendDtmf(options)

    def do_transfer(self, target: str, call: int = 0) -> None:
        self._talk(call).xfer(target, pj.CallOpParam(True))

    def do_attend(self, call: int, other: int) -> None:
        self._talk(call).xferReplaces(self._talk(other), pj.CallOpParam(True))

    def do_message(self, target: str, text: str) -> None:
        assert self.phone is not None
        buddy = self.buddies.get(target)
        if buddy is None:
            config = pj.BuddyConfig()
            config.uri = target
            config.subscribe = False
            buddy = self.buddies[target] = pj.Buddy()
            buddy.create(self.phone, config)
        options = pj.SendInstantMessageParam()
        options.content = text
        options.contentType = "text/plain"
        buddy.sendInstantMessage(options)

    def do_register(self, renew: bool = True) -> None:
        assert self.phone is not None
        self.phone.setRegistration(renew)

    def do_stats(self, call: int = 0) -> dict[str, Any]:
        stat = self._talk(call).getStreamStat(0).rtcp
        return {"received": stat.rxStat.pkt, "lost": stat.rxStat.loss, "sent": stat.txStat.pkt}

    def do_stop(self) -> None:
        self.over = True

    def close(self) -> None:
        """In PJSUA2's order: calls, buddies, account, library (else it crashes on the way out)."""
        if self.phone is None:
            return
        with contextlib.suppress(pj.Error):
            self.endpoint.hangupAllCalls()
            for _ in range(30):
                self.endpoint.libHandleEvents(10)
        for talk in list(self.phone.talks.values()):
            talk.silence()
        self.phone.talks.clear()
        self.phone.ended.clear()
        self.buddies.clear()
        with contextlib.suppress(pj.Error):
            self.phone.shutdown()
        with contextlib.suppress(pj.Error):
            self.endpoint.libDestroy()


def _account(options: dict[str, Any]) -> pj.AccountConfig:
    config = pj.AccountConfig()
    user, host = options["user"], options["host"]
    scheme = options["scheme"]
    config.idUri = f"{scheme}:{user}@{options['domain']}"
    # media and contact stay on the address we were told: nothing is asked of the network
    config.mediaConfig.transportConfig.boundAddress = host
    config.mediaConfig.transportConfig.port = options["rtp_port"]
    config.mediaConfig.transportConfig.portRange = 2 * MAX_CALLS + 8
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    if options["timer_s"]:
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
        config.callConfig.timerMinSESec = options["timer_least_s"]
        config.callConfig.timerSessExpiresSec = options["timer_s"]
    config.mediaConfig.rtcpMuxEnabled = options["mux"]
    if options["srtp"]:
        mandatory = options["srtp"] == "mandatory"
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY if mandatory else pj.PJMEDIA_SRTP_OPTIONAL
        config.mediaConfig.srtpSecureSignaling = 1 if options["transport"] == "tls" else 0
    if options["insists"]:
        config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
    if options["registrar"]:
        suffix = "" if options["transport"] == "udp" else f";transport={options['transport']}"
        config.regConfig.registrarUri = f"{scheme}:{options['domain']}"
        config.regConfig.timeoutSec = options["expires_s"]
        config.regConfig.registerOnAdd = options["register"]
        config.sipConfig.proxies.append(f"{scheme}:{options['registrar']}{suffix};lr")
    if options["password"]:
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, options["password"]))
    return config


def main() -> None:
    agent = Agent()
    try:
        agent.run()
    finally:
        agent.close()
        say(event="stopped")
        os._exit(0)  # PJSUA2's destructors may run in any order at interpreter exit; nothing is left to save


if __name__ == "__main__":
    OUT = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints goes to the log
    sys.stdout = sys.stderr
    main()
