"""Pictures whose packets were lost: listed however few they are, unless another copy has them."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from tests.archive.export.material import (
    BASE_US,
    FRAME_TICKS,
    FRAME_US,
    H264,
    H264_B,
    H265,
    Film,
    MemorySource,
    add,
    complaints,
    film,
    packets,
    record,
    request,
)
from tests.archive.export.test_healed import heal

from tandem.archive.coverage import coverage
from tandem.archive.export.errors import NothingRecordedError
from tandem.archive.export.export import export
from tandem.archive.export.result import ExportResult
from tandem.archive.rows import GapCause
from tandem.media.codecs.h264 import SLICE

pytestmark = pytest.mark.real

EVERYTHING = frozenset(range(300))


def lossy(node_id: str, camera: Film, lost: Collection[int], late_us: int = 0) -> MemorySource:
    """A node to which some pictures did not come."""
    return record(node_id, camera, EVERYTHING.difference(lost), late_us=late_us, by_loss=True)


def exported(target: Path, *sources: MemorySource) -> ExportResult:
    return export(sources, request(target, BASE_US, BASE_US + 12_000_000))


def listed(result: ExportResult) -> list[tuple[float, float]]:
    """What packets were lost of, in pictures since the beginning of the first copy."""
    lost = [one for one in result.missing if one.cause is GapCause.PACKETS_LOST]
    # By its clock, a copy begins later than was asked for, or ends sooner.
    assert {one.from_us for one in result.missing if one not in lost} <= {
        BASE_US - 10_000_000,
        result.files[-1].spans[-1].to_us,
    }
    begin_us = result.files[0].spans[0].from_us
    return [
        ((one.from_us - begin_us) / FRAME_US, (one.to_us - begin_us) / FRAME_US) for one in lost
    ]


def near(*wanted: tuple[int, int]) -> object:
    return [pytest.approx(stretch, abs=0.01) for stretch in wanted]


def test_one_lost_picture_is_listed_and_cut_out_of_nothing(tmp_path: Path) -> None:
    camera = film(12, sound=True)
    result = exported(tmp_path / "gate.mp4", lossy("a", camera, {110}))
    assert listed(result) == near((110, 111))
    (one,), (file,) = result.missing, result.files
    assert one.file == 0
    assert one.at_us == pytest.approx(111 * FRAME_US, abs=100)
    (span,) = file.spans
    assert span.to_us - span.from_us == 12_000_000
    assert packets(file.path) == [
        picture.data for number, picture in enumerate(camera.pictures) if number != 110
    ]


def test_each_of_many_lost_pictures_is_listed_though_the_index_joined_them(tmp_path: Path) -> None:
    source = lossy("a", film(12), {30, 32, 33, 100, 260})
    source.noted = [
        source.noted[0]._replace(to_us=source.noted[2].to_us),
        *source.noted[2:],
    ]
    result = exported(tmp_path / "gate.mp4", source)
    assert listed(result) == near((30, 31), (32, 34), (100, 101), (260, 261))


@pytest.mark.parametrize("encoder", [H264, H264_B, H265], ids=["h264", "h264-b", "h265"])
@pytest.mark.parametrize("late_us", [0, 90_000, -300_000])
def test_what_one_copy_lost_and_another_has_whole_is_not_missing(
    tmp_path: Path, late_us: int, encoder: tuple[str, ...]
) -> None:
    camera = film(12, encoder)
    of_a = {*range(3, 290, 13), 120, 121, *range(150, 170)}
    a = lossy("a", camera, of_a)
    b = lossy("b", camera, {*range(5, 290, 17)} - of_a, late_us)
    for order in ([a, b], [b, a]):
        (tmp_path / "gate.mp4").unlink(missing_ok=True)
        result = export(order, request(tmp_path / "gate.mp4", BASE_US - 10_000_000))
        assert listed(result) == []
        assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]
        assert complaints(result.files[0].path) == ""


@pytest.mark.parametrize("late_us", [0, 90_000, -300_000])
def test_what_both_copies_lost_is_listed_once(tmp_path: Path, late_us: int) -> None:
    camera = film(12)
    a, b = lossy("a", camera, {50, 51, 110, 200}), lossy("b", camera, {51, 52, 201}, late_us)
    wanted = request(tmp_path / "gate.mp4", BASE_US - 10_000_000)
    assert listed(export([a, b], wanted)) == near((51, 52))


def test_a_long_loss_is_cut_out_like_any_gap_and_begins_no_other_file(tmp_path: Path) -> None:
    camera = film(12)
    result = exported(tmp_path / "gate.mp4", lossy("a", camera, range(110, 128)))
    assert listed(result) == near((110, 128))
    (file,) = result.files
    assert len(file.spans) == 2
    assert len(packets(file.path)) == file.frames == 282


@pytest.mark.parametrize("encoder", [H264_B, H265], ids=["h264-b", "h265"])
@pytest.mark.parametrize(
    "lost", [{110}, {111}, {112}, {113}, {52, 114, 200}, set(range(109, 127)), {90, *range(93, 99)}]
)
def test_of_reordered_pictures_each_that_is_lost_is_listed_where_it_was_to_be_shown(
    tmp_path: Path, encoder: tuple[str, ...], lost: set[int]
) -> None:
    camera = film(12, encoder)
    result = exported(tmp_path / "gate.mp4", lossy("a", camera, lost))
    places = (camera.pictures[at].pts // FRAME_TICKS for at in lost)
    assert listed(result) == near(*coverage((at, at + 1) for at in places))
    (file,) = result.files
    assert packets(file.path) == [camera.pictures[at].data for at in sorted(EVERYTHING - lost)]


def test_what_a_node_lost_of_reordered_pictures_is_filled_by_one_that_ended_meanwhile(
    tmp_path: Path,
) -> None:
    camera = film(12, H265)
    sources = lossy("a", camera, range(195, 215)), record("b", camera, range(160, 203))
    result = exported(tmp_path / "gate.mp4", *sources)
    held = [*range(203), *range(215, 300)]
    assert packets(result.files[0].path) == [camera.pictures[at].data for at in held]


@pytest.mark.parametrize("encoder", [H264_B, H265], ids=["h264-b", "h265"])
@pytest.mark.parametrize("place", range(120, 128))
def test_what_two_nodes_lost_of_reordered_pictures_one_after_the_other_is_in_order(
    tmp_path: Path, encoder: tuple[str, ...], place: int
) -> None:
    camera = film(12, encoder)
    for first, second in (
        (range(place, place + 1), range(place + 1, place + 20)),
        (range(place, place + 5), range(place + 4, place + 12)),
    ):
        (tmp_path / "gate.mp4").unlink(missing_ok=True)
        sources = lossy("a", camera, second), lossy("b", camera, first)
        result = exported(tmp_path / "gate.mp4", *sources)
        gone = {*first}.intersection(second)
        assert packets(result.files[0].path) == [
            camera.pictures[at].data for at in sorted(EVERYTHING - gone)
        ]


@pytest.mark.parametrize("end", [112, 125])
def test_a_loss_that_lasts_beyond_the_end_is_listed_up_to_it(tmp_path: Path, end: int) -> None:
    wanted = request(tmp_path / "gate.mp4", BASE_US, BASE_US + end * FRAME_US)
    result = export([lossy("a", film(12), range(110, 128))], wanted)
    assert listed(result) == near((110, end))
    assert result.frames == 110
    assert result.files[0].spans[-1].to_us == pytest.approx(BASE_US + 110 * FRAME_US, abs=100)


@pytest.mark.parametrize("encoder", [H264_B, H265], ids=["h264-b", "h265"])
def test_a_loss_of_reordered_pictures_is_listed_up_to_the_end_as_well(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    camera, end = film(12, encoder), 115
    wanted = request(tmp_path / "gate.mp4", BASE_US, BASE_US + end * FRAME_US)
    result = export([lossy("a", camera, range(110, 134))], wanted)
    shown = [one.pts // FRAME_TICKS for one in camera.pictures[:110]]
    assert listed(result)[-1] == pytest.approx((max(shown) + 1, end), abs=0.01)


def test_of_a_time_of_which_all_is_lost_there_is_no_file(tmp_path: Path) -> None:
    wanted = request(tmp_path / "gate.mp4", *(BASE_US + at * FRAME_US for at in (113, 125)))
    with pytest.raises(NothingRecordedError, match="packets_lost"):
        export([lossy("a", film(12), range(110, 128))], wanted)


def test_what_a_copy_lost_of_what_no_other_has_is_cut_out_though_one_has_the_beginning(
    tmp_path: Path,
) -> None:
    camera = film(12)
    sources = lossy("a", camera, range(110, 134)), record("b", camera, range(50, 116))
    result = exported(tmp_path / "gate.mp4", *sources)
    assert listed(result) == near((116, 134))
    assert len(result.files[0].spans) == 2


def test_where_another_copy_has_both_sides_of_a_break_its_keyframe_is_of_use_behind_it(
    tmp_path: Path,
) -> None:
    camera, kept = film(12), EVERYTHING.difference(range(105, 117))
    sources = record("a", camera, kept, breaks={117}), lossy("b", camera, range(105, 117))
    wanted = request(tmp_path / "gate.mp4", *(BASE_US + at * FRAME_US for at in (120, 200)))
    result = export(sources, wanted)
    assert result.missing == []
    assert result.files[0].spans[0].from_us == wanted.wanted.from_us
    assert packets(result.files[0].path) == [
        camera.pictures[at].data for at in (*range(100, 105), *range(117, 200))
    ]


def test_a_loss_of_sound_and_pictures_alike_is_cut_out(tmp_path: Path) -> None:
    camera, lost = film(12, sound=True), range(110, 133)
    heard = [
        one for one in camera.sounds if one.pts < 12 * 16_000 and one.pts * 25 // 16_000 not in lost
    ]
    result = exported(tmp_path / "gate.mp4", lossy("a", Film(camera.pictures, heard), lost))
    (first, until), (behind, last) = listed(result)
    assert [first, last, until] == [pytest.approx(at, abs=0.01) for at in (110, 133, behind)]
    (file,) = result.files
    before, after = file.spans
    assert after.from_us - before.to_us > len(lost) * FRAME_US - 300_000
    assert packets(file.path, "audio") == [one.data for one in heard]


def test_where_the_sound_went_on_the_loss_is_listed_all_the_same(tmp_path: Path) -> None:
    result = exported(tmp_path / "gate.mp4", lossy("a", film(12, sound=True), range(110, 128)))
    assert listed(result) == near((110, 128))
    assert len(result.files[0].spans) == 1


def test_what_was_fetched_from_another_node_is_not_missing(tmp_path: Path) -> None:
    camera, lost = film(12), {110, 111}
    a = lossy("a", camera, lost)
    heal(a, lost, camera, EVERYTHING, late_us=90_000)
    result = exported(tmp_path / "gate.mp4", a)
    assert listed(result) == []
    assert result.frames == 300


def test_a_loss_of_the_copy_that_a_piece_was_fetched_from_comes_with_it(tmp_path: Path) -> None:
    camera = film(12)
    a = lossy("a", camera, {110, 111})
    peer = lossy("b", camera, {111, 112}, 90_000)
    row = peer.rows[0]
    a.rows.append(row)
    a.contents[row.segment_id] = peer.contents[row.segment_id]
    result = exported(tmp_path / "gate.mp4", a)
    assert listed(result) == near((111, 112))
    assert result.frames == 299


def test_of_one_picture_the_copy_that_lost_nothing_before_it_is_taken(tmp_path: Path) -> None:
    camera = film(12)
    whole = camera.pictures[125]
    (slices_at,) = [
        at
        for at in range(len(whole.data) - 5)
        if int.from_bytes(whole.data[at : at + 4], "big") == len(whole.data) - at - 4
    ]
    assert whole.data[slices_at + 4] & 0x1F > SLICE
    bare = replace(whole, data=whole.data[slices_at:])
    poor = Film([*camera.pictures[:125], bare, *camera.pictures[126:]], [])
    # The base, having most pictures; it lost the parameter sets before the keyframe.
    a, b = lossy("a", poor, {124}), record("b", camera, set(range(50, 250)))
    result = exported(tmp_path / "gate.mp4", a, b)
    assert listed(result) == []
    assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]


def test_a_piece_of_its_own_does_not_hide_what_another_connection_lost(tmp_path: Path) -> None:
    camera = film(12)
    a = MemorySource("a")
    add(a, camera, set(range(100)), by_loss=True)
    add(a, camera, set(range(100, 300)) - {210}, late_us=1_500, by_loss=True)
    assert listed(exported(tmp_path / "gate.mp4", a)) == [pytest.approx((210, 211), abs=0.1)]
