"""Evidence locks, which outlive the index: each is a row's flag and an empty file (A7).

The marker is made before the row is flagged and removed after it is cleared: a crash between leaves
a segment that is kept. The index is rebuilt from files, and evidence must not depend on it.
"""

from collections.abc import Sequence
from uuid import UUID

from tandem.archive.errors import disk_error
from tandem.archive.index import Index
from tandem.archive.layout import LOCKS, lock_path
from tandem.archive.volume import Volume
from tandem.archive.walk import lock_markers


def lock(volume: Volume, index: Index, segment_ids: Sequence[UUID]) -> None:
    """Keep segments as evidence: nothing deletes them until `unlock`.

    Raises:
        DiskError: some may be locked, none for certain; call again.
    """
    try:
        present = set(lock_markers(volume))
        for segment_id in segment_ids:
            if segment_id.hex not in present:
                volume.disk.close(volume.create_file(lock_path(segment_id)))
    except OSError as error:
        raise disk_error(error, f"locking evidence in {volume.root / LOCKS}") from error
    index.set_locked(segment_ids, locked=True)


def unlock(volume: Volume, index: Index, segment_ids: Sequence[UUID]) -> None:
    """Let segments go the way of all recordings again.

    Raises:
        DiskError: some may still be locked; call again.
    """
    index.set_locked(segment_ids, locked=False)
    try:
        volume.unlink(lock_path(segment_id) for segment_id in segment_ids)
    except OSError as error:
        raise disk_error(error, f"unlocking evidence in {volume.root / LOCKS}") from error


def restore(volume: Volume, index: Index) -> None:
    """Flag every segment that has a marker: after a crash, and after a rebuild.

    Raises:
        DiskError: the disk failed.
    """
    try:
        names = lock_markers(volume)
    except OSError as error:
        raise disk_error(error, f"reading {volume.root / LOCKS}") from error
    index.set_locked([UUID(hex=name) for name in names if is_marker(name)], locked=True)


def is_marker(name: str) -> bool:
    """Whether a file's name is that of a marker."""
    return len(name) == 32 and set(name) <= set("0123456789abcdef")
