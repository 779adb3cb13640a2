"""The recorder process against cameras: every picture they delivered is in a file, once."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.running import CameraThread, RunningCameras, with_defaults
from tests.recording.running import RecorderProcess, complaints

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause, State
from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import count_frames
from tandem.media.mp4.init import parse_init

pytestmark = pytest.mark.real

SLOW = {"fps": 25, "length_s": 2, "gop_s": 1.0}
FRAME_US = 40_000
UNSETTLED_US = 500_000


class Bench:
    """Cameras and one recorder of all of them."""

    def __init__(self, cameras: RunningCameras, recorder: RecorderProcess) -> None:
        self.cameras = cameras
        self.recorder = recorder

    def compare(self, number: int = 1, *, until_us: int | None = None) -> Comparison:
        """Hold the files against the ledger; by default up to half a second before now.

        The cameras are switched off for it, since a ledger is complete only then.
        """
        until_us = until_us or time.time_ns() // 1000
        self.cameras.stop()
        files = self.recorder.files(f"c{number}")
        ledger = self.cameras.ledger(number)
        return compare(count_frames(files), ledger, Span(until_us=until_us - UNSETTLED_US))

    def stop_and_compare(self, number: int = 1) -> Comparison:
        until_us = time.time_ns() // 1000
        self.wait_until_recorded(number, until_us)
        assert self.recorder.stop() == 0, self.recorder.log
        return self.compare(number, until_us=until_us)

    def recorded_until_us(self, number: int) -> int:
        """Up to when the recorder says that it has recorded a camera, UTC."""
        return int(self.recorder.stream(f"c{number}").get("recorded_until_us") or 0)

    def wait_until_recorded(self, number: int, until_us: int) -> None:
        """Until all is taken in that is compared then, from a recorder that may be kept waiting."""
        self.recorder.wait_for(
            lambda: self.recorded_until_us(number) >= until_us - UNSETTLED_US, "what was sent"
        )

    def gaps(self) -> list[Gap]:
        index = IndexReader.open_for_reading(self.recorder.root / INDEX_FILE)
        found = index.gaps("c1", 0, 1 << 62)
        index.close()
        return found


Begin = Callable[..., Bench]


@pytest.fixture
def begin(cache: Path, tmp_path: Path) -> Iterator[Begin]:
    """Starts cameras with some settings, a fault of camera 1, and a recorder of them."""
    with ExitStack() as stack:

        def start(
            cameras: list[dict[str, Any]] | None = None,
            order: dict[str, Any] | None = None,
            fault: tuple[str, int] | None = None,
            **settings: Any,
        ) -> Bench:
            complete = with_defaults(cameras or [settings])
            running = stack.enter_context(CameraThread(tmp_path / "cameras", cache, complete))
            if fault is not None:
                running.fault(fault[0], value=fault[1])
            orders = [
                {"camera_id": f"c{one['number']}", "url": running.address(one["number"])}
                | (order or {})
                for one in complete
            ]
            recorder = stack.enter_context(RecorderProcess(tmp_path / "volume", orders))
            return Bench(running, recorder)

        yield start


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "long GOP": {"profile": {"gop_s": 3.0, "length_s": 6, "fps": 25}},
    "variable GOP": {"profile": {"gop": "variable", "gop_s": 0.5, "length_s": 3, "fps": 25}},
    "B-frames": {"profile": SLOW | {"b_frames": 2}},
    "slices": {"profile": {"slices": 4, "height_px": 128}},
    "H.265": {"profile": SLOW | {"codec": "h265"}},
    "cached GOP": {"start": "cached-gop", "profile": SLOW},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_recorded_once_and_every_file_is_clean(begin: Begin, kind: str) -> None:
    bench = begin(**KINDS[kind])
    bench.recorder.wait_for_pictures("c1", 100)
    result = bench.stop_and_compare()
    assert result.exact, result
    assert result.sent > 80
    assert {complaints(path) for path in bench.recorder.files("c1")} == {""}


def test_sound_is_recorded_beside_the_picture(begin: Begin) -> None:
    bench = begin(profile=SLOW | {"audio": True}, order={"audio": True})
    bench.recorder.wait_for_pictures("c1", 75)
    assert bench.stop_and_compare().exact
    for path in bench.recorder.files("c1"):
        assert complaints(path) == ""
        assert parse_init(path.read_bytes()).audio is not None


def test_a_camera_without_a_keyframe_on_connecting_loses_no_picture(begin: Begin) -> None:
    bench = begin(start="immediately", profile=SLOW)
    bench.recorder.wait_for_pictures("c1", 75)
    assert bench.stop_and_compare().exact


@pytest.mark.parametrize("percent", [20, 100])
def test_over_udp_packets_in_disorder_from_the_first_on_lose_nothing(
    begin: Begin, percent: int
) -> None:
    bench = begin(order={"transport": "udp"}, fault=("reorder", percent))
    bench.recorder.wait_for_pictures("c1", 200)
    bench.cameras.clear()
    # The end cuts the last picture anywhere; cut from one in disorder, it would lack its mark.
    bench.recorder.wait_for_pictures("c1", 10)
    result = bench.stop_and_compare()
    assert result.exact, result


def test_over_udp_lost_packets_cost_their_pictures_and_are_counted(begin: Begin) -> None:
    bench = begin(order={"transport": "udp"})
    bench.cameras.fault("loss", value=5)
    bench.recorder.wait_for_pictures("c1", 200)
    bench.recorder.wait_for(
        lambda: bench.recorder.stream("c1")["lost_packets"] > 0, "a lost packet in the status"
    )
    result = bench.stop_and_compare()
    # A picture whose mark alone was in a lost packet is recorded, without it.
    assert (result.lost, result.doubled, result.out_of_order) == ((), (), ())
    assert result.sent < result.captured


def test_over_udp_each_lost_picture_is_in_a_gap_with_that_cause(begin: Begin) -> None:
    bench = begin(order={"transport": "udp"}, profile=SLOW)
    bench.recorder.wait_for_pictures("c1", 50)
    assert bench.gaps() == []
    bench.cameras.fault("loss", value=5)
    bench.recorder.wait_for_pictures("c1", 200)
    bench.cameras.clear()
    bench.recorder.wait_for_pictures("c1", 60)
    assert bench.recorder.stop() == 0
    gaps = bench.gaps()
    assert {gap.cause for gap in gaps} == {GapCause.PACKETS_LOST}
    bench.cameras.stop()
    captured = bench.cameras.ledger(1).frames
    count = count_frames(bench.recorder.files("c1"))
    found = count.numbers[1]
    lacking = [number for number in range(found[0], found[-1]) if number not in found]
    untold = [
        number
        for number in lacking
        if not any(
            gap.from_us - FRAME_US < captured[number].utc_us < gap.to_us + FRAME_US for gap in gaps
        )
    ]
    # A picture whose mark alone was in a lost packet is recorded, without it.
    assert len(untold) <= count.unmarked < len(lacking)
    told_us = sum(gap.to_us - gap.from_us for gap in gaps)
    assert abs(told_us - (len(lacking) - count.unmarked) * FRAME_US) < 0.1 * told_us + FRAME_US


def test_many_cameras_are_recorded_by_one_process(begin: Begin) -> None:
    bench = begin([{"number": number, "profile": SLOW} for number in range(1, 21)])
    for number in range(1, 21):
        bench.recorder.wait_for_pictures(f"c{number}", 50)
    until_us = time.time_ns() // 1000
    for number in range(1, 21):
        bench.wait_until_recorded(number, until_us)
    assert bench.recorder.stop() == 0
    results = [bench.compare(number, until_us=until_us) for number in range(1, 21)]
    assert all(result.exact and result.sent > 40 for result in results), results


def test_a_reset_connection_is_reopened_at_once_and_the_gap_is_told(begin: Begin) -> None:
    bench = begin(start="immediately")
    bench.recorder.wait_for_pictures("c1", 50)
    bench.cameras.fault("reset", duration_s=0)
    bench.recorder.wait_for(
        lambda: bench.recorder.stream("c1").get("connections", 0) >= 2, "a second connection"
    )
    bench.recorder.wait_for_pictures("c1", 250)
    assert bench.recorder.stop() == 0
    (gap,) = bench.gaps()
    assert gap.cause is GapCause.CAMERA_UNREACHABLE
    assert 0 < gap.to_us - gap.from_us < 20_000_000


def test_parameter_sets_that_change_begin_a_file_and_lose_nothing(begin: Begin) -> None:
    bench = begin(profile={}, alternate={"width_px": 192, "height_px": 128} | TINY_RATE)
    bench.recorder.wait_for_pictures("c1", 50)
    bench.cameras.fault("parameter-change")
    bench.recorder.wait_for_pictures("c1", 250)
    assert bench.stop_and_compare().exact
    files = bench.recorder.files("c1")
    assert {complaints(path) for path in files} == {""}
    assert len({parse_init(path.read_bytes()).video for path in files}) == 2


TINY_RATE = {"fps": 100, "bit_rate_kbps": 400, "gop_s": 0.1, "length_s": 0.5}


@pytest.mark.parametrize("kind", ["ssrc-change", "timestamp-jump", "clock-1970", "clock-step"])
def test_cameras_whose_time_breaks_lose_no_picture_and_time_goes_on(
    begin: Begin, kind: str
) -> None:
    bench = begin()
    bench.recorder.wait_for_pictures("c1", 100)
    value = {} if kind in {"ssrc-change", "clock-1970"} else {"value": 3600}
    bench.cameras.fault(kind, **value)
    bench.recorder.wait_for_pictures("c1", 300)
    status = bench.recorder.stream("c1")
    assert abs(status["recorded_until_us"] - bench.recorder.status["at_us"]) < 60_000_000
    result = bench.stop_and_compare()
    assert result.exact, result


def test_a_stalled_camera_is_noticed_and_recorded_again_when_it_wakes(begin: Begin) -> None:
    bench = begin()
    bench.recorder.wait_for_pictures("c1", 50)
    bench.cameras.fault("stall")
    bench.recorder.wait_for(
        lambda: bench.recorder.stream("c1").get("cause") == "stalled", "a stall in the status"
    )
    assert "no picture for 5 s" in bench.recorder.stream("c1")["message"]
    bench.cameras.clear()
    bench.recorder.wait_for_pictures("c1", 50)
    assert bench.recorder.stop() == 0
    assert [gap.cause for gap in bench.gaps()] == [GapCause.CAMERA_STALLED]


def test_a_camera_that_begins_with_its_next_keyframe_is_waited_for(begin: Begin) -> None:
    bench = begin(profile={"gop_s": 10.0, "length_s": 20, "width_px": 160, "height_px": 96})
    bench.recorder.wait_for_pictures("c1", 30)
    assert bench.recorder.stream("c1")["failures"] == 0


def test_after_kill_9_everything_up_to_the_last_fragment_is_there_and_clean(begin: Begin) -> None:
    bench = begin()
    bench.recorder.wait_for_pictures("c1", 300)
    recorded_us = bench.recorded_until_us(1)
    bench.recorder.kill()
    killed_us = time.time_ns() // 1000
    result = bench.compare(until_us=min(recorded_us, killed_us - 1_000_000))
    assert result.exact, result
    assert {complaints(path) for path in bench.recorder.files("c1")} == {""}


def test_a_change_of_role_begins_a_segment_and_keeps_the_connection(begin: Begin) -> None:
    bench = begin()
    bench.recorder.wait_for_pictures("c1", 50)
    described = {"camera_id": "c1", "url": bench.cameras.address(), "role": "second"}
    bench.recorder.order([described])
    bench.recorder.wait_for_pictures("c1", 200)
    assert bench.recorder.stream("c1")["connections"] == 1
    assert bench.recorder.stream("c1")["role"] == "second"
    assert bench.stop_and_compare().exact
    index = IndexReader.open_for_reading(bench.recorder.root / INDEX_FILE)
    segments = index.segments("c1", 0, 1 << 62)
    index.close()
    assert {one.state for one in segments} == {State.CLOSED}
    roles = [one.role for one in segments]
    assert roles == sorted(roles)
    assert set(roles) == {"primary", "second"}


def test_a_camera_that_is_no_longer_wanted_is_left_in_good_order(begin: Begin) -> None:
    bench = begin()
    bench.recorder.wait_for_pictures("c1", 50)
    bench.recorder.order([])
    bench.recorder.wait_for(lambda: bench.recorder.status.get("streams") == [], "no streams")
    bench.recorder.wait_for(
        lambda: all(one.closed_us for one in bench.cameras.ledger().sessions.values()),
        "the end of the camera's session",
    )
    assert bench.recorder.stop() == 0


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("wrong-password", "unauthorised"), ("wrong-path", "not-found"), ("no-video", "no-video")],
)
def test_a_camera_that_says_no_is_told_apart_in_the_status(
    cache: Path,
    tmp_path: Path,
    kind: str,
    cause: str,
) -> None:
    with CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras:
        cameras.fault(kind)
        order = {"camera_id": "c1", "camera_name": "Gate", "url": cameras.address()}
        with RecorderProcess(tmp_path / "volume", [order]) as recorder:
            recorder.wait_for(lambda: recorder.stream("c1").get("cause") == cause, cause)
            assert recorder.stop() == 0
        assert any("Gate" in line for line in recorder.log)


def test_no_password_is_in_the_log_the_status_or_the_process_list(
    cache: Path,
    tmp_path: Path,
) -> None:
    settings = {"auth": "digest", "user": "admin", "password": "s3cr3t-pw"}
    with CameraThread(tmp_path / "cameras", cache, with_defaults([settings])) as cameras:
        order = {"camera_id": "c1", "url": cameras.address(), "username": "admin"}
        right = order | {"password": "s3cr3t-pw"}
        wrong = order | {"camera_id": "c2", "password": "wr0ng-pw"}
        with RecorderProcess(tmp_path / "volume", [right, wrong]) as recorder:
            recorder.wait_for_pictures("c1", 50)
            recorder.wait_for(
                lambda: recorder.stream("c2").get("cause") == "unauthorised", "a refusal"
            )
            proc = Path(f"/proc/{recorder.process.pid}")
            seen = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
            seen += str(recorder.status).encode()
            assert recorder.stop() == 0
        seen += "\n".join(recorder.log).encode()
        assert b"s3cr3t-pw" not in seen
        assert b"wr0ng-pw" not in seen
