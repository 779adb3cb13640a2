"""Waiting until any check of a resource has failed for good."""

import asyncio
from collections.abc import Sequence
from functools import partial

from tandem.clock import Clock
from tandem.resources.checks.asking import watch
from tandem.resources.checks.options import Check
from tandem.resources.checks.verdict import Verdict


async def failing(checks: Sequence[Check], resource_id: str, clock: Clock) -> str:
    """Carry out the checks of a resource that was just started until one fails, or cancelled.

    Args:
        checks: of its definition; without any, it waits until cancelled.
        resource_id: of the definition.
        clock: CLOCK_BOOTTIME.

    Returns:
        Which check failed and why, as a sentence.
    """
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(at: int, verdict: Verdict) -> None:
        if not verdict.is_well and not failed.done():
            count = verdict.failures
            often = "once" if count == 1 else f"{count} times in a row"
            failed.set_result(f"its check {at} failed {often}: {verdict.said}.")

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                watch(it, resource_id, clock, partial(hear, at)),
                name=f"check {at} of {resource_id}",
            )
            for at, it in enumerate(checks, 1)
        ]
        reason = await failed
        for task in tasks:
            task.cancel()
    return reason
