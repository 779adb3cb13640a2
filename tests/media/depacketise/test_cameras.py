"""What real cameras do to RFC 6184 and RFC 7798, one test each."""

import pytest
from tests.media.codecs.writing import (
    h264_pps,
    h264_slice,
    h264_sps,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
)
from tests.media.depacketise.packets import (
    Packet,
    aggregate,
    feed,
    fragments,
    identity,
    nal_units,
)

from tandem.media.depacketise import make_depacketiser
from tandem.media.depacketise.base import Depacketiser
from tandem.media.depacketise.nal import TELLING_SLICES
from tandem.media.units import Codec

SPS, PPS = h264_sps(), h264_pps()
SEI = b"\x06\x05\x02\xaa\xbb\x80"
AUD = b"\x09\xf0"
IDR = h264_slice(key=True, body=b"\x11" * 40)
P1 = h264_slice(body=b"\x22" * 30)
P2 = h264_slice(body=b"\x33" * 20)
P1_REST = h264_slice(first_mb=100, body=b"\x44" * 25)
P1_END = h264_slice(first_mb=200, body=b"\x55" * 15)


@pytest.fixture
def camera() -> Depacketiser:
    return make_depacketiser(Codec.H264, {}, 90_000)


@pytest.fixture
def h265_camera() -> Depacketiser:
    return make_depacketiser(Codec.H265, {}, 90_000)


def got(camera: Depacketiser, *packets: Packet | None) -> list[tuple[int, tuple[bytes, ...]]]:
    return [(unit.rtp_time, nal_units(unit)) for unit in feed(camera, packets)]


def test_a_marker_on_an_sei_does_not_end_the_access_unit(camera: Depacketiser) -> None:
    units = got(camera, Packet(SEI, 1, True), Packet(P1, 1, True))
    assert units == [(1, (SEI, P1))]


def test_parameter_sets_under_the_timestamp_of_the_picture_before_go_with_the_next(
    camera: Depacketiser,
) -> None:
    units = got(
        camera,
        *(Packet(SPS, 1, True), Packet(PPS, 1), Packet(IDR, 2, True)),
        *(Packet(P1, 3, True), Packet(SPS, 3), Packet(PPS, 3), Packet(IDR, 4, True)),
    )
    assert units == [(2, (SPS, PPS, IDR)), (3, (P1,)), (4, (SPS, PPS, IDR))]
    assert camera.damaged_units == 0


def test_without_markers_what_stands_behind_a_picture_goes_with_the_next(
    camera: Depacketiser,
) -> None:
    units = got(
        camera,
        *(Packet(P1, 1), Packet(AUD, 1), Packet(SPS, 1), Packet(PPS, 1)),
        *(Packet(IDR, 2), Packet(b"\x0c\xff\x80", 2), Packet(P2, 3)),
    )
    assert units == [(1, (P1,)), (2, (AUD, SPS, PPS, IDR, b"\x0c\xff\x80"))]


def test_a_first_slice_seen_again_begins_the_next_picture_under_the_same_timestamp(
    camera: Depacketiser,
) -> None:
    units = got(
        camera,
        *(Packet(P1, 1), Packet(P1_REST, 1), Packet(SEI, 1), Packet(P2, 1, True)),
        *(Packet(P1, 1), Packet(P2, 1), Packet(IDR, 2)),
    )
    assert units == [(1, (P1, P1_REST)), (1, (SEI, P2)), (1, (P1,)), (1, (P2,))]


def test_a_picture_split_off_under_one_timestamp_has_its_own_identity(
    camera: Depacketiser,
) -> None:
    units = feed(camera, [Packet(aggregate(Codec.H264, [P1, P1_REST, SEI, P2]), 1, True)])
    assert [unit.identity for unit in units] == [
        identity(Codec.H264, [P1, P1_REST]),
        identity(Codec.H264, [P2]),
    ]


def test_two_pictures_with_markers_under_one_timestamp_are_two(camera: Depacketiser) -> None:
    units = got(camera, Packet(P1, 1, True), Packet(P2, 1, True))
    assert units == [(1, (P1,)), (1, (P2,))]


def test_a_camera_that_marks_every_slice_is_believed_once(camera: Depacketiser) -> None:
    slices = (P1, P1_REST, P1_END)
    units = got(camera, *(Packet(s, time, True) for time in range(5) for s in slices))
    assert units == [(0, (P1,)), *((time, slices) for time in range(1, 4))]
    assert camera.damaged_units == 1
    camera.flush()
    assert got(camera) == [(4, slices)]


