"""The volumes of one recorder: as ordered, whatever becomes of each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from tandem.recording.orders import VolumeOrder
from tandem.recording.volume_service import VolumeService

if TYPE_CHECKING:
    from uuid import UUID


class Volumes:
    """Takes volumes into service and out of it as ordered, without a restart.

    Use it as a context: at its end all are closed, in bounded time.

    Args:
        make_service: for one order.
        tasks: the services run in it.
    """

    def __init__(
        self, make_service: Callable[[VolumeOrder], VolumeService], tasks: asyncio.TaskGroup
    ) -> None:
        self._make_service = make_service
        self._tasks = tasks
        self._running: dict[UUID, tuple[VolumeService, asyncio.Task[None]]] = {}
        self._closing: dict[UUID, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close_all()

    def apply(self, orders: Sequence[VolumeOrder]) -> None:
        """Make the volumes in service those that are ordered; returns at once.

        One whose path or limits changed is closed and opened anew.
        """
        wanted = {order.volume_id: order for order in orders}
        for volume_id, (service, task) in list(self._running.items()):
            if wanted.get(volume_id) != service.order:
                task.cancel()
                service.leave()
                del self._running[volume_id]
                before = self._closing.get(volume_id)
                self._closing[volume_id] = self._tasks.create_task(
                    self._close(service, before), name=f"closing {service.order.path}"
                )
        for volume_id, order in wanted.items():
            if volume_id not in self._running:
                service = self._make_service(order)
                task = self._tasks.create_task(
                    self._run(service, self._closing.get(volume_id)), name=str(order.path)
                )
                self._running[volume_id] = (service, task)

    async def _close_all(self) -> None:
        """All at once; disks that hang are left to themselves.

        Those that are full leave first: what waits for them is still written to the others.
        """
        async with asyncio.TaskGroup() as closing:
            for service, task in sorted(self._running.values(), key=lambda it: not it[0].is_full):
                task.cancel()
                service.leave()
                closing.create_task(service.close())
        self._running = {}

    async def _run(self, service: VolumeService, before: asyncio.Task[None] | None) -> None:
        """Serve a volume, once whoever served it before has let go of it."""
        if before is not None:
            await asyncio.wait([before])
        await service.run()

    async def _close(self, service: VolumeService, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await service.close()
