import pytest
from tests.media.codecs.writing import h265_pps, h265_slice, h265_sps, h265_vps

from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.h265 import parse_pps, parse_sps, parse_vps, slice_pps_id


@pytest.mark.parametrize(("chroma", "unit"), [(0, (1, 1)), (1, (2, 2)), (2, (2, 1)), (3, (1, 1))])
def test_the_conformance_window_is_counted_in_units_of_the_chroma_format(
    chroma: int, unit: tuple[int, int]
) -> None:
    sps = parse_sps(h265_sps(chroma=chroma, window=(1, 2, 3, 4)))
    assert (sps.width_px, sps.height_px) == (320 - 3 * unit[0], 240 - 7 * unit[1])


@pytest.mark.parametrize("per_layer", [True, False])
def test_the_reorder_depth_is_that_of_the_highest_sub_layer(per_layer: bool) -> None:
    sps = parse_sps(h265_sps(reorder=(0, 1, 3), ordering_per_layer=per_layer))
    assert (sps.sub_layers, sps.reorder_depth) == (3, 3)


def test_what_hvcc_needs_is_told() -> None:
    sps = parse_sps(h265_sps(sps_id=2, vps_id=1, depths=(10, 9)))
    general = sps.profile_tier_level
    assert (general.profile_space, general.tier_flag, general.profile_idc) == (0, True, 2)
    assert general.compatibility == 0x20000000
    assert (general.constraints, general.level_idc) == (0x900000000000, 120)
    assert (sps.vps_id, sps.sps_id, sps.temporal_id_nested) == (1, 2, True)
    assert (sps.bit_depth_luma, sps.bit_depth_chroma, sps.chroma_format_idc) == (10, 9, 1)


@pytest.mark.parametrize(
    "nal",
    [
        b"\x42\x01",
        h265_sps()[:20],
        h265_sps(size=(0, 240)),
        h265_sps(size=(16385, 240)),
        h265_sps(window=(160, 0, 0, 0)),
        h265_sps(sps_id=16),
        h265_sps(reorder=(16,)),
        h265_sps(reorder=(0,) * 8),
        b"\x42\x01" + bytes(4000),
    ],
)
def test_a_nonsense_sps_is_refused(nal: bytes) -> None:
    with pytest.raises(CodecError):
        parse_sps(nal)


@pytest.mark.parametrize("nal_type", [1, 16, 19, 21])
def test_ids_are_read_from_every_kind(nal_type: int) -> None:
    assert parse_vps(h265_vps(9)) == 9
    assert parse_pps(h265_pps(63, 15)) == (63, 15)
    assert slice_pps_id(h265_slice(nal_type, pps_id=33, body=b"\xff")) == 33
