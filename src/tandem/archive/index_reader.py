"""Questions to a volume's index. Any thread may ask; no answer waits for the writer."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import UUID

from tandem.archive import schema
from tandem.archive.deletion import EARLIEST_US
from tandem.archive.errors import IndexBusyError, index_error
from tandem.archive.rows import Copy, Extent, Gap, GapCause, Role, Segment, State

_Values = Sequence[object] | Mapping[str, object]

_EVER = -(1 << 63)
"""Before every time that SQLite can hold."""

_NEXT_STREAM = """
SELECT stream FROM segment WHERE camera_id = :camera AND stream > :stream ORDER BY stream LIMIT 1
"""
# What is over [from, to): none begins earlier than `from` less the longest segment of the copy.
_SEGMENTS_OVER = """
SELECT * FROM segment
WHERE camera_id = :camera AND stream = :stream AND role = :role AND state <> 'garbage'
  AND start_us < :to AND end_us > :from AND start_us > :from - (
    SELECT max(end_us - start_us) FROM segment
    WHERE camera_id = :camera AND stream = :stream AND role = :role)
"""
_GAPS_OVER = """
SELECT camera_id, stream, from_us, to_us, cause, detail FROM gap
WHERE camera_id = :camera AND from_us < :to AND to_us > :from
ORDER BY from_us, stream
"""
# Two look-ups in the timeline's index, however much is recorded.
_FIRST_START = """
SELECT start_us FROM segment
WHERE camera_id = :camera AND stream = :stream AND role = :role AND state <> 'garbage'
ORDER BY start_us LIMIT 1
"""
_LAST_END = """
SELECT end_us FROM segment
WHERE camera_id = :camera AND stream = :stream AND role = :role AND state <> 'garbage'
ORDER BY start_us DESC LIMIT 1
"""
_GAP_EXTENTS = """
SELECT camera_id, stream, min(from_us), max(to_us) FROM gap GROUP BY camera_id, stream
"""
_OLDEST = """
SELECT * FROM segment WHERE locked = 0 AND state IN ('closed', 'suspect')
ORDER BY start_us, segment_id LIMIT :n
"""
_OLDEST_SECONDS = """
SELECT * FROM segment
WHERE role = 'second' AND promised_us IS NULL AND locked = 0 AND state IN ('closed', 'suspect')
ORDER BY start_us, segment_id LIMIT :n
"""
_OLDEST_OF_COPY = """
SELECT * FROM segment
WHERE camera_id = :camera AND stream = :stream AND role = :role AND start_us >= :from
  AND locked = 0 AND state IN ('closed', 'suspect')
ORDER BY start_us LIMIT :n
"""
_UNPROMISED = """
SELECT * FROM segment
WHERE role = 'second' AND promised_us IS NULL AND locked = 0 AND state = 'closed'
  AND camera_id = :camera AND start_us < :before AND end_us < :before
  AND (start_us, segment_id) > (:after_us, :after_id)
ORDER BY start_us, segment_id LIMIT :n
"""
_SHARES = """
SELECT camera_id, held_bytes - coalesce((
    SELECT sum(durable_bytes) FROM segment
    WHERE segment.camera_id = total.camera_id AND locked = 1), 0) AS share_bytes
