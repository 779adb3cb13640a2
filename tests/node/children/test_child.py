"""The end of a child process, whoever loses patience with it."""

import asyncio
import sys

import pytest

from tandem.node.children.child import Child, launch

DEADLINE_S = 60.0

STUBBORN = [sys.executable, "-c", "import time; time.sleep(3600)"]


async def ended_after(patience_s: float, kills: asyncio.Event | None = None) -> int | None:
    """The exit status of a process that does not end by itself, as it is after a cancelled end.

    Args:
        patience_s: before it is killed.
        kills: what to wait for before the end is cancelled; None: that it has begun.
    """
    process = await launch(STUBBORN)

    async def end() -> None:
        async with asyncio.TaskGroup() as tasks:
            begun.set()
            await Child(process, tasks).end(patience_s)

    begun = asyncio.Event()
    async with asyncio.timeout(DEADLINE_S):
        ending = asyncio.ensure_future(end())
        await (kills or begun).wait()
        ending.cancel()
        await asyncio.wait([ending])
    assert ending.cancelled()
    return process.returncode


def test_a_process_is_gone_when_waiting_for_its_end_is_cancelled() -> None:
    assert asyncio.run(ended_after(3600)) == -9


def test_a_process_is_gone_when_killing_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    kills, kill = asyncio.Event(), Child.kill

    def noted(child: Child) -> None:
        kill(child)
        kills.set()

    monkeypatch.setattr(Child, "kill", noted)
    assert asyncio.run(ended_after(0, kills)) == -9


def test_a_process_is_gone_when_all_that_is_done_for_it_was_cancelled() -> None:
    async def scenario() -> int | None:
        process = await launch(STUBBORN)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            child = Child(process, tasks)
            child.read(lambda _: None, lambda _: None)
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            assert await child.end(0)
        return process.returncode

    assert asyncio.run(scenario()) == -9
