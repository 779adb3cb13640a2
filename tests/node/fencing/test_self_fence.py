"""The end of this machine, on files that stand for the kernel's; none is the real one."""

import errno
import os
import struct
import threading
from pathlib import Path

import pytest

from tandem.node.fencing.self_fence import (
    GET_TIMEOUT,
    SET_TIMEOUT,
    SelfFence,
    SelfFenceError,
    Sysrq,
    Watchdog,
)


class FakeWatchdog:
    """A device that keeps what is written to it: a file, and its ioctls."""

    def __init__(self, directory: Path, step_s: int = 1, refuses: int | None = None) -> None:
        self.path = directory / "watchdog"
        self.path.write_bytes(b"")
        self.timeout_s = 60
        self._step_s, self._refuses = step_s, refuses

    def ioctl(self, _device: int, request: int, data: bytes) -> bytes:
        if request == SET_TIMEOUT:
            if self._refuses:
                raise OSError(self._refuses, os.strerror(self._refuses))
            asked = struct.unpack("i", data)[0]
            self.timeout_s = -(-asked // self._step_s) * self._step_s
        else:
            assert request == GET_TIMEOUT
        return struct.pack("i", self.timeout_s)

    def open(self, timeout_s: int) -> Watchdog:
        return Watchdog(timeout_s, self.path, self.ioctl)

    @property
    def written(self) -> bytes:
        return self.path.read_bytes()


def processes(
    tmp_path: Path, *, pid: int = 0xEFFFFFFC, uts: int = 0xEFFFFFFE, net: int = 7
) -> Path:
    """A /proc in which this process is in these name spaces, and the first one in network 7."""
    for process, network in (("self", net), ("1", 7)):
        directory = tmp_path / "proc" / process / "ns"
        directory.mkdir(parents=True)
        for name, number in (("pid", pid), ("uts", uts), ("net", network)):
            (directory / name).symlink_to(f"{name}:[{number}]")
    return tmp_path / "proc"


@pytest.fixture
def trigger(tmp_path: Path) -> Path:
    path = tmp_path / "sysrq-trigger"
    path.write_text("")
    return path


def test_a_watchdog_is_set_fed_and_switched_off_in_an_orderly_end(tmp_path: Path) -> None:
    device = FakeWatchdog(tmp_path)
    watchdog = device.open(10)
    assert (device.timeout_s, watchdog.timeout_s) == (10, 10)
    watchdog.feed()
    watchdog.feed()
    assert device.written == b"\0\0"
    watchdog.close()
    assert device.written == b"\0\0V"


def test_a_watchdog_tells_the_timeout_that_it_took(tmp_path: Path) -> None:
    assert FakeWatchdog(tmp_path, step_s=8).open(10).timeout_s == 16


def test_a_watchdog_whose_timeout_is_fixed_tells_that(tmp_path: Path) -> None:
    assert FakeWatchdog(tmp_path, refuses=errno.EOPNOTSUPP).open(10).timeout_s == 60


def test_a_watchdog_that_was_given_up_is_never_fed_or_switched_off_again(tmp_path: Path) -> None:
    device = FakeWatchdog(tmp_path)
    watchdog = device.open(10)
    watchdog.abandon()
    watchdog.feed()
    watchdog.close()
    assert device.written == b""
    assert device.timeout_s == 1


def test_a_machine_without_a_watchdog_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SelfFenceError, match=r"has no watchdog .*softdog"):
        Watchdog(10, tmp_path / "watchdog")


def test_a_watchdog_that_another_process_feeds_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> int:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("tandem.node.fencing.self_fence.os.open", busy)
    with pytest.raises(SelfFenceError, match="RuntimeWatchdogSec"):
        Watchdog(10, tmp_path / "watchdog")


def test_a_machine_is_synced_made_read_only_and_restarted(tmp_path: Path, trigger: Path) -> None:
    Sysrq(trigger, processes(tmp_path)).restart()
    assert trigger.read_text() == "sub"


@pytest.mark.parametrize("inside", [{"pid": 42}, {"uts": 42}, {"net": 42}])
def test_nothing_that_runs_in_a_name_space_restarts_the_machine_around_it(
    tmp_path: Path, trigger: Path, inside: dict[str, int]
) -> None:
    with pytest.raises(SelfFenceError, match="container"):
        Sysrq(trigger, processes(tmp_path, **inside)).restart()
    assert trigger.read_text() == ""


def test_where_name_spaces_cannot_be_seen_nothing_is_restarted(
    tmp_path: Path, trigger: Path
) -> None:
    with pytest.raises(SelfFenceError):
        Sysrq(trigger, tmp_path / "nothing").restart()
    assert trigger.read_text() == ""


def test_a_sync_that_hangs_does_not_hold_up_the_restart(tmp_path: Path, trigger: Path) -> None:
    gate = threading.Event()

    class Hanging(Sysrq):
        def _write(self, command: str) -> None:
            if command == "s":
                gate.wait(60)
            super()._write(command)

    try:
        Hanging(trigger, processes(tmp_path), step_s=0.01).restart()
        assert trigger.read_text() == "ub"
    finally:
        gate.set()


def test_the_end_gives_the_watchdog_up_before_it_restarts(tmp_path: Path) -> None:
    device, order = FakeWatchdog(tmp_path), []
    watchdog = device.open(10)
    SelfFence(lambda: order.append(device.timeout_s), watchdog)("It hangs.")
    assert order == [1]


def test_an_end_that_is_refused_is_told_aloud(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> None:
        raise SelfFenceError("It may not.")

    SelfFence(refuse)("It hangs.")
    assert "BY HAND" in caplog.text
    assert "It hangs." in caplog.text
