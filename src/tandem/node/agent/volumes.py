"""Which volumes this node records to: those of its settings, by the identity that they carry.

A volume whose id stands in the settings needs no look: its recorders check it. Of the others the
identity file is read, again and again until the disk is there.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

from tandem.archive import identity
from tandem.archive.disk import SYSTEM_DISK
from tandem.archive.errors import ArchiveError
from tandem.node.settings import VolumeSettings
from tandem.recording.orders import VolumeOrder

LOOK_S: Final = 5.0
DEADLINE_S: Final = 5.0


class Volumes:
    """The volumes of a node.

    Args:
        settings: of each.
        changed: called when one more is known; must not block.

    Attributes:
        problems: why some are not known, in sentences.
    """

    def __init__(self, settings: Sequence[VolumeSettings], changed: Callable[[], None]) -> None:
        self.problems: tuple[str, ...] = ()
        self._settings = settings
        self._changed = changed
        self._known = {
            one: VolumeOrder(one.path, one.volume_id, one.limits)
            for one in settings
            if one.volume_id is not None
        }

    @property
    def orders(self) -> tuple[VolumeOrder, ...]:
        """Those that are known, in the order of the settings."""
        return tuple(self._known[one] for one in self._settings if one in self._known)

    async def run(self) -> None:
        """Look for those that are not known until all are."""
        while missing := [one for one in self._settings if one not in self._known]:
            problems = [await self._look(one) for one in missing]
            self.problems = tuple(problem for problem in problems if problem)
            await asyncio.sleep(LOOK_S)

    async def _look(self, one: VolumeSettings) -> str:
        """Read one's identity; returns what is wrong, or ""."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await _in_a_thread(lambda: _identify(one))
        except TimeoutError:
            return f"{one.path}: its disk does not answer. See `dmesg`."
        except (OSError, ArchiveError) as problem:
            return f"Volume {one.path} is not recorded to: {problem}"
        self._known[one] = found
        self._changed()
        return ""


def _identify(one: VolumeSettings) -> VolumeOrder:
    root_fd = os.open(one.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = identity.read(one.path, root_fd, SYSTEM_DISK)
    finally:
        os.close(root_fd)
    return VolumeOrder(one.path, found.volume_id, one.limits)


async def _in_a_thread(look: Callable[[], VolumeOrder]) -> VolumeOrder:
    """In a thread of its own: one that a disk holds for ever must not be missed elsewhere."""
    loop = asyncio.get_running_loop()
    looked: asyncio.Future[VolumeOrder] = loop.create_future()

    def settle(found: VolumeOrder | Exception) -> None:
        if looked.done():
            return
        if isinstance(found, Exception):
            looked.set_exception(found)
        else:
            looked.set_result(found)

    def run() -> None:
        found: VolumeOrder | Exception
        try:
            found = look()
        except (OSError, ArchiveError) as problem:
            found = problem
        loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, daemon=True, name="identity of a volume").start()
    return await looked
