"""`make demo`: a scripted morning over real SIP and RTP, on loopback, as an ordinary user.

Starts ccd with conf/demo in a folder of its own, two agents' softphones and four callers (PJSIP or baresip,
stacks that we did not write), plays the script below, shows the live view as it goes, and ends with a table
that must add up: offered = handled + abandoned + overflowed + waiting, and each recording holds the
voices (tones) that it should. Exit code 0 only when all of that is so.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ccd.cli.text import width
from ccd.cli.top import frame_lines
from ccd.control.client import ControlClient
from demo.phones import Party, kind_of_phones
from tests.peers.ports import free_block, free_port
from tests.peers.tones import check_heard

NUMBER = "+33123456789"
TONES = {"alice": 500, "bob": 700, "carol": 900, "Dora": 1100, "Emil": 1300, "Fay": 1500, "Gus": 1700}


class Demo:
    """The stage: daemon, control socket, phones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sip = free_port()
        self.web = free_port()
        self.media = free_block(200)
        self.began = time.monotonic()
        self.kind = kind_of_phones()
        self.daemon: asyncio.subprocess.Process | None = None
        self.failed: list[str] = []

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def expect(self, what: bool, problem: str) -> None:
        if not what:
            self.failed.append(problem)
            self.say(f"!! {problem}")

    async def start(self) -> None:
        overrides = {
            "daemon.state_dir": str(self.folder / "state"),
            "daemon.runtime_dir": str(self.folder / "run"),
            "daemon.log": "json",
            "sip.transports.0.port": self.sip,
            "sip.transports.1.port": self.sip,
            "media.port_min": self.media,
            "media.port_max": self.media + 199,
            "channels.web.port": self.web,
        }
        arguments = [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]
        log = (self.folder / "ccd.log").open("wb")
        self.daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ccd", "--config", str(ROOT / "conf/demo"), *arguments,
            env={**os.environ, "CCD_DEMO_PASSWORD": "demo"}, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        socket = self.folder / "run/control.sock"
        for _ in range(200):
            if socket.exists():
                break
            if self.daemon.returncode is not None:
                break
            await asyncio.sleep(0.05)
        else:
            raise SystemExit(f"ccd does not start; see {self.folder}/ccd.log")
        if not socket.exists():
            raise SystemExit((self.folder / "ccd.log").read_text())
        self.client = ControlClient(socket)

    async def ask(self, verb: str, **arguments: Any) -> Any:
        return await asyncio.to_thread(self.client.ask, verb, **arguments)

    async def show(self) -> None:
        """One frame of `ccctl top`."""
        frame = await self.ask("top")
        print(
            "\n".join("        │ " + line for line in frame_lines(frame, min(width(), 100) - 10)), flush=True
        )

    def phone(self, name: str, **options: Any) -> Party:
        return self.kind(
            name, "demo", registrar=f"127.0.0.1:{self.sip}", domain="demo.invalid", tone_hz=TONES[name],
            folder=self.folder / name, **options,
        )  # fmt: skip

    def caller(self, name: str) -> Party:
        return self.kind(name, tone_hz=TONES[name], folder=self.folder / name)

    async def stop(self) -> None:
        if self.daemon is not None and self.daemon.returncode is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.daemon.wait(), 15)
            except TimeoutError:
                self.daemon.kill()
                await self.daemon.wait()
                self.failed.append("ccd did not stop by SIGTERM")

    # -- the script ----------------------------------------------------------------------------------

    async def log_in(self, phone: Party) -> None:
        await phone.dial("*41")
        await phone.answered()
        await phone.ended()

    async def call(self, caller: Party, key: str) -> None:
        await caller.dial(f"sip:{NUMBER}@127.0.0.1:{self.sip}")
        await caller.answered()
        await asyncio.sleep(1.0)
        await caller.press(key)

    async def play(self) -> None:
        async with (
            self.phone("alice") as alice, self.phone("bob") as bob,
            self.caller("Dora") as dora, self.caller("Emil") as emil, self.caller("Fay") as fay,
            self.caller("Gus") as gus,
        ):  # fmt: skip
            self.say("Alice's and Bob's softphones registered (digest)")
            await asyncio.gather(self.log_in(alice), self.log_in(bob))
            self.say("Alice and Bob dialled *41: logged in, ready")
            await self.show()

            await self.call(dora, "1")
            self.say("Dora called, heard the menu, pressed 1 (Sales)")
            first, second, shows = await self.first_ringing(alice, bob)
            self.say(f"{first.user}'s phone rings, shows: {shows}")
            await first.accept()
            await self.call(emil, "1")
            self.say("Emil called, pressed 1 too")
            await second.rings()
            self.say(f"{second.user}'s phone rings ({first.user} is taken)")
            await second.accept()
            await self.call(fay, "1")
            self.say("Fay called, pressed 1: both agents talk, she waits and hears music")
            await self.call(gus, "2")
            self.say("Gus called, pressed 2 (Support): waits too")
            await self.show()

            await first.hold()
            self.say(f"{first.user} puts Dora on hold: she hears music")
            await asyncio.sleep(2.0)
            await first.resume()
            self.say(f"{first.user} takes Dora back")
            await asyncio.sleep(1.5)
            await gus.hangup()
            self.say("Gus gives up")
            await dora.hangup()
            self.say("Dora hangs up; after the wrap-up it is Fay's turn")
            await first.rings()
            await first.accept()
            self.say(f"{first.user} answers Fay")
            await asyncio.sleep(2.0)
            await emil.hangup()
            self.say(f"Emil hangs up; {second.user} wraps up")
            await asyncio.sleep(1.5)
            await first.transfer(f"sip:{'102' if second is bob else '101'}@demo.invalid")
            self.say(f"{first.user} sends Fay on to {second.user} (blind transfer)")
            await second.rings()
            await second.accept()
            self.say(f"{second.user} answers Fay")
            await asyncio.sleep(2.5)
            await self.show()
            await second.hangup()
            self.say(f"{second.user} says goodbye to Fay")
            await asyncio.sleep(1.0)
            self.sides = (first.user, second.user)
        await self.settle()

    async def first_ringing(self, one: Party, other: Party) -> tuple[Party, Party, str]:
        """Who rings, who does not, and what the display of the first shows."""
        waits = {asyncio.create_task(phone.rings()): phone for phone in (one, other)}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        first = next(iter(done))
        winner = waits[first]
        return winner, other if winner is one else one, first.result()

    async def settle(self) -> None:
        for _ in range(50):
            if not (await self.ask("status"))["interactions"]:
                return
            await asyncio.sleep(0.1)
        self.expect(False, "interactions are still running after everybody hung up")

    # -- the end: does it add up? --------------------------------------------------------------------

    async def account(self) -> None:
        shown = [await self.ask("interaction.show", interaction=str(number)) for number in (1, 2, 3, 4)]
        rows = [one["record"] for one in shown]
        print(f"\n{'':3}{'from':14}{'queue':9}{'outcome':11}{'waited':>8}{'talked':>8}  agents")
        for row in rows:
            print(
                f"{row['interaction']:3}{row['origin'] or '-':14}{row['queue']:9}{row['outcome']:11}"
                f"{row['waited_s']:7.1f}s{row['talked_s']:7.1f}s  {', '.join(row['agents'])}"
            )
        print()
        report = await self.ask("report")
        print("queue      offered = handled + abandoned + overflowed + waiting")
        for row in report["total"]["queues"]:
            parts = [row[key] for key in ("handled", "abandoned", "overflowed", "waiting")]
            print(f"{row['queue']:10} {row['offered']:7} = " + " + ".join(map(str, parts)))
            self.expect(row["offered"] == sum(parts), f"queue {row['queue']} does not add up")
        self.expect(not report["total"]["faults"], f"report says {report['total']['faults']}")
        handled = sum(row["handled"] for row in report["total"]["queues"])
        self.expect(handled == 3, f"{handled} handled, 3 were")
        self.check_recordings()
        explained = await self.ask("interaction.explain", interaction="3")
        print("\nccctl interaction explain 3   (why Fay waited, and who got her)")
        print("\n".join("  " + line for line in explained["lines"][:16]))

    def check_recordings(self) -> None:
        first, second = self.sides
        pairs = {
            "1-1": ("Dora", first),
            "2-1": ("Emil", second),
            "3-1": ("Fay", first),
            "3-2": ("Fay", second),
        }
        for name, (left, right) in pairs.items():
            found = list((self.folder / "state/recordings").rglob(f"{name}.wav"))
            self.expect(len(found) == 1, f"recording {name} is missing")
            for path in found:
                others = [hertz for who, hertz in TONES.items() if who not in {left, right}]
                for channel, who in ((0, left), (1, right)):
                    absent = [*others, TONES[right if who == left else left]]
                    # a hold is a silence of its own: only speech without one is held to the 40 ms
                    gap = 60_000 if name == "1-1" else 40
                    wrong = check_heard(path, TONES[who], absent, channel=channel, gap_ms=gap)
                    self.expect(not wrong, wrong)
                print(f"recording {name}.wav: {left} on the left, {right} on the right")


async def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ccd-demo-") as name:
        demo = Demo(Path(name))
        try:
            await demo.start()
            demo.say(f"ccd runs (SIP on 127.0.0.1:{demo.sip}, state in {name})")
            async with asyncio.timeout(75):
                await demo.play()
                await demo.account()
        except Exception as error:
            demo.failed.append(f"{type(error).__name__}: {error}")
            print((Path(name) / "ccd.log").read_text()[-4000:], file=sys.stderr)
        finally:
            await demo.stop()
        took = time.monotonic() - demo.began
        print(f"\n{'FAILED: ' + '; '.join(demo.failed) if demo.failed else 'All adds up.'} ({took:.0f} s)")
        return 1 if demo.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
