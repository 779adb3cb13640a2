"""The writer's side of a volume's index. One thread; every call that returns is durable."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from tandem.archive import schema
from tandem.archive.errors import ArchiveError, IndexDamagedError, index_error
from tandem.archive.index_reader import IndexReader
from tandem.archive.rows import Closing, Gap, Progress, Segment, State


class Index(IndexReader):
    """An index open for writing. Each method is one transaction, committed with a sync."""

    @classmethod
    def open(cls, path: Path) -> "Index":
        """Open an index, or begin an empty one; bring it to this version and check it.

        Raises:
            IndexDamagedError: it is damaged or not ours; see `rebuild`.
            DiskError: it cannot be opened or written.
        """
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise index_error(error, str(path)) from error
        index = cls(path, connection)
        try:
            schema.configure(connection)
            schema.migrate(connection, str(path))
            problem = index.problem()
        except sqlite3.Error as error:
            connection.close()
            raise index_error(error, str(path)) from error
        except ArchiveError:
            connection.close()
            raise
        if problem:
            connection.close()
            raise IndexDamagedError(f"The index {path} is damaged ({problem}).")
        return index

    def begin(self, segment: Segment) -> None:
        """Enter a segment before its file exists (invariant A2); also one found without a row.

        Raises:
            DiskError: it is not entered.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    segment.segment_id.bytes,
                    segment.camera_id,
                    segment.stream,
                    str(segment.path),
                    segment.role,
                    segment.start_us,
                    segment.end_us,
                    segment.durable_bytes,
                    segment.frames,
                    segment.keyframes,
                    segment.state,
                    segment.hash,
                    int(segment.locked),
                    segment.promised_us,
                    segment.writer_id.bytes if segment.writer_id else None,
                ),
            )

    def sync_round(
        self,
        progress: Iterable[Progress] = (),
        closings: Iterable[Closing] = (),
        gaps: Iterable[Gap] = (),
    ) -> None:
        """Enter what one round of syncs has made durable, all in one transaction.

        Args:
            progress: of segments that stay open; only what `SegmentFile.sync` returned (A4).
            closings: of segments that ended in this round.
            gaps: new ones, and known ones (same camera, stream and start) that grew.

        Raises:
            DiskError: nothing of it is entered; the same round may be entered again.
        """
        with self._transaction() as connection:
            for step in progress:
                _advance(connection, step, State.OPEN, None)
            for step, hash_ in closings:
                _advance(connection, step, State.SUSPECT if hash_ is None else State.CLOSED, hash_)
            _add_gaps(connection, gaps)

    def promise(self, segment_ids: Iterable[UUID], now_us: int) -> frozenset[UUID]:
        """Promise, durably, to keep segments for the retention; the first promise's time stays.

        Args:
            segment_ids: what was read again from the disk and found whole.
            now_us: UTC.

        Returns:
            What is promised. Not what is open, suspect, being deleted or gone: a promise that
            cannot be kept lets the other copy be dropped.

        Raises:
            DiskError: nothing is promised.
        """
        promised = set()
        with self._transaction() as connection:
            for segment_id in segment_ids:
                updated = connection.execute(
                    "UPDATE segment SET promised_us = coalesce(promised_us, ?) "
                    "WHERE segment_id = ? AND state = 'closed'",
                    (now_us, segment_id.bytes),
                )
                if updated.rowcount:
                    promised.add(segment_id)
        return frozenset(promised)

    def set_locked(self, segment_ids: Iterable[UUID], *, locked: bool) -> None:
        """Enter evidence locks; `locks.lock` also leaves the marker that outlives the index.

        Raises:
            DiskError: none is entered.
        """
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE segment SET locked = ? WHERE segment_id = ?",
                [(int(locked), segment_id.bytes) for segment_id in segment_ids],
            )

    def mark_garbage(
        self, losses: Mapping[UUID, Gap | None], unless_promised: Collection[UUID] = ()
    ) -> None:
        """The first step of deleting (invariant A6): from here on the segments are not shown.

        Args:
            losses: what to delete, each with the gap that it leaves if it is a loss; an open or
                locked one is left alone (A7), and leaves none.
            unless_promised: those of them that go as second copies: what this node has promised
                by now is left alone (A8).

        Raises:
            DiskError: nothing is marked.
        """
        with self._transaction() as connection:
            for segment_id, gap in losses.items():
                marked = connection.execute(
                    "UPDATE segment SET state = 'garbage' WHERE segment_id = ? AND locked = 0 "
                    "AND state IN ('closed', 'suspect') AND (promised_us IS NULL OR NOT ?)",
                    (segment_id.bytes, segment_id in unless_promised),
                )
                if marked.rowcount and gap is not None:
                    _add_gaps(connection, [gap])

    def forget(self, segment_ids: Iterable[UUID], gaps: Iterable[Gap] = ()) -> None:
        """The last step of deleting: the files are durably gone.

        Args:
            segment_ids: garbage, or what recovery found without a file.
            gaps: what is lost by it.

        Raises:
            DiskError: nothing is forgotten.
        """
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM segment WHERE segment_id = ?",
                [(segment_id.bytes,) for segment_id in segment_ids],
            )
            _add_gaps(connection, gaps)

    def forget_gaps(self, before_us: Mapping[str, int]) -> None:
        """Drop gaps of times of which recordings would be kept no more.

        Args:
            before_us: by camera: its gaps go that ended before this, UTC.

        Raises:
            DiskError: none is dropped.
        """
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM gap WHERE camera_id = ? AND to_us < ?", before_us.items()
            )

    def set_complete(self) -> None:
        """Note that every file of the volume has its row.

        Raises:
            DiskError: it is not noted.
        """
        with self._transaction() as connection:
            connection.execute("UPDATE adoption SET is_complete = 1")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _advance(
    connection: sqlite3.Connection, step: Progress, state: State, hash_: bytes | None
) -> None:
    """Enter progress; a segment that has ended is never reopened."""
    connection.execute(
        "UPDATE segment SET end_us = ?, durable_bytes = ?, frames = ?, keyframes = ?, state = ?, "
        "hash = ? WHERE segment_id = ? AND state = 'open'",
        (*step[1:], state, hash_, step.segment_id.bytes),
    )


def _add_gaps(connection: sqlite3.Connection, gaps: Iterable[Gap]) -> None:
    connection.executemany(
        "INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (camera_id, stream, from_us) "
        "DO UPDATE SET to_us = max(to_us, excluded.to_us), cause = excluded.cause, "
        "detail = excluded.detail",
        gaps,
    )
