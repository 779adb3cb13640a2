"""Each fault, seen by a client on a raw socket."""

import socket
import time
from itertools import islice, pairwise

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient, read_rtp
from tests.lab.camera.running import TINY, RunningCameras, free_port, wait_until

from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import FrameCount

TICKS = 90_000 // TINY["fps"]


def test_a_stalled_camera_keeps_answering_but_sends_nothing(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        before = client.pictures(5)[-1].number
        cameras.fault("stall", duration_s=0.4)
        assert client.request("GET_PARAMETER").status == 200
        numbers = [picture.number for picture in client.pictures(40)]
    cameras.stop()
    gap = next(after for first, after in pairwise([before, *numbers]) if after > first + 10)
    (session,) = cameras.ledger().sessions.values()
    delivered = set(session.numbers())
    assert gap - 1 not in delivered
    assert {before, *numbers} <= delivered
    assert gap - 1 in cameras.ledger().frames


def test_a_fault_may_strike_one_client_alone(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as struck, RawClient(cameras.address()) as spared:
        struck.play()
        spared.play()
        cameras.fault("reset", client=struck.peer, duration_s=0)
        with pytest.raises(ConnectionResetError):
            struck.pictures(1000)
        seen = spared.pictures(60)
    assert [after.number - before.number for before, after in pairwise(seen)] == [1] * 59


def test_the_end_of_a_fault_ends_no_later_one_and_no_other(start: StartCameras) -> None:
    cameras = start()
    cameras.fault("loss", value=1, duration_s=0.1)
    cameras.fault("loss", value=2)
    cameras.fault("reorder", value=1)
    cameras.fault("freeze", duration_s=0.2)
    wait_until(lambda: "freeze" not in active(cameras), "the last fault with an end is over")
    assert active(cameras) == ["loss", "reorder"]


def active(cameras: RunningCameras) -> list[str]:
    names: list[str] = cameras.ask("statistics")["result"]["1"]["faults"]
    return names


def test_a_reset_strikes_newcomers_until_it_is_cleared(start: StartCameras) -> None:
    cameras = start()
    cameras.fault("reset")
    with RawClient(cameras.address()) as client, pytest.raises(ConnectionResetError):
        client.play()
    cameras.clear()
    with RawClient(cameras.address()) as client:
        client.play()
        assert client.pictures(1)


def test_refused_connections_are_taken_again_at_the_same_port(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as playing:
        playing.play()
        cameras.fault("refuse")
        with pytest.raises(ConnectionRefusedError):
            RawClient(cameras.address())
        assert playing.pictures(20)
    cameras.clear()
    wait_until(lambda: takes_connections(cameras.address()), "connections are taken again")


def takes_connections(address: str) -> bool:
    try:
        with RawClient(address):
            return True
    except ConnectionRefusedError:
        return False


def test_one_camera_of_a_shared_port_resets_where_it_cannot_refuse(start: StartCameras) -> None:
    port = free_port()
    cameras = start([{"port": port}, {"port": port}])
    cameras.fault("refuse", camera=2)
    with RawClient(cameras.address(1)) as client:
        assert client.request("DESCRIBE").status == 200
    with RawClient(cameras.address(2)) as client, pytest.raises(ConnectionResetError):
        client.request("DESCRIBE")


def receive_udp(client: RawClient, count: int) -> list[int]:
    """Play over UDP and return the sequence numbers that arrive."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
    ):
        for one in (rtp, rtcp):
            one.bind(("127.0.0.1", 0))
            one.settimeout(10)
            # The kernel drops what a test that is kept from running does not take in time.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        ports = f"{rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
        reply = client.request("SETUP", "/track1", Transport=f"RTP/AVP;unicast;client_port={ports}")
        client.session = reply.headers["session"].partition(";")[0]
        client.request("PLAY")
        packets = [read_rtp(rtp.recv(2000)) for _ in range(count)]
    first = packets[0].sequence
    return [packet.sequence - first & 0xFFFF for packet in packets]


LARGE = {"width_px": 320, "height_px": 192, "bit_rate_kbps": 4000}


def test_udp_packets_are_lost_and_their_pictures_not_claimed(start: StartCameras) -> None:
    cameras = start(profile=LARGE)
    cameras.fault("loss", value=10)
    with RawClient(cameras.address()) as client:
        sequence = receive_udp(client, 400)
    cameras.stop()
    assert 0.04 < 1 - len(sequence) / (sequence[-1] + 1) < 0.2
    assert sequence == sorted(sequence)
    (session,) = cameras.ledger().sessions.values()
    delivered = list(session.numbers())
    assert 0 < len(delivered) < 0.9 * (delivered[-1] - delivered[0])


def test_udp_packets_overtake_each_other_and_none_is_lost(start: StartCameras) -> None:
    cameras = start(profile=LARGE)
    cameras.fault("reorder", value=10)
    with RawClient(cameras.address()) as client:
        sequence = receive_udp(client, 400)
    assert sequence != sorted(sequence)
    assert sorted(sequence)[:380] == list(range(min(sequence), min(sequence) + 380))


@pytest.mark.parametrize("jump_s", [3600, -7])
def test_timestamps_jump_and_jump_back(jump_s: int, start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        times = [picture.time for picture in client.pictures(3)]
        cameras.fault("timestamp-jump", value=jump_s)
        times += [picture.time for picture in client.pictures(30)]
        cameras.clear()
        times += [picture.time for picture in client.pictures(30)]
    steps = {after - before & 0xFFFFFFFF for before, after in pairwise(times)}
    jumps = {TICKS + way * jump_s * 90_000 & 0xFFFFFFFF for way in (-1, 1)}
    assert steps == {TICKS} | jumps


def test_a_session_limit_counts_the_dead_until_they_time_out(start: StartCameras) -> None:
    cameras = start(session_timeout_s=5)
    cameras.fault("session-limit", value=1)
    with RawClient(cameras.address()) as first:
        first.play()
    with RawClient(cameras.address()) as second:
        assert second.set_up().status == 453
        wait_until(lambda: second.set_up().status != 453, "the dead session times out")


def test_a_torn_down_session_makes_room_at_once(start: StartCameras) -> None:
    cameras = start(session_limit=1)
    with RawClient(cameras.address()) as first, RawClient(cameras.address()) as second:
        first.play()
        assert second.set_up().status == 453
        first.request("TEARDOWN")
        assert second.set_up().status == 200


@pytest.mark.parametrize("is_dead", [True, False])
def test_a_session_may_be_torn_down_by_its_name_from_another_connection(
    start: StartCameras, *, is_dead: bool
) -> None:
    cameras = start(session_limit=1, session_timeout_s=600)
    with RawClient(cameras.address()) as first, RawClient(cameras.address()) as second:
        first.play()
        if is_dead:
            first.socket.close()
            wait_until(
                lambda: any(one.closed_us for one in cameras.ledger().sessions.values()),
                "the camera has noticed",
            )
        assert second.set_up().status == 453
        second.session = "unknown"
        assert second.request("TEARDOWN").status == 454
        assert second.set_up().status == 453
        second.session = first.session
        assert second.request("TEARDOWN").status == 200
        second.session = ""
        assert second.set_up().status == 200


@pytest.mark.parametrize(("kind", "status"), [("wrong-password", 401), ("wrong-path", 404)])
def test_a_camera_may_forget_its_password_or_its_path(
    kind: str, status: int, start: StartCameras
) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        assert client.request("DESCRIBE").status == 200
        cameras.fault(kind)
        assert client.request("DESCRIBE").status == status
        cameras.clear()
        assert client.request("DESCRIBE").status == 200


def test_without_video_only_sound_is_offered(start: StartCameras) -> None:
    cameras = start(profile={"audio": True})
    cameras.fault("no-video")
    with RawClient(cameras.address()) as client:
        body = client.request("DESCRIBE").body
        assert "m=audio" in body
        assert "m=video" not in body
        assert client.set_up("/track1").status == 404
        assert client.set_up("/track2").status == 200


def test_missing_reports_come_back_when_cleared(start: StartCameras) -> None:
    cameras = start(report_interval_s=0)
    cameras.fault("reports-missing")
    with RawClient(cameras.address()) as client:
        client.play()
        assert {channel for channel, _ in (client.packet() for _ in range(40))} == {0}
        cameras.clear()
        assert client.report().packets > 0


def test_wrong_reports_name_times_unrelated_to_the_pictures(start: StartCameras) -> None:
    cameras = start(report_interval_s=0)
    cameras.fault("reports-wrong")
    with RawClient(cameras.address()) as client:
        client.play()
        times = {picture.time for picture in client.pictures(20)}
        reports = [client.report().time for _ in range(15)]
    assert len(set(reports)) == 15
    assert not times & set(reports)


@pytest.mark.parametrize(
    ("kind", "value", "low_s", "high_s"),
    [("clock-1970", None, 0, 60), ("clock-step", 3600, None, None)],
)
def test_a_wrong_clock_shows_in_the_reports_and_not_in_the_ledger(
    kind: str, value: float | None, low_s: float | None, high_s: float | None, start: StartCameras
) -> None:
    cameras = start(report_interval_s=0)
    cameras.fault(kind, value=value)
    now_s = time.time()
    with RawClient(cameras.address()) as client:
        client.play()
        told_s = client.report().utc_s
    cameras.stop()
    low_s, high_s = (now_s + 3590, now_s + 3660) if high_s is None else (low_s, high_s)
    assert low_s is not None
    assert low_s <= told_s <= high_s
    assert all(abs(frame.utc_us / 1e6 - now_s) < 60 for frame in cameras.ledger().frames.values())


def test_a_drifting_camera_is_fast_in_pictures_and_clock_alike(start: StartCameras) -> None:
    drift = 0.25  # far more than what a busy machine is late by
    cameras = start(report_interval_s=0)
    cameras.fault("clock-drift", value=drift * 1e6)
    with RawClient(cameras.address()) as client:
        client.play()
        reports = [client.report() for _ in range(60)]
    cameras.stop()
    told_s = reports[-1].utc_s - reports[0].utc_s
    ticks = reports[-1].time - reports[0].time & 0xFFFFFFFF
    assert ticks / 90_000 == pytest.approx(told_s, rel=1e-3)
    taken_us = [frame.utc_us for frame in cameras.ledger().frames.values()][-50:]
    true_s = (taken_us[-1] - taken_us[0]) / 1e6
    assert 49 / TINY["fps"] == pytest.approx(true_s * (1 + drift), rel=0.1)


def test_a_new_ssrc_brings_new_stamps_and_loses_no_picture(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        seen = client.pictures(3)
        cameras.fault("ssrc-change", duration_s=0.2)
        seen += client.pictures(57)
    assert len({picture.ssrc for picture in seen}) == 3
    assert [after.number - before.number for before, after in pairwise(seen)] == [1] * 59


def test_frozen_pictures_are_equal_but_for_their_numbers(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        client.play()
        cameras.fault("freeze")
        client.pictures(20)
        frozen = client.pictures(20)
        cameras.clear()
        moving = client.pictures(40)[10:]
    assert len({picture.slices for picture in frozen}) == 1
    assert len({picture.number for picture in frozen}) == 20
    assert len({picture.slices for picture in moving}) == 30


def test_a_parameter_change_comes_with_a_keyframe_and_its_parameter_sets(
    start: StartCameras,
) -> None:
    alternate = TINY | {"width_px": 320, "height_px": 192}
    cameras = start(alternate=alternate)
    with RawClient(cameras.address()) as client:
        client.play()
        old = client.pictures(1)[0].nals[0]
        cameras.fault("parameter-change")
        seen = client.pictures(40)
    sets = [picture.nals[0] for picture in seen if picture.nals[0][0] & 0x1F == 7]
    assert len(set(sets) - {old}) == 1
    assert sets[-1] != old
    assert {after.time - before.time & 0xFFFFFFFF for before, after in pairwise(seen)} == {TICKS}


def test_a_client_too_slow_is_disconnected_and_the_loss_is_logged(
    start: StartCameras, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = start(profile=LARGE, backlog_limit_bytes=100_000, send_buffer_bytes=8192)
    with RawClient(cameras.address(), receive_buffer_bytes=4096) as client:
        client.play()
        wait_until(
            lambda: any(one.closed_us for one in cameras.ledger().sessions.values()),
            "the slow client is disconnected",
        )
        with pytest.raises(ConnectionError):
            list(islice(client.rtp(), 10_000))
    cameras.stop()
    (session,) = cameras.ledger().sessions.values()
    assert "bytes behind" in session.reason
    assert session.undelivered
    assert "never delivered" in caplog.text
    result = compare(FrameCount(), cameras.ledger(), Span(*session.undelivered[0]))
    assert result.sent == 0


def test_a_dropping_camera_goes_on_with_a_keyframe(start: StartCameras) -> None:
    cameras = start(
        profile=LARGE, slow_client="drop", backlog_limit_bytes=50_000, send_buffer_bytes=8192
    )
    with RawClient(cameras.address(), receive_buffer_bytes=4096) as client:
        client.play()
        wait_until(
            lambda: (
                bool(cameras.ledger().frames)
                and cameras.ask("statistics")["result"]["1"]["sessions"][0]["backlog_bytes"]
                > 50_000
            ),
            "the client is behind",
        )
        reached = max(cameras.ledger().frames)
        wait_until(lambda: max(cameras.ledger().frames) > reached + 50, "it stays so for a while")
        seen = client.pictures(100)
    gaps = [after for before, after in pairwise(seen) if after.number > before.number + 1]
    assert gaps
    assert all(picture.is_keyframe for picture in gaps)
