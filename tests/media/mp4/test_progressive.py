"""Progressive files: players agree with the tables about every sample, also beyond 4 GiB."""

import json
import subprocess
from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.mp4.material import BASE_US, Clip
from tests.media.mp4.synthetic import AAC, H264, picture, sound

from tandem.media.mp4.boxes import Mp4Error, child, children, read_box, walk
from tandem.media.mp4.fragment import Sample
from tandem.media.mp4.progressive import NOTHING, Edit, MovieTrack, movie_head
from tandem.media.units import AudioConfig, VideoConfig

CHUNK = 10


def track(
    config: VideoConfig | AudioConfig, samples: Sequence[Sample], start: int, edits: list[Edit]
) -> MovieTrack:
    """A track whose chunks of `CHUNK` samples follow each other from byte `start` on."""
    sizes = array("I", [len(sample.data) for sample in samples])
    begins = [start, *accumulate(sizes, initial=start)][1:-1]
    return MovieTrack(
        config=config,
        durations=array("I", [sample.duration for sample in samples]),
        sizes=sizes,
        composition_offsets=array("i", [sample.composition_offset for sample in samples]),
        keyframes=array("I", [at for at, one in enumerate(samples, 1) if one.is_keyframe]),
        chunk_offsets=array("Q", begins[::CHUNK]),
        chunk_samples=array(
            "I", [len(samples[at : at + CHUNK]) for at in range(0, len(samples), CHUNK)]
        ),
        edits=edits,
    )


def file_of(clip: Clip) -> bytes:
    """The clip with its sound behind its pictures, shown from its first picture on."""
    video, audio = clip.video_samples(), clip.audio_samples()
    data = b"".join(bytes(sample.data) for sample in [*video, *audio])
    video_bytes = sum(len(sample.data) for sample in video)
    lead = video[0].composition_offset
    tracks = [track(clip.video, video, 0, [Edit(180_000, lead)])]
    if clip.audio is not None:
        length = sum(one.duration for one in audio) * 90_000 // clip.audio.sample_rate_hz
        early = -min(0, clip.sounds[0].pts)
        tracks.append(track(clip.audio, audio, video_bytes, [Edit(length, early)]))
    return movie_head(tracks, len(data), BASE_US) + data


@pytest.mark.real
def test_every_sample_comes_back_unchanged_and_at_its_time(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(file_of(clip))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in packets] == [one.data for one in clip.pictures]
        assert [packet.pts for packet in packets] == [one.pts for one in clip.pictures]
        assert [packet.is_keyframe for packet in packets] == [
            one.is_keyframe for one in clip.pictures
        ]
    if clip.audio is not None:
        with av.open(str(path)) as container:
            heard = [packet for packet in container.demux(audio=0) if packet.size]
            assert [bytes(packet) for packet in heard] == [one.data for one in clip.sounds]
            assert [packet.pts for packet in heard] == [one.pts for one in clip.sounds]


