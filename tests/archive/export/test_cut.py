"""What is shown of an export: from the very picture to the very picture, and when."""

import itertools
from pathlib import Path

import av
import pytest
from tests.archive.export.material import (
    BASE_US,
    FRAME_US,
    H264,
    H264_B,
    H265,
    complaints,
    film,
    packets,
    pictures_shown,
    probe,
    record,
    request,
)

from tandem.archive.export.export import export
from tandem.archive.rows import Gap, GapCause

pytestmark = pytest.mark.real

ENCODERS = pytest.mark.parametrize(
    "encoder", [H264, H264_B, H265], ids=["h264", "h264-b", "h265-open"]
)


@ENCODERS
@pytest.mark.parametrize(("first", "end"), [(0, 300), (37, 180), (74, 75), (101, 299), (25, 50)])
def test_the_first_picture_shown_is_that_of_the_beginning_and_the_last_before_the_end(
    tmp_path: Path, encoder: tuple[str, ...], first: int, end: int
) -> None:
    camera = film(12, encoder, sound=True)
    source = record("a", camera)
    whole = export([source], request(tmp_path / "whole.mp4", BASE_US))
    truth = pictures_shown(whole.files[0].path)
    assert len(truth) == 300
    from_us, to_us = BASE_US + first * FRAME_US, BASE_US + end * FRAME_US
    result = export([source], request(tmp_path / "cut.mp4", from_us, to_us))
    assert pictures_shown(result.files[0].path) == truth[first:end]
    assert complaints(result.files[0].path) == ""
    assert [(span.from_us, span.to_us) for span in result.files[0].spans] == [(from_us, to_us)]
    assert result.missing == []
    assert float(probe(result.files[0].path)["format"]["start_time"]) == 0