def test_a_wrong_nal_type_in_later_fragments_is_passed_over(camera: Depacketiser) -> None:
    first, middle, last = fragments(Codec.H264, IDR, [10, 10])
    middle = bytes([0x1C, 0x1F]) + middle[2:]
    last = bytes([0x5C, 0x41]) + last[2:]
    units = got(camera, Packet(first, 1), Packet(middle, 1), Packet(last, 1, True))
    assert units == [(1, (IDR,))]


def test_fragments_without_a_byte_do_no_harm(camera: Depacketiser) -> None:
    first, last = fragments(Codec.H264, P1, [10])
    packets = [first, b"\x7c", b"\x7c\x01", b"", last]
    units = got(camera, *(Packet(p, 1) for p in packets), Packet(b"", 1, True))
    assert units == [(1, (P1,))]


def test_a_first_fragment_without_a_byte_begins_all_the_same(camera: Depacketiser) -> None:
    pieces = fragments(Codec.H264, P1, [0, 0, 5, 0])
    units = got(camera, *(Packet(piece, 1) for piece in pieces), Packet(b"", 1, True))
    assert units == [(1, (P1,))]


def test_start_and_end_in_one_fragment_are_a_whole_nal_unit(camera: Depacketiser) -> None:
    assert got(camera, Packet(b"\x5c\xc1" + P1[1:], 1, True)) == [(1, (P1,))]


@pytest.mark.parametrize("marker", [True, False])
def test_a_last_fragment_that_does_not_say_so_is_the_last_all_the_same(
    camera: Depacketiser, marker: bool
) -> None:
    first, last = fragments(Codec.H264, P1, [10])
    unmarked = bytes([last[0], last[1] & 0x3F]) + last[2:]
    at_once = got(camera, Packet(first, 1), Packet(unmarked, 1, marker))
    assert at_once == ([(1, (P1,))] if marker else [])
    later = got(camera, Packet(P2, 2, True))
    assert [*at_once, *later] == [(1, (P1,)), (2, (P2,))]


def test_another_nal_unit_ends_one_whose_last_fragment_did_not_say_so(
    camera: Depacketiser,
) -> None:
    first, last = fragments(Codec.H264, P1, [10])
    unmarked = bytes([last[0], last[1] & 0x3F]) + last[2:]
    for following in ([P1_REST], fragments(Codec.H264, P1_REST, [5])):
        packets = [first, unmarked, *following]
        units = got(camera, *(Packet(p, 1) for p in packets), Packet(b"", 1, True))
        assert units == [(1, (P1, P1_REST))]


@pytest.mark.parametrize("code", [b"\0\0\1", b"\0\0\0\1"])
@pytest.mark.parametrize("size", [0, 1, 5, 20, 22, 23, 24, 25, 26, 30])
def test_a_byte_stream_sent_as_one_nal_unit_is_taken_apart(
    camera: Depacketiser, code: bytes, size: int
) -> None:
    stream = code.join([SPS, PPS, IDR])
    for payloads in ([stream], [code + stream], fragments(Codec.H264, stream, [size])):
        packets = [Packet(payload, 1) for payload in payloads]
        assert got(camera, *packets, Packet(b"", 1, True)) == [(1, (SPS, PPS, IDR))]


def test_a_byte_stream_in_an_aggregate_is_taken_apart(camera: Depacketiser) -> None:
    packet = aggregate(Codec.H264, [SPS + b"\0\0\1" + PPS, b"\0\0\1" + IDR + b"\0"])
    units = feed(camera, [Packet(packet, 1, True)])
    assert nal_units(units[0]) == (SPS, PPS, IDR)
    assert units[0].identity == identity(Codec.H264, [IDR])


def test_slices_joined_by_start_codes_in_a_keyframe_are_looked_for_ever_after(
    camera: Depacketiser,
) -> None:
    idr_rest = h264_slice(key=True, first_mb=9, body=b"\x77" * 9)
    units = got(
        camera,
        Packet(IDR + b"\0\0\0\1" + idr_rest, 1, True),
        Packet(P1 + b"\0\0\1" + P1_REST, 2, True),
    )
    assert units == [(1, (IDR, idr_rest)), (2, (P1, P1_REST))]


