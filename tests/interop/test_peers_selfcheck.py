"""The harness proves itself on software that we did not write, before it is used to judge ours."""

import asyncio
import os
import socket
import struct
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.interop.wire import Ua
from tests.peers import sipp
from tests.peers.baresip import Baresip
from tests.peers.digits_pcap import write_digits
from tests.peers.netns import lossy_namespace
from tests.peers.pjsip import PjsipPhone
from tests.peers.ports import free_block, free_port
from tests.peers.process import AHEAD, PeerFailed, PeerProcess
from tests.peers.sipp import Sipp
from tests.peers.tones import (
    amplitude,
    check_heard,
    heard_ms,
    longest_gap_ms,
    read_wav,
    span_ms,
    write_tone,
)

pytestmark = pytest.mark.interop
FAST = {**sipp.PATIENT, "linger_ms": 100}


# tones


@pytest.mark.parametrize("hertz", [350, 440, 650, 1400])
def test_a_tone_is_found_at_its_strength_and_no_other(tmp_path: Path, hertz: int) -> None:
    samples, rate = read_wav(write_tone(tmp_path / "tone.wav", hertz, 1.0, amplitude=0.3))
    assert rate == 8000
    assert amplitude(samples[:800], hertz) == pytest.approx(0.3, abs=0.01)
    for other in (350, 440, 650, 850, 1400):
        if other != hertz:
            assert amplitude(samples[:800], other) < 0.02


def test_two_voices_at_once_are_told_apart(tmp_path: Path) -> None:
    one, _ = read_wav(write_tone(tmp_path / "1.wav", 440, 1.0))
    two, _ = read_wav(write_tone(tmp_path / "2.wav", 850, 1.0, amplitude=0.1))
    both = [a + b for a, b in zip(one, two, strict=True)]
    assert heard_ms(both, 440) == heard_ms(both, 850) == 1000
    assert heard_ms(both, 650) == 0


@pytest.mark.parametrize("hole_ms", [0, 20, 40, 60, 200])
def test_the_length_of_a_hole_is_measured(hole_ms: int, tmp_path: Path) -> None:
    samples, _ = read_wav(write_tone(tmp_path / "tone.wav", 440, 2.0))
    start = 8 * 777
    samples[start : start + 8 * hole_ms] = [0.0] * (8 * hole_ms)
    assert hole_ms - 20 < longest_gap_ms(samples, 440) <= hole_ms + 10


def test_silence_around_a_tone_is_no_hole(tmp_path: Path) -> None:
    samples, _ = read_wav(write_tone(tmp_path / "tone.wav", 440, 1.0))
    samples = [0.0] * 4000 + samples + [0.0] * 4000
    assert longest_gap_ms(samples, 440) == 0
    assert span_ms(samples, 440) == (500, 1500)
    samples[800:1000] = [each / 5 for each in samples[6000:6200]]
    assert longest_gap_ms(samples, 440) == 0, "speech before it held something of its frequency"


def test_a_wrong_voice_is_put_in_words(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "stereo.wav", 440, 2.0, channels=2)
    assert check_heard(file, 440, [850], channel=1) == ""
    assert "850 Hz heard for 0 ms only" in check_heard(file, 850)
    assert "440 Hz heard for 2000 ms, should never" in check_heard(file, 850, [440])


def test_a_torn_header_is_forgiven(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "tone.wav", 440, 1.0)
    torn = bytearray(file.read_bytes())
    torn[40:44] = struct.pack("<I", 0)
    file.write_bytes(torn)
    with wave.open(str(file)) as whole:
        assert whole.getnframes() == 0
    assert len(read_wav(file)[0]) == 8000


# processes and ports


