"""The volumes of a node as one archive: what there is of a camera."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from tandem.archive.errors import ArchiveError, DiskError, VolumeError
from tandem.archive.mount import Mounted
from tandem.archive.rows import Segment


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
        found: list[Located] = []
        for mounted in self.healthy():
            try:
                rows = mounted.reader.segments(camera_id, from_us, to_us)
            except ArchiveError as error:
                self.bypass(mounted.volume_id, str(error))
            else:
                found.extend(Located(mounted.volume_id, row) for row in rows)
        return sorted(found, key=lambda one: (one.segment.start_us, one.segment.segment_id))
