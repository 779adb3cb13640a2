"""Waiting until what runs is not well any more: by its kind, or by a check of its definition."""

import asyncio
from collections.abc import Sequence

from tandem.clock import Clock
from tandem.node.pulse.running import Running
from tandem.resources.checks.failing import failing
from tandem.resources.checks.options import Check


async def until_unwell(
    resource_id: str, running: Running, checks: Sequence[Check], clock: Clock
) -> str:
    """Look at a resource that was just started until it is not well. Cancelled if it is to stop.

    Args:
        resource_id: of the definition.
        running: is looked at as its kind does.
        checks: of the definition: are carried out meanwhile.
        clock: CLOCK_BOOTTIME.

    Returns:
        Why it is not well, as a sentence.
    """
    async with asyncio.TaskGroup() as tasks:
        looking = {
            tasks.create_task(running.watch(), name=f"looking at {resource_id}"),
            tasks.create_task(failing(checks, resource_id, clock), name=f"checking {resource_id}"),
        }
        ended, _ = await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
        for task in looking:
            task.cancel()
    return ended.pop().result()
