"""A stream that comes from elsewhere from now on: at once, as the same recording, its gap told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.feeding import HandClock
from tests.recording.serving import Bench
from tests.recording.streams import CONFIG, order

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause
from tandem.media.units import AccessUnit
from tandem.recording.camera import StreamOrder
from tandem.recording.orders import VolumeOrder
from tandem.recording.recorder import Recorder
from tandem.recording.source import Cause, SourceError, UnitSink

RELAY: Final = {"node_id": "node1", "addresses": ["10.0.1.1"], "port": 2381}
HOUR_MS: Final = 3_600_000
GOP: Final = 25

CAMERA = order(role="second")
RELAYED = order(role="second", relay=RELAY)
OTHER_NODE = order(role="second", relay=RELAY | {"node_id": "node3"})


class Patient(Random):
    """Every attempt after the first is an hour away."""

    def randint(self, a: int, b: int) -> int:
        return HOUR_MS


class Place:
    """Where a stream may come from: a camera, or a node."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.sink: UnitSink | None = None

    async def run(self, sink: UnitSink) -> None:
        self.asked += 1
        if self.fails:
            raise SourceError(Cause.RELAY, "node node1 does not pass it on: no answer")
        self.sink = sink
        sink.begin(None)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.sink = None


class Places:
    """All places, made when they are first named."""

    def __init__(self) -> None:
        self._places: dict[str | None, Place] = {}

    def make(self, wanted: StreamOrder) -> Place:
        return self._places.setdefault(wanted.relay.node_id if wanted.relay else None, Place())


class World:
    """A recorder, and the places that its orders name."""

    def __init__(
        self,
        recorder: Recorder,
        places: Places,
        clock: HandClock,
        volumes: Bench,
        volume: VolumeOrder,
    ) -> None:
        self.recorder = recorder
        self.place = places.make
        self.clock = clock
        self.volumes = volumes
        self._volume = volume
        self._next = 0

    async def order(self, *wanted: StreamOrder) -> None:
        await self.recorder.apply({one.key: one for one in wanted})

    async def asked(self, wanted: StreamOrder, times: int = 1) -> None:
        await self.volumes.until(lambda: self.place(wanted).asked == times)

    async def film(self, wanted: StreamOrder) -> None:
        """Three GOPs of a second each."""
        place = self.place(wanted)
        await self.volumes.until(lambda: place.sink is not None)
        for number in range(self._next, self._next + 3 * GOP):
            assert place.sink is not None
            at, identity = (1 << 33) + number * 3600, number.to_bytes(16, "big")
            place.sink.video([AccessUnit(bytes(8), at, number % GOP == 0, CONFIG, identity)])
            self.clock.now_us += 40_000
        self._next += 3 * GOP

    def wait(self, seconds: int) -> None:
        """Time passes; the camera goes on without anybody who listens."""
        self.clock.now_us += seconds * 1_000_000
        self._next += seconds * GOP

    def status(self) -> dict[str, Any]:
        (stream,) = self.recorder.status()["streams"]
        found: dict[str, Any] = stream
        return found

    def gaps(self) -> list[Gap]:
        index = IndexReader.open_for_reading(self._volume.path / INDEX_FILE)
        found = index.gaps("gate", 0, 1 << 62)
        index.close()
        return found


@asynccontextmanager
async def recording(root: Path) -> AsyncGenerator[World, None]:
    """A recorder with one volume."""
    places, clock = Places(), HandClock()
    async with Bench(root) as volumes:
        volume = volumes.order("a")
        volumes.volumes.apply([volume])
        await volumes.until(lambda: volumes.is_serving(volume))
        async with asyncio.TaskGroup() as tasks:
            recorder = Recorder(
                volumes.disks,
                clock,
                Patient(1),
                places.make,
                lambda _: 2381,
                tasks,
            )
            yield World(recorder, places, clock, volumes, volume)
            await recorder.apply({})


@in_a_loop
async def test_a_camera_that_nobody_passes_on_any_more_is_asked_at_once(tmp_path: Path) -> None:
    async with recording(tmp_path) as world:
        world.place(RELAYED).fails = True
        await world.order(RELAYED)
        await world.asked(RELAYED)
        await world.volumes.until(lambda: world.status()["failures"] == 1)
        await world.order(CAMERA)  # the next attempt would be in an hour
        await world.asked(CAMERA)


