import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.sdp import Direction, parse
from tandem.media.units import Codec

SPS = bytes.fromhex("6764001eacd940a02ff970110000030001000003003c8f162d96")
PPS = bytes.fromhex("68ebecb22c")


def b64(*nal_units: bytes) -> str:
    return ",".join(base64.b64encode(nal).decode() for nal in nal_units)


SPROP = f"sprop-parameter-sets={b64(SPS, PPS)}"
AAC = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190"

H264_AND_AAC = f"""v=0\r
o=- 1 1 IN IP4 10.0.0.5\r
s=Session streamed by a camera\r
a=control:*\r
a=range:npt=now-\r
m=video 0 RTP/AVP 96\r
c=IN IP4 0.0.0.0\r
b=AS:5000\r
a=recvonly\r
a=control:trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1; profile-level-id=64001E; {SPROP}\r
m=audio 0 RTP/AVP 97\r
a=control:trackID=2\r
a=rtpmap:97 MPEG4-GENERIC/48000/2\r
a=fmtp:97 streamtype=5;profile-level-id=1;{AAC}\r
m=application 0 RTP/AVP 107\r
a=control:trackID=3\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def test_a_cameras_video_sound_and_metadata_are_told_apart() -> None:
    session = parse(H264_AND_AAC)
    video, audio, metadata = session.media
    assert session.control == "*"
    assert (video.kind, video.codec, video.control) == ("video", Codec.H264, "trackID=1")
    assert video.direction is Direction.RECVONLY
    assert video.format
    assert (video.format.payload_type, video.format.clock_rate_hz) == (96, 90_000)
    assert video.format.parameters["packetization-mode"] == "1"
    assert audio.codec is Codec.AAC
    assert audio.format
    assert (audio.format.clock_rate_hz, audio.format.channels) == (48_000, 2)
    assert audio.format.parameters["config"] == "1190"
    assert audio.format.parameters["mode"] == "AAC-hbr"
    assert metadata.codec is None
    assert metadata.format is None
    assert metadata.encodings == "VND.ONVIF.METADATA"


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n", "\r\r\n", " \n"])
def test_any_line_end_will_do(line_end: str) -> None:
    text = H264_AND_AAC.replace("\r\n", line_end)
    assert parse(text) == parse(H264_AND_AAC) == parse(text.encode())


def test_a_description_without_origin_or_version_is_read_all_the_same() -> None:
    text = H264_AND_AAC[H264_AND_AAC.index("m=") :]
    assert parse(text).media == parse(H264_AND_AAC).media


def test_what_follows_the_description_is_no_medium() -> None:
    junk = b"\0\0\0\xff\xfe$garbage\r\nx=1\r\nno equals sign\r\n"
    assert parse(H264_AND_AAC.encode() + junk) == parse(H264_AND_AAC)


def test_parameter_sets_come_as_bare_nal_units() -> None:
    [video, *_] = parse(H264_AND_AAC).media
    assert video.format
    assert video.format.parameter_sets == (SPS, PPS)


@pytest.mark.parametrize(
    ("sprop", "expected"),
    [
        ("", ()),
        ("not base64!,%%%", ()),
        (f"{b64(SPS)},%%%", (SPS,)),
        (b64(PPS, SPS), (SPS, PPS)),
        (b64(SPS, PPS).replace("=", ""), (SPS, PPS)),
        (b64(b"\0\0\0\1" + SPS, b"\0\0\1" + PPS), (SPS, PPS)),
        (b64(SPS, b"\x65slice", PPS), (SPS, PPS)),
        (f"{b64(SPS)},,{b64(PPS)},", (SPS, PPS)),
    ],
)
def test_an_invalid_sprop_costs_only_itself(sprop: str, expected: tuple[bytes, ...]) -> None:
    text = f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets={sprop}\n"
    [video] = parse(text).media
    assert video.format
    assert video.format.parameter_sets == expected


def test_h265_parameter_sets_are_ordered_vps_sps_pps_whatever_the_camera_wrote_first() -> None:
    vps, sps, pps = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p"
    text = (
        "m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\n"
        f"a=fmtp:98 sprop-pps={b64(pps)};sprop-sps={b64(sps)}; sprop-vps={b64(vps)}\n"
    )
    [video] = parse(text).media
    assert video.codec is Codec.H265
    assert video.format
    assert video.format.parameter_sets == (vps, sps, pps)


@pytest.mark.parametrize(("number", "codec"), [(0, Codec.PCMU), (8, Codec.PCMA)])
def test_g711_needs_no_rtpmap(number: int, codec: Codec) -> None:
    [audio] = parse(f"m=audio 0 RTP/AVP {number}\na=control:audio\n").media
    assert audio.format
    assert (audio.codec, audio.format.clock_rate_hz, audio.format.channels) == (codec, 8_000, 1)


def test_an_rtpmap_overrules_the_static_meaning_of_a_payload_type() -> None:
    [audio] = parse("m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/16000\n").media
    assert audio.format
    assert audio.format.clock_rate_hz == 16_000


def test_jpeg_is_kept_and_named_but_not_supported() -> None:
    [video] = parse("m=video 0 RTP/AVP 26\n").media
    assert (video.kind, video.codec, video.encodings) == ("video", None, "JPEG")


def test_the_first_format_that_can_be_recorded_is_chosen() -> None:
    [video] = parse("m=video 0 RTP/AVP 26 96\na=rtpmap:96 H264/90000\n").media
    assert video.format
    assert video.format.payload_type == 96
    assert video.encodings == "JPEG, H264"


def test_video_without_a_clock_rate_has_that_of_all_video() -> None:
    [video] = parse("m=video 0 RTP/AVP 96\na=rtpmap:96 h264\n").media
    assert video.format
    assert (video.codec, video.format.clock_rate_hz) == (Codec.H264, 90_000)


def test_aac_without_a_clock_rate_cannot_be_recorded() -> None:
    [audio] = parse("m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic\n").media
    assert audio.codec is None


def test_two_fmtp_lines_of_one_payload_type_add_up() -> None:
    text = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 a=1\na=fmtp:96 B=2;;=3\n"
    [video] = parse(text).media
    assert video.format
    assert video.format.parameters == {"a": "1", "b": "2"}


def test_a_direction_of_the_session_holds_where_the_medium_has_none() -> None:
    media = parse("a=sendonly\nm=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 0\na=inactive\n").media
    assert [one.direction for one in media] == [Direction.SENDONLY, Direction.INACTIVE]


def test_absurd_numbers_are_left_out() -> None:
    text = (
        "m=video 0 RTP/AVP 96 999 -1 x 96 \uff19\n"
        "a=rtpmap:96 H264/99999999999999999999/-2\na=rtpmap:x y\n"
    )
    [video] = parse(text).media
    assert [one.payload_type for one in video.formats] == [96]


def test_a_thousand_media_do_not_make_a_thousand_tracks() -> None:
    assert len(parse("m=video 0 RTP/AVP 96\n" * 1000).media) == 32


LINES = st.sampled_from(H264_AND_AAC.split("\r\n")) | st.text(max_size=40)


@given(st.binary(max_size=400) | st.lists(LINES, max_size=30).map("\r\n".join))
def test_no_text_makes_the_parser_fail(text: bytes | str) -> None:
    for media in parse(text).media:
        assert media.encodings is not None
        for each in media.formats:
            assert all(each.parameter_sets)
