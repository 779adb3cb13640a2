"""The ledger: complete, readable at any time, and never starting over."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient, pictures
from tests.lab.camera.running import DEADLINE_S, TINY, wait_until

from tandem.clock import SystemClock
from tandem.lab.camera.config import CameraConfig
from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.camera.profile import Profile
from tandem.lab.camera.server import CameraServer, ledger_path, prepare
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


def test_a_client_that_leaves_before_it_plays_leaves_no_trace(start: StartCameras) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        assert client.set_up().status == 200
    wait_until(
        lambda: not cameras.ask("statistics")["result"]["1"]["sessions"], "the camera has noticed"
    )
    with RawClient(cameras.address()) as client:
        client.play()
        client.pictures(1)
        cameras.stop()
    (session,) = cameras.ledger().sessions.values()
    assert session.peer == client.peer


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


class BusyExecutor(ThreadPoolExecutor):
    """One thread, occupied until it is let go; tells when something waits for it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.let_go = threading.Event()
        self.waited_for = asyncio.Event()
        super().submit(self.let_go.wait)

    def submit(self, *call: Any, **arguments: Any) -> Future[Any]:
        self.waited_for.set()
        return super().submit(*call, **arguments)


async def refuses(address: SplitResult) -> None:
    """Wait until nobody listens there any more."""
    with suppress(ConnectionRefusedError):
        while True:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.close()


def test_a_camera_switched_off_while_its_ledger_waits_for_the_disk_writes_all_of_it(
    cache: Path, tmp_path: Path
) -> None:
    config = CameraConfig(number=1, profile=Profile(**TINY))
    reels = prepare([config], cache, lambda _: None)

    async def run() -> int:
        server = CameraServer(reels, [config], tmp_path, SystemClock())
        disk = BusyExecutor()
        addresses: dict[int, str] = {}
        ready = asyncio.Event()

        def note(known: dict[int, str]) -> None:
            addresses.update(known)
            ready.set()

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.run(note))
            await ready.wait()
            asyncio.get_running_loop().set_default_executor(disk)
            await disk.waited_for.wait()
            running.cancel()
            await refuses(urlsplit(addresses[1]))
            disk.let_go.set()
        return server.cameras[1].ledger.next_number

    following = asyncio.run(run())
    assert list(read_ledger(ledger_path(tmp_path, 1)).frames) == list(range(1, following))