def test_a_sender_that_never_joined_slices_is_taken_at_its_word(camera: Depacketiser) -> None:
    joined = IDR + b"\0\0\1" + h264_slice(key=True, first_mb=9, body=b"\x77" * 9)
    got(camera, *(Packet(IDR, time, True) for time in range(TELLING_SLICES)))
    assert got(camera, Packet(joined, 99, True)) == [(99, (joined,))]


def test_slices_joined_in_the_last_keyframe_that_is_looked_into_are_found(
    camera: Depacketiser,
) -> None:
    idr_rest = h264_slice(key=True, first_mb=9, body=b"\x77" * 9)
    got(camera, *(Packet(IDR, time, True) for time in range(TELLING_SLICES - 1)))
    units = got(camera, Packet(IDR + b"\0\0\1" + idr_rest, 99, True))
    assert units == [(99, (IDR, idr_rest))]


def test_joined_slices_have_the_identity_of_separate_ones(camera: Depacketiser) -> None:
    idr_rest = h264_slice(key=True, first_mb=9, body=b"\x77" * 9)
    joined = feed(camera, [Packet(IDR + b"\0\0\1" + idr_rest, 1, True)])
    apart = feed(camera, [Packet(aggregate(Codec.H264, [IDR, idr_rest]), 2, True)])
    assert joined[0].identity == apart[0].identity == identity(Codec.H264, [IDR, idr_rest])


def test_an_sei_between_slices_is_kept_there_and_is_not_hashed(camera: Depacketiser) -> None:
    nals = (AUD, P1, SEI, P1_REST, SEI, P1_END)
    units = feed(camera, [*(Packet(nal, 1) for nal in nals[:-1]), Packet(nals[-1], 1, True)])
    assert nal_units(units[0]) == nals
    assert units[0].identity == identity(Codec.H264, nals)


def test_an_sei_behind_the_picture_stays_there_when_marked(camera: Depacketiser) -> None:
    assert got(camera, Packet(P1, 1), Packet(SEI, 1, True)) == [(1, (P1, SEI))]


@pytest.mark.parametrize("first", [0x19, 0x1A, 0x1B, 0x1D, 0x1E, 0x1F])
def test_interleaved_packets_cost_their_access_unit(camera: Depacketiser, first: int) -> None:
    refused = bytes([0x60 | first]) + b"\x00" * 20
    units = got(
        camera,
        *(Packet(P1, 1), Packet(refused, 1), Packet(P1_END, 1, True), Packet(P2, 2, True)),
    )
    assert units == [(2, (P2,))]
    assert camera.damaged_units == 1


def test_an_aggregate_longer_than_its_packet_costs_its_access_unit(camera: Depacketiser) -> None:
    torn = aggregate(Codec.H264, [P1, P1_REST])[:-1]
    units = got(camera, Packet(torn, 1), Packet(P1_END, 1, True), Packet(P2, 2, True))
    assert (units, camera.damaged_units) == ([(2, (P2,))], 1)


def test_padding_in_an_aggregate_is_passed_over(camera: Depacketiser) -> None:
    packet = aggregate(Codec.H264, [b"", P1, b"", b""]) + b"\0"
    assert got(camera, Packet(packet, 1, True)) == [(1, (P1,))]


def test_a_unit_above_all_bounds_is_given_up_and_forgotten(camera: Depacketiser) -> None:
    def flood() -> list[Packet]:
        first, _ = fragments(Codec.H264, P1, [10])
        return [Packet(first, 1)] + [Packet(b"\x5c\x01" + b"\xab" * 60_000, 1)] * 300

    assert got(camera, *flood(), Packet(P1, 2, True)) == [(2, (P1,))]
    assert camera.damaged_units == 1


def test_prefixes_without_a_picture_do_not_pile_up_for_ever(camera: Depacketiser) -> None:
    units = got(camera, *(Packet(SEI + bytes(60_000), time) for time in range(300)))
    assert units == []
    assert camera.damaged_units == 1


def test_too_many_nal_units_are_given_up(camera: Depacketiser) -> None:
    swarm = b"\0\0\1".join([SEI[:2]] * 9000)
    units = got(camera, Packet(swarm, 1), Packet(IDR, 1, True), Packet(P1, 2, True))
    assert (units, camera.damaged_units) == ([(2, (P1,))], 1)


def test_an_open_gop_begins_at_its_recovery_point(camera: Depacketiser) -> None:
    recovery = b"\x06\x06\x01\xc4\x80"
    units = feed(
        camera,
        [Packet(recovery, 1), Packet(P1, 1, True), Packet(P2, 2, True), Packet(IDR, 3, True)],
    )
    assert [unit.is_keyframe for unit in units] == [True, False, True]


