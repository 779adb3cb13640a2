"""No process outlives its end, escapes it, or is forgotten."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.resources.process.bench import (
    ProcessBench,
    mounted_disk,
    popen,
    processes_with,
    until,
)
from tests.resources.process.kept import CLOCK, PYTHON, TOKEN, Kept, later, run, sleeper

from tandem.resources.control_group import ControlGroup
from tandem.resources.kind import (
    Place,
    Presence,
    StartError,
    StopUnproven,
)

pytestmark = pytest.mark.lab("freezer")

# Each leaves several processes behind, in a way that loses those who look at parents, sessions or
# process groups.
DEEP = """
import os, sys, time
for depth in range(20):
    if os.fork():
        break
while True: time.sleep(1000)
"""
DAEMONS = """
import os, sys, time
for number in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        break
while True: time.sleep(1000)
"""
DEAF = """
import os, signal, sys, time
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True: time.sleep(1000)
"""


@pytest.mark.parametrize(("command", "count"), [(DEEP, 21), (DAEMONS, 6), (DEAF, 1)])
def test_no_process_escapes_its_end(place: Place, tmp_path: Path, command: str, count: int) -> None:
    async def play(end: Callable[[Kept], Coroutine[Any, Any, None]]) -> None:
        kept = Kept(place, tmp_path, [*PYTHON, command])
        await kept.start()
        await until(lambda: len(kept.pids()) == count, f"{count} processes run")
        await end(kept)
        await kept.gone()
        await kept.resource.stop(0, later())

    async def by_the_pulse(kept: Kept) -> None:
        await kept.grip.kill(later())
        assert not kept.pids()

    async def by_the_death_of_its_keeper(kept: Kept) -> None:
        os.kill(min(kept.keepers()), signal.SIGKILL)

    async def by_the_death_of_its_init(kept: Kept) -> None:
        os.kill(max(kept.keepers()), signal.SIGKILL)

    async def after_a_word(kept: Kept) -> None:
        await kept.resource.stop(CLOCK.boot_us() + 100_000, later())
        assert not kept.pids()

    for end in (
        by_the_pulse,
        by_the_death_of_its_keeper,
        by_the_death_of_its_init,
        after_a_word,
    ):
        run(play(end))


def test_it_is_asked_to_end_and_given_time_for_it(place: Place, tmp_path: Path) -> None:
    orderly = """
import signal, sys, time
def end(*_):
    print("closed", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("open", flush=True)
while True: time.sleep(1000)
"""

    async def play() -> None:
        kept = Kept(place, tmp_path, [*PYTHON, orderly])
        await kept.start()
        await until(lambda: "open" in kept.said(), "it can be asked")
        await kept.resource.stop(later(), later())
        assert kept.said().split() == ["open", "closed"]

    run(play())


def test_what_is_left_of_a_keeper_that_died_is_found_and_ended(
    place: Place, tmp_path: Path
) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        directory = place.control_group / "kept" / "3.1" / "run"
        directory.mkdir(parents=True)
        joins = f'echo 0 > "{directory}/cgroup.procs"; exec "$@"'
        with popen(["sh", "-c", joins, "sh", *sleeper()]) as process:
            try:
                await until((directory / "cgroup.procs").read_text, "it has joined")
                found = await kept.resource.probe(later())
                assert found.presence is Presence.REMNANT
                assert str(process.pid) in found.evidence
                with pytest.raises(StartError, match=str(process.pid)):
                    await kept.start()
                await kept.resource.stop(0, later())
                await until(lambda: process.poll() is not None, "it is gone")
            finally:
                process.kill()

    run(play())


def test_a_process_that_waits_for_a_freezer_is_no_proven_stop(place: Place, tmp_path: Path) -> None:
    """The freezer of version 1 lets not even the killed go."""
    freezer = Path("/sys/fs/cgroup/freezer")
    if not (freezer / "cgroup.procs").exists():
        pytest.skip("no freezer of version 1")
    frozen = freezer / f"tandem-test-{os.getpid()}"

    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        await kept.start()
        (pid,) = kept.pids()
        (frozen / "cgroup.procs").write_text(str(pid), encoding="ascii")
        (frozen / "freezer.state").write_text("FROZEN", encoding="ascii")
        with pytest.raises(StopUnproven, match=rf"process {pid} \(python"):
            await kept.resource.stop(0, CLOCK.boot_us() + 200_000)
        assert (await kept.resource.probe(later())).presence is Presence.REMNANT
        (frozen / "freezer.state").write_text("THAWED", encoding="ascii")
        await kept.resource.stop(0, later())

    frozen.mkdir()
    try:
        run(play())
    finally:
        (frozen / "freezer.state").write_text("THAWED", encoding="ascii")
        asyncio.run(until(lambda: not (frozen / "cgroup.procs").read_text(), "nobody is left"))
        frozen.rmdir()


def test_who_was_moved_to_another_control_group_dies_as_well(place: Place, tmp_path: Path) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        await kept.start()
        elsewhere = place.control_group / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "cgroup.procs").write_text(str(kept.pids()[0]), encoding="ascii")
        await kept.grip.kill(later())
        assert not kept.pids()

    run(play())


def test_a_start_that_is_given_up_leaves_nothing(place: Place, tmp_path: Path) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        for patience_ms in range(0, 60, 4):
            task = asyncio.ensure_future(kept.start())
            await asyncio.wait([task], timeout=patience_ms / 1000)
            task.cancel()
            await asyncio.wait([task])
            await kept.resource.stop(0, later())
            assert not kept.pids()

    run(play())


@pytest.mark.lab("loop", "freezer")
def test_who_was_moved_away_and_waits_for_a_dead_disk_is_no_proven_stop(
    place: Place, tmp_path: Path
) -> None:
    """The control group is empty, and yet something of it may write again."""

    async def play(bench: ProcessBench) -> None:
        await bench.resource().start(TOKEN, later(), later())
        word = str(bench.file)
        await until(lambda: processes_with(word), "it runs")
        elsewhere = place.control_group / "elsewhere"
        elsewhere.mkdir()
        async with bench.hindered():
            for pid in processes_with(word):
                (elsewhere / "cgroup.procs").write_text(str(pid), encoding="ascii")
            with pytest.raises(StopUnproven, match="its namespace is not"):
                await bench.grip().kill(CLOCK.boot_us() + 300_000)
            assert processes_with(word)
        await until(lambda: not processes_with(word), "all of it is gone")
        await bench.grip().kill(later())

    with mounted_disk(tmp_path) as disk:
        run(play(ProcessBench(place, disk)))


def test_a_kernel_that_cannot_kill_a_group_is_asked_for_each_process(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before Linux 5.14; and some process forks all the time."""
    forks = """
import os, time
while True:
    time.sleep(0.001)
    if os.fork():
        os._exit(0)
"""

    async def play() -> None:
        kept = Kept(place, tmp_path, [*PYTHON, forks], daemonises=True)
        await kept.start()
        await kept.grip.kill(later())
        assert not kept.pids()

    monkeypatch.setattr(ControlGroup, "kill", lambda group: group.signal(signal.SIGKILL))
    run(play())
