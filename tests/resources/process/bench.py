"""A process for the conformance suite: it appends its token to a file on a disk that may hang."""

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.resources.bench import RealTime

from tandem.clock import SystemClock
from tandem.lab.hosts.disks import OpenDisk, attach, create, detach
from tandem.resources.control_group import own_group
from tandem.resources.kind import Grip, Place, Resource, ResourceError
from tandem.resources.process.kind import ProcessKind

DEADLINE_S = 60.0
PAUSE_S = 0.005
_NUMBERS = itertools.count()

popen = subprocess.Popen[bytes]

WRITER = 'while :; do echo "${TANDEM_TOKEN:-nobody}" >> "$0"; sleep 0.01; done'


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S:g} s: {what}") from None


def processes_with(word: str) -> list[int]:
    """Who has this word among its arguments; the dead that nobody has waited for have none."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                arguments = (process / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if word.encode() in arguments:
                found.append(int(process.name))
    return found


def state_of(pid: int) -> str:
    """As ps shows it: S, D, T, Z; nothing for who is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat[stat.rfind(")") + 2 :][:1]


def new_place(tmp_path: Path) -> Place:
    """A place in the file system and among the control groups that no other test has."""
    try:
        own = own_group()
    except ResourceError as error:
        pytest.skip(str(error))
    if not os.access(own, os.W_OK):
        pytest.skip(f"no control groups may be made in {own}")
    group = own / f"tandem-test-{os.getpid()}-{next(_NUMBERS)}"
    return Place("n1", tmp_path / "run", group, SystemClock())


def cleared(place: Place) -> None:
    """Take the control groups of a place away, with whoever a failed test left in them."""
    group = place.control_group
    if not group.exists():
        return
    (group / "cgroup.freeze").write_text("0", encoding="ascii")
    (group / "cgroup.kill").write_text("1", encoding="ascii")
    waits = 'while grep -q "populated 1" "$0"; do sleep 0.01; done'
    subprocess.run(["sh", "-c", waits, str(group / "cgroup.events")], check=True, timeout=20)
    for directory, _, _ in os.walk(group, topdown=False):
        Path(directory).rmdir()


@contextmanager
def mounted_disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    image, root = tmp_path / "disk.img", tmp_path / "disk"
    create(image, 16)
    root.mkdir()
    device = attach(image)
    try:
        subprocess.run(["mount", device, str(root)], check=True, timeout=30)
        try:
            yield root
        finally:
            subprocess.run(["umount", str(root)], check=True, timeout=60)
    finally:
        detach(device)


@dataclass
class WriterBench(RealTime):
    """A writer, whoever runs it, and the disk that it writes to."""

    disk: Path

    @property
    def file(self) -> Path:
        return self.disk / "lines"

    def runs(self) -> bool:
        return bool(processes_with(str(self.file)))

    @asynccontextmanager
    async def hindered(self) -> AsyncIterator[None]:
        with OpenDisk(self.disk) as disk:
            disk.hang()
            try:
                stuck = str(self.file)
                await until(
                    lambda: any(state_of(pid) == "D" for pid in processes_with(stuck)),
                    "somebody waits for the disk",
                )
                yield
            finally:
                disk.resume()


@dataclass
class ProcessBench(WriterBench):
    """A writer that runs as a process."""

    strangers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def options(self) -> Mapping[str, object]:
        return {"command": ["/bin/sh", "-c", WRITER, str(self.file)]}

    def resource(self) -> Resource:
        return ProcessKind().resource("writer", self.options, self.place)

    def grip(self) -> Grip:
        return ProcessKind().grip("writer", self.options, self.place)

    async def run_without_us(self) -> None:
        self.strangers.append(popen(["/bin/sh", "-c", WRITER, str(self.file)]))


@asynccontextmanager
async def make(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    """A bench for the conformance suite."""
    with mounted_disk(tmp_path) as disk:
        bench = ProcessBench(new_place(tmp_path), disk)
        try:
            yield bench
        finally:
            for stranger in bench.strangers:
                stranger.kill()
                stranger.wait()
            cleared(bench.place)