async def test_a_process_is_stopped_with_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)"
    )
    async with PeerProcess("parent", [sys.executable, "-c", script], tmp_path) as parent:
        while not (words := parent.tail()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not parent.running
    for _ in range(100):
        if not _alive(int(words)):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the grandchild lives on")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_hanging_process_is_ended_and_reported(tmp_path: Path) -> None:
    async with PeerProcess("sleeper", ["sleep", "60"], tmp_path) as sleeper:
        with pytest.raises(PeerFailed, match=r"sleeper: still running after 0.1 s"):
            await sleeper.wait(0.1)
        assert not sleeper.running


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


async def test_what_listens_in_real_time_goes_before_others(tmp_path: Path) -> None:
    raised = int(_output("nice", "-n", "-1", "nice"))
    own = os.nice(0)
    async with PeerProcess("sleeper", ["sleep", "60"], tmp_path, ahead=True) as sleeper:
        is_now = os.getpriority(os.PRIO_PROCESS, sleeper.process.pid)
    assert is_now == (AHEAD if raised < own else own), "as far as we may"


def test_ports_are_given_once_and_really_free() -> None:
    first, second = free_block(4), free_block(4)
    assert abs(first - second) >= 4
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", free_port()))


def test_digits_follow_rfc_4733(tmp_path: Path) -> None:
    write_digits(tmp_path / "d.pcap", "1#", press_ms=100)
    data, packets = (tmp_path / "d.pcap").read_bytes()[24:], []
    while data:
        size = struct.unpack("<I", data[8:12])[0]
        packets.append(struct.unpack("!BBHIIBBH", data[16 + 42 : 16 + size]))
        data = data[16 + size :]
    assert [packet[5] for packet in packets] == [1] * 8 + [11] * 8
    assert [bool(packet[1] & 0x80) for packet in packets[:8]] == [True] + [False] * 7
    assert [bool(packet[6] & 0x80) for packet in packets[:8]] == [False] * 5 + [True] * 3
    assert [packet[7] for packet in packets[:8]] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert len({packet[3] for packet in packets[:8]}) == 1
    assert packets[8][3] - packets[0][3] > 800
    assert [packet[2] for packet in packets] == list(range(1000, 1016))


# SIPp


@pytest.mark.needs("sipp")
async def test_sipp_calls_sipp(tmp_path: Path) -> None:
    async with Sipp("uas_agent", keys=FAST, folder=tmp_path / "uas") as agents:
        result = await sipp.run(
            "uac_call",
            agents.address,
            calls=20,
            rate=20,
            rtt=True,
            keys={**sipp.PATIENT, "talk_ms": 300},
            timeout_s=30,
            folder=tmp_path / "uac",
        )
        assert result.clean, result
        assert result.calls == 20 and result.errors == ""
        assert len(result.rtt_ms) == 20 and all(190 <= each < 5000 for each in result.rtt_ms), "milliseconds"
        while agents.counted().successful < 20:  # noqa: ASYNC110  it counts once a second
            await asyncio.sleep(0.05)
        served = await agents.stop()
    assert served.successful == 20 and served.failed == 0


@pytest.mark.needs("sipp")
@pytest.mark.parametrize(
    ("callee", "caller", "keys"),
    [
        ("uas_agent", "uac_hold", {"talk_ms": 200, "hold_ms": 200}),
        ("uas_agent", "uac_info_digits", {"talk_ms": 200, "digit_wait_ms": 200}),
        ("uas_agent", "uac_cancel", {"ring_ms": 50}),
        ("uas_instant", "uac_call", {"talk_ms": 200}),
        ("uas_no_answer", "uac_cancel", {"ring_ms": 100}),
        ("uas_reject", "uac_refused", {"expect": "486"}),
        ("uas_agent", "options", {}),
    ],
)
async def test_each_scenario_meets_its_counterpart(
    callee: str, caller: str, keys: dict[str, object], tmp_path: Path
) -> None:
    async with Sipp(callee, keys=FAST, folder=tmp_path / "uas") as phones:
        result = await sipp.run(
            caller,
            phones.address,
            keys={**sipp.PATIENT, **keys},
            calls=2,
            rate=10,
            timeout_s=30,
            folder=tmp_path / "uac",
        )
    assert result.clean and result.calls == 2, (result, result.errors)


@pytest.mark.needs("sipp")
@pytest.mark.parametrize(
    ("callee", "answer"), [("uas_agent", 200), ("uas_instant", 200), ("uas_reject", 486)]
)
async def test_a_phone_whose_first_answers_were_lost_is_still_reached(
    callee: str, answer: int, tmp_path: Path
) -> None:
    """The INVITE comes again after the 180 and the answer to it: SIPp alone would abort and fall silent."""
    async with (
        Sipp(callee, keys=FAST, folder=tmp_path / "uas") as phones,
        await Ua.open(phones.address) as caller,
    ):
        call = await caller.call("a1")
        first = await call.response(200)
        for _ in range(3):
            caller.send(call.invite)
        again = await call.response(200)
        assert first.status == again.status == answer
        assert first.get("To") == again.get("To"), "one dialog, however often it is asked for"
        if answer == 200:
            call.ack()
            assert (await call.bye()).status == 200
        else:
            call.ack_refusal(again)
        served = await phones.stop()
    assert (served.calls, served.successful, served.failed) == (1, 1, 0), served.errors


@pytest.mark.needs("sipp")
async def test_a_refused_caller_is_told_with_the_right_code(tmp_path: Path) -> None:
    async with Sipp("uas_reject", keys={**FAST, "reject": "603 Decline"}, folder=tmp_path / "a") as phones:
        wrong = await sipp.run("uac_refused", phones.address, keys={"expect": "486"}, timeout_s=20)
        right = await sipp.run(
            "uac_refused", phones.address, keys={**sipp.PATIENT, "expect": "603"}, timeout_s=20
        )
    assert wrong.failed == 1 and "603 Decline" in wrong.errors
    assert right.clean


@pytest.mark.needs("sipp", "raw")
async def test_digits_reach_a_phone_that_hears_them(tmp_path: Path) -> None:
    async with Baresip("alice", answer="auto", folder=tmp_path / "alice") as phone:
        running = asyncio.create_task(
            sipp.run(
                "uac_digits",
                f"127.0.0.1:{phone.port}",
                service="alice",
                digits="159#",
                keys={**sipp.PATIENT, "digit_wait_ms": 500, "talk_ms": 100},
                timeout_s=30,
                folder=tmp_path / "uac",
            )
        )
        pressed = [(await phone.event("CALL_DTMF_START"))["param"] for _ in range(4)]
        assert (await running).clean
    assert pressed == ["1", "5", "9", "#"]


@pytest.mark.needs("sipp")
async def test_a_broken_scenario_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(PeerFailed, match="ended"):
        await sipp.run("<scenario name='x'><nonsense/></scenario>", "127.0.0.1:9", folder=tmp_path)


@pytest.mark.needs("sipp", "baresip", "pjsua2")
async def test_phones_and_sipp_register_by_digest(tmp_path: Path) -> None:
    for phone in ("sipp", "baresip", "pjsip"):
        keys = {**FAST, "caller": "alice", "password": "open-sesame", "domain": "example.test"}
        async with Sipp("uas_registrar", keys=keys, folder=tmp_path / phone / "registrar") as registrar:
            folder, given = tmp_path / phone, {"registrar": registrar.address, "domain": "example.test"}
            if phone == "sipp":
                result = await sipp.register(
                    [("alice", "open-sesame")], registrar.address, port=free_port(), domain="example.test"
                )
                assert result.clean, result.errors
            elif phone == "baresip":
                async with Baresip("alice", "open-sesame", folder=folder, **given) as baresip:
                    assert baresip.registered
            else:
                async with PjsipPhone("alice", "open-sesame", folder=folder, **given):
                    pass


@pytest.mark.needs("sipp", "baresip")
async def test_a_wrong_password_is_not_registered(tmp_path: Path) -> None:
    keys = {**FAST, "caller": "alice", "password": "open-sesame", "domain": "example.test"}
    async with Sipp("uas_registrar", keys=keys, folder=tmp_path / "registrar") as registrar:
        phone = Baresip(
            "alice", "wrong", registrar=registrar.address, domain="example.test", folder=tmp_path / "p"
        )
        with pytest.raises(PeerFailed, match="not registered"):
            async with phone:
                pass


# phones


@pytest.mark.needs("baresip")
async def test_two_baresips_hear_each_other(tmp_path: Path) -> None:
    alice = Baresip("alice", tone_hz=440, folder=tmp_path / "alice")
    bob = Baresip("bob", tone_hz=850, folder=tmp_path / "bob")
    async with alice, bob:
        await alice.dial(bob.uri)
        await bob.event("CALL_INCOMING")
        await bob.accept()
        await alice.event("CALL_ESTABLISHED")
        await asyncio.sleep(1.6)
        await alice.press("7")
        assert (await bob.event("CALL_DTMF_START"))["param"] == "7"
        await bob.hangup()
        await alice.event("CALL_CLOSED")
    assert not check_heard(alice.heard()[0], 850, [440])
    assert not check_heard(bob.heard()[0], 440, [850])


@pytest.mark.needs("baresip", "pjsua2")
async def test_pjsip_and_baresip_hear_each_other_hold_and_press_keys(tmp_path: Path) -> None:
    alice = Baresip("alice", tone_hz=440, folder=tmp_path / "alice")
    carol = PjsipPhone("carol", tone_hz=850, folder=tmp_path / "carol")
    async with alice, carol:
        call = await carol.dial(alice.uri)
        await alice.event("CALL_INCOMING")
        await alice.accept()
        await carol.state("CONFIRMED")
        await asyncio.sleep(1.5)
        await carol.press("4")
        assert (await alice.event("CALL_DTMF_START"))["param"] == "4"
        assert (await carol.stats())["received"] > 50
        await alice.hold()
        await carol.event("media", where=lambda event: event["status"] == 3)
        await alice.resume()
        await carol.event("media", where=lambda event: event["status"] == 1)
        await alice.press("5")
        assert (await carol.event("digit"))["digit"] == "5"
        await carol.hangup()
        await carol.event("recorded")
        await alice.event("CALL_CLOSED")
    assert not check_heard(carol.heard(call), 440, [850], gap_ms=2000)
    assert not check_heard(alice.heard()[0], 850, [440])


@pytest.mark.needs("pjsua2")
async def test_two_pjsips_exchange_texts_and_transfer_nothing_lost(tmp_path: Path) -> None:
    carol, dave = PjsipPhone("carol", folder=tmp_path / "c"), PjsipPhone("dave", folder=tmp_path / "d")
    async with carol, dave:
        await carol.message(dave.uri, "Bonjour, ça va ? – 你好")
        message = await dave.event("message")
        assert message["body"] == "Bonjour, ça va ? – 你好"
        assert message["kind"] == "text/plain"
        assert (await carol.event("message_status"))["code"] == 200
        await carol.dial(dave.uri, headers={"X-Test": "seen"})
        assert "X-Test: seen" in (await dave.event("incoming"))["invite"]
        await dave.accept(code=486)
        ended = await carol.state("DISCONNECTED")
        assert ended["code"] == 486


# namespaces


@pytest.mark.needs("netns", "sipp")
def test_a_lossy_namespace_loses_and_goes_away() -> None:
    count = (
        "import socket\n"
        "a=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);a.bind(('127.0.0.1',5555));a.setblocking(False)\n"
        "n=0\n"
        "for i in range(2000):\n"
        "    a.sendto(b'x',('127.0.0.1',5555))\n"
        "    try: a.recv(9);n+=1\n"
        "    except BlockingIOError: pass\n"
        "print(n)"
    )
    with lossy_namespace(5) as space:
        arrived = int(space.run(sys.executable, "-c", count))
        assert 1800 < arrived < 1970
        assert space.lost() == 2000 - arrived
        space.lose(0)
        assert int(space.run(sys.executable, "-c", count)) == 2000
        name = space.name
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert name not in listed
