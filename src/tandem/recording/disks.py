"""Which disk a stream's pictures go to, from the event loop's side.

Volumes come into service one by one, die, and come back. A stream may change its disk wherever a
segment begins: it goes to the volume with the largest share of room. What a volume had not written
when it died, or keeps waiting for too long, is written to another one. Where no volume takes it, or
memory runs out behind a slow one, pictures are lost to this copy, and the gap says why.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tandem.archive.rows import Gap, GapCause
from tandem.archive.space import Space
from tandem.media.fragmenter import Fragment
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.cut import Cutter
from tandem.recording.gap_book import GapBook
from tandem.recording.orders import VolumeOrder
from tandem.recording.volume_jobs import (
    Dead,
    Delete,
    Durable,
    End,
    Full,
    Job,
    Note,
    Report,
    Roomy,
    Write,
)
from tandem.recording.volume_questions import VolumeQuestions
from tandem.recording.volume_writer import VolumeWriter

log = logging.getLogger(__name__)

BACKLOG_BYTES = 256 << 20
"""How much may wait in memory for one disk, where there is so much: ten seconds of 200 Mbit/s, more
than any healthy disk's pause."""


Joined = Callable[[VolumeOrder, VolumeQuestions], None]
"""Told of a volume that came into service."""


@dataclass(slots=True)
class VolumeState:
    """How a volume is doing.

    Attributes:
        path: where it is to be.
        writer: writes to it; None while it is not in service.
        questions: asks it; None likewise.
        space: how full it was last.
        problem: for the status; None while all is well.
        is_full: it takes nothing until older recordings are deleted.
        is_overrun: as much waited for it as may; it takes no more until half of that is written.
        has_served: it was in service since it was ordered.
    """

    path: Path
    writer: VolumeWriter | None = None
    questions: VolumeQuestions | None = None
    space: Space | None = None
    problem: str | None = None
    is_full: bool = False
    is_overrun: bool = False
    has_served: bool = False

    @property
    def rank(self) -> tuple[bool, bool]:
        """What counts before room: one that hangs, then one that waits for room, is the last."""
        if self.writer is None:
            return False, False
        return not self.writer.patience.hangs, not self.writer.patience.starves

    @property
    def is_dead(self) -> bool:
        """It died or cannot be opened; it is tried again."""
        return self.writer is None and self.problem is not None


