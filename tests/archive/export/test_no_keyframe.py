"""Recordings that begin in the middle of a GOP: kept, and never shown without their keyframe."""

from pathlib import Path

import pytest
from tests.archive.export.material import (
    ANCHOR_US,
    BASE_US,
    FRAME_US,
    H264,
    H264_B,
    H265,
    complaints,
    film,
    packets,
    pictures_shown,
    record,
    request,
)

from tandem.archive.export.errors import NothingRecordedError
from tandem.archive.export.export import export
from tandem.archive.export.result import ExportResult
from tandem.archive.rows import GapCause
from tandem.lab.counting.count import count_frames

pytestmark = pytest.mark.real

GOPS = {H264: 25, H264_B: 24, H265: 25}
ENCODERS = pytest.mark.parametrize("encoder", GOPS, ids=["h264", "h264-b", "h265-open"])
TO_US = BASE_US + 300 * FRAME_US


def all_packets(result: ExportResult) -> list[bytes]:
    """What all files store, in order."""
    return [data for file in result.files for data in packets(file.path)]


def hidden(result: ExportResult) -> list[tuple[int, int]]:
    """What cannot be shown, in pictures since the beginning; B-frames make it less sharp."""
    return [
        (round((one.from_us - BASE_US) / FRAME_US), round((one.to_us - BASE_US) / FRAME_US))
        for one in result.missing
        if one.cause is GapCause.KEYFRAME_MISSING
    ]


@ENCODERS
def test_pictures_without_their_keyframe_are_in_the_next_file_and_not_shown(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera, kept = film(12, encoder), [*range(60), *range(112, 300)]
    result = export([record("a", camera, kept)], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    assert [file.path.name for file in result.files] == ["gate.mp4", "gate-2.mp4"]
    assert all_packets(result) == [camera.pictures[at].data for at in kept]
    assert count_frames([file.path for file in result.files]).unmarked == len(kept)
    assert [complaints(file.path) for file in result.files] == ["", ""]
    keyframe = -(-112 // GOPS[encoder]) * GOPS[encoder]
    assert [len(pictures_shown(file.path)) for file in result.files] == [60, 300 - keyframe]
    (span,) = result.files[1].spans
    assert (span.from_us, span.at_us) == (BASE_US + keyframe * FRAME_US + ANCHOR_US, 0)
    ((begin, end),) = hidden(result)
    assert (abs(begin - 112) <= 2, end) == (True, keyframe)
    assert (result.missing[-1].file, result.missing[-1].at_us) == (1, 0)


@ENCODERS
def test_an_export_that_begins_with_them_shows_the_first_keyframe_first(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera, kept = film(12, encoder), range(13, 300)
    result = export([record("a", camera, kept)], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    (file,) = result.files
    assert packets(file.path) == [camera.pictures[at].data for at in kept]
    assert complaints(file.path) == ""
    assert len(pictures_shown(file.path)) == 300 - GOPS[encoder]
    assert [end for _, end in hidden(result)] == [GOPS[encoder]]


@ENCODERS
def test_where_another_copy_has_their_keyframe_they_are_shown(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera, kept, begun = film(12, encoder), [*range(60), *range(112, 300)], range(95, 118)
    sources = [record("a", camera, kept), record("b", camera, begun, late_us=90_000)]
    result = export(sources, request(tmp_path / "gate.mp4", BASE_US, TO_US))
    assert all_packets(result) == [camera.pictures[at].data for at in sorted({*kept, *begun})]
    assert [complaints(file.path) for file in result.files] == ["", ""]
    keyframe = -(-95 // GOPS[encoder]) * GOPS[encoder]
    assert [len(pictures_shown(file.path)) for file in result.files] == [60, 300 - keyframe]


@ENCODERS
def test_one_copy_that_begins_in_the_middle_beside_one_that_has_all_changes_nothing(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera = film(12, encoder)
    a, b = record("a", camera, [*range(60), *range(112, 300)]), record("b", camera, range(55, 130))
    result = export([a, b], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    (file,) = result.files
    assert packets(file.path) == [picture.data for picture in camera.pictures]
    assert (complaints(file.path), result.missing) == ("", [])


@pytest.mark.parametrize("between", [[], [85, 86]])
def test_pictures_that_lead_the_keyframe_behind_a_gap_are_not_shown(
    tmp_path: Path, between: list[int]
) -> None:
    camera = film(12, H265)
    key = next(at for at in range(100, 300) if camera.pictures[at].is_keyframe)
    leading = [at for at in range(300) if at > key and camera.shown_us(at) < camera.shown_us(key)]
    assert leading
    whole = export([record("a", camera)], request(tmp_path / "whole.mp4", BASE_US, TO_US))
    kept = [*range(60), *between, *range(key, 300)]
    source = record("a", camera, kept, breaks={key})
    result = export([source], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    assert [file.frames for file in result.files] == [60, len(kept) - 60]
    assert sum(copy.frames_taken for copy in result.copies) == len(kept)
    assert all_packets(result) == [camera.pictures[at].data for at in kept]
    truth = pictures_shown(whole.files[0].path)
    shown = [one for file in result.files for one in pictures_shown(file.path)]
    assert shown == [*truth[:60], *truth[key + len(leading) :]]
    ((_, end),) = hidden(result)
    assert end == key + len(leading)


@ENCODERS
def test_several_beginnings_without_a_keyframe_wait_for_it_in_one_file(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera, kept = film(12, encoder), [*range(60), *range(108, 115), *range(148, 300)]
    result = export([record("a", camera, kept)], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    assert len(result.files) == 2
    assert all_packets(result) == [camera.pictures[at].data for at in kept]
    assert [complaints(file.path) for file in result.files] == ["", ""]


@ENCODERS
def test_what_has_no_keyframe_up_to_the_end_is_left_out_and_told(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera = film(12, encoder)
    source = record("a", camera, [*range(60), *range(128, 140)])
    result = export([source], request(tmp_path / "gate.mp4", BASE_US, TO_US))
    (file,) = result.files
    assert (file.frames, complaints(file.path)) == (60, "")
    assert sum(copy.frames_taken for copy in result.copies) == 60
    ((begin, end),) = hidden(result)
    assert abs(begin - 128) <= 2
    assert abs(end - 140) <= 1
    alone = record("a", camera, range(128, 140))
    with pytest.raises(NothingRecordedError, match="keyframe_missing"):
        export([alone], request(tmp_path / "alone.mp4", BASE_US, TO_US))
