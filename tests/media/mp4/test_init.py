from dataclasses import replace

import pytest
from tests.media.mp4.material import HEADER
from tests.media.mp4.synthetic import AAC, H264, H265, OPUS, PCMU

from tandem.media.mp4.boxes import Mp4Error
from tandem.media.mp4.init import init_segment, parse_init
from tandem.media.units import AudioConfig, Codec, VideoConfig

PCMA = AudioConfig(Codec.PCMA, 16_000, 2)
AAC_96 = AudioConfig(Codec.AAC, 96_000, 2, bytes.fromhex("1010"), 1024)
"""A rate beyond the 16 bits that a sample entry has for it."""

AAC_LONG = replace(AAC, specific=AAC.specific + bytes(300))
"""A configuration whose descriptor's size needs more than one byte."""


@pytest.mark.parametrize("video", [H264, H265])
@pytest.mark.parametrize("audio", [None, AAC, AAC_96, AAC_LONG, OPUS, PCMU, PCMA])
def test_configurations_come_back_as_they_were(
    video: VideoConfig, audio: AudioConfig | None
) -> None:
    init = init_segment(video, audio, HEADER)
    parsed = parse_init(init + b"what follows")
    assert parsed.init_bytes == len(init)
    assert (parsed.header, parsed.video, parsed.audio) == (HEADER, video, audio)


def test_the_last_box_of_moov_is_the_header_and_nothing_follows_moov() -> None:
    init = init_segment(H264, AAC, HEADER)
    assert init[4:8] == b"ftyp"
    moov = int.from_bytes(init[:4], "big")
    assert init[moov + 4 : moov + 8] == b"moov"
    assert moov + int.from_bytes(init[moov : moov + 4], "big") == len(init)
    assert init.endswith(b'"start_us":1795000000040000}')


@pytest.mark.parametrize("video", [H264, H265])
def test_a_missing_parameter_set_is_told_before_anything_is_written(video: VideoConfig) -> None:
    for i in range(len(video.parameter_sets)):
        rest = video.parameter_sets[:i] + video.parameter_sets[i + 1 :]
        with pytest.raises(Mp4Error, match="parameter sets"):
            init_segment(replace(video, parameter_sets=rest), None, HEADER)


def test_more_parameter_sets_than_avcc_can_count_are_refused_and_not_wrapped_around() -> None:
    sps = H264.parameter_sets[0]
    # pic_parameter_set_id as ue(v), seq_parameter_set_id 0, filling bits
    pps = [
        b"\x68"
        + int(f"{i + 1:b}".zfill(2 * (i + 1).bit_length() - 1).ljust(23, "1") + "1", 2).to_bytes(
            3, "big"
        )
        for i in range(256)
    ]
    init_segment(replace(H264, parameter_sets=(sps, *pps[:255])), None, HEADER)
    with pytest.raises(Mp4Error, match="room"):
        init_segment(replace(H264, parameter_sets=(sps, *pps)), None, HEADER)


def test_a_start_before_1904_does_not_break_the_creation_time() -> None:
    header = replace(HEADER, start_us=-(1 << 60))
    assert parse_init(init_segment(H264, None, header)).header == header


@pytest.mark.parametrize(
    "kind", [b"ftyp", b"moov", b"trak", b"mdia", b"stsd", b"avcC", b"esds", b"trex"]
)
def test_a_box_that_lost_its_name_makes_the_init_segment_unreadable(kind: bytes) -> None:
    init = init_segment(H264, AAC, HEADER)
    assert kind in init
    with pytest.raises(Mp4Error):
        parse_init(init.replace(kind, b"lost"))


def test_a_file_of_someone_else_is_refused() -> None:
    with pytest.raises(Mp4Error):
        parse_init(b"\0\0\0\x0cftypisom\0\0\0\x08moov")


def test_what_no_lenient_player_would_miss_is_there_for_the_strict_ones() -> None:
    h264, h265 = init_segment(H264, AAC_96, HEADER), init_segment(H265, None, HEADER)
    assert behind(h264, b"vmhd", 0, 4) == b"\0\0\0\1"  # ISO/IEC 14496-12 section 12.1.2: flags 1
    assert behind(h264, b"mp4a", 24, 4) == bytes(4)  # no rate rather than one of 30,464 Hz
    assert behind(h265, b"hvcC", 22, 4) == b"\3\xa0\0\1"  # hvc1: arrays are complete


@pytest.mark.parametrize(("track", "timescale"), [(0, 0), (0, 48_000), (1, 0)])
def test_a_timescale_that_cannot_be_is_refused(track: int, timescale: int) -> None:
    init = bytearray(init_segment(H264, AAC, HEADER))
    at = init.index(b"mdhd") if track == 0 else init.rindex(b"mdhd")
    init[at + 24 : at + 28] = timescale.to_bytes(4, "big")
    with pytest.raises(Mp4Error, match=f"timescale {timescale}"):
        parse_init(init)


def test_a_parameter_set_may_not_reach_into_the_boxes_behind_it() -> None:
    init = bytearray(init_segment(H264, AAC, HEADER))
    at = init.index(H264.parameter_sets[1]) - 2
    init[at : at + 2] = (len(H264.parameter_sets[1]) + 20).to_bytes(2, "big")
    with pytest.raises(Mp4Error, match="cut off"):
        parse_init(init)


def test_a_descriptor_may_not_reach_into_the_boxes_behind_it() -> None:
    init = bytearray(init_segment(H264, AAC, HEADER))
    at = init.index(AAC.specific) - 1
    init[at] += 40
    with pytest.raises(Mp4Error, match="descriptor is damaged"):
        parse_init(init)


def test_a_track_with_two_sample_entries_is_refused() -> None:
    init = bytearray(init_segment(H264, None, HEADER))
    at = init.index(b"avc1")
    size = int.from_bytes(init[at - 4 : at], "big")
    init[at - 4 : at] = (size - 8).to_bytes(4, "big")
    init[at - 4 + size - 8 : at - 4 + size] = b"\0\0\0\x08avc3"
    with pytest.raises(Mp4Error, match="2 sample entries"):
        parse_init(init)


def behind(init: bytes, kind: bytes, skip: int, count: int) -> bytes:
    at = init.index(kind) + len(kind) + skip
    return init[at : at + count]
