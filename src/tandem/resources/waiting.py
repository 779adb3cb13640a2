"""Waiting for the kernel's word, and no longer than until an instant."""

import asyncio

from tandem.clock import Clock


def left_s(clock: Clock, by_us: int) -> float:
    """How much time is left, in seconds; not less than none."""
    return max(0.0, (by_us - clock.boot_us()) / 1_000_000)


async def readable(fd: int, timeout_s: float) -> bool:
    """Wait until a descriptor can be read.

    Returns:
        Whether it can, in time.
    """
    loop = asyncio.get_running_loop()
    can_be_read = asyncio.Event()
    loop.add_reader(fd, can_be_read.set)
    try:
        async with asyncio.timeout(timeout_s):
            return await can_be_read.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(fd)
