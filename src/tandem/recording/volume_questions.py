"""Questions to the index of one volume, in a thread of their own.

Nobody waits longer than a deadline for an answer, and behind a disk that hangs only a few questions
queue up: what was asked for too much is answered at once, that there is no answer.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tandem.archive.errors import ArchiveError, DiskError
from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.volume import Access, Volume
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import post
from tandem.recording.volume_opening import DEFECTS

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_S = 10.0
"""How long an answer may take; a plan of deletion takes a tenth of a second on a busy disk."""

MOST_WAITING = 8
"""Questions at once: a few askers, each of which waits for its answer before it asks again."""

Question = Callable[[Volume, IndexReader], T]


class VolumeQuestions:
    """Asks one volume. Its files are opened and closed by its own thread alone.

    Args:
        order: which volume; in service already.
        cluster_number: whose it is.
    """

    def __init__(self, order: VolumeOrder, cluster_number: int) -> None:
        self._order = order
        self._cluster_number = cluster_number
        self._loop = asyncio.get_running_loop()
        self._asked: queue.SimpleQueue[tuple[Question[Any], asyncio.Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._waiting = 0
        self._is_silent = False
        name = f"questions {order.volume_id}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def ask(self, question: Question[T], deadline_s: float = ANSWER_S) -> T:
        """Have a question answered by the thread.

        Who did not answer in time is not asked again until it has, so that one disk that hangs
        costs those who ask all of them one deadline, not one each time.

        Args:
            question: gets the volume, opened for reading, and its index.
            deadline_s: how long to wait.

        Raises:
            ArchiveError: the disk failed, or did not answer in time.
        """
        if self._is_silent or self._waiting >= MOST_WAITING:
            raise self._silence(deadline_s)
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        self._asked.put((question, future))
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            self._is_silent = True
            raise self._silence(deadline_s) from None

    def close(self) -> None:
        """Ask no more; never waits."""
        self._asked.put(None)

    def _silence(self, deadline_s: float) -> DiskError:
        return DiskError(
            f"{self._order.path}: its disk has not answered for {deadline_s:.0f} s. It may hang: "
            f"see `dmesg` and `iostat -x 5`."
        )

    def _run(self) -> None:
        volume: Volume | None = None
        reader: IndexReader | None = None
        try:
            while (asked := self._asked.get()) is not None:
                question, future = asked
                try:
                    if volume is None:
                        volume = self._open()
                    if reader is None:
                        reader = IndexReader.open_for_reading(volume.root / INDEX_FILE)
                    answer = question(volume, reader)
                except DEFECTS as defect:
                    log.exception("%s: a question could not be answered", self._order.path)
                    post(self._loop, self._deliver, future, None, DiskError(repr(defect)))
                except ArchiveError as failure:
                    post(self._loop, self._deliver, future, None, failure)
                else:
                    post(self._loop, self._deliver, future, answer, None)
        finally:
            if reader is not None:
                reader.close()
            if volume is not None:
                volume.close()

    def _open(self) -> Volume:
        order = self._order
        return Volume.open(
            order.path,
            order.volume_id,
            self._cluster_number,
            order.limits,
            access=Access.READ_ONLY,
        )

    def _deliver(
        self, future: asyncio.Future[Any], answer: object, failure: ArchiveError | None
    ) -> None:
        self._waiting -= 1
        self._is_silent = False
        if future.done():
            return  # nobody waits any more
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(answer)
