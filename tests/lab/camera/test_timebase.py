"""A camera's time, on clocks that are turned by hand."""

import signal
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lab.camera.running import CameraProcess, wait_until, with_defaults

from tandem.lab.camera.timebase import Timebase

HOUR_US = 3_600_000_000
STOPPED_S = 2.2


@dataclass
class HandClock:
    boot: int = 1_000_000
    utc: int = 1_700_000_000_000_000

    def boot_us(self) -> int:
        return self.boot

    def utc_us(self) -> int:
        return self.utc

    def pass_us(self, us: int) -> None:
        self.boot += us
        self.utc += us


@given(st.floats(-1000, 1000), st.integers(0, HOUR_US), st.integers(0, HOUR_US))
def test_media_time_neither_jumps_nor_turns_back_when_the_drift_changes(
    ppm: float, before_us: int, after_us: int
) -> None:
    clock = HandClock()
    base = Timebase(clock, 0)
    clock.pass_us(before_us)
    reached_us = base.media_us(clock.boot)
    base.set_drift(ppm)
    assert base.media_us(clock.boot) == reached_us
    clock.pass_us(after_us)
    passed_us = base.media_us(clock.boot) - reached_us
    assert passed_us == pytest.approx(after_us * (1 + ppm / 1e6), abs=1)


@given(st.floats(-1000, 1000), st.integers(0, HOUR_US))
def test_the_instant_of_a_media_time_is_found_again(ppm: float, media_us: int) -> None:
    base = Timebase(HandClock(), 0)
    base.set_drift(ppm)
    assert base.media_us(base.boot_us(media_us)) == pytest.approx(media_us, abs=2)


def test_200_ppm_put_the_clock_720_ms_ahead_in_an_hour() -> None:
    clock = HandClock()
    base = Timebase(clock, 0)
    base.set_drift(200)
    clock.pass_us(HOUR_US)
    assert base.gained_us(clock.boot) == 720_000


def test_a_stepped_machine_clock_moves_capture_times_and_not_the_pace() -> None:
    clock = HandClock()
    base = Timebase(clock, 0)
    due_us = base.boot_us(40_000)
    before_us = base.utc_us(due_us)
    clock.utc += 5_000_000
    assert base.boot_us(40_000) == due_us
    assert base.utc_us(due_us) == before_us + 5_000_000


@pytest.mark.real
def test_a_camera_that_was_stopped_leaves_pictures_out_instead_of_racing(
    cache: Path, tmp_path: Path
) -> None:
    with CameraProcess(tmp_path, cache, with_defaults([{}])) as cameras:
        wait_until(lambda: len(cameras.ledger().frames) > 5, "pictures are taken")
        cameras.process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        cameras.process.send_signal(signal.SIGCONT)
        wait_until(lambda: "leaves out" in cameras.log.read_text(), "the camera noticed")
        reached = max(cameras.ledger().frames)
        wait_until(lambda: max(cameras.ledger().frames) > reached + 20, "it goes on")
    taken_us = [frame.utc_us for frame in cameras.ledger().frames.values()]
    gaps_us = [after - before for before, after in pairwise(taken_us)]
    assert len([gap_us for gap_us in gaps_us if gap_us > 2_000_000]) == 1
    assert min(gaps_us) > 5_000
