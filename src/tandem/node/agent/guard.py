"""Nothing that recording does not need may end the agent, and the recorders with it.

A mistake in planning, in the status or in following the store must not cost a picture: it is told
with all that is known of it, and the part begins anew, later and later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock

log = logging.getLogger(__name__)

DELAY_S: Final = (1.0, 60.0)
"""First and longest delay before a part begins anew; jittered."""

CALM_US: Final = 300_000_000
"""A part that ran for so long begins anew without much delay."""


async def guarded(
    name: str, part: Callable[[], Awaitable[None]], clock: Clock, random: Random
) -> None:
    """Run a part of the agent for ever, whatever becomes of it.

    Args:
        name: for messages.
        part: what is run; one that returns is done.
        clock: of this node.
        random: jitters the delays.
    """
    failures = 0
    while True:
        begun_us = clock.boot_us()
        try:
            await part()
        except Exception as problem:
            if clock.boot_us() - begun_us > CALM_US:
                failures = 0
            first_s, longest_s = DELAY_S
            delay_s = min(longest_s, first_s * (1 << min(failures, 10))) * random.uniform(0.5, 1.0)
            failures += 1
            if isinstance(problem, OSError):
                said = words_of(problem).removesuffix(".")
                log.error("%s: %s. It is tried again in %.0f s.", name, said, delay_s)
            else:
                log.exception(
                    "%s failed, by a mistake in Tandem. Recording goes on, and this begins anew in"
                    " %.0f s.",
                    name,
                    delay_s,
                )
            await asyncio.sleep(delay_s)
        else:
            return
