"""What every kind of resource promises, asked of every kind."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.resources import fake
from tests.resources.address import bench as address
from tests.resources.bench import Bench
from tests.resources.process import bench as process
from tests.resources.unit import bench as unit

from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import LateStartError, Presence, StartError, StopUnproven

FIRST, SECOND = Token(1, 41), Token(1, 57)
PLENTY_US = 60_000_000
"""Of time: a machine that is busy is no failure."""

SHORT_US = 300_000
"""Waited for in full, so not longer than need be."""

Make = Callable[[Path], AbstractAsyncContextManager[Bench]]
Play = Callable[[Bench], Awaitable[None]]

KINDS = [
    pytest.param(fake.make, id="fake"),
    pytest.param(
        address.make,
        id="address",
        marks=[
            pytest.mark.lab,
            pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a network"),
        ],
    ),
    pytest.param(process.make, id="process", marks=pytest.mark.lab("loop", "freezer")),
    pytest.param(
        unit.make,
        id="unit",
        marks=[
            pytest.mark.lab("loop", "freezer"),
            pytest.mark.real,
            pytest.mark.skipif(not unit.HAS_SYSTEMD, reason="systemd is not installed"),
        ],
    ),
]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


def played(make: Make, tmp_path: Path, play: Play) -> None:
    async def run() -> None:
        async with make(tmp_path) as bench:
            await play(bench)

    asyncio.run(run())


def later(bench: Bench, us: int = PLENTY_US) -> int:
    return bench.clock.boot_us() + us


async def started(bench: Bench, token: Token = FIRST, for_us: int = PLENTY_US) -> None:
    await bench.resource().start(token, later(bench, for_us), later(bench))


async def stopped(bench: Bench) -> None:
    await bench.resource().stop(0, later(bench))


async def presence(bench: Bench) -> Presence:
    return (await bench.resource().probe(later(bench))).presence


def test_what_was_started_runs_and_is_found_with_its_token(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        assert not bench.runs()
        assert await presence(bench) is Presence.ABSENT
        await started(bench)
        found = await bench.resource().probe(later(bench))
        assert (found.presence, found.token) == (Presence.OURS, FIRST)
        assert bench.runs()
        assert (await bench.resource().health(later(bench))).is_well
        await stopped(bench)

    played(make, tmp_path, play)


def test_what_stands_ready_does_not_run_and_starts_with_any_token(
    make: Make, tmp_path: Path
) -> None:
    async def play(bench: Bench) -> None:
        resource = bench.resource()
        await resource.prepare(later(bench))
        await resource.prepare(later(bench))
        assert not bench.runs()
        assert await presence(bench) is Presence.ABSENT
        await resource.start(FIRST, later(bench), later(bench))
        assert bench.runs()
        await resource.stop(0, later(bench))
        await resource.prepare(later(bench))
        assert not bench.runs()
        await resource.start(SECOND, later(bench), later(bench))
        assert (await resource.probe(later(bench))).token == SECOND
        await resource.stop(0, later(bench))

    played(make, tmp_path, play)


def test_a_second_start_with_the_same_token_changes_nothing(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await started(bench)
        await started(bench)
        assert (await bench.resource().probe(later(bench))).token == FIRST
        await stopped(bench)
        assert not bench.runs()

    played(make, tmp_path, play)


def test_a_start_with_another_token_is_refused_while_it_runs(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await started(bench)
        with pytest.raises(StartError):
            await started(bench, SECOND)
        assert (await bench.resource().probe(later(bench))).token == FIRST
        await stopped(bench)
        await started(bench, SECOND)
        assert (await bench.resource().probe(later(bench))).token == SECOND
        await stopped(bench)

    played(make, tmp_path, play)


def test_a_stop_ends_it_and_may_be_repeated(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await stopped(bench)
        await started(bench)
        await bench.resource().stop(later(bench), later(bench))
        assert not bench.runs()
        assert await presence(bench) is Presence.ABSENT
        assert not (await bench.resource().health(later(bench))).is_well
        await stopped(bench)

    played(make, tmp_path, play)


def test_a_stop_that_cannot_be_proven_says_so(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await started(bench)
        async with bench.hindered():
            with pytest.raises(StopUnproven):
                await bench.resource().stop(0, later(bench, SHORT_US))
            with pytest.raises(StopUnproven):
                await bench.grip().kill(later(bench, SHORT_US))
            assert await presence(bench) is not Presence.ABSENT
        await stopped(bench)
        assert not bench.runs()

    played(make, tmp_path, play)


def test_what_runs_without_us_is_found_and_not_started_over(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await bench.run_without_us()
        assert await presence(bench) is Presence.FOREIGN
        with pytest.raises(StartError):
            await started(bench)
        assert await presence(bench) is Presence.FOREIGN

    played(make, tmp_path, play)


def test_the_pulse_ends_what_the_agent_started(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await started(bench)
        grip = bench.grip()
        await grip.kill(later(bench))
        assert not bench.runs()
        await grip.kill(later(bench))
        grip.close()
        assert await presence(bench) is Presence.ABSENT

    played(make, tmp_path, play)


def test_a_start_whose_time_is_over_is_refused(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        with pytest.raises(LateStartError):
            await bench.resource().start(FIRST, bench.clock.boot_us() - 1, later(bench))
        await stopped(bench)
        assert not bench.runs()

    played(make, tmp_path, play)


def test_what_nobody_extends_ends_by_itself_at_its_deadline(make: Make, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        if bench.resource().unprotected_because:
            pytest.skip("this kind says that it has no last line")
        end_us = await started_briefly(bench)
        while bench.runs():
            assert bench.clock.boot_us() < end_us + PLENTY_US
            await bench.pass_time(later(bench, 10_000))
        while await presence(bench) is Presence.REMNANT:  # its keeper may be a moment behind it
            assert bench.clock.boot_us() < end_us + PLENTY_US
        assert await presence(bench) is Presence.ABSENT
        await stopped(bench)

    played(make, tmp_path, play)


def test_what_is_extended_runs_on_and_no_extension_is_taken_back(
    make: Make, tmp_path: Path
) -> None:
    async def play(bench: Bench) -> None:
        grip = bench.grip()
        grip.extend(later(bench))  # before it runs: nothing to extend, and no error
        is_in_time = False
        for_us = SHORT_US
        while not is_in_time:
            for_us *= 2
            first_us = await started_briefly(bench, for_us)
            grip.extend(later(bench))
            grip.extend(later(bench, SHORT_US))
            is_in_time = bench.clock.boot_us() < first_us
            if not is_in_time:  # this machine is too busy for so short a time
                await stopped(bench)
        await bench.resource().start(FIRST, later(bench, SHORT_US), later(bench))
        await bench.pass_time(first_us + SHORT_US)
        assert bench.runs()
        await grip.kill(later(bench))
        grip.close()

    played(make, tmp_path, play)


async def started_briefly(bench: Bench, for_us: int = SHORT_US) -> int:
    """Start it with a near deadline: as near as this machine, busy as it is, allows."""
    while True:
        end_us = later(bench, for_us)
        try:
            await bench.resource().start(FIRST, end_us, later(bench))
        except StartError:
            if for_us > PLENTY_US:  # then that is not why
                raise
            await stopped(bench)
        else:
            return end_us
        for_us *= 2
