"""What is missing, and how little goes with it."""

import pytest
from tests.media.codecs.writing import h264_slice
from tests.media.depacketise.packets import Packet, feed, fragments, nal_units

from tandem.media.depacketise import make_depacketiser
from tandem.media.depacketise.base import Depacketiser
from tandem.media.units import Codec

A = h264_slice(body=b"\x11" * 40)
A_REST = h264_slice(first_mb=100, body=b"\x22" * 40)
B = h264_slice(body=b"\x33" * 40)
C = h264_slice(body=b"\x44" * 40)
FIRST, MIDDLE, LAST = fragments(Codec.H264, A, [10, 10])


@pytest.fixture
def camera() -> Depacketiser:
    return make_depacketiser(Codec.H264, {}, 90_000)


def times(camera: Depacketiser, *packets: Packet | None) -> list[int]:
    return [unit.rtp_time for unit in feed(camera, packets)]


def test_a_hole_in_a_fragmented_slice_costs_its_access_unit(camera: Depacketiser) -> None:
    packets = [Packet(FIRST, 1), None, Packet(LAST, 1, True), Packet(B, 2, True)]
    assert times(camera, *packets) == [2]
    assert camera.damaged_units == 1


def test_the_rest_of_a_damaged_access_unit_goes_with_it(camera: Depacketiser) -> None:
    packets = [Packet(FIRST, 1), None, Packet(LAST, 1), Packet(A_REST, 1), Packet(B, 2, True)]
    assert times(camera, *packets) == [2]
    assert camera.damaged_units == 1


def test_a_lost_marker_costs_the_access_unit_before_the_hole_alone(camera: Depacketiser) -> None:
    packets = [Packet(A, 1), None, Packet(B, 2, True), Packet(C, 3, True)]
    assert times(camera, *packets) == [2, 3]
    assert camera.damaged_units == 1


def test_a_fragment_whose_beginning_was_lost_is_never_taken_for_a_slice(
    camera: Depacketiser,
) -> None:
    packets = [
        Packet(B, 1, True),
        None,
        Packet(MIDDLE, 2),
        Packet(LAST, 2),
        Packet(A_REST, 2, True),
    ]
    assert times(camera, *packets, Packet(C, 3, True)) == [1, 3]
    assert camera.damaged_units == 1


def test_a_fragment_without_a_beginning_tells_of_damage_though_no_loss_was_told(
    camera: Depacketiser,
) -> None:
    packets = [Packet(A, 1), Packet(MIDDLE, 1), Packet(LAST, 1, True), Packet(B, 2, True)]
    assert times(camera, *packets) == [2]
    assert camera.damaged_units == 1


def test_a_fragment_under_a_new_timestamp_does_not_go_on_with_the_old_one(
    camera: Depacketiser,
) -> None:
    packets = [Packet(FIRST, 1), Packet(MIDDLE, 2), Packet(LAST, 2, True), Packet(B, 3, True)]
    units = feed(camera, packets)
    assert [nal_units(unit) for unit in units] == [(A[:11],), (B,)]
    assert camera.damaged_units == 1


def test_a_picture_whose_first_slice_was_lost_is_not_taken_for_whole(
    camera: Depacketiser,
) -> None:
    packets = [Packet(B, 1, True), None, Packet(A_REST, 2, True), Packet(C, 3, True)]
    assert times(camera, *packets) == [1, 3]
    assert camera.damaged_units == 1


def after_loss(camera: Depacketiser, *packets: Packet | None) -> list[tuple[int, bool]]:
    return [(unit.rtp_time, unit.follows_loss) for unit in feed(camera, packets)]


def test_pictures_lost_whole_are_told_by_the_one_behind_them_alone(camera: Depacketiser) -> None:
    packets = [Packet(A, 1, True), None, Packet(B, 5, True), Packet(C, 6, True)]
    assert after_loss(camera, *packets) == [(1, False), (5, True), (6, False)]
    assert camera.damaged_units == 0


def test_a_picture_that_lacks_a_packet_is_told_by_the_next_whole_one(camera: Depacketiser) -> None:
    hurt = [Packet(FIRST, 2), None, Packet(LAST, 2, True)]
    packets = [Packet(B, 1, True), *hurt, *hurt, Packet(B, 4, True), Packet(C, 5, True)]
    assert after_loss(camera, *packets) == [(1, False), (4, True), (5, False)]


def test_a_picture_without_its_first_slice_is_told_by_the_next_whole_one(
    camera: Depacketiser,
) -> None:
    packets = [Packet(B, 1, True), None, Packet(A_REST, 2, True), Packet(C, 3, True)]
    assert after_loss(camera, *packets) == [(1, False), (3, True)]


def test_where_the_stream_begins_anew_nothing_is_told_of_what_was_lost_before(
    camera: Depacketiser,
) -> None:
    camera.receive(memoryview(FIRST), 0, len(FIRST), 1, False)
    camera.lose()
    camera.flush()
    assert after_loss(camera, Packet(B, 2, True)) == [(2, False)]


def test_loss_told_twice_is_counted_once(camera: Depacketiser) -> None:
    packets = [Packet(FIRST, 1), None, None, Packet(MIDDLE, 1), None, Packet(B, 2, True)]
    assert times(camera, *packets) == [2]
    assert camera.damaged_units == 1


def test_a_sender_whose_clock_stands_still_recovers_at_the_next_marker(
    camera: Depacketiser,
) -> None:
    packets = [Packet(FIRST, 1), None, Packet(LAST, 1, True), Packet(B, 1, True)]
    units = feed(camera, packets)
    assert [nal_units(unit) for unit in units] == [(B,)]


def test_at_the_end_an_unmarked_picture_of_a_marking_sender_is_not_whole(
    camera: Depacketiser,
) -> None:
    assert times(camera, Packet(B, 1, True), Packet(A, 2)) == [1]
    camera.flush()
    assert times(camera) == []
    assert camera.damaged_units == 1


def test_at_the_end_an_open_nal_unit_is_not_whole(camera: Depacketiser) -> None:
    assert times(camera, Packet(B, 1), Packet(FIRST, 2), Packet(MIDDLE, 2)) == [1]
    camera.flush()
    assert times(camera) == []
    assert camera.damaged_units == 1


def test_at_the_end_of_a_stream_without_markers_the_last_picture_is_whole(
    camera: Depacketiser,
) -> None:
    assert times(camera, Packet(B, 1), Packet(A, 2)) == [1]
    camera.flush()
    assert times(camera) == [2]
    assert camera.damaged_units == 0


def test_after_the_end_nothing_old_is_joined_to_what_is_new(camera: Depacketiser) -> None:
    times(camera, Packet(B, 1, True), Packet(FIRST, 2))
    camera.flush()
    assert times(camera, Packet(LAST, 2, True), Packet(C, 3, True)) == [3]


def test_flushing_twice_counts_nothing_twice(camera: Depacketiser) -> None:
    times(camera, Packet(FIRST, 2))
    camera.flush()
    camera.flush()
    assert camera.damaged_units == 1
