"""Bringing a volume into service: the right one, its index whole, a crash's traces removed."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from tandem.archive import ballast
from tandem.archive.disk import SYSTEM_DISK, Disk
from tandem.archive.errors import DiskFullError, IndexDamagedError, VolumeBusyError
from tandem.archive.index import Index
from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.lending import Loans
from tandem.archive.rebuild import adopt, salvage_gaps, set_aside
from tandem.archive.recovery import recover
from tandem.archive.repair import OnProgress, Report
from tandem.archive.space import NO_CAP, Limits, Space
from tandem.archive.turn import turn_at
from tandem.archive.volume import Access, Volume
from tandem.archive.walk import segment_files
from tandem.archive.writers import Writer, living

T = TypeVar("T")


@dataclass(slots=True)
class Readable:
    """A volume that can be read.

    Attributes:
        volume: its files.
        reader: its rows, for any thread.
    """

    volume: Volume
    reader: IndexReader

    @property
    def volume_id(self) -> UUID:
        """Which volume it is."""
        return self.volume.identity.volume_id

    def close(self) -> None:
        """Let go of it."""
        self.reader.close()
        self.volume.close()


@dataclass(slots=True)
class Mounted(Readable):
    """A volume in service.

    Attributes:
        index: its rows, to be changed; belongs to the thread that writes to the volume.
        report: what the opening found.
        writer: this process among the volume's writers.
        loans: who uses it, where several threads do and it may have to be let go of.
    """

    index: Index
    report: Report
    writer: Writer
    loans: Loans = field(init=False)

    def __post_init__(self) -> None:
        self.loans = Loans(self.close)

    def space(self) -> Space:
        """How full it is.

        Raises:
            DiskError: it does not answer.
        """
        return self.volume.space(self.reader.recorded_bytes())

    def close(self) -> None:
        """Take it out of service."""
        self.reader.close()
        self.index.close()
        self.writer.release()
        self.volume.close()


def open_to_read(root: Path, volume_id: UUID, cluster_number: int) -> Readable:
    """Open a volume that cannot be written, such as one that its file system made read-only.

    Raises:
        VolumeError: it is not the volume that is expected.
        DiskError: it cannot be read.
    """
    volume = Volume.open(root, volume_id, cluster_number, access=Access.READ_ONLY)
    try:
        return Readable(volume, IndexReader.open_for_reading(volume.root / INDEX_FILE))
    except BaseException:
        volume.close()
        raise


def mount(
    root: Path,
    volume_id: UUID,
    cluster_number: int,
    limits: Limits = NO_CAP,
    disk: Disk = SYSTEM_DISK,
    on_progress: OnProgress = lambda *_: None,
) -> Mounted:
    """Open a volume for recording, whatever a crash left of it.

    Takes the time of a few files, however many there are: a damaged index is moved aside and begun
    anew. Where `index.is_complete()` is false, `adopt` fills it while recording goes on. Processes
    that mount a volume at once do so in turn.

    Raises:
        VolumeError: it is not the volume that is expected, or it was not this process's turn for
            minutes; nothing was written.
        DiskError: it cannot be used.
    """
    with ExitStack() as undo:
        volume = Volume.open(root, volume_id, cluster_number, limits, disk)
        undo.callback(volume.close)
        with turn_at(volume):
            writer = Writer.claim(volume)
            undo.callback(writer.release)
            index, old = _with_ballast(volume, lambda: _open_index(volume, writer))
            undo.callback(index.close)
            volume.check_present()
            report = _with_ballast(volume, lambda: recover(volume, index, on_progress))
            if old is not None:
                count = salvage_gaps(old, index)
                report.problems.append(
                    f"The index of {root} was damaged. It was moved to {old}, {count} gaps were "
                    f"taken over, and a new one is being built from the files."
                )
            ballast.lay(volume)
            if next(segment_files(volume), None) is None:
                index.set_complete()  # nothing to adopt
        reader = IndexReader.open_for_reading(index.path)
        undo.pop_all()
    return Mounted(volume, reader, index, report, writer)


def rebuild(
    root: Path,
    volume_id: UUID,
    cluster_number: int,
    on_progress: OnProgress = lambda *_: None,
) -> Report:
    """Build the index of a volume from its files alone; the one there is moved aside.

    Raises:
        VolumeError: it is not the volume that is expected, or a recorder has it open.
        DiskError: it cannot be used.
    """
    volume = Volume.open(root, volume_id, cluster_number, access=Access.EXCLUSIVE)
    try:
        old = set_aside(volume)
        index = Index.open(root / INDEX_FILE)
        try:
            if old is not None:
                salvage_gaps(old, index)
            return adopt(volume, index, on_progress)
        finally:
            index.close()
    finally:
        volume.close()


def _with_ballast(volume: Volume, work: Callable[[], T]) -> T:
    """Do what has to be done on a full disk, too: nobody deletes from one that is not open."""
    try:
        return work()
    except DiskFullError:
        ballast.drop(volume)
        return work()


def _open_index(volume: Volume, writer: Writer) -> tuple[Index, Path | None]:
    """The index, and where a damaged one was moved to; never from under another writer."""
    path = volume.root / INDEX_FILE
    try:
        return Index.open(path), None
    except IndexDamagedError as damage:
        if living(volume) != {writer.writer_id}:
            raise VolumeBusyError(
                f"{damage} Other recorders still write by it; it is rebuilt when all are stopped."
            ) from damage
        old = set_aside(volume)
        return Index.open(path), old
