import pytest
from tests.media.codecs.writing import BitWriter, h264_pps, h264_slice, h264_sps

from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.h264 import parse_pps, parse_sps, recovers_at_once, slice_pps_id


def size(nal: bytes) -> tuple[int, int]:
    sps = parse_sps(nal)
    return sps.width_px, sps.height_px


def test_1080_lines_are_1088_less_cropping() -> None:
    assert size(h264_sps(columns=120, rows=68, crop=(0, 0, 0, 4))) == (1920, 1080)


def test_interlaced_rows_are_counted_per_field_and_cropped_in_double_steps() -> None:
    nal = h264_sps(columns=120, rows=34, frames_only=False, crop=(0, 0, 0, 2))
    assert size(nal) == (1920, 1080)


@pytest.mark.parametrize(
    ("chroma", "planes_apart", "unit"),
    [(0, 0, (1, 1)), (1, 0, (2, 2)), (2, 0, (2, 1)), (3, 0, (1, 1)), (3, 1, (1, 1))],
)
def test_cropping_is_counted_in_units_of_the_chroma_format(
    chroma: int, planes_apart: int, unit: tuple[int, int]
) -> None:
    nal = h264_sps(profile=244, chroma=chroma, planes_apart=planes_apart, crop=(1, 2, 3, 4))
    assert size(nal) == (320 - 3 * unit[0], 240 - 7 * unit[1])
    assert parse_sps(nal).chroma_format_idc == chroma


def test_what_avcc_needs_is_told() -> None:
    sps = parse_sps(h264_sps(profile=100, compatibility=0x0C, sps_id=3))
    assert (sps.profile_idc, sps.compatibility, sps.level_idc) == (100, 0x0C, 40)
    assert (sps.sps_id, sps.bit_depth_luma, sps.bit_depth_chroma) == (3, 8, 8)


@pytest.mark.parametrize("poc_type", [0, 1])
def test_without_a_word_of_it_the_reorder_depth_is_unknown(poc_type: int) -> None:
    assert parse_sps(h264_sps(profile=77, poc_type=poc_type)).reorder_depth is None


def test_baseline_has_no_b_slices() -> None:
    assert parse_sps(h264_sps(profile=66)).reorder_depth == 0


def test_picture_order_count_type_2_is_decoding_order() -> None:
    assert parse_sps(h264_sps(profile=77, poc_type=2)).reorder_depth == 0


def test_an_intra_profile_orders_nothing_anew() -> None:
    assert parse_sps(h264_sps(profile=110, compatibility=0x10)).reorder_depth == 0


@pytest.mark.parametrize("reorder", [0, 1, 16])
def test_the_vui_has_the_last_word_on_reordering(reorder: int) -> None:
    assert parse_sps(h264_sps(profile=77, fps=25, reorder=reorder)).reorder_depth == reorder
    assert parse_sps(h264_sps(profile=66, reorder=reorder)).reorder_depth == reorder


def test_stray_bytes_behind_an_sps_change_nothing() -> None:
    nal = h264_sps(fps=25, reorder=2)
    assert parse_sps(nal + b"\x80\x00\xff") == parse_sps(nal)


def test_a_vui_cut_short_costs_only_what_it_would_have_told() -> None:
    whole = h264_sps(profile=77, fps=25, reorder=2)
    cut = parse_sps(whole[:-3])
    assert (cut.width_px, cut.height_px, cut.reorder_depth) == (320, 240, None)


def test_another_frame_rate_is_no_other_essence() -> None:
    assert parse_sps(h264_sps(fps=25)).essence == parse_sps(h264_sps(fps=8)).essence


@pytest.mark.parametrize(
    "other",
    [h264_sps(rows=16), h264_sps(poc_type=2), h264_sps(profile=77), h264_sps(fps=25, reorder=2)],
)
def test_whatever_decoding_depends_on_is_of_the_essence(other: bytes) -> None:
    assert parse_sps(h264_sps(fps=25)).essence != parse_sps(other).essence


def test_the_importance_of_an_sps_is_not_of_the_essence() -> None:
    nal = h264_sps()
    assert parse_sps(b"\x27" + nal[1:]).essence == parse_sps(nal).essence


@pytest.mark.parametrize(
    "nal",
    [
        b"\x67",
        h264_sps()[:5],
        h264_sps(sps_id=32),
        h264_sps(columns=1025),
        h264_sps(crop=(80, 80, 0, 0)),
        h264_sps(crop=(0, 0, 2**30, 2**30)),
        b"\x67" + bytes(4000),
    ],
)
def test_a_nonsense_sps_is_refused(nal: bytes) -> None:
    with pytest.raises(CodecError):
        parse_sps(nal)


def test_ids_are_read_from_pps_and_slice() -> None:
    assert parse_pps(h264_pps(200, 31)) == (200, 31)
    assert slice_pps_id(h264_slice(key=True, pps_id=200, body=b"\xff")) == 200
    assert slice_pps_id(h264_slice(first_mb=8159, pps_id=7, body=b"\xff")) == 7


def test_a_recovery_point_is_found_behind_other_messages() -> None:
    user_data = b"\x05\x10" + bytes(range(16))
    long_one = b"\x04\xff\x2d" + b"\x55" * 300
    assert recovers_at_once(b"\x06" + user_data + long_one + b"\x06\x01\xc4\x80")


def test_a_gradual_refresh_is_no_point_to_begin_at() -> None:
    gradual = BitWriter().ue(30).u(1, 0).u(1, 0).u(2, 0).unpadded()
    assert not recovers_at_once(b"\x06\x06" + bytes([len(gradual)]) + gradual + b"\x80")


def test_an_sei_that_ends_too_early_is_no_recovery_point() -> None:
    for nal in (b"\x06", b"\x06\x06", b"\x06\x06\x01", b"\x06\xff\xff", b"\x06\x05\x10\x00"):
        assert not recovers_at_once(nal)
