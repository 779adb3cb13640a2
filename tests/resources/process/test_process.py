"""What a process under a keeper cannot do: outlive it, escape it, or be forgotten."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

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
from tandem.resources.kind import (
    ExtendError,
    Grip,
    Place,
    Presence,
    Resource,
    StartError,
    StopUnproven,
    Token,
)
from tandem.resources.process.kind import ProcessKind

pytestmark = pytest.mark.lab("freezer")

CLOCK = SystemClock()
TOKEN = Token(3, 1284)
PLENTY_US = 60_000_000
PYTHON = [sys.executable, "-I", "-S", "-c"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = new_place(tmp_path)
    try:
        yield place
    finally:
        cleared(place)


def later() -> int:
    return CLOCK.boot_us() + PLENTY_US


class Kept:
    """A command under a keeper, told apart by a word among its arguments."""

    def __init__(self, place: Place, tmp_path: Path, command: list[str], **options: object) -> None:
        self.word = str(tmp_path / "word")
        self.log = tmp_path / "log"
        self.place = place
        self.options = {"command": [*command, self.word], "log": str(self.log), **options}

    @property
    def resource(self) -> Resource:
        return ProcessKind().resource("kept", self.options, self.place)

    @property
    def grip(self) -> Grip:
        return ProcessKind().grip("kept", self.options, self.place)

    async def start(self) -> None:
        await self.resource.start(TOKEN, later(), later())

    def pids(self) -> list[int]:
        return processes_with(self.word)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def keepers(self) -> list[int]:
        """The keeper and the init of its namespace."""
        file = self.place.control_group / "kept" / str(TOKEN) / "keeper" / "cgroup.procs"
        return [int(word) for word in file.read_text(encoding="ascii").split()]

    async def gone(self) -> None:
        await until(lambda: not self.pids(), "all of it is gone")


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def sleeper() -> list[str]:
    return [*PYTHON, "import time\nwhile True: time.sleep(1000)"]


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


def test_it_gets_its_token_and_nothing_of_the_agents(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the agent")
    shows = """