@in_a_loop
async def test_who_asked_a_camera_in_vain_receives_it_at_once_from_who_has_it(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path) as world:
        world.place(CAMERA).fails = True
        await world.order(CAMERA)
        await world.asked(CAMERA)
        await world.volumes.until(lambda: world.status()["failures"] == 1)
        await world.order(RELAYED)
        await world.asked(RELAYED)
        await world.order(OTHER_NODE)
        await world.asked(OTHER_NODE)


@in_a_loop
async def test_a_switch_is_no_new_recording_and_its_gap_names_the_node(tmp_path: Path) -> None:
    async with recording(tmp_path) as world:
        await world.order(RELAYED)
        await world.film(RELAYED)
        before = world.status()
        await world.order(CAMERA)
        between = world.status()
        assert (between["connected"], between["cause"]) == (False, "relay")
        assert "node1" in between["message"]
        world.wait(10)
        await world.film(CAMERA)
        after = world.status()
    assert [it["connections"] for it in (before, after)] == [1, 2]
    assert after["failures"] == 0
    (gap,) = world.gaps()
    assert gap.cause is GapCause.NODE_DOWN
    assert abs(gap.to_us - gap.from_us - 10_000_000) < 100_000
    assert "node1" in gap.detail


@in_a_loop
async def test_what_failed_before_a_switch_is_the_cause_of_the_gap(tmp_path: Path) -> None:
    async with recording(tmp_path) as world:
        await world.order(CAMERA)
        await world.film(CAMERA)
        sink, task = world.recorder._running[CAMERA.key]
        sink.end(SourceError(Cause.STALLED, "no picture for 5 s"))
        await world.order(RELAYED)
        assert world.status()["cause"] == "stalled"
        world.wait(10)
        await world.film(RELAYED)
        assert task.cancelled()
    (gap,) = world.gaps()
    assert (gap.cause, gap.detail) == (GapCause.CAMERA_STALLED, "no picture for 5 s")


@in_a_loop
async def test_changed_settings_are_no_new_recording_and_the_gap_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with recording(tmp_path) as world:
        await world.order(CAMERA)
        await world.film(CAMERA)
        before = world.status()
        changed = order(role="second", transport="udp", audio=True)
        await world.order(changed)
        between = world.status()
        assert (between["connected"], between["cause"]) == (False, "changed")
        world.wait(2)
        await world.film(changed)
        after = world.status()
    assert [it["connections"] for it in (before, after)] == [1, 2]
    assert after["pictures"] > before["pictures"]
    assert after["failures"] == 0
    assert "tried again" not in caplog.text
    (gap,) = world.gaps()
    assert gap.cause is GapCause.SETTINGS_CHANGED
    assert abs(gap.to_us - gap.from_us - 2_000_000) < 100_000
    assert gap.detail == (
        "the camera's settings were changed (transport and sound), so it is asked anew"
    )


@in_a_loop
async def test_a_corrected_password_is_tried_at_once_and_the_gap_was_its_fault(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path) as world:
        await world.order(CAMERA)
        await world.film(CAMERA)
        sink, _ = world.recorder._running[CAMERA.key]
        sink.end(SourceError(Cause.UNAUTHORISED, "wrong user or password"))
        right = order(role="second", username="viewer", password="right")
        await world.order(right)
        world.wait(10)
        await world.film(right)
    (gap,) = world.gaps()
    assert (gap.cause, gap.detail) == (GapCause.CAMERA_UNAUTHORISED, "wrong user or password")


@in_a_loop
async def test_what_a_node_passes_on_goes_on_however_the_camera_is_asked_there(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path) as world:
        await world.order(RELAYED)
        await world.asked(RELAYED)
        await world.order(order(role="second", relay=RELAY, transport="udp"))
        await world.film(RELAYED)
        status = world.status()
        assert (status["connections"], world.place(RELAYED).asked) == (1, 1)


@in_a_loop
async def test_to_be_passed_on_or_not_concerns_no_connection(tmp_path: Path) -> None:
    async with recording(tmp_path) as world:
        await world.order(CAMERA)
        await world.asked(CAMERA)
        await world.order(order(role="primary", relays=True, camera_name="North gate"))
        await world.film(CAMERA)
        status = world.status()
        assert (status["role"], status["camera_name"]) == ("primary", "North gate")
        assert (status["connections"], world.place(CAMERA).asked) == (1, 1)


@in_a_loop
async def test_the_status_says_where_a_stream_comes_from_and_may_be_had(tmp_path: Path) -> None:
    async with recording(tmp_path) as world:
        await world.order(RELAYED)
        assert world.status()["relayed_from"] == "node1"
        await world.order(CAMERA)
        status = world.status()
        assert (status["relayed_from"], status["relay_port"]) == (None, 2381)
