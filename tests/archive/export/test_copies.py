"""Copies of a real camera, each with holes of its own: an export has every frame once, in order."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.archive.export.material import (
    ANCHOR_US,
    BASE_US,
    FPS,
    FRAME_US,
    H264,
    H264_B,
    H265,
    Film,
    add,
    complaints,
    film,
    packets,
    record,
    request,
    still,
)

from tandem.archive.export.export import export
from tandem.archive.rows import GapCause

pytestmark = pytest.mark.real

LENGTH = 300


def without(*holes: range, length: int = LENGTH) -> set[int]:
    return set(range(length)).difference(*holes)


def expected(camera: Film, *kept: set[int]) -> list[bytes]:
    """What at least one copy has, in the order of sending."""
    return [camera.pictures[number].data for number in sorted(set().union(*kept))]


@pytest.mark.parametrize("late_us", [0, -2_000_000, 1_999_999])
@pytest.mark.parametrize("encoder", [H264, H264_B, H265], ids=["h264", "h264-b", "h265-open"])
def test_two_copies_with_different_holes_give_every_picture_and_sound_once(
    tmp_path: Path, encoder: tuple[str, ...], late_us: int
) -> None:
    camera = film(12, encoder, sound=True)
    kept = [without(range(60, 70), range(200, 240)), without(range(71, 110), range(290, 300))]
    sources = [
        record("north", camera, kept[0], breaks={130}),
        record("south", camera, kept[1], late_us=late_us),
    ]
    result = export(sources, request(tmp_path / "gate.mp4", BASE_US - 10_000_000))
    (file,) = result.files
    assert packets(file.path) == [picture.data for picture in camera.pictures]
    assert packets(file.path, "audio") == [sound.data for sound in camera.sounds]
    assert complaints(file.path) == ""
    assert [copy.frames_held for copy in result.copies] == [len(kept[0]), len(kept[1])]
    assert sum(copy.frames_taken for copy in result.copies) == LENGTH
    assert result.separate_encodings == []
    assert result.problems == []


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_each_copy_missed_no_picture_is_doubled_or_lost(
    tmp_path: Path, data: st.DataObject
) -> None:
    camera = film(12)
    holes = st.lists(
        st.builds(
            lambda start, length: range(start, start + length),
            st.integers(0, LENGTH),
            st.sampled_from([1, 2, 7, 30, 120]),
        ),
        max_size=5,
    )
    kept = [without(*data.draw(holes, label=name)) | {0} for name in ("a", "b", "c")]
    sources = [
        record(
            name,
            camera,
            mine,
            late_us=data.draw(st.integers(-2_000_000, 2_000_000), label=f"late {name}"),
            breaks=data.draw(st.sets(st.integers(1, LENGTH), max_size=3), label=f"breaks {name}"),
        )
        for name, mine in zip("abc", kept, strict=True)
    ]
    with TemporaryDirectory(dir=tmp_path) as folder:
        result = export(sources, request(Path(folder) / "gate.mp4", BASE_US - 10_000_000))
        # A hole in all of them ends in the middle of a GOP: another file, see `test_no_keyframe`.
        found = [data for file in result.files for data in packets(file.path)]
    held = expected(camera, *kept)
    assert found == held[: len(found)]
    assert result.frames == len(found)
    # What none of them has the keyframe of, up to the end, is listed and in no file.
    left_out = sorted(set().union(*kept))[len(found) :]
    assert not any(camera.pictures[number].is_keyframe for number in left_out)
    causes = {one.cause for one in result.missing}
    assert GapCause.KEYFRAME_MISSING in causes or not left_out


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    late_us=st.integers(-300_000, 300_000),
    starts=st.lists(st.integers(1, 260), max_size=3),
)
def test_a_scene_so_still_that_every_gop_is_the_same_is_neither_thinned_nor_doubled(
    tmp_path: Path, late_us: int, starts: list[int]
) -> None:
    camera = still(12)
    kept = [without(*(range(start, start + 9) for start in starts)) | {0}, without(range(150, 170))]
    sources = [record("a", camera, kept[0]), record("b", camera, kept[1], late_us=late_us)]
    with TemporaryDirectory(dir=tmp_path) as folder:
        result = export(sources, request(Path(folder) / "gate.mp4", BASE_US - 10_000_000))
        found = [data for file in result.files for data in packets(file.path)]
    assert found == expected(camera, *kept)


def test_sound_that_only_the_copy_has_whose_pictures_are_not_taken_is_heard(
    tmp_path: Path,
) -> None:
    camera = film(12, H264, sound=True)
    mute = record("a", Film(camera.pictures, []))
    result = export(
        [mute, record("b", camera, set(range(250)))],
        request(tmp_path / "gate.mp4", BASE_US, BASE_US + 240 * FRAME_US),
    )
    assert [copy.frames_taken for copy in result.copies] == [240, 0]
    heard = [one.data for one in camera.sounds if one.pts * 1_000_000 // 16_000 < 240 * FRAME_US]
    assert packets(result.files[0].path, "audio") == heard


def test_a_still_scene_that_the_next_node_took_over_after_a_pause_keeps_what_both_have(
    tmp_path: Path,
) -> None:
    camera = still(12)
    kept = [set(range(100)), set(range(160, 300))]
    sources = [record("a", camera, kept[0]), record("b", camera, kept[1])]
    result = export(sources, request(tmp_path / "gate.mp4"))
    # The pause ends in the middle of a GOP: another file, see `test_no_keyframe`.
    found = [data for file in result.files for data in packets(file.path)]
    assert found == expected(camera, *kept)


def test_pictures_that_a_camera_sends_again_on_connecting_are_not_doubled(tmp_path: Path) -> None:
    camera = film(12)
    source = record("a", camera, set(range(160)))
    add(source, camera, set(range(125, 300)), late_us=900_000)
    result = export([source], request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]


def test_a_keyframe_that_one_copy_lacks_comes_from_the_other(tmp_path: Path) -> None:
    camera = film(4)
    sources = [
        record("a", camera, without(range(25, 26), length=100)),
        record("b", camera, set(range(25, 26)) | set(range(60, 100)), late_us=7_000),
    ]
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]
    assert complaints(result.files[0].path) == ""
    assert [copy.frames_taken for copy in result.copies] == [99, 1]


def test_pictures_before_the_first_keyframe_of_a_connection_complete_the_other_copy(
    tmp_path: Path,
) -> None:
    camera = film(4)
    sources = [record("a", camera, set(range(37))), record("b", camera, set(range(33, 100)))]
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]
    assert complaints(result.files[0].path) == ""


def test_time_does_not_jump_when_the_better_copy_comes_back(tmp_path: Path) -> None:
    camera = film(12)
    sources = [
        record("a", camera, without(range(100, 200))),
        record("b", camera, set(range(90, 230)), late_us=1_500_000),
    ]
    result = export(sources, request(tmp_path / "gate.mp4"))
    (span,) = result.files[0].spans
    assert span.from_us == BASE_US
    assert abs(span.to_us - span.from_us - LENGTH * FRAME_US) <= 2 * ANCHOR_US


def test_copies_that_a_camera_encoded_separately_are_joined_at_keyframes_and_it_is_said(
    tmp_path: Path,
) -> None:
    ours, theirs = film(30), film(30, H264, "96x64")
    sources = [
        record("a", ours, without(range(300, 410), length=750)),
        record("b", theirs, set(range(100, 740))),
    ]
    result = export(sources, request(tmp_path / "gate.mp4"))
    assert result.separate_encodings == [["a"], ["b"]]
    found = [packets(file.path) for file in result.files]
    # The other encoding has another size, so it needs a file of its own. By its clock the last of
    # its pictures is from just before the first one of ours.
    assert found == [
        [picture.data for picture in ours.pictures[:300]],
        [picture.data for picture in theirs.pictures[300:426]],
        [picture.data for picture in ours.pictures[425:]],
    ]
    assert [complaints(file.path) for file in result.files] == ["", "", ""]
    assert all(one.from_us > BASE_US + 29 * FPS * FRAME_US for one in result.missing)


def test_an_export_that_begins_within_a_gop_of_separate_encodings_has_its_keyframe(
    tmp_path: Path,
) -> None:
    ours, theirs = film(30), film(30, H264, "96x64")
    sources = [record("a", ours), record("b", theirs, set(range(740)))]
    from_us, to_us = BASE_US + 110 * FRAME_US, BASE_US + 120 * FRAME_US
    result = export(sources, request(tmp_path / "gate.mp4", from_us, to_us))
    assert packets(result.files[0].path) == [one.data for one in ours.pictures[100:120]]
    assert result.files[0].spans[0].from_us == from_us
