"""The daemon's own life: a media worker dies, SIGHUP, SIGTERM, a second daemon, media that falls silent."""

import os
import resource
import signal
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.daemon_site import DIRECT, PRESS, Site
from tests.interop.parties import being_written, bridged, caller, phone, talk
from tests.interop.wire import Call, Rtp, sdp

Make = Callable[..., Any]


def children(pid: int) -> dict[int, str]:
    """Processes of ours under a pid, with their command lines."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found[int(child)] = line
    return found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def frames(path: Path) -> int:
    with wave.open(str(path)) as file:
        return file.getnframes()


def media_worker(site: Site) -> int:
    (worker,) = [pid for pid, line in children(site.pid).items() if "media_worker" in line]
    return worker


async def draining(site: Site) -> None:
    """Until the daemon has heard SIGTERM; a second one sent before would be the same one."""

    async def look() -> bool:
        return any(row.get("event") == "draining" for row in site.log_lines())

    await site.until("it drains", look)


async def test_a_dead_media_worker_ends_its_calls_and_is_replaced(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        await rtp.talk(taken.invite.media, 0.5)
        await being_written(site)
        former = media_worker(site)
        os.kill(former, signal.SIGKILL)
        await call.expect("BYE")
        await taken.expect("BYE")
        (record,) = await site.until_records(1)
        (recording,) = site.recordings()
        assert frames(recording) > 0, "what was on disk is a whole file"
        causes = [note.details.get("cause") for note in record.timeline if note.what == "leg ended"]
        assert "media_lost" in causes and record.cause == "media_lost", record.timeline

        async def replaced() -> bool:
            media = (await site.ask("status"))["daemon"]["counters"]["voice"]["media"]
            return media["pids"] != [former] and media["ports_free"] > 0

        await site.until("a new worker with its ports", replaced)
        assert any("media_worker" in line for pid, line in children(site.pid).items() if pid != former)
        again = await outside.call(DIRECT, sdp(port=rtp.port))
        await again.answered()
        ringing = await Call.taken(agent)
        await rtp.until("music comes from the new worker", lambda: rtp.packets)
        ringing.accept()
        await ringing.expect("ACK")
        await bridged(site)
        assert (await again.bye()).status == 200
        await site.until_records(2)
    rtp.close()


async def test_workers_do_not_outlive_a_killed_daemon(make_site: Make) -> None:
    """Else their ports were taken for the next one; what they recorded is whole on disk."""
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        _, taken = await talk(site, outside, agent)
        await rtp.talk(taken.invite.media, 0.5)
        await being_written(site)
        workers = list(children(site.pid))
        assert workers
        await site.kill()

        async def gone() -> bool:
            return not any(alive(pid) for pid in workers)

        await site.until("the workers are gone", gone)
        (recording,) = site.recordings()
        assert frames(recording) >= 7000
        await site.start()
        again, _ = await talk(site, outside, agent)
        assert (await again.bye()).status == 200
        first, second = await site.until_records(2)
    assert (first.cause, second.cause) == ("restart", "normal")


async def test_a_caller_whose_audio_stops_is_hung_up(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"media": {"dead_after_s": 1.0}, "sip": {"t1_ms": 100}})
    rtp = await Rtp.open()
    async with phone(site) as agent, caller(site) as outside:
        agent.answers_options = outside.answers_options = False
        call = await outside.call(DIRECT, sdp(port=rtp.port))
        answer = await call.answered()
        taken = await Call.taken(agent)
        taken.accept(sdp(port=4000, way="sendrecv"))
        await taken.expect("ACK")
        await bridged(site)
        await rtp.talk(answer.media, 0.5)
        await call.expect("BYE")
        (record,) = await site.until_records(1)
    rtp.close()
    assert record.cause == "media_lost" and record.outcome == "handled"


async def test_a_broken_file_keeps_the_former_configuration(make_site: Make) -> None:
    site: Site = await make_site(agents=2)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        site.set("queues.sales", ring_timeout_s="soon", agents=["nobody"])
        site.hup()

        async def refused() -> bool:
            return any("refused" in row.get("event", "") for row in site.log_lines())

        await site.until("the refusal in the log", refused)
        (words,) = [row for row in site.log_lines() if "reload refused" in row.get("event", "")]
        assert "ring_timeout_s" in str(words) and "nobody" in str(words), "all faults at once"
        assert (await site.ask("interactions"))["all"] == 1
        site.set("queues.sales", ring_timeout_s=9.0, agents=["a1", "a2"], display="Shop")
        site.set("numbers", **{"+33123456799": "direct"})
        site.hup()

        async def taken_over() -> bool:
            return any(row.get("event") == "reloaded" for row in site.log_lines())

        await site.until("the reload", taken_over)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_idle()
        again = await outside.call("+33123456799")
        await again.answered()
        shown = await Call.taken(agent)
        assert "Shop" in shown.invite.get("From")
        assert (await again.bye()).status == 200
        await shown.expect("CANCEL")
        assert len(await site.until_records(2)) == 2


async def test_a_new_agent_and_phone_by_reload(make_site: Make) -> None:
    """Added while a call runs; taken away again: the phone is no longer known."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, _ = await talk(site, outside, agent)
        site.set("devices.new", password="env:CCD_INTEROP_PASSWORD")
        site.set("agents.new", devices=["new"])
        site.set("queues.sales", agents=["a1", "new"])
        changes = (await site.ask("reload"))["changes"]
        assert any("agents.new" in line for line in changes)
        async with phone(site, "new") as fresh:
            other = await outside.call(DIRECT)
            await other.answered()
            ringing = await Call.taken(fresh)
            ringing.accept()
            await ringing.expect("ACK")
            await bridged(site, 2)
            assert (await other.bye()).status == 200
            await ringing.expect("BYE")
            site.drop("devices.new")
            site.drop("agents.new")
            site.set("queues.sales", agents=["a1"])
            await site.ask("reload")
            assert (await fresh.register("interop-1")).status in {401, 403, 404}
        assert [row["agent"] for row in await site.ask("agents")] == ["a1"]
        assert (await call.bye()).status == 200


