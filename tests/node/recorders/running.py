"""Recorders under test: real processes, on a volume of their own."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

from tandem.archive.identity import VolumeIdentity
from tandem.archive.rows import Role
from tandem.archive.space import Limits
from tandem.archive.volume import Volume
from tandem.clock import SystemClock
from tandem.node.children.health import PATIENCE, Patience
from tandem.node.recorders.recorders import COMMAND, Recorders
from tandem.node.recorders.wanted import Wanted
from tandem.recording.camera import Login, StreamName, StreamOrder, TransportPreference
from tandem.recording.orders import VolumeOrder

CLUSTER = 1
DEADLINE_S = 60.0
POLL_S = 0.02


def stream(camera_id: str, url: str = "rtsp://192.0.2.1/", password: str = "") -> StreamOrder:
    return StreamOrder(
        camera_id=camera_id,
        camera_name=camera_id,
        stream=StreamName.MAIN,
        url=url,
        login=Login("admin", password) if password else None,
        transport=TransportPreference.TCP,
        audio=False,
        role=Role.PRIMARY,
    )


def make_volume(root: Path) -> VolumeOrder:
    root.mkdir(parents=True)
    identity = VolumeIdentity(uuid4(), CLUSTER, "n1", time.time_ns() // 1000)
    made = Volume.create(root, identity)
    return VolumeOrder(root, made.volume_id, Limits(min_free_bytes=1 << 20))


class Bench:
    """Recorders, and what is wanted of them."""

    def __init__(self, recorders: Recorders, wanted: Wanted) -> None:
        self.recorders = recorders
        self.wanted = wanted

    def want(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.recorders.want(wanted)

    def want_streams(self, streams: Iterable[StreamOrder]) -> None:
        self.want(replace(self.wanted, streams=tuple(streams)))

    def pid(self, place: int = 0) -> int:
        pid = self.recorders.report().recorders[place].pid
        assert pid is not None
        return pid

    def pids(self) -> list[int | None]:
        return [one.pid for one in self.recorders.report().recorders]

    def pictures(self, camera_id: str) -> int:
        found = self.recorders.report().streams[camera_id, StreamName.MAIN]
        return int(found.get("pictures", 0)) if found["connected"] else 0

    async def records(self, camera_id: str, more: int = 25) -> None:
        """Wait until so many more pictures of a camera are there."""
        wanted = self.pictures(camera_id) + more
        await self.until(lambda: self.pictures(camera_id) >= wanted, f"{camera_id} is recorded")

    async def all_speak(self) -> None:
        """Wait until each recorder has said how it is."""
        await self.until(
            lambda: all(one.status for one in self.recorders.report().recorders), "all speak"
        )

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"Never: {what}; {self.recorders.report()}"
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def running(
    wanted: Wanted,
    count: int = 1,
    *,
    patience: Patience = PATIENCE,
    command: Sequence[str] = COMMAND,
) -> AsyncGenerator[Bench, None]:
    """Recorders that run; at the end none of their processes is left."""
    recorders = Recorders(
        count, wanted, SystemClock(), Random(1), patience=patience, command=command
    )
    seen: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(recorders.run())
        bench = Bench(recorders, wanted)
        try:
            yield bench
        finally:
            seen += [pid for pid in bench.pids() if pid]
            task.cancel()
    assert not [pid for pid in seen if exists(pid)]


def exists(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
