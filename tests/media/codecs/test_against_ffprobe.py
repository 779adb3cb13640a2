import pytest
from tests.media.codecs.real_streams import RECIPES, Stream, coded_stream

from tandem.media.codecs import video_config
from tandem.media.codecs.h264 import parse_sps as parse_h264_sps
from tandem.media.codecs.h265 import parse_sps as parse_h265_sps
from tandem.media.units import Codec

pytestmark = pytest.mark.real

CHROMA = {"yuv420p": (1, 8), "yuv420p10le": (1, 10), "yuv444p": (3, 8)}


@pytest.fixture(params=RECIPES)
def stream(request: pytest.FixtureRequest) -> Stream:
    return coded_stream(request.param)


def parameter_sets(stream: Stream) -> list[bytes]:
    nals = stream.pictures[0].nals
    if stream.codec is Codec.H264:
        return [nal for nal in nals if nal[0] & 31 in {7, 8}]
    return [nal for nal in nals if nal[0] >> 1 in {32, 33, 34}]


def test_the_size_is_the_one_ffprobe_sees(stream: Stream) -> None:
    config = video_config(stream.codec, parameter_sets(stream))
    assert (config.width_px, config.height_px) == (stream.probed["width"], stream.probed["height"])


def test_the_reorder_depth_is_the_one_ffprobe_sees(stream: Stream) -> None:
    config = video_config(stream.codec, parameter_sets(stream))
    assert config.reorder_depth == stream.probed["has_b_frames"]


def test_format_and_level_are_the_ones_ffprobe_sees(stream: Stream) -> None:
    sets = parameter_sets(stream)
    expected = CHROMA[stream.probed["pix_fmt"]]
    if stream.codec is Codec.H264:
        h264 = parse_h264_sps(sets[0])
        assert h264.level_idc == stream.probed["level"]
        assert (h264.chroma_format_idc, h264.bit_depth_luma) == expected
    else:
        h265 = parse_h265_sps(sets[1])
        assert h265.profile_tier_level.level_idc == stream.probed["level"]
        assert (h265.chroma_format_idc, h265.bit_depth_luma) == expected
