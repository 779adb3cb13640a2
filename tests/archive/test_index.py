"""The index claims what is durable, nothing more, and answers quickly."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archive.material import BASE_US, row, segment_uuid

from tandem.archive import index_reader, schema
from tandem.archive.errors import DiskFullError, IndexBusyError, IndexDamagedError
from tandem.archive.index import Index
from tandem.archive.index_reader import IndexReader
from tandem.archive.rows import (
    Closing,
    Copy,
    Extent,
    Gap,
    GapCause,
    Progress,
    Role,
    Segment,
    State,
)

MINUTE_US = 60_000_000
HASH = bytes(range(32))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index.open(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def closed(number: int, size_bytes: int = 10, length_us: int = MINUTE_US) -> Segment:
    start_us = BASE_US + number * MINUTE_US
    return replace(
        row(number, start_us=start_us),
        end_us=start_us + length_us,
        durable_bytes=size_bytes,
        state=State.CLOSED,
        hash=HASH,
    )


def test_threads_that_ask_a_reader_at_once_each_get_their_own_answer(index: Index) -> None:
    rows = [closed(number) for number in range(200)]
    for one in rows:
        index.begin(one)
    with (
        closing(IndexReader.open_for_reading(index.path)) as reader,
        ThreadPoolExecutor(4) as threads,
    ):
        asked = rows * 20
        assert list(threads.map(lambda one: reader.segment(one.segment_id), asked)) == asked


def test_a_row_comes_back_as_it_was_entered(index: Index) -> None:
    one = replace(
        closed(1), role=Role.SECOND, locked=True, promised_us=5, frames=1500, keyframes=30
    )
    index.begin(one)
    assert index.segment(one.segment_id) == one
    assert index.segment_at(one.path) == one
    assert index.segments("gate", 0, 1 << 60) == [one]
    assert list(index.all_segments()) == [one]


def test_a_round_is_entered_whole_or_not_at_all(index: Index) -> None:
    index.begin(row(1))
    good = Progress(segment_uuid(1), BASE_US + 5, 100, 50, 1)
    bad = Gap("gate", "main", 0, 1, None, "")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        index.sync_round([good], gaps=[bad])
    found = index.segment(segment_uuid(1))
    assert found is not None
    assert found.durable_bytes == 0
    index.sync_round([good])
    assert index.recorded_bytes() == 100


def test_progress_that_comes_late_does_not_reopen_a_closed_segment(index: Index) -> None:
    index.begin(row(1))
    late = Progress(segment_uuid(1), BASE_US + 5, 100, 50, 1)
    index.sync_round(closings=[Closing(late._replace(durable_bytes=120), HASH)])
    index.sync_round([late])
    found = index.segment(segment_uuid(1))
    assert found is not None
    assert (found.state, found.durable_bytes, found.hash) == (State.CLOSED, 120, HASH)


def test_a_segment_that_ends_without_a_hash_is_suspect(index: Index) -> None:
    index.begin(row(1))
    index.sync_round(closings=[Closing(Progress(segment_uuid(1), BASE_US, 4, 1, 1), None)])
    assert [found.state for found in index.unfinished(State.SUSPECT)] == [State.SUSPECT]


def test_evidence_and_open_segments_do_not_become_garbage(index: Index) -> None:
    index.begin(row(1))
    index.begin(closed(2))
    index.begin(closed(3))
    index.set_locked([segment_uuid(2)], locked=True)
    index.mark_garbage(dict.fromkeys(segment_uuid(n) for n in (1, 2, 3)))
    assert [segment.segment_id for segment in index.unfinished(State.GARBAGE)] == [segment_uuid(3)]


def test_a_second_copy_that_was_promised_meanwhile_does_not_become_garbage(index: Index) -> None:
    ids = [segment_uuid(number) for number in (1, 2, 3)]
    for number in (1, 2, 3):
        index.begin(closed(number))
    index.promise(ids[:2], 100)
    index.mark_garbage(dict.fromkeys(ids), unless_promised=[ids[0], ids[2]])
    assert [row.segment_id for row in index.unfinished(State.GARBAGE)] == ids[1:]


def test_garbage_is_not_shown(index: Index) -> None:
    index.begin(closed(1))
    index.mark_garbage({segment_uuid(1): None})
    assert index.segments("gate", 0, 1 << 60) == []
    assert index.deletable(10, of_each=10) == []


def test_the_first_promise_keeps_its_time(index: Index) -> None:
    index.begin(closed(1))
    assert index.promise([segment_uuid(1)], 100) == {segment_uuid(1)}
    index.promise([segment_uuid(1)], 200)
    found = index.segment(segment_uuid(1))
    assert found is not None
    assert found.promised_us == 100


def test_what_is_open_suspect_going_or_gone_is_not_promised(index: Index) -> None:
    index.begin(row(1))
    index.begin(replace(closed(2), state=State.SUSPECT, hash=None))
    index.begin(closed(3))
    index.mark_garbage({segment_uuid(3): None})
    index.begin(closed(4))
    asked = [segment_uuid(number) for number in (1, 2, 3, 4, 5)]
    assert index.promise(asked, 100) == {segment_uuid(4)}


def test_a_gap_that_grows_stays_one(index: Index) -> None:
    for end in (10, 30, 20):
        index.sync_round(gaps=[Gap("gate", "main", 0, end, GapCause.CAMERA_UNREACHABLE, f"{end}")])
    assert index.gaps("gate", 0, 100) == [
        Gap("gate", "main", 0, 30, GapCause.CAMERA_UNREACHABLE, "20")
    ]
    assert index.gaps("gate", 30, 100) == []
    index.forget_gaps({"yard": 31})
    assert index.gaps("gate", 0, 100) != []
    index.forget_gaps({"gate": 31})
    assert index.gaps("gate", 0, 100) == []


@given(
    spans=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=12),
    start=st.integers(0, 90),
    length=st.integers(1, 40),
)
def test_a_range_finds_every_segment_over_it_however_long(
    spans: list[tuple[int, int]], start: int, length: int
) -> None:
    index = Index(Path(":memory:"), sqlite3.connect(":memory:", isolation_level=None))
    schema.migrate(index._connection, ":memory:")
    for number, (begin, size) in enumerate(spans):
        index.begin(replace(row(number, start_us=begin), end_us=begin + size))
    found = {(one.start_us, one.end_us) for one in index.segments("gate", start, start + length)}
    wanted = {(b, b + s) for b, s in spans if b < start + length and b + s > start}
    assert found == wanted
    index.close()


def test_sums_follow_every_change(index: Index) -> None:
    index.begin(closed(1, 100))
    index.begin(row(2))
    index.sync_round([Progress(segment_uuid(2), BASE_US + 1, 50, 1, 1)])
    index.begin(replace(closed(3, 7), camera_id="yard"))
    assert index.held_bytes() == {"gate": 150, "yard": 7}
    index.mark_garbage({segment_uuid(1): None})
    index.forget([segment_uuid(1)])
    assert index.held_bytes() == {"gate": 50, "yard": 7}
    assert index.recorded_bytes() == 57


def test_copies_and_streams_are_kept_apart(index: Index) -> None:
    for number, (stream, role) in enumerate(
        [("main", Role.SECOND), ("main", Role.PRIMARY), ("sub", Role.PRIMARY)]
    ):
        index.begin(replace(closed(number), stream=stream, role=role))
    index.begin(replace(closed(9), camera_id="yard"))
    found = index.segments("gate", 0, 1 << 60)
    assert {Copy(one.stream, one.role): one.start_us for one in found} == {
        Copy("main", Role.SECOND): BASE_US,
        Copy("main", Role.PRIMARY): BASE_US + MINUTE_US,
        Copy("sub", Role.PRIMARY): BASE_US + 2 * MINUTE_US,
    }
    assert {it.stream for it in index.copies("gate")} == {"main", "sub"}
    assert index.copies("nobody") == []


def test_extents_tell_what_is_known_and_from_when_to_when(index: Index) -> None:
    assert index.extents() == []
    for number in (1, 2, 5):
        index.begin(closed(number))
    index.begin(replace(closed(3), role=Role.SECOND))
    gone = closed(9)
    index.begin(gone)
    index.mark_garbage({gone.segment_id: None})
    index.sync_round(gaps=[Gap("yard", "sub", 10, 20, GapCause.DISABLED)])
    index.sync_round(gaps=[Gap("yard", "sub", 30, 40, GapCause.DISABLED)])
    first, third, end = (BASE_US + number * MINUTE_US for number in (1, 3, 6))
    assert sorted(index.extents()) == [
        Extent("gate", "main", first, end),
        Extent("gate", "main", third, third + MINUTE_US),
        Extent("yard", "sub", 10, 40),
    ]


def test_the_questions_asked_often_are_answered_from_an_index_alone(index: Index) -> None:
    plans = {
        sql: " ".join(
            step[3]
            for step in index._connection.execute(
                f"EXPLAIN QUERY PLAN {sql}",
                {"camera": "gate", "stream": "main", "role": "second", "from": 0, "to": 9, "n": 9}
                | {"before": 9, "after_us": 0, "after_id": b""},
            )
        )
        for sql in (
            index_reader._NEXT_STREAM,
            index_reader._SEGMENTS_OVER,
            index_reader._OLDEST,
            index_reader._OLDEST_SECONDS,
            index_reader._OLDEST_OF_COPY,
            index_reader._UNPROMISED,
        )
    }
    assert "stream>?" in plans[index_reader._NEXT_STREAM]
    assert "start_us>? AND start_us<?" in plans[index_reader._SEGMENTS_OVER]
    assert "INDEX segment_timeline" in plans[index_reader._OLDEST_OF_COPY]
    assert "segment_length" in plans[index_reader._SEGMENTS_OVER]
    assert "segment_oldest" in plans[index_reader._OLDEST]
    assert "segment_unpromised (camera_id=? AND (start_us" in plans[index_reader._UNPROMISED]
    assert "segment_second" in plans[index_reader._OLDEST_SECONDS]
    for sql, plan in plans.items():
        assert "TEMP B-TREE" not in plan, sql


def test_a_reader_sees_what_is_committed_while_the_writer_is_at_work(index: Index) -> None:
    index.begin(closed(1))
    reader = IndexReader.open_for_reading(index.path)
    index._connection.execute("BEGIN IMMEDIATE")
    index._connection.execute("DELETE FROM segment")
    assert len(reader.segments("gate", 0, 1 << 60)) == 1
    index._connection.execute("ROLLBACK")
    reader.close()


def test_a_reader_cannot_write(index: Index) -> None:
    reader = IndexReader.open_for_reading(index.path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM segment")
    reader.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + bytes(5000)]
)
def test_a_file_that_is_no_database_is_a_damaged_index(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(content)
    with pytest.raises(IndexDamagedError):
        Index.open(path)


def test_a_page_overwritten_in_the_middle_is_noticed_at_opening(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index = Index.open(path)
    for number in range(500):
        index.begin(closed(number))
    index.close()
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(IndexDamagedError, match="damaged"):
        Index.open(path)


def test_another_programs_database_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    other = sqlite3.connect(path)
    other.execute("PRAGMA application_id = 99")
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(IndexDamagedError):
        Index.open(path)


def test_an_index_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    Index.open(path).close()
    later = sqlite3.connect(path)
    later.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    later.close()
    with pytest.raises(IndexDamagedError, match="Update"):
        Index.open(path)


def test_a_migration_that_fails_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.sqlite"
    index = Index.open(path)
    index.begin(closed(1))
    index.close()
    steps = (*schema.MIGRATIONS, "ALTER TABLE segment ADD COLUMN later INTEGER; SELECT nonsense;")
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    with pytest.raises(Exception, match="nonsense"):
        Index.open(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*steps[:-1], steps[-1].split("SELECT")[0]))
    index = Index.open(path)
    assert index.segment(segment_uuid(1)) == closed(1)
    index.close()


def test_an_index_that_another_process_brings_to_this_version_meanwhile_is_not_begun_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index.sqlite"

    class Overtaken(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if "journal_mode" in sql:
                Index.open(path).close()
            return super().execute(sql, *values)

    connection = sqlite3.connect(path, isolation_level=None, factory=Overtaken)
    schema.migrate(connection, str(path))
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS)
    connection.close()


def test_every_commit_is_synced(index: Index) -> None:
    answers = [
        index._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "user_version")
    ]
    assert answers == ["wal", 2, len(schema.MIGRATIONS)]


def test_an_index_that_another_process_holds_is_busy_and_its_disk_has_not_failed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index.sqlite"
    index = Index.open(path)
    index._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexBusyError, match="Another process"):
        index.begin(row(1))
    other.execute("COMMIT")
    index.begin(row(1))
    other.close()
    index.close()


def test_a_busy_index_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    Index.open(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(IndexBusyError):
        IndexReader(path, connection).problem()
    connection.close()
    other.close()


def test_an_index_without_room_says_that_the_disk_is_full(index: Index) -> None:
    pages = index._connection.execute("PRAGMA page_count").fetchone()[0]
    index._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(1000):
            index.begin(closed(number))

    with pytest.raises(DiskFullError):
        fill()
    assert index.problem() is None