FROM total
"""


class IndexReader:
    """Reads an index; sees every committed row, waits for nobody.

    Attributes:
        path: the database's file.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        connection.row_factory = sqlite3.Row

    @classmethod
    def open_for_reading(cls, path: Path) -> "IndexReader":
        """Open an index that exists; it is never changed.

        Raises:
            IndexDamagedError: it is no index of ours.
            DiskError: it cannot be opened.
        """
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                # From Python 3.12 on, two threads that ask the same at the same time share a
                # statement of the cache, and one may get the other's rows, or none.
                cached_statements=0,
            )
        except sqlite3.Error as error:
            raise index_error(error, str(path)) from error
        try:
            schema.configure(connection)
        except sqlite3.Error as error:
            connection.close()
            raise index_error(error, str(path)) from error
        return IndexReader(path, connection)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def problem(self) -> str | None:
        """What is wrong with the database as such (`PRAGMA quick_check`); None if nothing is.

        Raises:
            IndexBusyError: it cannot be told now; a busy index is not a damaged one.
        """
        try:
            answer: str = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            told = index_error(error, str(self.path))
            if isinstance(told, IndexBusyError):
                raise told from error
            return str(error)
        return None if answer == "ok" else answer

    def segment(self, segment_id: UUID) -> Segment | None:
        """One segment, whatever its state."""
        rows = self._ask("SELECT * FROM segment WHERE segment_id = ?", (segment_id.bytes,))
        return _segment(rows[0]) if rows else None

    def segment_at(self, path: PurePosixPath) -> Segment | None:
        """The segment whose file is at a path."""
        rows = self._ask("SELECT * FROM segment WHERE path = ?", (str(path),))
        return _segment(rows[0]) if rows else None

    def copies(self, camera_id: str) -> list[Copy]:
        """The copies that a camera may have here: each of its streams, in each role."""
        streams: list[str] = []
        last = ""
        while rows := self._ask(_NEXT_STREAM, {"camera": camera_id, "stream": last}):
            last = rows[0]["stream"]
            streams.append(last)
        return [Copy(stream, role) for stream in streams for role in Role]

    def segments(self, camera_id: str, from_us: int, to_us: int) -> list[Segment]:
        """What is readable of a camera in [from_us, to_us): all but garbage, by time."""
        over = {"camera": camera_id, "from": from_us, "to": to_us}
        found = [
            _segment(row)
            for copy in self.copies(camera_id)
            for row in self._ask(_SEGMENTS_OVER, over | copy._asdict())
        ]
        return sorted(found, key=lambda segment: (segment.start_us, segment.segment_id))

    def all_segments(self) -> Iterator[Segment]:
        """Every row, oldest first; read in portions, so that a million fit."""
        with self._errors():
            yield from map(
                _segment,
                self._connection.execute("SELECT * FROM segment ORDER BY start_us, segment_id"),
            )

    def unfinished(self, state: State) -> list[Segment]:
        """The segments in a state other than closed; oldest first."""
        rows = self._ask(
            "SELECT * FROM segment WHERE state <> 'closed' AND state = ? "
            "ORDER BY start_us, segment_id",
            (state,),
        )
        return [_segment(row) for row in rows]

    def gaps(self, camera_id: str, from_us: int, to_us: int) -> list[Gap]:
        """The gaps of a camera over [from_us, to_us), by start."""
        rows = self._ask(_GAPS_OVER, {"camera": camera_id, "from": from_us, "to": to_us})
        return [
            Gap(camera, stream, start, end, GapCause(cause), detail)
            for camera, stream, start, end, cause, detail in rows
        ]

    def extents(self) -> list[Extent]:
        """The streams that are known here, and from when to when.

        Recordings and gaps are told one by one, so a stream may be there several times. An extent
        ends with the segment that began last.
        """
        found: list[Extent] = []
        for camera_id in self.held_bytes():
            for copy in self.copies(camera_id):
                which = {"camera": camera_id} | copy._asdict()
                first = self._ask(_FIRST_START, which)
                last = self._ask(_LAST_END, which)
                if first and last:
                    found.append(Extent(camera_id, copy.stream, first[0][0], last[0][0]))
        return found + [Extent(*row) for row in self._ask(_GAP_EXTENTS)]

    def deletable(self, limit: int, of_each: int) -> list[Segment]:
        """What `deletion` has to choose from: the oldest of all, of the seconds and of each copy.

        Args:
            limit: how many of all, and of the seconds.
            of_each: how many of each copy; as many more where the first were recorded by a clock
                that was wrong, since these do not go for their age.

        Returns:
            Closed and suspect segments without a lock, each once, in no certain order.
        """
        rows = self._ask(_OLDEST, {"n": limit}) + self._ask(_OLDEST_SECONDS, {"n": limit})
        for camera_id in self.held_bytes():
            for copy in self.copies(camera_id):
                which = {"camera": camera_id, "n": of_each} | copy._asdict()
                found = self._ask(_OLDEST_OF_COPY, which | {"from": _EVER})
                if found and found[0]["start_us"] < EARLIEST_US:
                    found += self._ask(_OLDEST_OF_COPY, which | {"from": EARLIEST_US})
                rows += found
        return list({row["segment_id"]: _segment(row) for row in rows}.values())

    def oldest(self, limit: int) -> list[Segment]:
        """Some closed and suspect segments without a lock, the oldest of all; by time."""
        return [_segment(row) for row in self._ask(_OLDEST, {"n": limit})]

    def oldest_of(self, camera_id: str, stream: str) -> list[Segment]:
        """The oldest of each copy of a stream, closed or suspect, and without a lock."""
        which = {"camera": camera_id, "stream": stream, "from": EARLIEST_US, "n": 1}
        return [
            _segment(row)
            for role in Role
            for row in self._ask(_OLDEST_OF_COPY, which | {"role": role})
        ]

    def unpromised(
        self, camera_id: str, before_us: int, after: Segment | None, limit: int
    ) -> list[Segment]:
        """Second copies of a camera about which its primary may be asked; oldest first.

        Args:
            camera_id: the camera.
            before_us: they end before this.
            after: they come after this one; None for the oldest.
            limit: how many.

        Returns:
            Closed ones without a lock that this node has not promised itself.
        """
        values = {
            "camera": camera_id,
            "before": before_us,
            "after_us": after.start_us if after else _EVER,
            "after_id": after.segment_id.bytes if after else b"",
            "n": limit,
        }
        return [_segment(row) for row in self._ask(_UNPROMISED, values)]

    def held_bytes(self) -> dict[str, int]:
        """The sum of each camera's segments."""
        rows = self._ask("SELECT camera_id, held_bytes FROM total")
        return {row["camera_id"]: row["held_bytes"] for row in rows}

    def share_bytes(self) -> dict[str, int]:
        """The sum of each camera's segments that are not evidence."""
        return {row["camera_id"]: row["share_bytes"] for row in self._ask(_SHARES)}

    def is_complete(self) -> bool:
        """Whether every file has its row: not while an index that was lost is being rebuilt."""
        return bool(self._ask("SELECT is_complete FROM adoption")[0]["is_complete"])

    def recorded_bytes(self) -> int:
        """The sum of all segments."""
        return sum(self.held_bytes().values())

    def last_end_us(self, camera_id: str, stream: str) -> int | None:
        """Up to when a stream is recorded here; None if it never was."""
        rows = self._ask(
            "SELECT max(end_us) FROM segment WHERE camera_id = ? AND stream = ? "
            "AND state <> 'garbage'",
            (camera_id, stream),
        )
        end_us: int | None = rows[0][0]
        return end_us

    def _ask(self, question: str, values: _Values = ()) -> list[sqlite3.Row]:
        with self._errors():
            return self._connection.execute(question, values).fetchall()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise index_error(error, str(self.path)) from error


def _segment(row: sqlite3.Row) -> Segment:
    return Segment(
        segment_id=UUID(bytes=row["segment_id"]),
        camera_id=row["camera_id"],
        stream=row["stream"],
        path=PurePosixPath(row["path"]),
        role=Role(row["role"]),
        start_us=row["start_us"],
        end_us=row["end_us"],
        durable_bytes=row["durable_bytes"],
        frames=row["frames"],
        keyframes=row["keyframes"],
        state=State(row["state"]),
        hash=row["hash"],
        locked=bool(row["locked"]),
        promised_us=row["promised_us"],
        writer_id=UUID(bytes=row["writer_id"]) if row["writer_id"] else None,
    )
