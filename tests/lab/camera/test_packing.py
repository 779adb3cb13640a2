"""RTP payloads, taken apart again by other code than laid them out."""

from hypothesis import given
from hypothesis import strategies as st
from tests.lab.camera.raw_client import Rtp, pictures, read_rtp

from tandem.lab.camera.mark import digits
from tandem.lab.camera.packing import MTU_BYTES, Packed, pack_picture, pack_sound
from tandem.lab.camera.profile import Codec


def packets(packed: Packed) -> list[Rtp]:
    """Walk the block as a TCP client does."""
    found = []
    at = 0
    while at < len(packed.block):
        assert packed.block[at : at + 2] == b"$\0"
        length = int.from_bytes(packed.block[at + 2 : at + 4], "big")
        assert length <= MTU_BYTES
        found.append(read_rtp(packed.block[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


slices = st.builds(
    lambda first, size: bytes((first,)) + b"\x5a" * size,
    st.sampled_from([0x65, 0x41, 0x01]),
    st.one_of(st.integers(1, 60), st.integers(1370, 1400), st.integers(2700, 8000)),
)


@given(st.lists(slices, min_size=1, max_size=6))
def test_h264_nal_units_of_any_size_come_out_as_they_went_in(nals: list[bytes]) -> None:
    (picture,) = pictures(packets(pack_picture(Codec.H264, nals, marked=False)))
    assert list(picture.nals) == nals


@given(st.lists(slices, min_size=1, max_size=3), st.integers(1, 9))
def test_the_mark_stands_before_the_first_slice_and_its_digits_where_they_are_said_to(
    nals: list[bytes], sets: int
) -> None:
    parameter_sets = [b"\x67" + b"\x11" * 300 for _ in range(sets)]
    packed = pack_picture(Codec.H264, [*parameter_sets, *nals], marked=True)
    block = bytearray(packed.block)
    assert packed.mark_at is not None
    block[packed.mark_at : packed.mark_at + 24] = digits(7, 2**64 - 1)
    changed = Packed(bytes(block), packed.starts, packed.ends, None, 0)
    (picture,) = pictures(packets(changed))
    assert list(picture.nals[:sets]) == parameter_sets
    assert picture.nals[sets][0] == 6
    assert picture.number == 2**64 - 1
    assert list(picture.nals[sets + 1 :]) == nals


def test_only_the_last_packet_of_a_picture_bears_the_marker() -> None:
    packed = pack_picture(Codec.H264, [b"\x65" + b"\x5a" * 5000], marked=True)
    markers = [packet.marker for packet in packets(packed)]
    assert markers == [False] * (len(markers) - 1) + [True]


def test_an_aggregate_is_as_important_as_its_most_important_unit() -> None:
    nals = [b"\x06\x05", b"\x41\x9a"]
    (packet,) = packets(pack_picture(Codec.H264, nals, marked=False))
    assert packet.payload[0] == 0x40 | 24


def test_h265_fragments_keep_type_layer_and_temporal_id() -> None:
    nal = bytes((1 << 1, 0x03)) + b"\x5a" * 3000
    payloads = [packet.payload for packet in packets(pack_picture(Codec.H265, [nal], marked=False))]
    assert {payload[:2] for payload in payloads} == {bytes((49 << 1, 3))}
    assert [payload[2] for payload in payloads] == [0x81, 0x01, 0x41]
    assert nal[2:] == b"".join(payload[3:] for payload in payloads)


def test_h265_parameter_sets_share_a_packet() -> None:
    sets = [bytes((kind << 1, 1)) + b"\x11" * 20 for kind in (32, 33, 34)]
    (first, _) = packets(pack_picture(Codec.H265, [*sets, b"\x26\x01" + b"x" * 1350], marked=False))
    assert first.payload == b"\x60\x01" + b"".join(b"\x00\x16" + one for one in sets)


def test_an_aac_frame_stands_behind_its_size_in_bits() -> None:
    (packet,) = packets(pack_sound(b"\x21" * 300))
    assert packet.payload[:4] == bytes((0, 16)) + (300 << 3).to_bytes(2, "big")
    assert packet.payload[4:] == b"\x21" * 300
    assert packet.marker