def test_a_recovery_point_that_was_lost_with_its_picture_is_forgotten(
    camera: Depacketiser,
) -> None:
    recovery = b"\x06\x06\x01\xc4\x80"
    units = feed(camera, [Packet(P1, 1, True), Packet(recovery, 2), None, Packet(P2, 3, True)])
    assert [(unit.rtp_time, unit.is_keyframe) for unit in units] == [(1, False), (3, False)]


H265_SETS = (h265_vps(), h265_sps(), h265_pps())
H265_IDR = h265_slice(19, body=b"\x11" * 40)
H265_P = h265_slice(1, body=b"\x22" * 40)
H265_P_REST = h265_slice(1, first=False, body=b"\x33" * 40)
H265_SUFFIX_SEI = bytes([40 << 1, 1, 0x84, 0x01, 0x00, 0x80])


def test_h265_fragments_with_a_wrong_type_are_joined(h265_camera: Depacketiser) -> None:
    first, middle, last = fragments(Codec.H265, H265_IDR, [10, 10])
    middle = bytes([0x62, 0x01, 38]) + middle[3:]
    units = got(h265_camera, Packet(first, 1), Packet(middle, 1), Packet(last, 1, True))
    assert units == [(1, (H265_IDR,))]


@pytest.mark.parametrize("size", [0, 10, 26, 27, 28, 29, 60])
def test_an_h265_byte_stream_is_taken_apart(h265_camera: Depacketiser, size: int) -> None:
    nals = (*H265_SETS, H265_IDR)
    payloads = fragments(Codec.H265, b"\0\0\0\1".join(nals), [size])
    packets = [Packet(payload, 1) for payload in payloads]
    assert got(h265_camera, *packets, Packet(b"", 1, True)) == [(1, nals)]


def test_h265_fragments_keep_the_whole_header(h265_camera: Depacketiser) -> None:
    enhanced = bytes([H265_P[0] | 1, 0x0B]) + H265_P[2:]
    pieces = fragments(Codec.H265, enhanced, [9, 9])
    units = got(h265_camera, *(Packet(piece, 1) for piece in pieces), Packet(b"", 1, True))
    assert units == [(1, (enhanced,))]


def test_an_h265_aggregate_longer_than_its_packet_costs_its_access_unit(
    h265_camera: Depacketiser,
) -> None:
    torn = aggregate(Codec.H265, [H265_P, H265_P_REST])[:-1]
    units = got(h265_camera, Packet(torn, 1, True), Packet(H265_IDR, 2, True))
    assert (units, h265_camera.damaged_units) == ([(2, (H265_IDR,))], 1)


def test_an_h265_suffix_sei_stays_with_its_picture(h265_camera: Depacketiser) -> None:
    units = got(
        h265_camera,
        *(Packet(H265_P, 1), Packet(H265_SUFFIX_SEI, 1), Packet(H265_SETS[0], 1)),
        *(Packet(H265_IDR, 2), Packet(H265_P, 3)),
    )
    assert units == [(1, (H265_P, H265_SUFFIX_SEI)), (2, (H265_SETS[0], H265_IDR))]


def test_h265_pictures_under_one_timestamp_are_told_apart(h265_camera: Depacketiser) -> None:
    units = got(
        h265_camera, *(Packet(n, 1) for n in (H265_P, H265_P_REST, H265_P)), Packet(H265_P, 2)
    )
    assert units == [(1, (H265_P, H265_P_REST)), (1, (H265_P,))]


@pytest.mark.parametrize("nal_type", range(24))
def test_h265_keyframes_are_irap_pictures(h265_camera: Depacketiser, nal_type: int) -> None:
    units = feed(h265_camera, [Packet(h265_slice(nal_type, body=b"\x55"), 1, True)])
    assert units[0].is_keyframe == (16 <= nal_type <= 21)


def test_h265_paci_packets_cost_their_access_unit(h265_camera: Depacketiser) -> None:
    paci = bytes([50 << 1, 1]) + bytes(20)
    units = got(
        h265_camera,
        Packet(H265_P, 1),
        Packet(paci, 1),
        Packet(b"", 1, True),
        Packet(H265_P, 2, True),
    )
    assert (units, h265_camera.damaged_units) == ([(2, (H265_P,))], 1)
