"""Software not written here reads our files, and agrees with the source about every sample."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.mp4.material import BASE, BASE_US, FRAME_TICKS, Clip, write

from tandem.media.mp4.scan import scan
from tandem.media.units import Codec

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def file(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "segment.mp4"
    path.write_bytes(write(clip).content)
    return path


def test_every_picture_comes_back_unchanged_and_at_its_time(clip: Clip, file: Path) -> None:
    with av.open(str(file)) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
    assert [bytes(p) for p in packets] == [p.data for p in clip.pictures]
    assert [p.pts for p in packets] == [p.pts + BASE for p in clip.pictures]
    assert [p.is_keyframe for p in packets] == [p.is_keyframe for p in clip.pictures]
    assert [p.dts for p in packets] == [s.dts for s in clip.video_samples()]
    assert all(s.composition_offset >= 0 for s in clip.video_samples())


def test_every_frame_of_sound_comes_back_unchanged_and_at_its_time(clip: Clip, file: Path) -> None:
    with av.open(str(file)) as container:
        if clip.audio is None:
            assert not container.streams.audio
            return
        packets = [p for p in container.demux(audio=0) if p.pts is not None]
    base = BASE_US * clip.audio.sample_rate_hz // 1_000_000
    assert [bytes(p) for p in packets] == [s.data for s in clip.sounds]
    assert [p.pts for p in packets] == [s.pts + base for s in clip.sounds]


def test_ffprobe_tells_codecs_sizes_rates_and_times_as_they_were(clip: Clip, file: Path) -> None:
    told = _ffprobe(file, "-show_streams", "-show_format", "-count_packets")
    video = told["streams"][0]
    assert video["codec_name"] == {Codec.H264: "h264", Codec.H265: "hevc"}[clip.video.codec]
    assert video["codec_tag_string"] == {Codec.H264: "avc1", Codec.H265: "hvc1"}[clip.video.codec]
    assert (video["width"], video["height"]) == (clip.video.width_px, clip.video.height_px)
    assert (video["time_base"], video["avg_frame_rate"]) == ("1/90000", "25/1")
    assert int(video["nb_read_packets"]) == len(clip.pictures)
    assert video["start_pts"] == BASE + min(p.pts for p in clip.pictures)
    assert told["format"]["tags"]["creation_time"] == "2026-11-18T11:06:40.000000Z"
    if clip.audio is not None:
        sound = told["streams"][1]
        names = {Codec.PCMU: "pcm_mulaw", Codec.PCMA: "pcm_alaw"}
        assert sound["codec_name"] == names.get(clip.audio.codec, clip.audio.codec.value)
        assert int(sound["sample_rate"]) == clip.audio.sample_rate_hz
        assert sound["channels"] == clip.audio.channels
        assert sound["time_base"] == f"1/{clip.audio.sample_rate_hz}"


def test_the_decoder_configurations_are_those_of_ffmpegs_own_muxer(clip: Clip, file: Path) -> None:
    with av.open(str(file)) as ours, av.open(str(clip.source)) as theirs:
        video = ours.streams.video[0].codec_context.extradata
        truth = theirs.streams.video[0].codec_context.extradata
        assert video is not None
        assert truth is not None
        if clip.video.codec is Codec.H264:
            assert video == truth
        else:
            assert video[:22] == truth[:22]  # behind that ffmpeg keeps the encoder's SEI as well
        if clip.audio is not None and clip.audio.codec is Codec.AAC:
            sound = ours.streams.audio[0].codec_context.extradata
            assert sound == theirs.streams.audio[0].codec_context.extradata


def test_the_pictures_decode_to_the_same_pixels(clip: Clip, file: Path) -> None:
    assert _pixels(file) == _pixels(clip.source)
    assert len(_pixels(file)) == len(clip.pictures)


def test_nothing_in_the_file_makes_ffmpeg_complain(file: Path) -> None:
    assert _run("ffprobe", "-v", "warning", "-show_packets", file).stderr == b""
    assert _run("ffmpeg", "-v", "error", "-i", file, "-f", "null", "-").stderr == b""


def test_players_seek_to_the_keyframe_before_a_time(clip: Clip, file: Path) -> None:
    wanted = BASE + 30 * FRAME_TICKS
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        container.seek(wanted, stream=stream)
        packet = next(iter(container.demux(stream)))
    found = max(p.pts + BASE for p in clip.pictures if p.is_keyframe and p.pts + BASE <= wanted)
    assert packet.pts == found


def test_a_file_cut_at_the_end_of_any_fragment_plays_to_there(clip: Clip, tmp_path: Path) -> None:
    written = write(clip)
    path = tmp_path / "torn.mp4"
    for end in written.ends[1:]:
        torn = scan(written.content[: end + 30])
        assert torn.whole_bytes == end
        path.write_bytes(written.content[: torn.whole_bytes])
        expected = sum(f.video.sample_count for f in torn.fragments if f.video)
        assert len(_pixels(path)) == expected


def test_a_file_torn_anywhere_keeps_every_whole_fragment_for_players(clip: Clip) -> None:
    written = write(clip)

    @settings(max_examples=25)
    @given(st.integers(written.ends[1], len(written.content)))
    def check(cut: int) -> None:
        torn = scan(written.content[:cut], verify_from=0)
        assert torn.whole_bytes in {max(e for e in written.ends if e <= cut), len(written.content)}
        with av.open(io.BytesIO(written.content[: torn.whole_bytes]), "r") as container:
            read = [bytes(p) for p in container.demux(video=0) if p.pts is not None]
        count = sum(f.video.sample_count for f in torn.fragments if f.video)
        assert read == [p.data for p in clip.pictures[:count]]

    check()


def test_players_accept_decode_times_that_had_to_be_learned(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "learned.mp4"
    learning = replace(clip, video=replace(clip.video, reorder_depth=None))
    path.write_bytes(write(learning).content)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
    assert [p.pts for p in packets] == [p.pts + BASE for p in clip.pictures]
    assert _pixels(path) == _pixels(clip.source)
    assert _run("ffprobe", "-v", "warning", "-show_packets", path).stderr == b""


def _pixels(path: Path) -> list[bytes]:
    """Hashes of all decoded pictures in output order; decoding them gave no cause for complaint."""
    command = ("-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough")
    finished = _run("ffmpeg", *command, "-f", "framemd5", "-")
    assert finished.stderr == b""
    lines = finished.stdout.splitlines()
    return [line.rsplit(b",", 1)[1] for line in lines if not line.startswith(b"#")]


def _ffprobe(path: Path, *arguments: str) -> dict[str, Any]:
    output = _run("ffprobe", "-v", "error", *arguments, "-of", "json", path).stdout
    told: dict[str, Any] = json.loads(output)
    return told


def _run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, command)], capture_output=True, check=True, timeout=60)
