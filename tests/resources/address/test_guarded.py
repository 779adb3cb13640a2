"""Never too late: a process that was stopped while it acted does not act when it goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.resources.address.conftest import wait_until
from tests.resources.address.hosts import ENVIRONMENT

from tandem.clock import SystemClock
from tandem.resources.address import guarded

_ACTS = """
import os, signal, sys
from tandem.clock import SystemClock
from tandem.resources.address import guarded
clock = SystemClock()
signal.signal(signal.SIGALRM, signal.SIG_IGN)  # as a parent may have left it
guarded.prepare()
with guarded.before(clock.boot_us() + int(sys.argv[1]), clock) as is_in_time:
    assert is_in_time
    os.kill(os.getpid(), signal.SIGSTOP)
    open(sys.argv[2], "w")
"""


def acting(allowed_us: int, trace: Path) -> "subprocess.Popen[bytes]":
    """A process that stands still between its look at the clock and its act."""
    argv = [sys.executable, "-c", _ACTS, str(allowed_us), str(trace)]
    return subprocess.Popen(argv, env=ENVIRONMENT)


def _is_pending(pid: int, number: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("ShdPnd:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def test_a_process_that_is_stopped_past_the_instant_is_dead_before_it_acts(tmp_path: Path) -> None:
    process = acting(300_000, tmp_path / "trace")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    wait_until(lambda: _is_pending(process.pid, signal.SIGALRM), "the kernel's timer fired")
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == -signal.SIGALRM
    assert not (tmp_path / "trace").exists()


def test_a_process_that_goes_on_in_time_acts_and_lives(tmp_path: Path) -> None:
    process = acting(60_000_000, tmp_path / "trace")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    assert (tmp_path / "trace").exists()


class SetClock:
    def __init__(self, *readings_us: int) -> None:
        self.readings_us = list(readings_us)

    def boot_us(self) -> int:
        return self.readings_us.pop(0)

    def utc_us(self) -> int:
        raise NotImplementedError


@pytest.mark.parametrize("instant_us", [999, 1000])
def test_when_the_instant_has_come_nothing_is_done(instant_us: int) -> None:
    with guarded.before(instant_us, SetClock(1000)) as is_in_time:
        assert not is_in_time


def test_held_up_while_the_timer_was_set_it_is_set_anew_or_given_up() -> None:
    with guarded.before(60_000_000, SetClock(0, 30_000_000, 60_000_000)) as is_in_time:
        assert not is_in_time
    signal.setitimer(signal.ITIMER_REAL, 0)


def test_after_the_act_no_timer_is_left() -> None:
    clock = SystemClock()
    with guarded.before(clock.boot_us() + 60_000_000, clock) as is_in_time:
        assert is_in_time
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
