"""A part that fails is told, and begins anew; what recording needs is not guarded."""

import asyncio
import logging
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock

from tandem.node.agent import guard
from tandem.node.agent.guard import guarded


def test_a_part_that_fails_begins_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "DELAY_S", (0.0, 0.0))
    failures = [ValueError("odd"), OSError(28, "No space left"), None]

    async def part() -> None:
        await asyncio.sleep(0)
        if failure := failures.pop(0):
            raise failure

    with caplog.at_level(logging.ERROR):
        asyncio.run(guarded("a part", part, FakeClock(), Random(0)))
    assert failures == []
    assert "a mistake in Tandem" in caplog.text
    assert "a part: No space left. It is tried again" in caplog.text


@in_a_loop
async def test_cancelling_ends_it() -> None:
    started = asyncio.Event()

    async def part() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(guarded("a part", part, FakeClock(), Random(0)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
