"""All simulated cameras of one process: their material, listeners, ledgers and upkeep."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from tandem.clock import Clock
from tandem.lab.camera.camera import Camera
from tandem.lab.camera.config import CameraConfig
from tandem.lab.camera.encode import obtain
from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.camera.listener import Listener
from tandem.lab.camera.playback import Playback, Reel
from tandem.lab.camera.profile import Profile

_log = logging.getLogger(__name__)

_FLUSH_INTERVAL_S = 0.05
"""Half of what is promised to readers of the ledgers."""


class CameraServer:
    """Runs cameras until cancelled.

    Args:
        reels: the packed material, by profile and by whether it is marked.
        configs: the cameras.
        ledgers: directory for the ledgers.
        clock: the machine's clocks.
    """

    def __init__(
        self,
        reels: dict[tuple[Profile, bool], Reel],
        configs: Iterable[CameraConfig],
        ledgers: Path,
        clock: Clock,
    ) -> None:
        self.cameras: dict[int, Camera] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._writing: asyncio.Future[None] | None = None
        for config in configs:
            place = config.address, config.port or -config.number
            listener = self._listeners.setdefault(place, Listener(config))
            ledger = LedgerWriter(ledger_path(ledgers, config.number), config.number)
            playback = Playback(
                _choose(reels, config, config.profile),
                _choose(reels, config, config.alternate) if config.alternate else (),
                unique=config.unique_pictures,
            )
            camera = Camera(config, playback, ledger, clock, listener.doors_changed)
            listener.cameras[config.url_path] = camera
            self.cameras[config.number] = camera

    async def run(self, ready: Callable[[dict[int, str]], None]) -> None:
        """Listen and take pictures.

        Args:
            ready: called once with the RTSP address of each camera.

        Raises:
            OSError: an address cannot be listened on.
        """
        try:
            for listener in self._listeners.values():
                await listener.open()
            async with asyncio.TaskGroup() as tasks:
                for camera in self.cameras.values():
                    tasks.create_task(camera.run(), name=f"camera {camera.config.number}")
                for listener in self._listeners.values():
                    tasks.create_task(listener.mind_the_doors(), name="listener")
                tasks.create_task(self._upkeep(), name="upkeep")
                ready(self.addresses())
        finally:
            for listener in self._listeners.values():
                listener.close()
            for camera in self.cameras.values():
                camera.register.close()
            await self._flush()

    def addresses(self) -> dict[int, str]:
        """Return the RTSP address of each camera."""
        return {
            camera.config.number: f"rtsp://{listener.address}:{listener.port}{path}"
            for listener in self._listeners.values()
            for path, camera in listener.cameras.items()
        }

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_INTERVAL_S)
            for camera in self.cameras.values():
                camera.register.tend()
            await self._flush()

    async def _flush(self) -> None:
        # A flush that was cancelled has taken its lines: they are written all the same, and first.
        if self._writing is not None:
            await self._writing
        ledgers = [camera.ledger for camera in self.cameras.values()]
        texts = [(ledger, ledger.take()) for ledger in ledgers]
        lines = [one for one in texts if one[1]]
        self._writing = asyncio.get_running_loop().run_in_executor(None, _append, lines)
        await asyncio.shield(self._writing)


def ledger_path(ledgers: Path, camera: int) -> Path:
    """Return where a camera's ledger stands."""
    return ledgers / f"camera-{camera}.ledger"


def prepare(
    configs: Iterable[CameraConfig], cache: Path, tell: Callable[[str], None]
) -> dict[tuple[Profile, bool], Reel]:
    """Encode what the cache lacks and load all that the cameras play.

    Args:
        configs: the cameras.
        cache: directory of the encoded material.
        tell: called with a sentence before something slow begins.

    Returns:
        The reels, by profile and by whether they are marked.

    Raises:
        EncodeError: ffmpeg is missing or failed.
    """
    reels: dict[tuple[Profile, bool], Reel] = {}
    for config in configs:
        for profile in filter(None, (config.profile, config.alternate)):
            for variant in config.variants(profile):
                key = variant, config.marked
                if key not in reels:
                    reels[key] = Reel(obtain(variant, cache, tell), marked=config.marked)
    return reels


def _choose(
    reels: dict[tuple[Profile, bool], Reel], config: CameraConfig, profile: Profile
) -> tuple[Reel, ...]:
    return tuple(reels[variant, config.marked] for variant in config.variants(profile))


def _append(texts: list[tuple[LedgerWriter, bytes]]) -> None:
    for ledger, text in texts:
        ledger.append(text)
