"""Which disk a stream's pictures go to, from the event loop's side.

A stream may change its disk wherever a segment begins: it goes to the volume with the largest
share of room. When a volume dies, what it had not written is written to another one. Where no
volume takes it, or memory runs out behind a slow one, pictures are lost to this copy, and the gap
says why.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tandem.archive.rows import Gap, GapCause
from tandem.archive.space import Space
from tandem.media.fragmenter import Fragment
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.cut import Cutter
from tandem.recording.volume_writer import (
    Dead,
    Delete,
    Durable,
    End,
    Full,
    Job,
    Note,
    Report,
    Roomy,
    VolumeWriter,
    Write,
)

log = logging.getLogger(__name__)

BACKLOG_BYTES = 256 << 20
"""How much may wait in memory for one disk: ten seconds of 200 Mbit/s, more than any healthy disk's
pause, and bearable for a machine that records as much."""


@dataclass(slots=True)
class VolumeState:
    """How a volume is doing, for the status. `problem` is None while all is well."""

    writer: VolumeWriter
    space: Space | None = None
    problem: str | None = None
    is_dead: bool = False


class Disks:
    """Distributes fragments over the volumes of one recorder process.

    Args:
        writers: started, by volume.

    Attributes:
        volumes: their state.
        full: set whenever a disk turned out to be full.
        durable_until_us: per stream, the capture time up to which it is on a disk.
        dropped_bytes: video that no disk took.
    """

    def __init__(self, writers: Mapping[UUID, VolumeWriter]) -> None:
        self.volumes = {volume_id: VolumeState(writer) for volume_id, writer in writers.items()}
        self.full = asyncio.Event()
        self.durable_until_us: dict[StreamKey, int] = {}
        self.dropped_bytes = 0
        self._cutters: dict[StreamKey, Cutter] = {}
        self._places: dict[StreamKey, UUID] = {}

    def keep(self, order: StreamOrder, fragment: Fragment) -> None:
        """Give a fragment to the disk that its stream is on, or to a better one."""
        cutter = self._cutters.setdefault(order.key, Cutter(order.camera_id))
        begins = cutter.begins_segment(fragment)
        place = self._places.get(order.key)
        if begins or place is None or not self._takes(self.volumes[place]):
            chosen = self._roomiest()
            if place is not None and chosen != place and not self.volumes[place].is_dead:
                self.volumes[place].writer.submit(End(order.key))
            place = chosen
            begins = True
        if place is None:
            cutter.forget()  # a segment has no hole inside: its row would cover it up
            self._drop(order, fragment)
            return
        self._places[order.key] = place
        self.volumes[place].writer.submit(Write(order, fragment, begins))

    def note(self, gap: Gap) -> None:
        """Enter a gap into the index of a disk that is alive; however slow, a gap is small."""
        alive = [state for state in self.volumes.values() if not state.is_dead]
        if alive:
            alive[0].writer.submit(Note(gap))

    def end(self, key: StreamKey) -> None:
        """The stream is recorded no longer: its segment is complete."""
        place = self._places.pop(key, None)
        self._cutters.pop(key, None)
        if place is not None and not self.volumes[place].is_dead:
            self.volumes[place].writer.submit(End(key))

    def reported(self, volume_id: UUID, report: Report) -> None:
        """Take in what a writer said."""
        state = self.volumes[volume_id]
        match report:
            case Durable(until_us, space):
                self.durable_until_us |= until_us
                state.space = space
            case Full(message):
                state.problem = message
                self.full.set()
                log.warning("%s; pictures wait in memory until older ones are deleted", message)
            case Roomy():
                state.problem = None
            case Dead(message):
                state.problem, state.is_dead = message, True
                log.error("%s; its cameras go on elsewhere", message)
                self._rescue(state.writer.leftovers())

    def _rescue(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            match job:
                case Write(order, fragment):
                    self.keep(order, fragment)
                case Note(gap):
                    self.note(gap)
                case End() | Delete():
                    pass

    def _takes(self, state: VolumeState) -> bool:
        return not state.is_dead and state.writer.backlog_bytes < BACKLOG_BYTES

    def _roomiest(self) -> UUID | None:
        """The volume with the largest share of room; unknown counts as full, ties go by id."""
        ready = [volume_id for volume_id, state in self.volumes.items() if self._takes(state)]
        return max(
            ready,
            key=lambda volume_id: (self._share(self.volumes[volume_id]), volume_id),
            default=None,
        )

    def _share(self, state: VolumeState) -> float:
        return state.space.share_free if state.space is not None else 0.0

    def _drop(self, order: StreamOrder, fragment: Fragment) -> None:
        self.dropped_bytes += fragment.size_bytes
        states = self.volumes.values()
        problems = [state.problem for state in states if state.problem]
        if all(state.is_dead for state in states):
            cause = GapCause.DISK_ERROR
        elif problems:
            cause = GapCause.DISK_FULL
        else:
            cause = GapCause.DISK_TOO_SLOW
        detail = problems[0] if problems else "the disks did not keep up"
        log.error("%s: %s; %.1f s lost", order.label, detail, _length_s(fragment))
        self.note(
            Gap(
                order.camera_id,
                order.stream,
                fragment.start_us,
                fragment.end_us,
                cause,
                detail,
            )
        )


def _length_s(fragment: Fragment) -> float:
    return (fragment.end_us - fragment.start_us) / 1_000_000
