"""One resource on a node: one call at a time, and a stop that cuts short whatever goes on."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.conformance.store.subjects import in_a_loop

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.node.pulse.running import Running
from tandem.resources.kind import ExtendError, Found, Health, StartError, StopUnproven

CLOCK = SystemClock()
TOKEN = Token(0, 7)


class Played:
    """A resource and its grip; each call waits until it is let go."""

    unprotected_because = None

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.under_way = 0
        self.holds = {"start": asyncio.Event(), "stop": asyncio.Event()}
        self.fails: set[str] = set()
        self.is_closed = False
        self.is_well = True

    async def _call(self, name: str, at_us: int) -> None:
        assert not self.under_way, "two calls at the same time"
        self.under_way += 1
        self.calls.append((name, at_us))
        try:
            await self.holds[name].wait()
        finally:
            self.under_way -= 1

    async def probe(self, by_us: int) -> Found:
        raise AssertionError(by_us)

    async def prepare(self, by_us: int) -> None:
        raise AssertionError(by_us)

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        assert token == TOKEN
        assert by_us > CLOCK.boot_us()
        await self._call("start", until_us)
        if "start" in self.fails:
            raise StartError("no")

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        assert by_us >= ask_until_us
        await self._call("stop", ask_until_us)
        if "stop" in self.fails:
            raise StopUnproven("stuck")

    async def health(self, by_us: int) -> Health:
        assert by_us
        return Health(self.is_well, "as it is")

    def extend(self, until_us: int) -> None:
        self.calls.append(("extend", until_us))
        if "extend" in self.fails:
            raise ExtendError("nobody reads")

    async def kill(self, by_us: int) -> None:
        raise AssertionError(by_us)

    def close(self) -> None:
        self.is_closed = True


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


@asynccontextmanager
async def made() -> AsyncGenerator[tuple[Played, Running], None]:
    played = Played()
    async with asyncio.TaskGroup() as tasks:
        yield played, Running(played, played, CLOCK, tasks)


@in_a_loop
async def test_a_stop_cuts_a_start_short_and_comes_after_it() -> None:
    async with made() as (played, one):
        starting = asyncio.create_task(one.start(TOKEN, 5))
        await until(lambda: played.under_way)
        played.holds["stop"].set()
        await one.stop(None, 1000)
        await asyncio.wait([starting])
        assert starting.cancelled()
        assert [name for name, _ in played.calls] == ["start", "stop"]
        assert played.is_closed


@in_a_loop
async def test_one_that_is_told_to_stop_before_it_is_looked_at_stops_at_once() -> None:
    async with made() as (played, one):
        stopping = asyncio.create_task(one.stop(None, 1000))
        await asyncio.sleep(0)
        watching = asyncio.create_task(one.watch())
        await until(lambda: played.under_way)
        played.holds["stop"].set()
        await asyncio.wait([stopping, watching], timeout=20)
        assert watching.cancelled()
        assert played.is_closed


@in_a_loop
async def test_a_stop_that_must_be_sooner_replaces_one_that_has_time_and_both_are_answered() -> (
    None
):
    async with made() as (played, one):
        patient = asyncio.create_task(one.stop(None, 1000))
        await until(lambda: played.under_way)
        soon_us = CLOCK.boot_us()
        hasty = asyncio.create_task(one.stop(soon_us, 1000))
        await until(lambda: len(played.calls) == 2)
        assert played.calls[1] == ("stop", soon_us)
        played.holds["stop"].set()
        await asyncio.gather(patient, hasty)
        assert played.under_way == 0


@in_a_loop
async def test_one_that_is_not_proven_stopped_may_be_stopped_again() -> None:
    async with made() as (played, one):
        played.holds["stop"].set()
        played.fails.add("stop")
        with pytest.raises(StopUnproven):
            await one.stop(None, 1000)
        played.fails.clear()
        await one.stop(None, 1000)
        assert played.is_closed


@in_a_loop
async def test_what_is_to_end_is_given_no_more_time() -> None:
    async with made() as (played, one):
        played.holds["stop"].set()
        one.extend(10)
        played.fails.add("extend")
        one.extend(11)
        assert one.problem == "nobody reads"
        await one.stop(None, 1000)
        one.extend(12)
        assert [it for it in played.calls if it[0] == "extend"] == [("extend", 10), ("extend", 11)]
