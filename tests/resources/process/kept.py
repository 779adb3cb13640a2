"""A command under a keeper, for tests."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.resources.process.bench import processes_with, until

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import Grip, Place, Resource
from tandem.resources.process.kind import ProcessKind

CLOCK = SystemClock()
TOKEN = Token(3, 1284)
PLENTY_US = 60_000_000
PYTHON = [sys.executable, "-I", "-S", "-c"]


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

    async def quiet(self) -> None:
        """Its keeper is gone as well."""
        events = self.place.control_group / "cgroup.events"
        await until(lambda: "populated 0" in events.read_text(encoding="ascii"), "it is quiet")


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def sleeper() -> list[str]:
    return [*PYTHON, "import time\nwhile True: time.sleep(1000)"]
