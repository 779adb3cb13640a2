"""The ledger: complete, readable at any time, and never starting over."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient, pictures
from tests.lab.camera.running import wait_until

from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.counting.ledger import LedgerError, read_ledger


def write(path: Path, frames: int) -> LedgerWriter:
    ledger = LedgerWriter(path, 3)
    for _ in range(frames):
        ledger.captured(ledger.next_number, 1_000_000, is_keyframe=ledger.next_number % 2 == 1)
        ledger.next_number += 1
    ledger.append(ledger.take())
    return ledger


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = write(path, 4)
    ledger.opened("a", 5, "10.0.0.1:99", "tcp")
    ledger.handed("a", [1, 2])
    ledger.handed("a", [4])
    ledger.undelivered("a", [6, 7, 9])
    ledger.closed("a", 6, "the cable was cut")
    ledger.append(ledger.take())
    found = read_ledger(path)
    assert found.camera == 3
    assert [frame.is_keyframe for frame in found.frames.values()] == [True, False, True, False]
    (session,) = found.sessions.values()
    assert (session.peer, session.opened_us, session.closed_us) == ("10.0.0.1:99", 5, 6)
    assert session.reason == "the cable was cut"
    assert list(session.numbers()) == [1, 2, 4]
    assert session.undelivered == [(6, 7), (9, 9)]
    assert found.delivered(["10.0.0.1"]) == {1, 2, 4}
    assert found.delivered(["10.0.0.2"]) == set()


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    write(tmp_path / "ledger", 4)
    write(tmp_path / "ledger", 3)
    assert list(read_ledger(tmp_path / "ledger").frames) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("torn", ["F 5", "F 5 1000000", "F 12 1000000 ", "S a 1"])
def test_a_torn_last_line_is_not_read_and_not_written_behind(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "ledger"
    write(path, 4)
    with path.open("a") as file:
        file.write(torn)
    assert list(read_ledger(path).frames) == [1, 2, 3, 4]
    write(path, 1)
    assert list(read_ledger(path).frames) == [1, 2, 3, 4, 5]


def test_pictures_still_in_the_queue_are_never_claimed(start: StartCameras) -> None:
    profile = {"width_px": 320, "height_px": 192, "bit_rate_kbps": 4000}
    cameras = start(profile=profile, send_buffer_bytes=8192)
    with RawClient(cameras.address(), receive_buffer_bytes=4096) as client:
        client.play()
        wait_until(
            lambda: cameras.ask("statistics")["result"]["1"]["sessions"][0]["backlog_bytes"] > 1e5,
            "the client is behind",
        )
        cameras.stop()
        (session,) = cameras.ledger().sessions.values()
        delivered = set(session.numbers())
        received = set(numbers_until_the_end(client))
    lost = {number for first, last in session.undelivered for number in range(first, last + 1)}
    assert delivered <= received
    assert lost
    assert not lost & delivered


def numbers_until_the_end(client: RawClient) -> Iterator[int]:
    with suppress(ConnectionError):
        for picture in pictures(client.rtp()):
            yield picture.number


@pytest.mark.parametrize("text", ["", "something else\n", "tandem-camera-ledger 2 1\n"])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ledger").write_text(text)
    with pytest.raises(LedgerError, match="is no camera ledger of version 1"):
        read_ledger(tmp_path / "ledger")


def test_a_line_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    write(tmp_path / "ledger", 1)
    with (tmp_path / "ledger").open("a") as file:
        file.write("F 2 1000000 P\nX 1 2 3\n")
    with pytest.raises(LedgerError, match=r"Line 4 of .* makes no sense: 'X 1 2 3'"):
        read_ledger(tmp_path / "ledger")
