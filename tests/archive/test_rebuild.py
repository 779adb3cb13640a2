"""The index is made from the files; what only it knew is guessed so that nothing is deleted."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.archive.material import (
    BASE_US,
    CLUSTER,
    FRAGMENT_US,
    VOLUME,
    Writing,
    create,
    gop,
    init,
    mounted_at,
    record,
    segment_uuid,
)

from tandem.archive import locks
from tandem.archive.check import check
from tandem.archive.errors import VolumeBusyError
from tandem.archive.layout import INDEX_FILE, QUARANTINE
from tandem.archive.mount import rebuild
from tandem.archive.rebuild import adopt
from tandem.archive.rows import Gap, GapCause, Role, Segment, State
from tandem.media.mp4.header import HEADER_TYPE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create(tmp_path / "disk")
    return tmp_path / "disk"


def as_the_file_tells(segment: Segment) -> Segment:
    return replace(segment, hash=None, writer_id=None)


def rows(root: Path) -> list[Segment]:
    with mounted_at(root) as mounted:
        return list(mounted.index.all_segments())


def test_the_index_comes_back_from_the_files_alone(root: Path) -> None:
    with mounted_at(root) as mounted:
        before = [record(mounted, number, 1 + number % 3) for number in range(5)]
        before.append(record(mounted, 7, camera_id="yard"))
    for path in root.glob(f"{INDEX_FILE}*"):
        path.unlink()
    report = rebuild(root, VOLUME, CLUSTER)
    assert len(report.closed) == 6
    assert report.problems == []
    assert rows(root) == list(map(as_the_file_tells, before))
    with mounted_at(root) as mounted:
        assert list(check(mounted.volume, mounted.index, hashes=True)) == []


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + bytes(9000)])
def test_a_damaged_index_stops_no_recording_and_is_filled_while_it_goes_on(
    root: Path, content: bytes
) -> None:
    with mounted_at(root) as mounted:
        before = record(mounted, 1)
    for path in root.glob(f"{INDEX_FILE}*"):
        path.unlink()
    (root / INDEX_FILE).write_bytes(content)
    with mounted_at(root) as mounted:
        assert not mounted.index.is_complete()
        new = Writing(mounted, 2)
        new.append(1)
        report = adopt(mounted.volume, mounted.index)
        assert len(report.closed) == 1
        assert mounted.index.segment(before.segment_id) == as_the_file_tells(before)
        new.append(1)
        assert new.close().state is State.CLOSED
    if content:
        aside = root / QUARANTINE / f"1-{INDEX_FILE}"
        assert aside.read_bytes() == content
    with mounted_at(root) as mounted:
        assert mounted.index.is_complete()


def test_a_new_volume_is_complete(root: Path) -> None:
    with mounted_at(root) as mounted:
        assert mounted.index.is_complete()


def test_evidence_outlives_the_index(root: Path) -> None:
    with mounted_at(root) as mounted:
        for number in (1, 2, 3):
            record(mounted, number)
        locks.lock(mounted.volume, mounted.index, [segment_uuid(1), segment_uuid(2)])
        locks.unlock(mounted.volume, mounted.index, [segment_uuid(2)])
    (root / INDEX_FILE).unlink()
    rebuild(root, VOLUME, CLUSTER)
    assert [segment.locked for segment in rows(root)] == [True, False, False]


def test_evidence_is_locked_as_soon_as_it_is_adopted(root: Path) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1)
        locks.lock(mounted.volume, mounted.index, [segment_uuid(1)])
        mounted.index.forget([segment_uuid(1)])
        adopt(mounted.volume, mounted.index)
        assert [segment.locked for segment in mounted.index.all_segments()] == [True]


def test_a_crash_between_the_marker_and_the_row_keeps_the_evidence(root: Path) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1)
        locks.lock(mounted.volume, mounted.index, [segment_uuid(1)])
        mounted.index.set_locked([segment_uuid(1)], locked=False)
    assert [segment.locked for segment in rows(root)] == [True]


def test_a_second_copy_whose_role_is_forgotten_is_kept_like_a_first(root: Path) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1, role=Role.SECOND)
    rebuild(root, VOLUME, CLUSTER)
    assert [segment.role for segment in rows(root)] == [Role.PRIMARY]


def test_gaps_are_taken_over_from_the_old_index(root: Path) -> None:
    gap = Gap("gate", "main", 5, 9, GapCause.CAMERA_STALLED, "no frame for 4 s")
    with mounted_at(root) as mounted:
        mounted.index.sync_round(gaps=[gap])
    rebuild(root, VOLUME, CLUSTER)
    with mounted_at(root) as mounted:
        assert mounted.index.gaps("gate", 0, 10) == [gap]


def test_a_rebuild_does_not_touch_a_volume_in_use(root: Path) -> None:
    with mounted_at(root), pytest.raises(VolumeBusyError):
        rebuild(root, VOLUME, CLUSTER)


def place(root: Path, name: str, content: bytes) -> Path:
    path = root / "gate/main/2026-11-18" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_without_a_row_is_cut_and_closed_too(root: Path) -> None:
    whole = init(1) + b"".join(b"".join(gop(1, at)) for at in range(2))
    place(root, "a.mp4", whole + b"".join(gop(1, 2))[:-1])
    report = rebuild(root, VOLUME, CLUSTER)
    (segment,) = rows(root)
    assert (segment.state, segment.end_us) == (State.CLOSED, BASE_US + 2 * FRAGMENT_US)
    assert segment.hash is not None
    assert report.cut_bytes > 0


def test_where_whole_fragments_follow_a_damaged_one_nothing_is_cut(root: Path) -> None:
    parts = [init(1) + b"".join(gop(1, 0)), *(b"".join(gop(1, at)) for at in (1, 2))]
    content = parts[0] + parts[1][:-600] + bytes(600) + parts[2]
    path = place(root, "a.mp4", content)
    report = rebuild(root, VOLUME, CLUSTER)
    (segment,) = rows(root)
    assert (segment.state, segment.end_us) == (State.SUSPECT, BASE_US + FRAGMENT_US)
    assert segment.durable_bytes == len(parts[0])
    assert path.read_bytes() == content
    assert "nothing was cut" in report.problems[0]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("junk.mp4", b"junk", "cannot be understood"),
        ("init.mp4", init(5), "no fragment"),
        ("twin.mp4", init(1) + b"".join(gop(1, 0)), "copy of segment"),
    ],
)
def test_a_file_that_cannot_have_a_row_is_moved_aside(
    root: Path, name: str, content: bytes, reason: str
) -> None:
    place(root, "a.mp4", init(1) + b"".join(gop(1, 0)))
    path = place(root, name, content)
    report = rebuild(root, VOLUME, CLUSTER)
    assert len(rows(root)) == 1
    assert reason in report.problems[0]
    moved = root / QUARANTINE / path.relative_to(root)
    assert moved.read_bytes() == content


def test_another_clusters_recording_is_not_shown_as_ours(root: Path) -> None:
    with mounted_at(root) as mounted:
        segment = record(mounted, 1)
    path = root / segment.path
    path.write_bytes(path.read_bytes().replace(b'"cluster_number":7', b'"cluster_number":8'))
    report = rebuild(root, VOLUME, CLUSTER)
    assert "cluster 8" in report.problems[0]
    assert rows(root) == []


def test_an_interrupted_rebuild_goes_on_where_it_stopped(root: Path) -> None:
    with mounted_at(root) as mounted:
        for number in range(6):
            record(mounted, number)
    (root / INDEX_FILE).unlink()

    def stop_at_four(done: int, _: PurePosixPath) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with mounted_at(root) as mounted:
        with pytest.raises(KeyboardInterrupt):
            adopt(mounted.volume, mounted.index, stop_at_four)
        assert len(list(mounted.index.all_segments())) == 4
    with mounted_at(root) as mounted:
        assert not mounted.index.is_complete()
        assert len(adopt(mounted.volume, mounted.index).closed) == 2
        assert adopt(mounted.volume, mounted.index).closed == []


def test_a_later_releases_file_waits_in_its_place_and_the_index_knows_it(root: Path) -> None:
    content = init(1) + b"".join(gop(1, 0))
    path = place(root, "a.mp4", content.replace(HEADER_TYPE + b"\1", HEADER_TYPE + b"\2"))
    assert "update this node" in rebuild(root, VOLUME, CLUSTER).problems[0]
    assert path.exists()
    with mounted_at(root) as mounted:
        assert not mounted.index.is_complete()
        path.write_bytes(content)
        adopt(mounted.volume, mounted.index)
        assert mounted.index.is_complete()
        assert len(list(mounted.index.all_segments())) == 1


def test_other_peoples_files_are_left_alone(root: Path) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1)
    (root / "notes.txt").write_text("mine")
    (root / "lost+found").mkdir()
    place(root, "readme.txt", b"mine too")
    assert rebuild(root, VOLUME, CLUSTER).problems == []
    assert (root / "notes.txt").read_text() == "mine"