async def test_sigterm_lets_calls_finish_and_takes_no_new_ones(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"daemon": {"drain_s": 8.0}})
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        os.kill(site.pid, signal.SIGTERM)
        await draining(site)
        other = await outside.call(DIRECT)
        refused = await other.response(200)
        assert refused.status == 503 and refused.get("Retry-After")
        other.ack_refusal(refused)
        options = await outside.ask(outside.request("OPTIONS", "sip:127.0.0.1"))
        assert options.status == 503, "a carrier looks elsewhere"
        assert site.process.running
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        assert await site.process.wait(30.0) == 0
    (record,) = site.records()
    assert record.outcome == "handled" and record.cause == "normal"


async def test_sigterm_after_ccctl_drain_still_waits_and_a_second_one_does_not(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"daemon": {"drain_s": 60.0}})
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        await site.ask("drain", on=True)
        os.kill(site.pid, signal.SIGTERM)
        await draining(site)
        await bridged(site)
        os.kill(site.pid, signal.SIGTERM)
        await call.expect("BYE")
        await taken.expect("BYE")
        assert await site.process.wait(30.0) == 0


async def test_sigterm_ends_what_takes_too_long(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"daemon": {"drain_s": 0.5}})
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        os.kill(site.pid, signal.SIGTERM)
        assert (await call.expect("BYE")).get("Reason")
        await taken.expect("BYE")
        assert await site.process.wait(30.0) == 0
        await site.start()
        (record,) = await site.until_records(1)
        assert record.cause == "restart"
        assert (await site.agent("a1"))["reachable"]
        again, _ = await talk(site, outside, agent)
        assert (await again.bye()).status == 200


async def test_a_second_daemon_over_the_same_state_is_refused(make_site: Make) -> None:
    site: Site = await make_site(agents=1)
    other = Site.__new__(Site)
    other.__dict__.update(site.__dict__)
    try:
        await other.start()
    except AssertionError as refused:
        words = str(refused)
    else:
        raise AssertionError("two daemons over one ledger")
    assert "Traceback" not in words
    assert (await site.ask("status"))["daemon"]["pid"] == site.pid
    async with caller(site) as outside:
        call = await outside.call(PRESS)
        await call.answered()
        assert (await call.bye()).status == 200


async def test_the_console_hangs_up_and_explains(make_site: Make) -> None:
    site: Site = await make_site(agents=2)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        lines = (await site.ask("interaction.explain", interaction="1"))["lines"]
        told = "\n".join(lines)
        assert "a1" in told and "a2" in told, "who was chosen, and why not the other"
        trace = await site.ask("sip.trace", interaction="1")
        starts = [row["message"].split("\r\n")[0] for row in trace["messages"]]
        assert sum(each.startswith("INVITE") for each in starts) == 2, starts
        await site.ask("interaction.hangup", interaction="1")
        await call.expect("BYE")
        await taken.expect("BYE")
        (record,) = await site.until_records(1)
    assert record.outcome == "handled"


async def test_a_full_disk_refuses_new_calls_and_heals(make_site: Make) -> None:
    """The ledger cannot be written: 503 and an alarm; once there is room again nothing needs to be done."""
    site: Site = await make_site(agents=1)
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)

        async def stored() -> bool:
            return bool((await site.ask("status"))["daemon"]["waiting_facts"] == 0)

        await site.until("all that came so far is kept", stored)
        limit = resource.RLIMIT_FSIZE
        former = resource.prlimit(site.pid, limit)
        resource.prlimit(site.pid, limit, (1, former[1]))
        stuck = await outside.call(DIRECT)  # its fact is the first that cannot be kept

        async def refused() -> bool:
            extra = await outside.call(DIRECT)
            try:
                response = await extra.response(200, 0.5)
            except TimeoutError:
                return False
            extra.ack_refusal(response)
            return response.status == 503 and bool(response.get("Retry-After"))

        await site.until("503 while nothing can be kept", refused)
        assert "ledger" in str((await site.ask("status"))["alarms"])
        resource.prlimit(site.pid, limit, former)
        assert (await stuck.response(200, 10.0)).status == 200
        stuck.ack()
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        ringing = await Call.taken(agent)
        ringing.accept()
        await ringing.expect("ACK")
        await bridged(site)
        assert (await stuck.bye()).status == 200
        records = await site.until_records(2)
        assert (await site.ask("status"))["alarms"] == []
    assert all(record.outcome in {"handled", "abandoned"} for record in records)
