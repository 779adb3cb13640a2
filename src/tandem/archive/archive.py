"""The volumes of a node as one archive: what there is of a camera."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar
from uuid import UUID

from tandem.archive.errors import ArchiveError, DiskError, VolumeError
from tandem.archive.index_reader import IndexReader
from tandem.archive.mount import Mounted
from tandem.archive.rows import Segment

_Answer = TypeVar("_Answer")


class Located(NamedTuple):
    """A segment, and the volume that has it."""

    volume_id: UUID
    segment: Segment


class Archive:
    """The volumes in service. A dead one is bypassed: the others record and answer.

    Attributes:
        volumes: by id, bypassed ones included.
        bypassed: why a volume is not used, by its id.
    """

    def __init__(self, volumes: Iterable[Mounted]) -> None:
        self.volumes = {mounted.volume_id: mounted for mounted in volumes}
        self.bypassed: dict[UUID, str] = {}

    def bypass(self, volume_id: UUID, reason: str) -> None:
        """Use a volume no more until it is mounted anew; the first reason stays."""
        self.bypassed.setdefault(volume_id, reason)

    def healthy(self) -> list[Mounted]:
        """The volumes in use, in the order of their ids; one that does not answer is bypassed."""
        for volume_id, mounted in self.volumes.items():
            if volume_id not in self.bypassed:
                try:
                    mounted.volume.check_present()
                except (VolumeError, DiskError) as error:
                    self.bypass(volume_id, str(error))
        return [self.volumes[key] for key in sorted(self.volumes) if key not in self.bypassed]

    def segments(self, camera_id: str, from_us: int, to_us: int) -> list[Located]:
        """What there is of a camera in [from_us, to_us), over all volumes in use, by time."""
        found = [
            Located(mounted.volume_id, row)
            for mounted, rows in self.answers(lambda it: it.segments(camera_id, from_us, to_us))
            for row in rows
        ]
        return sorted(found, key=lambda one: (one.segment.start_us, one.segment.segment_id))

    def answers(self, ask: Callable[[IndexReader], _Answer]) -> list[tuple[Mounted, _Answer]]:
        """Ask the index of each volume in use; one that cannot be read hides no other.

        Args:
            ask: the question.
        """
        found: list[tuple[Mounted, _Answer]] = []
        for mounted in self.healthy():
            try:
                found.append((mounted, ask(mounted.reader)))
            except ArchiveError as error:
                self.bypass(mounted.volume_id, str(error))
        return found
