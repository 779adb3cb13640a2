"""Simulated cameras for tests: in a process of their own, as a lab runs them, or in a thread."""

import asyncio
import json
import select
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tandem.clock import SystemClock
from tandem.lab.camera.config import CameraConfig, read_config
from tandem.lab.camera.control import Control
from tandem.lab.camera.server import CameraServer, prepare
from tandem.lab.counting.ledger import Ledger, read_ledger

TINY: dict[str, Any] = {
    "width_px": 160,
    "height_px": 96,
    "fps": 100,
    "bit_rate_kbps": 400,
    "gop_s": 0.1,
    "length_s": 0.5,
}
"""Small pictures, a keyframe every 10, a loop joint every 50: short tests see all of it."""

START_DEADLINE_S = 60.0
DEADLINE_S = 60.0
POLL_S = 0.02


def with_defaults(cameras: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the cameras from 1 and make their pictures small, unless they say otherwise."""
    return [
        {"number": place, **one, "profile": TINY | one.get("profile", {})}
        for place, one in enumerate(cameras, start=1)
    ]


class RunningCameras(ABC):
    """Starts cameras, asks them for faults, reads their ledgers.

    Args:
        place: directory for configuration, ledgers and socket.
        cameras: their settings, as in the configuration file.
    """

    def __init__(self, place: Path, cameras: list[dict[str, Any]]) -> None:
        place.mkdir(exist_ok=True)
        self.config = place / "cameras.json"
        self.config.write_text(json.dumps({"version": 1, "cameras": cameras}))
        self.ledgers = place / "ledgers"
        self.socket = place / "control"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """Switch the cameras off; their ledgers are complete then."""

    @abstractmethod
    def address(self, number: int = 1) -> str:
        """Return a camera's RTSP address."""

    def ledger_path(self, number: int = 1) -> Path:
        return self.ledgers / f"camera-{number}.ledger"

    def ledger(self, number: int = 1) -> Ledger:
        return read_ledger(self.ledger_path(number))

    def ask_line(self, line: bytes) -> dict[str, Any]:
        """Send one line over the control channel and return the reply."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(DEADLINE_S)
            asking.connect(str(self.socket))
            asking.sendall(line + b"\n")
            with asking.makefile() as replies:
                reply: dict[str, Any] = json.loads(replies.readline())
            return reply

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send one request over the control channel and return the reply."""
        return self.ask_line(json.dumps({"version": 1, "command": command, **fields}).encode())

    def fault(self, kind: str, camera: int = 1, **fields: Any) -> None:
        """Let a fault begin."""
        reply = self.ask("fault", camera=camera, kind=kind, **fields)
        assert reply["ok"], reply

    def clear(self) -> None:
        """Let all faults end."""
        assert self.ask("clear")["ok"]


class CameraProcess(RunningCameras):
    """Cameras in a process of their own.

    Args:
        place: directory for configuration, ledgers and socket.
        cache: directory of encoded material, shared by all tests.
        cameras: their settings, as in the configuration file.
    """

    def __init__(self, place: Path, cache: Path, cameras: list[dict[str, Any]]) -> None:
        super().__init__(place, cameras)
        self.log = place / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tandem.lab.camera", "--config", self.config),
                    *("--cache", cache, "--ledgers", self.ledgers, "--control", self.socket),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._addresses: dict[str, str] = json.loads(self._first_line())["addresses"]

    def stop(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0, self.log.read_text()

    def address(self, number: int = 1) -> str:
        return self._addresses[str(number)]

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_DEADLINE_S)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"The cameras did not start: {self.log.read_text()}")
        return line


class CameraThread(RunningCameras):
    """Cameras in a thread, which start at once.

    Args:
        place: directory for configuration, ledgers and socket.
        cache: directory of encoded material, shared by all tests.
        cameras: their settings, as in the configuration file.
    """

    def __init__(self, place: Path, cache: Path, cameras: list[dict[str, Any]]) -> None:
        super().__init__(place, cameras)
        configs = read_config(self.config)
        self._reels = prepare(configs, cache, lambda _: None)
        self._addresses: dict[int, str] = {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=[configs])
        self._thread.start()
        assert self._ready.wait(DEADLINE_S), "The cameras did not start."

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(DEADLINE_S)
            assert not self._thread.is_alive(), "The cameras did not stop."

    def address(self, number: int = 1) -> str:
        return self._addresses[number]

    def _run(self, configs: tuple[CameraConfig, ...]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(configs))

    async def _serve(self, configs: tuple[CameraConfig, ...]) -> None:
        server = CameraServer(self._reels, configs, self.ledgers, SystemClock())
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(server.run(self._note)),
                tasks.create_task(Control(server).run(self.socket)),
            ]
            await self._stop.wait()
            for task in running:
                task.cancel()

    def _note(self, addresses: dict[int, str]) -> None:
        self._addresses = addresses
        self._ready.set()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, and say which one did not come about."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"In {DEADLINE_S} s it never came about that {what}."
        time.sleep(POLL_S)


def free_port() -> int:
    """Return a TCP port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
