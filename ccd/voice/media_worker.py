"""The program of a media worker process: `python -m ccd.voice.media_worker FD`.

FD is the control socket that the daemon left open; the first command on it is `Begin`. The worker
ends when the socket closes, so it never outlives its daemon.
"""

import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from ccd.voice.media_loop import READ_SIZE, MediaLoop
from ccd.voice.media_protocol import Begin, Unpacker, WorkerCommand

NICE: Final = -10
"""Audio goes before reports, snapshots and whatever else the machine does, where we may (LimitNICE=)."""
SWITCH_S: Final = 0.0002
"""Longest wait for the GIL while a thread aside computes."""


def serve(control: socket.socket) -> None:
    """Wait for `Begin`, then run the loop until the socket closes."""
    control.setblocking(True)
    unpacker = Unpacker(WorkerCommand)
    while data := control.recv(READ_SIZE):
        commands = list(unpacker.feed(data))
        if commands:
            begin = commands.pop(0)
            if isinstance(begin, Begin):
                MediaLoop(control, begin, unpacker, commands).run()
            return


def main() -> None:
    """Entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when we end, by closing the socket
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):  # not root and no LimitNICE: then like everybody else
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