@ENCODERS
def test_a_beginning_between_two_pictures_shows_the_one_that_stood_then(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    source = record("a", film(12, encoder))
    whole = export([source], request(tmp_path / "whole.mp4"))
    middle_us = BASE_US + 101 * FRAME_US + FRAME_US // 2
    result = export([source], request(tmp_path / "cut.mp4", middle_us, middle_us + FRAME_US))
    truth = pictures_shown(whole.files[0].path)
    assert pictures_shown(result.files[0].path) == truth[101:103]
    assert result.files[0].spans[0].from_us == BASE_US + 101 * FRAME_US


@ENCODERS
def test_a_player_that_seeks_finds_the_picture_of_that_time(
    tmp_path: Path, encoder: tuple[str, ...]
) -> None:
    result = export([record("a", film(12, encoder, sound=True))], request(tmp_path / "gate.mp4"))
    path = result.files[0].path
    truth = pictures_shown(path)
    # None that leads a keyframe of an open GOP: players that seek there begin behind it.
    for number in (0, 1, 27, 105, 180, 299):
        # A millisecond before, since times on the command line are rounded.
        sought = max(0, number * FRAME_US / 1e6 - 0.001)
        found = pictures_shown(path, "-ss", f"{sought:.6f}")
        assert found == truth[number:], number


def test_nothing_before_the_keyframe_that_is_needed_is_in_the_file(tmp_path: Path) -> None:
    camera = film(12)
    from_us = BASE_US + 110 * FRAME_US
    result = export(
        [record("a", camera)], request(tmp_path / "gate.mp4", from_us, from_us + FRAME_US)
    )
    found = packets(result.files[0].path)
    assert found == [picture.data for picture in camera.pictures[100:111]]


def test_the_file_begins_with_its_table_and_knows_when_it_was_filmed(tmp_path: Path) -> None:
    result = export([record("a", film(12))], request(tmp_path / "gate.mp4", BASE_US + 3_000_000))
    content = result.files[0].path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    told = probe(result.files[0].path)
    assert told["format"]["tags"]["creation_time"] == "2026-11-18T11:06:43.000000Z"
    assert told["streams"][0]["avg_frame_rate"] == "25/1"


def test_a_gap_is_cut_out_and_told_with_its_cause_and_its_place(tmp_path: Path) -> None:
    camera = film(12, H264_B, sound=True)
    source = record("a", camera, set(range(96)) | set(range(192, 300)))
    gap = Gap(
        "gate",
        "main",
        BASE_US + 96 * FRAME_US,
        BASE_US + 192 * FRAME_US,
        GapCause.CAMERA_UNREACHABLE,
        "No route to host.",
    )
    source.noted.append(gap)
    to_us = BASE_US + 300 * FRAME_US
    result = export([source], request(tmp_path / "gate.mp4", BASE_US, to_us))
    path = result.files[0].path
    (missing,) = result.missing
    # Sound of the second after the connection broke is kept, so that much less is cut out.
    assert 900_000 < missing.from_us - gap.from_us < 1_200_000
    heard = [one.pts * 1000 // 16 for one in camera.sounds]
    kept_sounds = [
        one
        for one, at_us in zip(camera.sounds, heard, strict=True)
        if at_us < missing.from_us - BASE_US - 1_000 or 192 * FRAME_US <= at_us < 300 * FRAME_US
    ]
    assert packets(path, "audio") == [one.data for one in kept_sounds]
    assert abs(missing.to_us - gap.to_us) < 2 * FRAME_US
    assert (missing.cause, missing.detail) == (gap.cause, gap.detail)
    assert missing.file == 0
    before, after = result.files[0].spans
    assert missing.at_us == after.at_us == before.to_us - before.from_us
    assert complaints(path) == ""
    shown_s = float(probe(path)["streams"][0]["duration"])
    assert abs(shown_s - (to_us - BASE_US - missing.to_us + missing.from_us) / 1e6) < 0.1
    kept = [*camera.pictures[:96], *camera.pictures[192:]]
    assert packets(path) == [picture.data for picture in kept]
    truth = pictures_shown(path)
    assert len(truth) == len(kept)
    assert pictures_shown(path, "-ss", f"{after.at_us / 1e6 - 0.01:.6f}") == truth[96:]


def test_a_picture_stays_as_long_as_it_stood_where_some_were_lost(tmp_path: Path) -> None:
    source = record("a", film(12), set(range(300)) - {120, 121, 122})
    result = export([source], request(tmp_path / "gate.mp4", BASE_US, BASE_US + 12_000_000))
    assert result.missing == []
    assert len(result.files[0].spans) == 1
    assert float(probe(result.files[0].path)["streams"][0]["duration"]) == pytest.approx(
        12, abs=1e-3
    )


def test_a_change_of_the_picture_begins_another_file_and_none_is_lost(tmp_path: Path) -> None:
    parts = [film(3, H264, "64x64", sound=True), film(3, H265), film(3, H264, "96x64", sound=True)]
    camera = parts[0].then(parts[1]).then(parts[2])
    sources = [
        record("a", camera, set(range(225)) - set(range(60, 90))),
        record("b", camera, set(range(225)) - set(range(140, 160)), late_us=500_000),
    ]
    result = export(sources, request(tmp_path / "gate.mp4", BASE_US - 10_000_000))
    assert [file.path.name for file in result.files] == ["gate.mp4", "gate-2.mp4", "gate-3.mp4"]
    for file, part in zip(result.files, parts, strict=True):
        assert packets(file.path) == [picture.data for picture in part.pictures]
        assert len(pictures_shown(file.path)) == 75
        assert complaints(file.path) == ""
    sound = [
        one for file in result.files if file.sound_frames for one in packets(file.path, "audio")
    ]
    assert sound == [one.data for one in camera.sounds]
    ends = [span for file in result.files for span in file.spans]
    assert all(before.to_us <= after.from_us for before, after in itertools.pairwise(ends))


def test_sound_stays_with_its_picture_to_the_millisecond(tmp_path: Path) -> None:
    camera = film(12, H264_B, sound=True)
    from_us = BASE_US + 130 * FRAME_US
    result = export([record("a", camera)], request(tmp_path / "gate.mp4", from_us))
    with av.open(str(result.files[0].path)) as container:
        heard = {
            bytes(packet): float((packet.pts or 0) * packet.time_base)
            for packet in container.demux(audio=0)
            if packet.size
        }
    for number in (85, 120, 180):
        due_s = (number * 64_000 - 130 * FRAME_US) / 1e6
        assert heard[camera.sounds[number].data] == pytest.approx(due_s, abs=1e-3)


def test_the_sound_of_the_first_picture_is_there_from_its_beginning(tmp_path: Path) -> None:
    camera = film(12, H264, sound=True)
    from_us = BASE_US + 130 * FRAME_US
    result = export([record("a", camera)], request(tmp_path / "gate.mp4", from_us))
    assert packets(result.files[0].path, "audio") == [
        one.data for one in camera.sounds[130 * FRAME_US // 64_000 :]
    ]
    assert float(probe(result.files[0].path)["streams"][1]["start_time"]) <= 0


def test_the_time_that_a_picture_is_told_to_have_finds_that_very_picture(tmp_path: Path) -> None:
    source = record("a", film(12), late_us=13)
    whole = export([source], request(tmp_path / "whole.mp4"))
    truth = pictures_shown(whole.files[0].path)
    for number in (31, 32, 33):
        ticks = (BASE_US + 13 + number * FRAME_US) * 9 // 100
        from_us = ticks * 100 // 9  # as an index or a list of pictures tells it
        result = export([source], request(tmp_path / f"{number}.mp4", from_us))
        assert result.files[0].spans[0].from_us == from_us
        assert pictures_shown(result.files[0].path) == truth[number:]


def test_a_camera_that_sends_a_keyframe_a_minute_is_decoded_from_it(tmp_path: Path) -> None:
    seldom = ("libx264", "-bf", "0", "-g", "9999", "-sc_threshold", "0", "-threads", "1")
    camera = film(45, seldom)
    # As after a cut without a keyframe: of five segments the first alone has one.
    one = record("a", camera, most_fragments=5)
    assert [row.keyframes for row in one.rows] == [1, 0, 0, 0, 0]
    from_us = BASE_US + 1_100 * FRAME_US
    result = export([one], request(tmp_path / "gate.mp4", from_us))
    assert packets(result.files[0].path) == [picture.data for picture in camera.pictures]
    assert len(pictures_shown(result.files[0].path)) == 25
    assert complaints(result.files[0].path) == ""
