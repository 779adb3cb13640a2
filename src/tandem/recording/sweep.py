"""Making room: what is past its time goes, and on a full disk the oldest.

Planned from what the indexes say, each asked in a thread of its own, and done by the writer of each
volume, so that an index has one writer in a process. One recorder of a node sweeps; its orders say
which.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from tandem.archive.deletion import (
    Deletion,
    Policy,
    Reason,
    Retention,
    Stock,
    forgettable_us,
    overdue_us,
    plan_deletion,
)
from tandem.archive.errors import ArchiveError
from tandem.archive.planning import take_stock
from tandem.clock import Clock
from tandem.recording.disks import Disks
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import in_own_thread
from tandem.recording.steadiness import Steadiness
from tandem.recording.volume_jobs import Delete
from tandem.recording.volume_opening import adopt_files, forget_gaps
from tandem.recording.volume_questions import ANSWER_S, VolumeQuestions

log = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""How often; also the reserve that the room to be made has to last for."""

RESERVE_BYTES = 512 << 20
"""Room that every sweep leaves: 5 s of 800 Mbit/s. Without it, writing would wait for sweeping."""

FORGET_US: Final = 3_600_000_000
"""Between two looks at gaps of times of which nothing would be kept any more."""

_UNKNOWN: Final = Retention(window_us=0)
"""Of any camera, while nobody has told of a single one: it is not known then which copies are held
for other nodes, so each second copy may be the only one."""

LATE_US: Final = 3_600_000_000
"""What goes for its age does so within a sweep; what is so much older is told."""


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
        self._retention: Mapping[str, Retention] = {}
        self._trusts_clock = False
        self._disks = disks
        self._cluster_number = cluster_number
        self._clock = clock
        self._steadiness = Steadiness(clock)
        self._tasks = tasks
        self._told: dict[UUID, str] = {}
        self._are_late: set[UUID] = set()
        self._adopting: dict[UUID, asyncio.Task[None]] = {}
        self._orders: dict[UUID, VolumeOrder] = {}
        self._forgot_us = clock.boot_us()

    def keep(self, retention: Mapping[str, Retention], *, trusts_clock: bool) -> None:
        """Keep cameras' recordings as ordered, from the next sweep on.

        Args:
            retention: for how long, by camera.
            trusts_clock: whether this node's UTC may be believed; else nothing is old.
        """
        self._retention = retention
        self._trusts_clock = trusts_clock

    def joined(self, order: VolumeOrder, _: VolumeQuestions) -> None:
        """A volume came into service.

        What an index that was lost does not know is filed now, since it cannot be deleted before.
        """
        self._orders[order.volume_id] = order
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
        """Plan once for all volumes that answer, and have it done.

        A camera's share is that of the whole node, and the oldest beyond it goes, on whichever
        volume it is. What a volume has of it that does not answer, or still deletes, is not
        counted: then less is deleted, never more.
        """
        problems: dict[UUID, str] = {}
        serving = {
            volume_id: state.questions
            for volume_id, state in sorted(self._disks.volumes.items())
            if state.questions is not None and state.writer and not state.writer.is_deleting
        }
        answers = await asyncio.gather(*(_look(questions) for questions in serving.values()))
        held: Counter[str] = Counter()
        stocks: dict[UUID, Stock] = {}
        for volume_id, answer in zip(serving, answers, strict=True):
            if isinstance(answer, ArchiveError):
                problems[volume_id] = str(answer)
            else:
                stocks[volume_id] = answer[0]
                held.update(answer[1])
        settled_us = self._steadiness.settled_utc_us()
        now_us = settled_us if self._trusts_clock else None
        otherwise = Retention() if self._retention else _UNKNOWN
        policy = Policy(self._retention, otherwise, held_bytes=held)
        plans = await in_own_thread(
            "planning",
            partial(plan_deletion, list(stocks.values()), now_us, policy),
            lambda _: None,
        )
        for volume_id, plan in zip(stocks, plans, strict=True):
            self._carry_out(volume_id, plan)
            if now_us is not None:
                self._tell_late(volume_id, plan, now_us, policy)
        for volume_id, told in problems.items():
            if self._told.get(volume_id) != told:
                log.error("nothing can be deleted from volume %s: %s", volume_id, told)
        self._told = problems
        are_all = stocks.keys() == self._disks.volumes.keys()
        if now_us is not None and are_all and self._clock.boot_us() - self._forgot_us >= FORGET_US:
            self._forgot_us = self._clock.boot_us()
            await self._forget(forgettable_us(list(stocks.values()), now_us, policy))

    async def _forget(self, before_us: Mapping[str, int]) -> None:
        """Drop gaps that are of no use any more, of all volumes."""
        for order in [self._orders[it] for it in self._disks.volumes if it in self._orders]:
            work = partial(forget_gaps, order, self._cluster_number, before_us)
            try:
                async with asyncio.timeout(ANSWER_S):
                    await in_own_thread(f"forgetting gaps {order.path}", work, lambda _: None)
            except TimeoutError:  # or one disk that hangs would keep all others from being swept
                log.error("gaps of %s are kept for now: its disk does not answer", order.path)
            except ArchiveError as problem:
                log.error("gaps of %s are kept for now: %s", order.path, problem)

    def _carry_out(self, volume_id: UUID, plan: Sequence[Deletion]) -> None:
        state = self._disks.volumes.get(volume_id)
        if plan and state is not None and state.writer is not None:
            state.writer.submit(Delete(plan))

    def _tell_late(
        self, volume_id: UUID, plan: Iterable[Deletion], now_us: int, policy: Policy
    ) -> None:
        """Tell once when recordings go that should have gone long ago."""
        aged = [one.segment for one in plan if one.reason is Reason.AGE]
        late_us = max((overdue_us(segment, now_us, policy) or 0 for segment in aged), default=0)
        if late_us < LATE_US:
            self._are_late.discard(volume_id)
        elif volume_id not in self._are_late:
            self._are_late.add(volume_id)
            log.warning(
                "volume %s: recordings of %d cameras are deleted that are up to %.0f hours past "
                "their age. That is right if this node or the volume was away, or if they are to "
                "be kept for less time than before. If not, this node's clock is wrong: see "
                "`timedatectl`.",
                volume_id,
                len({segment.camera_id for segment in aged}),
                late_us / 3_600_000_000,
            )

    async def _adopt(self, order: VolumeOrder) -> None:
        work = partial(adopt_files, order, self._cluster_number)
        try:
            for problem in await in_own_thread(f"adopting {order.path}", work, lambda _: None):
                log.error("%s", problem)
        except ArchiveError as failure:
            log.error("%s: its files could not all be filed: %s", order.path, failure)
        finally:
            del self._adopting[order.volume_id]


async def _look(questions: VolumeQuestions) -> tuple[Stock, dict[str, int]] | ArchiveError:
    """What might go from a volume, and what of each camera counts for its share."""
    try:
        return await questions.ask(
            lambda volume, reader: (
                take_stock(volume, reader, RESERVE_BYTES),
                reader.share_bytes(),
            )
        )
    except ArchiveError as problem:
        return problem
