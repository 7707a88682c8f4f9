"""The pace of a telephone: a packet each 20 ms by the clock, so that who was held up catches up."""

import asyncio
from collections.abc import AsyncIterator

FRAME_S = 0.02


async def paced(count: int) -> AsyncIterator[int]:
    """0, 1, … each at its own moment; ends when the last one's time is over."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(count):
        yield number
        await asyncio.sleep(max(0.0, start + (number + 1) * FRAME_S - loop.time()))
