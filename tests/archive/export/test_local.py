"""The volumes of a node as a source of exports."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from uuid import UUID

import pytest
from tests.archive.export.material import packets
from tests.archive.material import BASE_US, FRAMES, VOLUME, create, gop, mounted_at, record, row

from tandem.archive.export.errors import SourceError
from tandem.archive.export.export import export
from tandem.archive.export.local import LocalSource
from tandem.archive.export.planning import Request
from tandem.archive.rows import Gap, GapCause, Interval

OTHER = UUID("22222222-2222-4222-8222-222222222222")


def wanted(target: Path) -> Request:
    return Request("gate", "main", Interval(BASE_US, BASE_US + 180_000_000), target)


def test_segments_on_several_volumes_of_a_node_are_one_recording(tmp_path: Path) -> None:
    for name, volume_id in (("one", VOLUME), ("two", OTHER)):
        create(tmp_path / name, volume_id)
    with (
        mounted_at(tmp_path / "one") as one,
        mounted_at(tmp_path / "two", volume_id=OTHER) as two,
    ):
        record(one, 0, fragments=60)
        record(two, 1, fragments=60)
        record(one, 2, fragments=20, camera_id="yard")
        two.index.sync_round(
            gaps=[
                Gap(
                    "gate", "main", BASE_US + 120_000_000, BASE_US + 180_000_000, GapCause.DISK_FULL
                ),
                Gap("gate", "sub", BASE_US + 120_000_000, BASE_US + 180_000_000, GapCause.DISABLED),
            ]
        )
        one.index.begin(
            replace(
                row(3, start_us=BASE_US),
                end_us=BASE_US + 1,
                stream="sub",
                path=PurePosixPath("gate/sub/x.mp4"),
            )
        )
        source = LocalSource("n1", [(one.volume, one.reader), (two.volume, two.reader)])
        over = (BASE_US - 1, BASE_US + 180_000_000)
        assert {one.stream for one in source.segments("gate", "main", *over)} == {"main"}
        assert {one.stream for one in source.gaps("gate", "main", *over)} == {"main"}
        result = export([source], wanted(tmp_path / "gate.mp4"))
    expected = [
        bytes(buffer) for number in (0, 1) for at in range(60) for buffer in gop(number, at)[1:]
    ]
    assert packets(result.files[0].path) == expected
    assert result.frames == 120 * FRAMES
    assert [(one.from_us, one.to_us, one.cause) for one in result.missing] == [
        (BASE_US + 120_000_000, BASE_US + 180_000_000, GapCause.DISK_FULL)
    ]


def test_a_segment_whose_file_is_gone_is_told_and_the_others_are_exported(tmp_path: Path) -> None:
    create(tmp_path / "one")
    with mounted_at(tmp_path / "one") as one:
        lost = record(one, 0, fragments=60)
        record(one, 1, fragments=60)
        (tmp_path / "one" / lost.path).unlink()
        source = LocalSource("n1", [(one.volume, one.reader)])
        result = export([source], wanted(tmp_path / "gate.mp4"))
        with pytest.raises(SourceError, match="on none of the node's volumes"), source.open(lost):
            pass
    assert result.frames == 60 * FRAMES
    assert [one.segment_id for one in result.problems] == [lost.segment_id]


def test_no_file_stays_open_behind_an_export(tmp_path: Path) -> None:
    create(tmp_path / "one")
    with mounted_at(tmp_path / "one") as one:
        for number in range(12):
            record(one, number, fragments=2)
        source = LocalSource("n1", [(one.volume, one.reader)])
        before = len(list(Path("/proc/self/fd").iterdir()))
        request = Request(
            "gate", "main", Interval(BASE_US, BASE_US + 720_000_000), tmp_path / "gate.mp4"
        )
        result = export([source], request)
        assert result.frames == 24 * FRAMES
        assert len(list(Path("/proc/self/fd").iterdir())) == before
