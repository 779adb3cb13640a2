"""What a process under a keeper gets, and how it lives on without whoever started it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.resources.process.bench import popen, until
from tests.resources.process.kept import CLOCK, PLENTY_US, PYTHON, TOKEN, Kept, later, run, sleeper

from tandem.resources.kind import (
    ExtendError,
    Place,
    Presence,
    StartError,
)
from tandem.resources.process import launch
from tandem.resources.process.kind import ProcessKind

pytestmark = pytest.mark.lab("freezer")

MARGIN_US = 500_000
"""For a keeper to take a later deadline."""

AGENT = """
import asyncio, sys, time
from pathlib import Path
from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import Place
from tandem.resources.process.kind import ProcessKind
run, group, word, until_us = sys.argv[1:]
place = Place("n1", Path(run), Path(group), SystemClock())
command = [sys.executable, "-I", "-S", "-c", "import time\\nwhile True: time.sleep(1000)", word]
resource = ProcessKind().resource("kept", {"command": command}, place)
asyncio.run(resource.start(Token(3, 1284), int(until_us), int(until_us)))
print("started", flush=True)
time.sleep(1000)
"""


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
    daemon = """
import os, time
if os.fork():
    os._exit(0)
os.setsid()
while os.getppid() != 1:
    pass
print("alone", flush=True)
while True: time.sleep(1000)
"""

    async def play(*, daemonises: bool) -> bool:
        kept = Kept(place, tmp_path, [*PYTHON, daemon], daemonises=daemonises)
        await kept.start()
        if daemonises:
            await until(lambda: "alone" in kept.said(), "its first process has ended")
        else:
            await kept.quiet()
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
        await kept.quiet()
        health = await kept.resource.health(later())
        assert not health.is_well
        await kept.resource.stop(0, later())
        return health.said

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

    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        grip = kept.grip

        async def begun(for_us: int) -> int | None:
            """Its first deadline; None: this machine is too busy for so near a one."""
            first_us = CLOCK.boot_us() + for_us
            words = [str(place.run_directory), str(place.control_group), kept.word, str(first_us)]
            with popen([sys.executable, "-c", AGENT, *words], stdout=subprocess.PIPE) as process:
                assert process.stdout
                said = await asyncio.to_thread(process.stdout.readline)
                process.kill()
            grip.extend(first_us + 1_000_000)
            is_in_time = CLOCK.boot_us() < first_us - MARGIN_US
            assert said == b"started\n" or for_us < PLENTY_US
            if said == b"started\n" and is_in_time:
                return first_us
            await kept.resource.stop(0, later())
            return None

        for_us = 4_000_000
        while (first_us := await begun(for_us)) is None:
            for_us *= 2
        end_us = first_us + 1_000_000
        await until(lambda: CLOCK.boot_us() > first_us, "the first deadline has passed")
        assert kept.pids() or CLOCK.boot_us() > end_us - 100_000
        await kept.gone()
        grip.extend(later())  # too late, and no error: probe and health tell
        grip.close()
        await kept.quiet()
        assert (await kept.resource.probe(later())).presence is Presence.ABSENT

    run(play())


def test_a_grip_goes_on_to_the_next_keeper(place: Place, tmp_path: Path) -> None:
    async def play() -> None:
        kept = Kept(place, tmp_path, sleeper())
        grip = kept.grip
        await kept.start()
        grip.extend(later())
        is_in_time = False
        for_us = 1_000_000
        while not is_in_time:  # as near a deadline as this machine, busy as it is, allows
            await kept.resource.stop(0, later())
            for_us *= 2
            first_us = CLOCK.boot_us() + for_us
            try:
                await kept.resource.start(TOKEN, first_us, first_us)
            except StartError:
                assert for_us < PLENTY_US
                continue
            grip.extend(later())
            is_in_time = CLOCK.boot_us() < first_us - MARGIN_US
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


def test_what_it_says_goes_to_the_journal_under_its_name(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    monkeypatch.setattr(launch, "JOURNAL", path)
    heard = bytearray()
    over = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            heard.extend(data)
        writer.close()
        over.set()  # the last of its processes is gone

    async def play() -> None:
        says = ["/bin/sh", "-c", "echo well; echo ill >&2; sleep 1000"]
        resource = ProcessKind().resource("web", {"command": says}, place)
        async with await asyncio.start_unix_server(hear, path):
            await resource.start(TOKEN, later(), later())
            await until(lambda: b"ill" in heard, "all that it says has come")
            await resource.stop(later(), later())
            await over.wait()
        # Who speaks, with which priority, and what the journal is to do with it; then the words.
        assert heard == b"tandem-web\n\n6\n1\n0\n0\n0\nwell\nill\n"

    run(play())
