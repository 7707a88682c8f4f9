"""Free ports of the loopback, for peers that must be told theirs before they start.

Ports are taken below the kernel's ephemeral range, so that no client socket grabs one in between, and
are handed out once a process of ours, so that two peers started together never meet. Test processes that run
beside each other (pytest-xdist) share the range out among them.
"""

import itertools
import os
import random
import socket

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""How many test processes there are, and which one this is."""
_EACH = 12_000 // WORKERS & ~1
LOW = 20_000 + WORKER * _EACH
HIGH = LOW + _EACH

_given: dict[int, None] = {}
"""In the order in which they were given."""
_chance = random.Random(os.getpid())


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as sock:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, port))
            except OSError:
                return False
    return True


def free_block(size: int, host: str = "127.0.0.1") -> int:
    """First port (even) of `size` neighbouring ports, each free for UDP and TCP.

    Raises OSError when the loopback is full.
    """
    for _ in range(3):
        for _ in range(1000):
            first = _chance.randrange(LOW, HIGH - size, 2)
            block = range(first, first + size)
            if _given.keys().isdisjoint(block) and all(_is_free(host, port) for port in block):
                _given.update(dict.fromkeys(block))
                return first
        for port in list(_given)[: len(_given) // 2]:  # nearly all were given: the older half may be again
            del _given[port]
    raise OSError(f"no {size} neighbouring free ports on {host} between {LOW} and {HIGH}")


def free_port(host: str = "127.0.0.1") -> int:
    """One port free for UDP and TCP; the one above it is kept free too (phones open TLS there)."""
    return free_block(2, host)


_MEDIA_EACH = 11_000 // WORKERS // 200 * 200
_MEDIA = range(9_000 + WORKER * _MEDIA_EACH, 9_000 + (WORKER + 1) * _MEDIA_EACH)
"""Below those above; each block begins where the former one ended."""
_blocks = itertools.count(_chance.randrange(20))


def media_block(size: int, host: str = "127.0.0.1") -> int:
    """First (even) of `size` ports for a media engine, free but for a few (an engine passes those by).

    Raises OSError when there is no such block.
    """
    starts = range(_MEDIA.start, _MEDIA.stop - size, 200)
    for _ in starts:
        first = starts[next(_blocks) * max(1, size // 200) % len(starts)]
        if sum(_is_free(host, port) for port in range(first, first + size)) > size * 0.9:
            return first
    raise OSError(f"no {size} free ports for media")
