"""What a client receives, seen on a raw socket."""

from contextlib import suppress
from itertools import islice, pairwise

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient
from tests.lab.camera.running import TINY, free_port, wait_until

TICKS = 90_000 // TINY["fps"]


def test_two_clients_get_the_same_pictures_under_different_stamps(start: StartCameras) -> None:
    address = start().address()
    with RawClient(address) as one, RawClient(address) as other:
        one.play()
        other.play()
        first, second = one.pictures(60), other.pictures(60)
    by_number = {picture.number: picture for picture in first}
    shared = [(by_number[two.number], two) for two in second if two.number in by_number]
    assert len(shared) > 30
    assert all(mine.nals == theirs.nals for mine, theirs in shared)
    assert len({theirs.time - mine.time & 0xFFFFFFFF for mine, theirs in shared} - {0}) == 1
    assert first[0].ssrc != second[0].ssrc


def test_numbers_and_timestamps_step_evenly_over_the_loop_joint(start: StartCameras) -> None:
    with RawClient(start().address()) as client:
        client.play()
        seen = client.pictures(120)
    assert [after.number - before.number for before, after in pairwise(seen)] == [1] * 119
    steps = {after.time - before.time & 0xFFFFFFFF for before, after in pairwise(seen)}
    assert steps == {TICKS}


def test_sequence_numbers_have_no_gap_and_packets_fit_the_mtu(start: StartCameras) -> None:
    cameras = start(profile={"width_px": 640, "height_px": 360, "bit_rate_kbps": 4000})
    with RawClient(cameras.address()) as client:
        client.play()
        packets = list(islice(client.rtp(), 300))
    assert {after.sequence - before.sequence & 0xFFFF for before, after in pairwise(packets)} == {1}
    assert max(12 + len(packet.payload) for packet in packets) == 1400


def test_a_play_begins_with_the_next_keyframe(start: StartCameras) -> None:
    with RawClient(start(profile={"gop_s": 1}).address()) as client:
        client.play()
        assert client.pictures(1)[0].is_keyframe


def test_a_cached_gop_comes_at_once_and_goes_on_without_a_gap(start: StartCameras) -> None:
    cameras = start(start="cached-gop", profile={"gop_s": 0.5})
    wait_until(lambda: len(cameras.ledger().frames) > 125, "the third GOP is half over")
    with RawClient(cameras.address()) as client:
        client.play()
        newest = max(cameras.ledger().frames)
        seen = client.pictures(60)
    assert seen[0].is_keyframe
    assert seen[0].number < newest
    assert seen[0].number > 100, "An older GOP was cached."
    assert [after.number - before.number for before, after in pairwise(seen)] == [1] * 59


def test_a_camera_that_starts_immediately_sends_no_keyframe_first(start: StartCameras) -> None:
    cameras = start(start="immediately", profile={"gop_s": 10, "length_s": 2})
    wait_until(lambda: len(cameras.ledger().frames) > 3, "the keyframe is over")
    with RawClient(cameras.address()) as client:
        client.play()
        assert not client.pictures(1)[0].is_keyframe


def test_each_client_may_have_an_encoder_of_its_own(start: StartCameras) -> None:
    address = start(encoders=2, profile={"bit_rate_kbps": 400}).address()
    with RawClient(address) as one, RawClient(address) as other:
        one.play()
        other.play()
        first = {picture.number: picture for picture in one.pictures(40)}
        second = {picture.number: picture for picture in other.pictures(40)}
    shared = first.keys() & second.keys()
    assert len(shared) > 15
    assert all(first[number].slices != second[number].slices for number in shared)
    assert all(first[number].is_keyframe == second[number].is_keyframe for number in shared)


@pytest.mark.parametrize("unique", [True, False])
def test_slices_repeat_in_every_loop_unless_told_to_be_unique(
    unique: bool, start: StartCameras
) -> None:
    with RawClient(start(unique_pictures=unique).address()) as client:
        client.play()
        seen = [picture.slices for picture in client.pictures(150)]
    assert len(set(seen)) == (150 if unique else 50)


def test_an_unmarked_camera_sends_no_sei(start: StartCameras) -> None:
    with RawClient(start(marked=False).address()) as client:
        client.play()
        kinds = {nal[0] & 0x1F for picture in client.pictures(20) for nal in picture.nals}
    assert kinds == {1, 5, 7, 8}


def test_a_sender_report_comes_with_the_first_packet_and_tells_its_capture_time(
    start: StartCameras,
) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        picture = client.pictures(1)[0]
        report = client.report()
    cameras.stop()
    assert (report.ssrc, report.time) == (picture.ssrc, picture.time)
    taken_us = cameras.ledger().frames[picture.number].utc_us
    assert report.utc_s == pytest.approx(taken_us / 1e6, abs=1e-4)


def test_reports_come_at_the_interval_that_was_set(start: StartCameras) -> None:
    with RawClient(start(report_interval_s=0.2).address()) as client:
        client.play()
        reports = [client.report() for _ in range(4)]
    gaps_s = [after.utc_s - before.utc_s for before, after in pairwise(reports)]
    assert all(0.15 < gap_s < 1 for gap_s in gaps_s)
    ticks = [after.time - before.time & 0xFFFFFFFF for before, after in pairwise(reports)]
    assert ticks == pytest.approx([gap_s * 90_000 for gap_s in gaps_s], abs=9)


def test_a_teardown_is_answered_after_a_goodbye(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        client.pictures(3)
        assert client.request("TEARDOWN").status == 200
        last = b""
        while client._packets:
            channel, packet = client.packet()
            last = packet if channel == 1 else last
    assert last[-8:-4] == bytes((0x81, 203, 0, 1))


def test_a_session_unheard_of_is_ended_unless_it_keeps_alive(start: StartCameras) -> None:
    cameras = start(session_timeout_s=5)
    with RawClient(cameras.address()) as silent, RawClient(cameras.address()) as alive:
        silent.play()
        alive.play()
        with suppress(ConnectionError):
            while silent.packet():
                assert alive.request("GET_PARAMETER").status == 200
        assert alive.request("GET_PARAMETER").status == 200
    cameras.stop()
    first, _ = cameras.ledger().sessions.values()
    assert first.reason == "not heard of for too long"


def test_cameras_behind_one_port_are_told_apart_by_path(start: StartCameras) -> None:
    port = free_port()
    cameras = start([{"port": port, "path": "front"}, {"number": 7, "port": port, "path": "/back"}])
    assert cameras.address(1).rpartition("/")[0] == cameras.address(7).rpartition("/")[0]
    for number in (1, 7):
        with RawClient(cameras.address(number)) as client:
            client.play()
            marks = b"".join(client.pictures(1)[0].nals)
            assert b"%08x" % number in marks
