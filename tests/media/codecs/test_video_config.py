import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.codecs.writing import h264_pps, h264_sps, h265_pps, h265_sps, h265_vps

from tandem.media.codecs import CodecError, video_config
from tandem.media.codecs.h264 import recovers_at_once
from tandem.media.codecs.h264 import slice_pps_id as h264_slice_pps_id
from tandem.media.codecs.h265 import slice_pps_id as h265_slice_pps_id
from tandem.media.codecs.video import MAX_PARAMETER_SET_BYTES
from tandem.media.units import Codec, VideoConfig


def test_sets_are_ordered_by_kind_and_id() -> None:
    sps, pps0, pps1 = h264_sps(reorder=1), h264_pps(0), h264_pps(1)
    assert video_config(Codec.H264, [pps1, pps0, sps]) == VideoConfig(
        Codec.H264, (sps, pps0, pps1), 320, 240, 1
    )


def test_h265_has_its_vps_first() -> None:
    vps, sps, pps = h265_vps(), h265_sps(), h265_pps()
    config = video_config(Codec.H265, [sps, pps, vps])
    assert config.parameter_sets == (vps, sps, pps)
    assert config.reorder_depth == 2


def test_of_two_sets_with_one_id_the_later_counts() -> None:
    config = video_config(Codec.H264, [h264_sps(), h264_pps(), h264_sps(rows=30)])
    assert (len(config.parameter_sets), config.height_px) == (2, 480)


@pytest.mark.parametrize(
    ("codec", "sets", "missing"),
    [
        (Codec.H264, [], "SPS"),
        (Codec.H264, [h264_sps()], "PPS"),
        (Codec.H265, [h265_sps(), h265_pps()], "VPS"),
    ],
)
def test_the_kind_that_is_missing_is_named(codec: Codec, sets: list[bytes], missing: str) -> None:
    with pytest.raises(CodecError, match=f"has no {missing}"):
        video_config(codec, sets)


@pytest.mark.parametrize("nal", [b"", b"\x67", b"\x65\x88", b"\x67" + b"\xff" * 5000])
def test_what_is_no_parameter_set_is_refused(nal: bytes) -> None:
    with pytest.raises(CodecError):
        video_config(Codec.H264, [h264_sps(), h264_pps(), nal])


def test_sets_of_an_enhancement_layer_are_refused() -> None:
    with pytest.raises(CodecError, match="enhancement"):
        video_config(Codec.H265, [b"\x42\x09" + h265_sps()[2:]])


def test_sound_has_no_parameter_sets() -> None:
    with pytest.raises(CodecError, match="opus has no parameter sets"):
        video_config(Codec.OPUS, [h264_sps()])


hostile = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda start, tail: start + tail,
        st.sampled_from([h264_sps(fps=25)[:9], b"\x67\x64\x00\x28", b"\x68", b"\x42\x01\x01\x01"]),
        st.binary(max_size=MAX_PARAMETER_SET_BYTES),
    ),
    st.builds(
        lambda nal, at, byte: nal[: at % len(nal)] + byte + nal[at % len(nal) + 1 :],
        st.sampled_from([h264_sps(fps=9, reorder=3), h264_pps(), h265_sps(), h265_vps()]),
        st.integers(0, 99),
        st.binary(min_size=1, max_size=1),
    ),
)


@given(hostile, st.sampled_from([Codec.H264, Codec.H265]))
def test_no_bytes_do_more_than_raise_the_one_error(nal: bytes, codec: Codec) -> None:
    good = {
        Codec.H264: [h264_sps(), h264_pps()],
        Codec.H265: [h265_vps(), h265_sps(), h265_pps()],
    }
    for parse in (h264_slice_pps_id, h265_slice_pps_id):
        with contextlib.suppress(CodecError):
            assert 0 <= parse(nal) <= 255
    recovers_at_once(nal)
    try:
        config = video_config(codec, [*good[codec], nal])
    except CodecError:
        return
    assert 0 < config.width_px <= 16384
    assert 0 < config.height_px <= 32768