@pytest.mark.real
def test_ffmpeg_decodes_it_without_a_complaint(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(file_of(clip))
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""


@pytest.mark.real
def test_ffprobe_tells_lengths_codecs_and_the_time_of_filming(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(file_of(clip))
    told = _ffprobe(path)
    assert told["format"]["tags"]["creation_time"] == "2026-11-18T11:06:40.000000Z"
    assert float(told["streams"][0]["duration"]) == 2.0
    assert told["streams"][0]["avg_frame_rate"] == "25/1"
    assert len(told["streams"]) == 1 + (clip.audio is not None)


@pytest.mark.real
def test_samples_beyond_4_gib_are_found(tmp_path: Path) -> None:
    samples = [picture(number, is_keyframe=number % CHUNK == 0) for number in range(20)]
    far = 5 << 30
    ours = track(H264, samples, 0, [Edit(20 * 3_600, 7_200)])
    ours.chunk_offsets[1] = far
    size = len(samples[0].data)
    head = movie_head([ours], far + 10 * size, BASE_US)
    path = tmp_path / "far.mp4"
    with path.open("wb") as file:
        file.write(head)
        file.write(b"".join(bytes(sample.data) for sample in samples[:10]))
        file.seek(len(head) + far)
        file.write(b"".join(bytes(sample.data) for sample in samples[10:]))
    assert path.stat().st_blocks < 1000  # it is nearly all hole
    assert b"co64" in head
    assert b"stco" not in head
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [sample.data for sample in samples]


def test_offsets_stay_32_bits_wide_up_to_the_very_last_byte() -> None:
    samples = [picture(0, is_keyframe=True)]
    ours = track(H264, samples, 0, [Edit(3_600, 0)])
    largest = 0xFFFF_FFFF - len(movie_head([ours], 100, BASE_US))
    assert b"stco" in movie_head([ours], largest, BASE_US)
    beyond = movie_head([ours], largest + 1, BASE_US)
    assert b"co64" in beyond
    (offset,) = _chunk_offsets(beyond, b"co64", 8)
    assert offset == len(beyond)


@given(st.integers(0, 1 << 40), st.integers(1, 60))
def test_chunks_are_counted_from_the_first_byte_of_the_file(data_bytes: int, count: int) -> None:
    samples = [picture(number, is_keyframe=number == 0) for number in range(count)]
    ours = track(H264, samples, 0, [Edit(count * 3_600, 0)])
    head = movie_head([ours], data_bytes, BASE_US)
    kind, width = (b"co64", 8) if b"co64" in head else (b"stco", 4)
    assert _chunk_offsets(head, kind, width) == [len(head) + at for at in ours.chunk_offsets]
    view = memoryview(head + bytes(16))
    *_, mdat = _boxes_but_the_last(view, data_bytes)
    assert mdat == (b"mdat", data_bytes)


def test_a_picture_that_is_shown_before_it_is_due_needs_signed_offsets() -> None:
    samples = [picture(number, is_keyframe=number == 0) for number in range(3)]
    plain = movie_head([track(H264, samples, 0, [Edit(1, 0)])], 10, BASE_US)
    samples[1] = replace(samples[1], composition_offset=-5)
    signed = movie_head([track(H264, samples, 0, [Edit(1, 0)])], 10, BASE_US)
    at = plain.index(b"ctts") + 4
    assert plain[at] == 0
    assert signed[at] == 1
    assert b"\xff\xff\xff\xfb" in signed[at : at + 40]


def test_all_keyframes_need_no_list_and_no_reordering_needs_no_offsets() -> None:
    sounds = [sound(number) for number in range(3)]
    head = movie_head([track(AAC, sounds, 0, [Edit(9, 0)])], 10, BASE_US)
    assert b"stss" not in head
    assert b"ctts" not in head


def test_chunks_of_one_length_take_one_row() -> None:
    samples = [picture(number, is_keyframe=number == 0) for number in range(7 * CHUNK + 1)]
    head = movie_head([track(H264, samples, 0, [Edit(1, 0)])], 10, BASE_US)
    at = head.index(b"stsc") + 8
    words = [int.from_bytes(head[place : place + 4], "big") for place in range(at, at + 28, 4)]
    assert words == [2, 1, CHUNK, 1, 8, 1, 1]


@pytest.mark.real
def test_sound_that_begins_later_waits_for_its_picture(tmp_path: Path) -> None:
    pictures = [picture(number, is_keyframe=number == 0) for number in range(25)]
    sounds = [sound(number) for number in range(20)]
    data = b"".join(bytes(one.data) for one in [*pictures, *sounds])
    start = sum(len(one.data) for one in pictures)
    edits = [Edit(45_000, NOTHING), Edit(38_400, 0)]
    tracks = [
        track(H264, pictures, 0, [Edit(90_000, 7_200)]),
        track(AAC, sounds, start, edits),
    ]
    path = tmp_path / "late.mp4"
    path.write_bytes(movie_head(tracks, len(data), BASE_US) + data)
    told = _ffprobe(path)
    assert float(told["streams"][1]["start_time"]) == 0.5
    assert float(told["streams"][0]["start_time"]) == 0


@pytest.mark.parametrize(
    "spoilt",
    [
        {"durations": array("I", [1])},
        {"composition_offsets": array("i", [1])},
        {"chunk_samples": array("I", [1])},
        {"chunk_offsets": array("Q")},
    ],
    ids=lambda spoilt: next(iter(spoilt)),
)
def test_tables_that_disagree_are_refused(spoilt: dict[str, Any]) -> None:
    samples = [picture(number, is_keyframe=number == 0) for number in range(3)]
    good = track(H264, samples, 0, [Edit(1, 0)])
    with pytest.raises(Mp4Error, match="disagree"):
        movie_head([replace(good, **spoilt)], 10, BASE_US)


def _chunk_offsets(head: bytes, kind: bytes, width: int) -> list[int]:
    at = head.index(kind) + 8
    count = int.from_bytes(head[at : at + 4], "big")
    places = range(at + 4, at + 4 + count * width, width)
    return [int.from_bytes(head[place : place + width], "big") for place in places]


def _boxes_but_the_last(view: memoryview, data_bytes: int) -> list[tuple[bytes, int]]:
    """The boxes of a head, and of the last one, which is cut off, how much it promises."""
    ftyp = read_box(view, 0, len(view))
    moov = read_box(view, ftyp.end, len(view))
    assert len(list(children(view, moov, b"trak"))) == 1
    assert child(view, moov, b"mvhd").size == 120
    assert len(list(walk(view, moov.body, moov.end))) == 2
    size = int.from_bytes(view[moov.end : moov.end + 4], "big")
    kind = bytes(view[moov.end + 4 : moov.end + 8])
    if size == 1:
        return [(kind, int.from_bytes(view[moov.end + 8 : moov.end + 16], "big") - 16)]
    return [(kind, size - 8)]


def _ffprobe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"]
    done = subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=60)
    return dict(json.loads(done.stdout))
