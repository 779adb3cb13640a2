"""Making room: what is past its time goes, and on a full disk the oldest.

Planned from what the indexes say, each asked in a thread of its own, and done by the writer of each
volume, so that an index has one writer in a process. One recorder of a node sweeps; its orders say
which.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from tandem.archive.deletion import Deletion, Policy, Retention
from tandem.archive.errors import ArchiveError
from tandem.archive.planning import plan_volume
from tandem.clock import Clock
from tandem.recording.disks import Disks
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import in_own_thread
from tandem.recording.volume_jobs import Delete
from tandem.recording.volume_opening import adopt_files
from tandem.recording.volume_questions import VolumeQuestions

log = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""How often; also the reserve that the room to be made has to last for."""

RESERVE_BYTES = 512 << 20
"""Room that every sweep leaves: 5 s of 800 Mbit/s. Without it, writing would wait for sweeping."""


class Sweeper:
    """Sweeps the volumes of a node.

    Args:
        disks: the volumes.
        cluster_number: whose they are.
        clock: of the node.
        tasks: what a volume that joins has to be filed is filed in it.
    """

    def __init__(
        self, disks: Disks, cluster_number: int, clock: Clock, tasks: asyncio.TaskGroup
    ) -> None:
        self._policy = Policy({}, wanted_bytes=RESERVE_BYTES)
        self._disks = disks
        self._cluster_number = cluster_number
        self._clock = clock
        self._tasks = tasks
        self._told: dict[UUID, str] = {}
        self._adopting: dict[UUID, asyncio.Task[None]] = {}

    def keep(self, retention: Mapping[str, Retention]) -> None:
        """Keep cameras' recordings as ordered, from the next sweep on."""
        self._policy = replace(self._policy, retention=retention)

    def joined(self, order: VolumeOrder, _: VolumeQuestions) -> None:
        """A volume came into service.

        What an index that was lost does not know is filed now, since it cannot be deleted before.
        """
        if order.volume_id not in self._adopting:
            self._adopting[order.volume_id] = self._tasks.create_task(
                self._adopt(order), name=f"adopting {order.path}"
            )

    @property
    def adopting(self) -> list[asyncio.Task[None]]:
        """What files recordings now; it may take hours, and may be cancelled."""
        return list(self._adopting.values())

    async def run(self) -> None:
        """Sweep until cancelled, every `INTERVAL_S`, and at once where a disk is full."""
        while True:
            await self.sweep()
            try:
                async with asyncio.timeout(INTERVAL_S):
                    await self._disks.full.wait()
            except TimeoutError:
                continue
            self._disks.full.clear()

    async def sweep(self) -> None:
        """Plan once for every volume that answers, and have it done.

        A camera's share is that of the whole node. What a volume has of it that does not answer, or
        still deletes, is not counted: then less is deleted, never more.
        """
        problems: dict[UUID, str] = {}
        serving = {
            volume_id: state.questions
            for volume_id, state in sorted(self._disks.volumes.items())
            if state.questions is not None and state.writer and not state.writer.is_deleting
        }
        answers = await asyncio.gather(
            *(self._held_bytes(questions) for questions in serving.values())
        )
        held: Counter[str] = Counter()
        for volume_id, answer in zip(serving, answers, strict=True):
            if isinstance(answer, ArchiveError):
                problems[volume_id] = str(answer)
            else:
                held.update(answer)
        for volume_id, questions in serving.items():
            if volume_id not in problems:
                try:
                    plan = await self._plan(questions, held)
                except ArchiveError as problem:
                    problems[volume_id] = str(problem)
                else:
                    self._carry_out(volume_id, plan, held)
        for volume_id, told in problems.items():
            if self._told.get(volume_id) != told:
                log.error("nothing can be deleted from volume %s: %s", volume_id, told)
        self._told = problems

    async def _held_bytes(self, questions: VolumeQuestions) -> dict[str, int] | ArchiveError:
        try:
            return await questions.ask(lambda _, reader: reader.held_bytes())
        except ArchiveError as problem:
            return problem

    async def _plan(self, questions: VolumeQuestions, held: Counter[str]) -> list[Deletion]:
        now_us, policy = self._clock.utc_us(), replace(self._policy, held_bytes=dict(held))
        return await questions.ask(
            lambda volume, reader: plan_volume(volume, reader, now_us, policy)
        )

    def _carry_out(self, volume_id: UUID, plan: Sequence[Deletion], held: Counter[str]) -> None:
        for deletion in plan:
            held[deletion.segment.camera_id] -= deletion.segment.durable_bytes
        state = self._disks.volumes.get(volume_id)
        if plan and state is not None and state.writer is not None:
            state.writer.submit(Delete(plan))

    async def _adopt(self, order: VolumeOrder) -> None:
        work = partial(adopt_files, order, self._cluster_number)
        try:
            for problem in await in_own_thread(f"adopting {order.path}", work, lambda _: None):
                log.error("%s", problem)
        except ArchiveError as failure:
            log.error("%s: its files could not all be filed: %s", order.path, failure)
        finally:
            del self._adopting[order.volume_id]
