"""ccd.service under systemd itself, in its sandbox: `debian.sh` runs this as root of the machine it made.

Follows docs/install.md: configuration, secrets by LoadCredential=, start. Then the demo's callers and phones
(PJSIP) call the service; it is reloaded with a good and a broken configuration, killed, held up past its
watchdog, and stopped. Each step says what it saw; the first that is wrong ends it with exit code 1.
"""

import asyncio
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ccd.control.client import ControlClient
from demo.run import ROOT, Demo

CONF = Path("/etc/ccd")
SECRETS = CONF / "secrets"
DROP_IN = Path("/etc/systemd/system/ccd.service.d/secrets.conf")
STATE = Path("/var/lib/ccd")
SOCKET = Path("/run/ccd/control.sock")
SIP_PORT = 5070
EXPOSURE = 2.0


def say(text: str) -> None:
    print(f"   {text}", flush=True)


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


def systemctl(*words: str) -> bool:
    return run("systemctl", *words).returncode == 0


def shown(name: str) -> str:
    """A property of the service."""
    return run("systemctl", "show", "ccd", "--value", "-p", name).stdout.strip()


def journal() -> str:
    return run("journalctl", "-u", "ccd", "-o", "cat", "--no-pager").stdout


def hold(what: bool, problem: str) -> None:
    if not what:
        print(journal()[-4000:])
        raise SystemExit(f"!! {problem}")


def configure() -> str:
    """The demo's centre as a service, its passwords by LoadCredential=; what ccd.toml holds then."""
    for path in (CONF / "conf.d").glob("*.toml"):
        path.unlink()
    text = (ROOT / "conf/demo/ccd.toml").read_text()
    text = re.sub(r"(?m)^(state_dir|runtime_dir|log) = .*\n", "", text)
    text = re.sub(
        r"(?m)^\[devices\.(\w+)\]\npassword = .*$",
        r'[devices.\1]\npassword = "credential:device-\1"',
        text,
    )
    names = re.findall(r'"credential:([\w-]+)"', text)
    hold(len(names) == 3, f"the demo's three phones: {names}")
    (CONF / "ccd.toml").write_text(text)
    for name in names:
        (SECRETS / name).touch(0o600)
        (SECRETS / name).write_text("demo\n")
    DROP_IN.parent.mkdir(parents=True)
    loads = [f"LoadCredential={name}:{SECRETS / name}" for name in names]
    DROP_IN.write_text("\n".join(["[Service]", *loads]) + "\n")
    return text


class Served(Demo):
    """The demo's script, played to the daemon that systemd started."""

    async def start(self) -> None:
        self.sip = SIP_PORT
        self.client = ControlClient(SOCKET)
        (self.folder / "state").symlink_to(STATE)


def start() -> str:
    """Without its credentials, then with them."""
    systemctl("daemon-reload")
    hold(not systemctl("start", "ccd"), "it starts without its credentials")
    hold("LoadCredential=" in journal(), "the journal does not say how to give it its credentials")
    say("without credentials: does not start, and the journal says how to give them")
    text = configure()
    systemctl("daemon-reload")
    systemctl("reset-failed", "ccd")
    hold(systemctl("start", "ccd") and shown("ActiveState") == "active", "it does not start")
    said = run("systemd-analyze", "security", "ccd", "--no-pager").stdout
    score = re.search(r"Overall exposure level for ccd\.service: ([\d.]+)", said)
    hold(score is not None and float(score[1]) <= EXPOSURE, f"the sandbox is not {EXPOSURE}: {said[-80:]}")
    say(f"started: {shown('StatusText')!r}; exposure {score[1] if score else ''}")
    return text


async def call() -> None:
    with tempfile.TemporaryDirectory() as name:
        demo = Served(Path(name))
        await demo.start()
        async with asyncio.timeout(90):
            await demo.play()
            await demo.account()
    hold(not demo.failed, f"the demo's calls: {demo.failed}")
    say("the demo's calls: all adds up, each recording holds who was in it")


def reload(text: str) -> None:
    """Good, broken, mended."""
    (CONF / "ccd.toml").write_text(text.replace('display = "Alice"', 'display = "Alice Martin"'))
    hold(systemctl("reload", "ccd") and "changes=1" in journal(), "a good configuration is not taken")
    (CONF / "ccd.toml").write_text(text + "\n[queues.broken]\nx = 1\n")
    hold(not systemctl("reload", "ccd"), "systemctl says nothing of a configuration that is refused")
    hold(shown("ActiveState") == "active", "a refused configuration ended the service")
    (CONF / "ccd.toml").write_text(text)
    hold(systemctl("reload", "ccd"), "the mended configuration is not taken")
    say("reload: a broken configuration fails, the service goes on with the former one")


def strike(sent: signal.Signals, longest_s: float) -> None:
    """The signal to the daemon: systemd starts it again, and agents are as they were."""
    former, began = shown("MainPID"), time.monotonic()
    os.kill(int(former), sent)
    while shown("MainPID") in {former, "0"} or shown("ActiveState") != "active":
        hold(time.monotonic() - began < longest_s, f"{sent.name}: not started again in {longest_s:g} s")
        time.sleep(0.1)
    took = time.monotonic() - began
    agents = ControlClient(SOCKET).ask("agents")
    out = [row["agent"] for row in agents if row["availability"] == "logged_out"]
    hold(out == ["carol"], f"{sent.name}: logged out are {out}")
    say(f"{sent.name}: started again after {took:.1f} s, agents as they were")


def stop() -> None:
    hold(systemctl("stop", "ccd") and shown("Result") == "success", "it does not stop well")
    left = run("pgrep", "-u", "ccd").stdout.split()
    hold(not left, f"processes are left: {left}")
    hold("Traceback" not in journal(), "a traceback stands in the journal")
    say("stopped: no process is left, no traceback stands in the journal")


def main() -> None:
    text = start()
    asyncio.run(call())
    reload(text)
    strike(signal.SIGKILL, 15.0)
    strike(signal.SIGSTOP, 40.0)
    stop()


if __name__ == "__main__":
    main()