class Disks:
    """Distributes fragments over the volumes of one recorder process, which come and go.

    Args:
        memory_bytes: the most that may wait for all of them together. Each that is in service has
            an equal part, of which it uses `BACKLOG_BYTES`, or half of it where that is more.

    Attributes:
        volumes: state of each that is ordered.
        ready: set since a volume came into service for the first time.
        full: set whenever a disk turned out to be full.
        durable_until_us: per stream, the capture time up to which it is on a disk.
        dropped_bytes: video that no disk took.
    """

    def __init__(self, memory_bytes: int = BACKLOG_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self.volumes: dict[UUID, VolumeState] = {}
        self.ready = asyncio.Event()
        self.full = asyncio.Event()
        self.durable_until_us: dict[StreamKey, int] = {}
        self.dropped_bytes = 0
        self._cutters: dict[StreamKey, Cutter] = {}
        self._places: dict[StreamKey, UUID] = {}
        self._unplaced = GapBook()
        self._dropping: set[StreamKey] = set()
        self._listeners: Sequence[Joined] = ()

    def expect(self, order: VolumeOrder) -> None:
        """A volume is ordered, and not open yet."""
        self.volumes[order.volume_id] = VolumeState(order.path)

    def fail(self, volume_id: UUID, problem: str) -> None:
        """A volume cannot be opened, for now."""
        state = self.volumes.get(volume_id)
        if state is not None and state.problem != problem:
            log.error("%s", problem)
            state.problem = problem

    @contextmanager
    def telling(self, *listeners: Joined) -> Iterator[None]:
        """Tell others, for a while, of each volume that comes into service."""
        self._listeners = listeners
        try:
            yield
        finally:
            self._listeners = ()

    def join(self, order: VolumeOrder, writer: VolumeWriter, questions: VolumeQuestions) -> None:
        """A volume came into service, for the first time or again."""
        state = self.volumes[order.volume_id]
        if state.problem is not None:
            log.info("%s is in service again", state.path)
        state.writer, state.questions, state.problem = writer, questions, None
        state.is_full = state.is_overrun = False
        state.has_served = True
        for gap in self._unplaced.take():
            writer.submit(Note(gap))
        self.ready.set()
        for tell in self._listeners:
            tell(order, questions)

    def leave(self, volume_id: UUID) -> None:
        """A volume is ordered no longer: what comes goes to others."""
        del self.volumes[volume_id]
        self._displace(volume_id)

    def keep(self, order: StreamOrder, fragment: Fragment) -> None:
        """Give a fragment to the disk that its stream is on, or to a better one."""
        place = self._places.get(order.key)
        if place is not None:
            self.relieve(place)  # before what comes now, so that pictures keep their order
        cutter = self._cutters.setdefault(order.key, Cutter(order.camera_id))
        begins = cutter.begins_segment(fragment)
        place = self._places.get(order.key)
        writer = self._taking(place)
        if begins or writer is None or place is None or self._better(place) is not None:
            chosen = self._roomiest()
            if chosen != place:
                self._end(place, order.key)
            begins = begins or writer is None or chosen != place
            place = chosen
            writer = self._taking(place)
        if place is None or writer is None:
            cutter.forget()  # a segment has no hole inside: its row would cover it up
            self._drop(order, fragment)
            return
        self._dropping.discard(order.key)
        self._places[order.key] = place
        writer.submit(Write(order, fragment, begins))

    def relieve(self, volume_id: UUID) -> None:
        """Give what waits for a disk that hangs, or has no room, to a better one, if there is one.

        In memory it would be lost with this process, and whoever looks at this node believes that
        it is kept.
        """
        state = self.volumes.get(volume_id)
        writer = state.writer if state is not None else None
        if state is None or writer is None or not writer.backlog_bytes:
            return
        if self._better(volume_id) is None:
            return
        jobs = writer.recall()
        if any(isinstance(job, Write) for job in jobs):
            hangs = writer.patience.hangs
            why = (
                "has not answered for a while: see `dmesg`" if hangs else "has no room: see `df -h`"
            )
            log.warning("%s %s. What waits for it goes to other volumes.", state.path, why)
        self.rescue(jobs)

    def note(self, gap: Gap) -> None:
        """Enter a gap into the index of the least busy disk; without one, of the first to come."""
        states = [state for state in self.volumes.values() if state.writer is not None]
        best = max((state.rank for state in states), default=None)
        writers = [state.writer for state in states if state.writer and state.rank == best]
        if writers:
            min(writers, key=lambda writer: writer.backlog_bytes).submit(Note(gap))
        else:
            self._unplaced.add([gap])

    def end(self, key: StreamKey) -> None:
        """The stream is recorded no longer: its segment is complete."""
        self._cutters.pop(key, None)
        self._dropping.discard(key)
        self._end(self._places.pop(key, None), key)

    def reported(self, volume_id: UUID, report: Report) -> None:
        """Take in what the writer of a volume in service said."""
        state = self.volumes[volume_id]
        match report:
            case Durable(until_us, space):
                self.durable(until_us)
                state.space = space
            case Full(message, is_full):
                state.problem, state.is_full = message, is_full
                self.full.set()
                until = " until older ones are deleted" if is_full else ""
                log.warning("%s. Pictures wait in memory%s.", message.removesuffix("."), until)
            case Roomy():
                state.problem, state.is_full = None, False
            case Dead(message):
                writer = state.writer
                state.problem, state.writer, state.questions = message, None, None
                cameras = (
                    "No other volume is in service"
                    if not self.is_serving
                    else "Its cameras go on elsewhere"
                )
                log.error("%s. %s, and it is tried again.", message.removesuffix("."), cameras)
                self._displace(volume_id)
                if writer is not None:
                    self.rescue(writer.recall())

    def durable(self, until_us: Mapping[StreamKey, int]) -> None:
        """Streams are on a disk up to these times; one that hung tells late of old ones."""
        for key, at_us in until_us.items():
            self.durable_until_us[key] = max(at_us, self.durable_until_us.get(key, at_us))

    @property
    def is_serving(self) -> bool:
        """Whether any volume is in service."""
        return any(state.writer is not None for state in self.volumes.values())

    def problem(self) -> str:
        """Why no disk takes anything now, as a sentence."""
        return self._refusal()[1]

    def rescue(self, jobs: Sequence[Job]) -> None:
        """Give what one disk did not write to others.

        A stream may have been recorded elsewhere since, or have ended. Then these are segments of
        their own.
        """
        over = {job.order.key for job in jobs if isinstance(job, Write)} - self._cutters.keys()
        for job in jobs:
            match job:
                case Write(order, fragment, begins):
                    if begins and order.key in self._cutters:
                        self._cutters[order.key].forget()
                    self.keep(order, fragment)
                case Note(gap):
                    self.note(gap)
                case End() | Delete():
                    pass
        for key in over:
            self.end(key)

    def _displace(self, volume_id: UUID) -> None:
        """Every stream that is on a volume begins a segment elsewhere."""
        self._places = {key: place for key, place in self._places.items() if place != volume_id}

    def _end(self, place: UUID | None, key: StreamKey) -> None:
        state = self.volumes.get(place) if place is not None else None
        if state is not None and state.writer is not None:
            state.writer.submit(End(key))

    def _taking(self, place: UUID | None) -> VolumeWriter | None:
        """The writer of a volume, if it takes pictures now."""
        state = self.volumes.get(place) if place is not None else None
        if state is None or state.writer is None:
            return None
        most_bytes = self._most_bytes()
        if state.is_overrun:  # one at a time would begin a file each, and cost it the more
            most_bytes //= 2
        state.is_overrun = state.writer.backlog_bytes >= most_bytes
        return None if state.is_overrun else state.writer

    def _most_bytes(self) -> int:
        """How much may wait for one disk."""
        serving = sum(state.writer is not None for state in self.volumes.values())
        part_bytes = self._memory_bytes // max(serving, 1)
        return max(part_bytes // 2, min(BACKLOG_BYTES, part_bytes))

    def _roomiest(self) -> UUID | None:
        """The volume with the largest share of room; unknown counts as full, ties go by id.

        One that hangs, or waits for room in vain, is taken only where no other is: memory still
        takes some pictures for it.
        """
        ready = [
            (state.rank, self._share(state), volume_id)
            for volume_id, state in self.volumes.items()
            if self._taking(volume_id) is not None
        ]
        return max(ready)[-1] if ready else None

    def _better(self, place: UUID) -> UUID | None:
        """Another volume where a stream does not wait for what it waits for here; else None.

        More room alone is no reason to leave a segment: two full disks would take turns.
        """
        state = self.volumes.get(place)
        if state is None or all(state.rank):
            return None
        chosen = self._roomiest()
        return chosen if chosen is not None and self.volumes[chosen].rank > state.rank else None

    def _share(self, state: VolumeState) -> float:
        return state.space.share_free if state.space is not None else 0.0

    def _drop(self, order: StreamOrder, fragment: Fragment) -> None:
        self.dropped_bytes += fragment.size_bytes
        cause, detail = self._refusal()
        if order.key not in self._dropping:  # once, however long it lasts; the gap has the rest
            self._dropping.add(order.key)
            log.error("%s is not recorded: %s", order.label, detail)
        span = fragment.start_us, fragment.end_us
        self.note(Gap(order.camera_id, order.stream, *span, cause, detail))

    def _refusal(self) -> tuple[GapCause, str]:
        """Why no disk takes anything now."""
        states = self.volumes.values()
        serving = [state for state in states if state.writer is not None]
        full = [state.problem for state in serving if state.is_full and state.problem]
        if full:
            return GapCause.DISK_FULL, full[0]
        if serving:
            told = [state.problem for state in serving if state.problem]
            answers = any(not state.writer.patience.hangs for state in serving if state.writer)
            slow = "the disks did not keep up" if answers else "no disk answers: see `dmesg`"
            return GapCause.DISK_TOO_SLOW, told[0] if told else slow
        died = [state.problem for state in states if state.has_served and state.problem]
        if died:
            return GapCause.DISK_ERROR, died[0]
        problems = [state.problem for state in states if state.problem]
        return GapCause.VOLUME_MISSING, problems[0] if problems else "no volume is in service"
