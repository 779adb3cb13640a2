"""One thread a volume, so that no event loop ever waits for a disk, and no disk for another.

Fragments come in through a queue and are written in order. Every `SYNC_US` all that was written is
forced to the disk, and then, in one transaction, the index is told. What the disk refuses is not
lost as long as there is memory: while it is full the fragments wait for the deletion of older
recordings, and when it failed they go back, to be written elsewhere.
"""

import logging
import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tandem.archive import cleaner
from tandem.archive.errors import (
    ArchiveError,
    DiskError,
    DiskFullError,
    IndexBusyError,
    SuspectSegmentError,
    disk_error,
)
from tandem.archive.mount import Mounted
from tandem.archive.rows import Closing, Gap, GapCause, Progress
from tandem.clock import Clock
from tandem.media.fragmenter import Fragment
from tandem.media.mp4.boxes import Mp4Error
from tandem.recording.backlog import Backlog
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.gap_book import GapBook
from tandem.recording.open_segment import OpenSegment
from tandem.recording.patience import Patience
from tandem.recording.volume_jobs import (
    Dead,
    Delete,
    Durable,
    End,
    Ended,
    Full,
    Job,
    Note,
    Report,
    Roomy,
    Write,
)

if TYPE_CHECKING:
    from uuid import UUID

log = logging.getLogger(__name__)

SYNC_US = 2_000_000
"""What a power cut may cost one copy, against one flush of the disk's cache in two seconds."""

LOOK_US = 1_000_000
"""How often it is tried whether the disk takes changes. A recorder whose cameras are on another one
just then would not notice that it turned read-only, and keep it from being unmounted."""

RETRY_FULL_S = 0.25
"""How soon a full disk is tried again: deletion frees a minute of video in less."""

PASSING = (DiskFullError, IndexBusyError)
"""What goes by: deletion makes room, and another process ends its transaction."""

UNWRITABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    Mp4Error,
    TypeError,
    ValueError,
    struct.error,
)
"""What building a file's boxes says of a fragment that does not fit into them, foreseen or not: it
would go from disk to disk, and put each of them out of service."""


