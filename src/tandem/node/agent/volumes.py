"""Which volumes this node records to: those of its settings, by the identity that they carry.

A volume whose id stands in the settings needs no look: its recorders check it. Of the others the
identity file is read, again and again: the disk may not be there yet, and another one may come in
its place. What is not there now stays known: its recorders tell what became of it.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from tandem.archive import identity
from tandem.archive.disk import SYSTEM_DISK
from tandem.archive.errors import ArchiveError, disk_error
from tandem.archive.volume import open_root
from tandem.node.settings import VolumeSettings
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import in_own_thread

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
DEADLINE_S: Final = 5.0


class Volumes:
    """The volumes of a node.

    Args:
        settings: of each.
        changed: called when one more is known, or another one is there; must not block.
    """

    def __init__(self, settings: Sequence[VolumeSettings], changed: Callable[[], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._problems: dict[VolumeSettings, str] = {}
        self._known = {
            one: VolumeOrder(one.path, one.volume_id, one.limits)
            for one in settings
            if one.volume_id is not None
        }

    @property
    def orders(self) -> tuple[VolumeOrder, ...]:
        """Those that are known, each once, in the order of the settings."""
        chosen = set(self._chosen().values())
        return tuple(self._known[one] for one in self._settings if one in chosen)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some are not known, in sentences; and which are the same."""
        chosen = self._chosen()
        same = [
            f"{one.path} and {chosen[order.volume_id].path} are both volume {order.volume_id}. A "
            f"volume is recorded to at one place: unmount {one.path}, or take it out of node.toml."
            for one, order in self._known.items()
            if one not in self._problems and chosen[order.volume_id] is not one
        ]
        unknown = [text for one, text in self._problems.items() if one not in self._known]
        return (*unknown, *same)

    async def run(self) -> None:
        """Look for those that are not named by id, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for one in self._settings:
                if one.volume_id is None:
                    tasks.create_task(self._follow(one), name=f"identity of {one.path}")

    def _chosen(self) -> dict[UUID, VolumeSettings]:
        """Where each volume is: one that moved is where it was seen, and not where it was."""
        by_id: dict[UUID, VolumeSettings] = {}
        known = [one for one in self._settings if one in self._known]
        for one in sorted(known, key=lambda one: one in self._problems):
            by_id.setdefault(self._known[one].volume_id, one)
        return by_id

    async def _follow(self, one: VolumeSettings) -> None:
        """Keep what is known of one up to date.

        A disk that hangs is not looked at anew before it answers: each look would cost a thread.
        """
        silent = f"{one.path}: its disk does not answer. See `dmesg`."
        while True:
            late = asyncio.get_running_loop().call_later(DEADLINE_S, self._lack, one, silent)
            look = partial(_identify, one)
            try:
                found = await in_own_thread(f"identity of {one.path}", look, _forget)
            except ArchiveError as problem:
                self._lack(one, f"Volume {one.path} is not recorded to: {problem}")
            else:
                self._take(one, found)
            finally:
                late.cancel()
            await asyncio.sleep(LOOK_S)

    def _take(self, one: VolumeSettings, found: VolumeOrder) -> None:
        known = self._known.get(one)
        if self._problems.pop(one, "") or known != found:
            self._known[one] = found
            self._changed()
        if known is not None and known != found:
            log.warning(
                "%s is volume %s now; it was %s", one.path, found.volume_id, known.volume_id
            )

    def _lack(self, one: VolumeSettings, problem: str) -> None:
        is_new = one not in self._problems
        self._problems[one] = problem
        if is_new:
            self._changed()


def _identify(one: VolumeSettings) -> VolumeOrder:
    try:
        root_fd = open_root(one.path)
        try:
            found = identity.read(one.path, root_fd, SYSTEM_DISK)
        finally:
            os.close(root_fd)
    except OSError as error:
        raise disk_error(error, f"reading which volume {one.path} is") from error
    return VolumeOrder(one.path, found.volume_id, one.limits)


def _forget(_: VolumeOrder) -> None:
    """What was found too late is looked for again."""
