"""A network namespace that loses packets, to run a whole centre and its callers in; root is needed.

Packets are lost on arrival (chain INPUT): dropped on the way out, the sender would be told (EPERM), which no
real network does. TCP and ICMP are spared, so that only what is under test suffers.
"""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.peers.process import PeerFailed, have, program

_made = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace with loopback up; `prefix` goes before any command to run inside (and `Sipp(prefix=…)`)."""

    name: str

    @property
    def prefix(self) -> list[str]:
        return [program("ip"), "netns", "exec", self.name]

    def run(self, *argv: str, timeout_s: float = 10) -> str:
        """One command inside; its output. Raises `PeerFailed`."""
        return _run([*self.prefix, *argv], timeout_s)

    def lose(self, pct: float) -> None:
        """From now on this share of the UDP packets is lost, each by chance (0 ends it)."""
        self.run(program("iptables"), "-F", "INPUT")
        if pct:
            rule = ["-A", "INPUT", "-p", "udp", "-m", "statistic", "--mode", "random"]
            self.run(program("iptables"), *rule, "--probability", f"{pct / 100:.4f}", "-j", "DROP")

    def lost(self) -> int:
        """UDP packets lost since the last `lose`."""
        lines = self.run(program("iptables"), "-L", "INPUT", "-v", "-x", "-n").splitlines()
        return sum(int(line.split()[0]) for line in lines if "DROP" in line and "statistic" in line)


def why_not() -> str:
    """Empty when namespaces can be made here, else what is missing in words."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for name in ("ip", "iptables"):
        if not have(name):
            return f"{name} is missing: apt-get install {'iproute2' if name == 'ip' else name}"
    try:
        with lossy_namespace(50):
            return ""
    except PeerFailed as fault:
        return str(fault)


@contextlib.contextmanager
def lossy_namespace(loss_pct: float = 0) -> Iterator[Namespace]:
    """A fresh namespace, always removed at the end."""
    space = Namespace(f"ccdtest-{os.getpid()}-{next(_made)}")
    _run([program("ip"), "netns", "add", space.name])
    try:
        space.run(program("ip"), "link", "set", "lo", "up")
        if loss_pct:
            space.lose(loss_pct)
        yield space
    finally:
        _run([program("ip"), "netns", "delete", space.name])


def _run(argv: list[str], timeout_s: float = 10) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise PeerFailed(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
