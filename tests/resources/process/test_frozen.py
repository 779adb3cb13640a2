"""Frozen past its deadline and thawed, a process has nothing more to say.

The writer checks nothing. What it wrote is counted by the size of its file, from when everything
stood still: a line after that was written by somebody whose time was over.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.resources.process.bench import (
    cleared,
    new_place,
    popen,
    processes_with,
    state_of,
    until,
)

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import Place, StartError
from tandem.resources.process.grip import DYING_US
from tandem.resources.process.kind import ProcessKind

pytestmark = pytest.mark.lab("freezer")

CLOCK = SystemClock()
WRITER = Path(__file__).with_name("writer.py")
ENOUGH_US = 60_000_000
FEW, MANY = 3, 100

Still = Callable[[Path], AbstractContextManager[None]]


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@contextmanager
def frozen(group: Path) -> Iterator[None]:
    """Everything in a control group stands still: keeper, init and all."""
    (group / "cgroup.freeze").write_text("1", encoding="ascii")
    wait(lambda: "frozen 1" in (group / "cgroup.events").read_text(encoding="ascii"))
    try:
        yield
    finally:
        (group / "cgroup.freeze").write_text("0", encoding="ascii")


@contextmanager
def stopped(group: Path) -> Iterator[None]:
    """Everything in a control group got a SIGSTOP: keeper, init and all."""
    pids = [
        int(word)
        for file in sorted(group.rglob("cgroup.procs"))
        for word in file.read_text(encoding="ascii").split()
    ]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait(lambda: all(state_of(pid) in {"T", "Z", ""} for pid in pids))
    try:
        yield
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue


def wait(condition: Callable[[], object]) -> None:
    asyncio.run(until(condition, "everything stands still, or is gone"))


def wait_past(instant_us: int) -> None:
    wait(lambda: CLOCK.boot_us() > instant_us)


def is_empty(group: Path) -> bool:
    return "populated 0" in (group / "cgroup.events").read_text(encoding="ascii")


def kept(place: Place, file: Path, for_us: int) -> int:
    """Start a writer under a keeper; its deadline. As near as this machine is fast."""
    options = {"command": [sys.executable, "-I", "-S", str(WRITER), str(file)]}
    resource = ProcessKind().resource("writer", options, place)

    async def start() -> int:
        nonlocal for_us
        while True:
            end_us = CLOCK.boot_us() + for_us
            try:
                await resource.start(Token(1, 7), end_us, end_us)
            except StartError:
                if for_us > ENOUGH_US:
                    raise
                await resource.stop(0, CLOCK.boot_us() + ENOUGH_US)
                for_us *= 2
            else:
                return end_us

    return asyncio.run(start())


def stale_bytes(group: Path, file: Path, end_us: int, still: Still) -> int | None:
    """What is written by who stood still over its deadline; None: it came too late to stand."""
    with still(group):
        if CLOCK.boot_us() >= end_us - DYING_US or not size_of(file):
            return None
        before = size_of(file)
        wait_past(end_us + 20_000)
    wait(lambda: is_empty(group))
    return size_of(file) - before


def trials(count: int, trial: Callable[[int], int | None]) -> list[int]:
    """Try until so many count; each time with more time, if this machine is too busy."""
    found: list[int] = []
    for_us = 200_000
    while len(found) < count:
        stale = trial(for_us)
        if stale is None:
            for_us = min(2 * for_us, ENOUGH_US)
        else:
            found.append(stale)
    return found


@pytest.mark.parametrize("still", [frozen, stopped])
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.prove)])
def test_who_is_thawed_past_the_deadline_writes_nothing_more(
    tmp_path: Path, still: Still, count: int
) -> None:
    place = new_place(tmp_path)

    def trial(for_us: int) -> int | None:
        (file := tmp_path / "lines").unlink(missing_ok=True)
        end_us = kept(place, file, for_us)
        try:
            wait(lambda: size_of(file) or CLOCK.boot_us() > end_us)
            return stale_bytes(place.control_group, file, end_us, still)
        finally:
            wait(lambda: is_empty(place.control_group))
            cleared(place)

    assert trials(count, trial) == [0] * count


def test_the_kernel_kills_while_everything_is_still_frozen(tmp_path: Path) -> None:
    place, file = new_place(tmp_path), tmp_path / "lines"
    kept(place, file, ENOUGH_US // 60)
    try:
        with frozen(place.control_group):
            wait(lambda: is_empty(place.control_group))
            assert not processes_with(str(file))
    finally:
        cleared(place)


def test_without_a_timer_of_the_kernel_stale_lines_are_written(tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    place = new_place(tmp_path)

    def trial(for_us: int) -> int | None:
        (file := tmp_path / "lines").unlink(missing_ok=True)
        (group := place.control_group).mkdir()
        end_us = CLOCK.boot_us() + for_us
        joins = 'echo 0 > "$0/cgroup.procs"; exec "$@"'
        command = [sys.executable, "-I", "-S", str(WRITER), str(file), str(end_us)]
        with popen(["sh", "-c", joins, str(group), *command], stdin=subprocess.DEVNULL):
            try:
                wait(lambda: size_of(file) or CLOCK.boot_us() > end_us)
                return stale_bytes(group, file, end_us, frozen)
            finally:
                wait(lambda: is_empty(group))
                cleared(place)

    assert any(trials(10, trial))