env
stat=$(cat /proc/$$/stat)
set -- ${stat#*) }
echo "session $4 is $$"
echo "rule ${39} $(cat /proc/$$/oom_score_adj)"
echo "at $(pwd)"
echo "user $(id -u) $(id -g) $(id -G)"
echo descriptors $(ls /proc/self/fd)  # the last is that of ls
echo "files $(ulimit -n) $(ulimit -H -n)"
while :; do sleep 1; done
"""

    async def play() -> None:
        kept = Kept(
            place,
            tmp_path,
            ["/bin/sh", "-c", shows],
            user="nobody",
            directory="/usr",
            environment={"COLOUR": "red"},
            limits={"open_files": 77},
        )
        await kept.start()
        await until(lambda: "files" in kept.said(), "it has said all")
        await kept.resource.stop(0, later())
        said = kept.said().splitlines()
        assert {"TANDEM_TOKEN=3.1284", "TANDEM_RESOURCE=kept", "COLOUR=red", "USER=nobody"} <= {
            *said
        }
        assert not any("SECRET" in line for line in said)
        assert {"session 2 is 2", f"rule {os.SCHED_OTHER} 0", "at /usr", "files 77 77"} <= {*said}
        assert {"user 65534 65534 65534", "descriptors 0 1 2 3"} <= {*said}

    run(play())


def test_a_program_that_daemonises_is_kept_if_its_definition_says_so(
    place: Place, tmp_path: Path
) -> None:
    daemon = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nwhile True: time.sleep(1000)"

    async def play(*, daemonises: bool) -> bool:
        kept = Kept(place, tmp_path, [*PYTHON, daemon], daemonises=daemonises)
        await kept.start()
        init = max(kept.keepers())
        first_has_ended = f"/proc/{init}/task/{init}/children"
        await until(
            lambda: state_of(init) == "" or len(Path(first_has_ended).read_text().split()) == 1,
            "the first process has ended, and its child is the init's",
        )
        if not daemonises:
            await kept.gone()
        is_well = (await kept.resource.health(later())).is_well
        await kept.resource.stop(0, later())
        return is_well

    async def both() -> None:
        assert await play(daemonises=True)
        assert not await play(daemonises=False)

    run(both())


def test_how_it_ended_is_told(place: Place, tmp_path: Path) -> None:
    async def ended(command: str) -> str:
        kept = Kept(place, tmp_path, [*PYTHON, command])
        await kept.start()
        await kept.gone()
        await until(lambda: not kept.place.control_group.exists() or quiet(kept), "it is quiet")
        health = await kept.resource.health(later())
        assert not health.is_well
        await kept.resource.stop(0, later())
        return health.said

    def quiet(kept: Kept) -> bool:
        events = kept.place.control_group / "cgroup.events"
        return "populated 0" in events.read_text(encoding="ascii")

    async def play() -> None:
        assert "ended with status 7" in await ended("import os; os._exit(7)")
        assert "killed by signal 9" in await ended("import os; os.kill(os.getpid(), 9)")

    run(play())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"command": ["/no/such/program"]}, "/no/such/program: No such file or directory"),
        ({"command": ["/etc/passwd"]}, "Permission denied"),
        ({"command": ["/bin/true"], "user": "nobody-at-all"}, "no user 'nobody-at-all'"),
        ({"command": ["/bin/true"], "directory": "/no/such"}, "No such file or directory"),
        ({"command": ["/bin/true"], "log": "/no/such/log"}, "/no/such/log"),
    ],
)
def test_a_start_that_fails_says_why(place: Place, options: dict[str, object], said: str) -> None:
    async def play() -> None:
        resource = ProcessKind().resource("kept", options, place)
        with pytest.raises(StartError, match=said):
            await resource.start(TOKEN, later(), later())
        await resource.stop(0, later())
        assert (await resource.probe(later())).presence is Presence.ABSENT

    run(play())


def test_it_outlives_the_agent_until_its_deadline_and_the_pulse_extends_it(
    place: Place, tmp_path: Path
) -> None:
    """The agent that started it is killed; another process extends it, and then nobody does."""
    agent = """
import asyncio, sys, time
from pathlib import Path
from tandem.clock import SystemClock
from tandem.resources.kind import Place, Token
from tandem.resources.process.kind import ProcessKind
run, group, word, until_us = sys.argv[1:]
place = Place("n1", Path(run), Path(group), SystemClock())
command = [sys.executable, "-I", "-S", "-c", "import time\\nwhile True: time.sleep(1000)", word]
resource = ProcessKind().resource("kept", {"command": command}, place)
asyncio.run(resource.start(Token(3, 1284), int(until_us), int(until_us)))
print("started", flush=True)
time.sleep(1000)
"""

    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        first_us = CLOCK.boot_us() + 4_000_000
        words = [str(place.run_directory), str(place.control_group), kept.word, str(first_us)]
        with popen([sys.executable, "-c", agent, *words], stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert await asyncio.to_thread(process.stdout.readline) == b"started\n"
            process.kill()
        grip = kept.grip
        grip.extend(end_us := first_us + 1_000_000)
        await until(lambda: CLOCK.boot_us() > first_us, "the first deadline has passed")
        assert kept.pids() or CLOCK.boot_us() > end_us - 100_000
        await kept.gone()
        grip.extend(later())  # too late, and no error: probe and health tell
        grip.close()
        assert (await kept.resource.probe(later())).presence is Presence.ABSENT

    run(play())


def test_a_grip_goes_on_to_the_next_keeper(place: Place, tmp_path: Path) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        grip = kept.grip
        await kept.start()
        grip.extend(later())
        await kept.resource.stop(0, later())
        first_us = CLOCK.boot_us() + 2_000_000
        await kept.resource.start(TOKEN, first_us, first_us)
        grip.extend(later())
        await until(lambda: CLOCK.boot_us() > first_us, "the first deadline has passed")
        assert kept.pids()
        await grip.kill(later())
        grip.close()

    run(play())


def test_a_keeper_that_stands_still_is_not_extended_for_ever_in_silence(
    place: Place, tmp_path: Path
) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        await kept.start()
        grip = kept.grip
        grip.extend(later())
        os.kill(min(kept.keepers()), signal.SIGSTOP)

        def extend() -> None:
            for _ in range(100_000):
                grip.extend(later())

        with pytest.raises(ExtendError, match="kept"):
            extend()
        await grip.kill(later())
        grip.close()

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
            assert not (place.control_group / "kept").exists()

    run(play())