class VolumeWriter:
    """Writes the streams that are given to it to one volume.

    Args:
        mounted: the volume; taken out of service by this writer at its end.
        clock: for the rhythm of syncs.
        report: called from the writer's thread; must return at once. `Ended` is its last call.
        sync_us: interval of syncs; shorter in tests.

    Attributes:
        volume: where it writes.
        patience: whether its disk keeps pictures waiting for too long.
    """

    def __init__(
        self,
        mounted: Mounted,
        clock: Clock,
        report: Callable[[Report], None],
        sync_us: int = SYNC_US,
    ) -> None:
        self.volume = mounted.volume
        self.patience = Patience(clock)
        self._mounted = mounted
        self._index = mounted.index
        self._clock = clock
        self._report = report
        self._backlog = Backlog()
        self._plan: Delete | None = None
        self._is_deleting = False
        self._is_blocked = False
        self._open: dict[StreamKey, OpenSegment] = {}
        self._ended: list[OpenSegment] = []
        self._progress: dict[UUID, Progress] = {}
        self._closings: list[Closing] = []
        self._until_us: dict[StreamKey, int] = {}
        self._gaps = GapBook()
        self._is_stopping = False
        self._is_dead = False
        self._sync_us = sync_us
        self._next_sync_us = clock.boot_us() + sync_us
        self._next_look_us = clock.boot_us() + LOOK_US
        self._thread = threading.Thread(
            target=self._run, name=f"volume {mounted.volume_id}", daemon=True
        )

    @property
    def backlog_bytes(self) -> int:
        """How much video waits in memory for this disk."""
        return self._backlog.size_bytes

    @property
    def is_deleting(self) -> bool:
        """Whether a plan of deletion is not carried out yet: another would count on what goes."""
        return self._is_deleting or self._plan is not None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Take a job; never waits.

        What waits is bounded, however long the disk hangs: video by who looks at `backlog_bytes`,
        an end follows video, gaps are joined, and a plan of deletion replaces the one before.
        """
        match job:
            case Note(gap):
                self._gaps.add([gap])
            case Delete():
                self._plan = job
                self._backlog.nudge()
            case _:
                self._backlog.put(job)

    def finish(self) -> None:
        """Write what is queued, close every segment, and end; `Ended` tells when."""
        self._is_stopping = True
        self._backlog.nudge()

    def stop(self, deadline_s: float) -> bool:
        """`finish`, and wait for it. Blocks.

        Args:
            deadline_s: how long to wait for a slow disk.

        Returns:
            Whether everything is on the disk.
        """
        self.finish()
        self._thread.join(deadline_s)
        return not self._thread.is_alive() and not self._is_dead

    def recall(self) -> list[Job]:
        """Take back what waits, to have it written elsewhere; never waits.

        What is being written just now is not among it, and is not lost when a disk that hangs goes
        on. Ends stay: whatever came before them is to be closed.
        """
        return [*self._backlog.recall(), *(Note(gap) for gap in self._gaps.take())]

    def _run(self) -> None:
        message = f"{self.volume.root}: its writer ended by a defect; the log has it"
        try:
            while not (self._is_stopping and self._backlog.is_empty):
                self._step()
            self._finish()
            message = ""
        except ArchiveError as failure:
            message = str(failure)
        except OSError as error:
            message = str(disk_error(error, f"using the volume {self.volume.root}"))
        finally:
            if message:  # told first: to let go of a disk that failed may take long
                self._tell_unsure(message)
                self._is_dead = True
                self._report(Dead(message))
            try:
                self._let_go()
            finally:
                self._report(Ended())

    def _step(self) -> None:
        """Wait for something to do, do what can be done, look and sync if that is due."""
        self.patience.answered()
        next_us = min(self._next_sync_us, self._next_look_us)
        wait_s = max(0.0, (next_us - self._clock.boot_us()) / 1e6)
        if self._is_blocked and not self._backlog.is_empty:
            self._backlog.wait(min(wait_s, RETRY_FULL_S), for_jobs=False)
        else:
            self._backlog.wait(wait_s, for_jobs=True)
        self._delete()  # never behind what waits for the room that it makes
        self._do_waiting()
        if self._clock.boot_us() >= self._next_look_us:
            self._look()
            self._next_look_us = self._clock.boot_us() + LOOK_US
        if self._clock.boot_us() >= self._next_sync_us:
            self._sync()
            self._next_sync_us = self._clock.boot_us() + self._sync_us

    def _look(self) -> None:
        """Let go of a disk that cannot be written, though nothing is to be written just now.

        One that was full stays so until it has room for more than a moment: what waited for it was
        taken back, maybe, and is not to come again only to wait once more.

        Raises:
            VolumeMissingError: it was unmounted.
            DiskError: it takes no changes.
        """
        self.volume.check_present()
        self._mounted.writer.check_writable()
        if self._is_blocked and self._backlog.is_empty and self._mounted.writer.has_room():
            self._is_blocked = False

    def _do_waiting(self) -> None:
        """Do the jobs in order until a sync is due; where the disk is full, they stay."""
        while self._clock.boot_us() < self._next_sync_us:
            job = self._backlog.take()
            if job is None:
                break
            try:
                self._do(job)
            except UNWRITABLE as defect:
                self._refuse(job, defect)
            except PASSING as full:
                self._backlog.put_back(job)
                self._is_blocked = True
                if self.patience.found_full():
                    self._report(Full(str(full), is_full=isinstance(full, DiskFullError)))
                return
            except BaseException:
                self._backlog.put_back(job)
                raise
            if isinstance(job, Write):
                self._is_blocked = False
            self._backlog.done(job)
            self.patience.answered()
        if self._backlog.is_empty and not self._is_blocked and self.patience.found_room():
            self._report(Roomy())

    def _refuse(self, job: Write | End, defect: Exception) -> None:
        """A fragment that cannot be put into a file harms its own camera, and no other."""
        log.error("%s: a job cannot be carried out: %r", self.volume.root, defect, exc_info=defect)
        if isinstance(job, Write):
            order, fragment = job.order, job.fragment
            self._end(order.key)  # the segment has no hole inside
            span = fragment.start_us, fragment.end_us
            cause = GapCause.CAMERA_UNSUPPORTED
            self._gaps.add([Gap(order.camera_id, order.stream, *span, cause, str(defect))])

    def _delete(self) -> None:
        if self._plan is None:
            return
        self._is_deleting = True
        plan, self._plan = self._plan, None
        try:
            gone = cleaner.delete(self.volume, self._index, plan.deletions)
        except PASSING as full:
            log.warning("%s", full)  # the next sweep plans it again
            return
        finally:
            self._is_deleting = False
        for segment in gone:
            log.info("deleted %s", self.volume.root / segment.path)

    def _do(self, job: Write | End) -> None:
        match job:
            case Write(order, fragment, begins):
                if begins or self._is_headless_before(order.key, fragment):
                    self._end(order.key)
                self._write(order, fragment)
            case End(key):
                self._end(key)

    def _is_headless_before(self, key: StreamKey, fragment: Fragment) -> bool:
        """Whether a keyframe comes after pictures that cannot be decoded without another file.

        A segment may begin anywhere, behind a disk's failure. What cannot stand alone is a file by
        itself then, too: every other file plays from its first picture.
        """
        segment = self._open.get(key)
        return segment is not None and fragment.begins_with_keyframe and not segment.has_keyframe

    def _end(self, key: StreamKey) -> None:
        segment = self._open.pop(key, None)
        if segment is not None:
            self._ended.append(segment)

    def _write(self, order: StreamOrder, fragment: Fragment) -> None:
        """Append; if the disk failed on the open segment, begin a new one and try once more."""
        segment = self._open.get(order.key)
        if segment is not None:
            try:
                segment.append(fragment)
            except SuspectSegmentError as failure:
                self._give_up(segment, failure)
            else:
                return
        self._open[order.key] = OpenSegment(self._mounted, order, fragment)

    def _give_up(self, segment: OpenSegment, failure: DiskError) -> None:
        """A segment that the disk failed on: what is not sure of it is a gap of this copy."""
        log.error("%s: %s", segment.order.label, failure)
        order, until_us = segment.order, segment.end_us
        if self._open.get(order.key) is segment:
            del self._open[order.key]
        self._closings.append(segment.give_up())
        if segment.end_us < until_us:
            span = segment.end_us, until_us
            cause = GapCause.DISK_ERROR
            self._gaps.add([Gap(order.camera_id, order.stream, *span, cause, str(failure))])

    def _sync(self) -> None:
        """Force all to the disk, then tell the index, then whoever asked.

        Raises:
            VolumeMissingError: it was unmounted: what is written now, nobody would find.
        """
        self.volume.check_present()
        for segment in [*self._open.values()]:
            try:
                if segment.is_dirty:
                    self._progress[segment.segment_id] = segment.sync()
                    self._is_durable(segment)
            except SuspectSegmentError as failure:
                self._give_up(segment, failure)
        for segment in self._ended:
            self._close(segment)
        self._ended = [segment for segment in self._ended if segment.is_open]
        gaps = self._gaps.take()
        try:
            self._index.sync_round(self._progress.values(), self._closings, gaps)
        except ArchiveError as failure:
            # Nothing of the round was entered: it waits for the next one. A stream that has come to
            # a stop is told of in no other.
            self._gaps.add(gaps)
            if not isinstance(failure, PASSING):
                raise
            log.warning("%s: %s", self.volume.root, failure)
            return
        until_us, self._until_us = self._until_us, {}
        self._progress, self._closings = {}, []
        self._report(Durable(until_us, self.volume.space(self._index.recorded_bytes())))

    def _close(self, segment: OpenSegment) -> None:
        """Close a segment; without room for its last bytes it is durable at least, and waits."""
        try:
            try:
                self._closings.append(segment.close())
            except DiskFullError:
                if segment.is_dirty:
                    self._progress[segment.segment_id] = segment.sync()
        except SuspectSegmentError as failure:
            self._give_up(segment, failure)
        else:
            self._is_durable(segment)

    def _is_durable(self, segment: OpenSegment) -> None:
        key = segment.order.key
        self._until_us[key] = max(self._until_us.get(key, 0), segment.durable_end_us)

    def _tell_unsure(self, message: str) -> None:
        """What the disk took and never confirmed is missing, unless recovery finds it whole."""
        for segment in [*self._open.values(), *self._ended]:
            if segment.durable_end_us < segment.end_us:
                order, span = segment.order, (segment.durable_end_us, segment.end_us)
                cause = GapCause.DISK_ERROR
                self._gaps.add([Gap(order.camera_id, order.stream, *span, cause, message)])

    def _finish(self) -> None:
        for key in [*self._open]:
            self._end(key)
        self._sync()

    def _let_go(self) -> None:
        for segment in [*self._open.values(), *self._ended]:
            segment.leave()
        self._mounted.close()
