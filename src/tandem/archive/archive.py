"""The volumes of a node as one archive: what there is of a camera."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, TypeVar
from uuid import UUID

from tandem.archive.errors import ArchiveError, DiskError, VolumeError
from tandem.archive.index_reader import IndexReader
from tandem.archive.mount import Mounted, Readable
from tandem.archive.rows import Segment

_Answer = TypeVar("_Answer")
_Volume = TypeVar("_Volume", bound=Readable)


class Located(NamedTuple):
    """A segment, and the volume that has it."""

    volume: Readable
    segment: Segment


class Archive:
    """The volumes in service. A dead one is bypassed: the others record and answer.

    A volume is used within `in_use` or `readable` alone: so whoever lets go of one knows when it is
    used no more.

    Attributes:
        volumes: by id, bypassed ones included.
        read_only: how to open those that can be read and not written, for each use anew: what is
            kept open cannot be unmounted, and so not be repaired. They are bypassed as well.
        bypassed: why a volume is not used, by its id.
    """

    def __init__(self, volumes: Iterable[Mounted]) -> None:
        self.volumes = {mounted.volume_id: mounted for mounted in volumes}
        self.read_only: dict[UUID, Callable[[], Readable]] = {}
        self.bypassed: dict[UUID, str] = {}

    def bypass(self, volume_id: UUID, reason: str) -> None:
        """Use a volume no more until it is mounted anew; the first reason stays."""
        self.bypassed.setdefault(volume_id, reason)

    @contextmanager
    def in_use(self) -> Iterator[list[Mounted]]:
        """The volumes in service, in the order of their ids; none is closed within the context.

        One that does not answer is bypassed.
        """
        with ExitStack() as stack:
            yield [one for _, one in sorted(self.volumes.items()) if self._lend(one, stack)]

    @contextmanager
    def readable(self) -> Iterator[list[Readable]]:
        """Those in service, and then those that can only be read."""
        with self.in_use() as mounted, ExitStack() as stack:
            found: list[Readable] = list(mounted)
            for _, open_ in sorted(self.read_only.items()):
                try:
                    volume = open_()
                except ArchiveError:
                    continue  # it is bypassed, and so told already
                stack.callback(volume.close)
                found.append(volume)
            yield found

    def segments(
        self, volumes: Iterable[_Volume], camera_id: str, from_us: int, to_us: int
    ) -> list[Located]:
        """What some volumes have of a camera in [from_us, to_us), by time."""
        found = [
            Located(volume, row)
            for volume, rows in self.answers(
                volumes, lambda it: it.segments(camera_id, from_us, to_us)
            )
            for row in rows
        ]
        return sorted(found, key=lambda one: (one.segment.start_us, one.segment.segment_id))

    def answers(
        self, volumes: Iterable[_Volume], ask: Callable[[IndexReader], _Answer]
    ) -> list[tuple[_Volume, _Answer]]:
        """Ask the index of each; one that cannot be read hides no other.

        Args:
            volumes: which.
            ask: the question.
        """
        found: list[tuple[_Volume, _Answer]] = []
        for volume in volumes:
            try:
                found.append((volume, ask(volume.reader)))
            except ArchiveError as error:
                self.bypass(volume.volume_id, str(error))
                self.read_only.pop(volume.volume_id, None)
        return found

    def unreadable(self) -> Sequence[str]:
        """Why volumes cannot even be read; a sentence for each."""
        return [
            reason
            for volume_id, reason in list(self.bypassed.items())
            if volume_id not in self.read_only
        ]

    def _lend(self, mounted: Mounted, stack: ExitStack) -> bool:
        """Whether a volume may be used; if so it is, until the end of a context."""
        if mounted.volume_id in self.bypassed or not mounted.loans.take():
            return False
        stack.callback(mounted.loans.give_back)
        try:
            mounted.volume.check_present()
        except (VolumeError, DiskError) as error:
            self.bypass(mounted.volume_id, str(error))
            return False
        return True
