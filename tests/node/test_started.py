"""A process of a node begins later than any before it, whatever its clock says."""

from pathlib import Path

import pytest

from tandem.node.started import note_start


class SetClock:
    """A clock that says what it is told to."""

    def __init__(self, utc_us: int) -> None:
        self._utc_us = utc_us

    def boot_us(self) -> int:
        return 0

    def utc_us(self) -> int:
        return self._utc_us


def test_a_first_process_begins_now(tmp_path: Path) -> None:
    assert note_start(tmp_path / "started", SetClock(1000)) == 1000


def test_a_later_process_begins_later(tmp_path: Path) -> None:
    note_start(tmp_path / "started", SetClock(1000))
    assert note_start(tmp_path / "started", SetClock(2000)) == 2000


def test_a_clock_that_was_set_back_makes_no_process_earlier_than_the_last(tmp_path: Path) -> None:
    begun = [note_start(tmp_path / "started", SetClock(utc_us)) for utc_us in (1000, 10, 5, 1002)]
    assert begun == [1000, 1001, 1002, 1003]


@pytest.mark.parametrize("damage", [b"", b"\xff", b"12a", b"-5", b"9" * 30])
def test_a_damaged_file_is_told_of_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    path = tmp_path / "started"
    path.write_bytes(damage)
    assert note_start(path, SetClock(1000)) == 1000
    assert "is damaged" in caplog.text
    assert note_start(path, SetClock(10)) == 1001
