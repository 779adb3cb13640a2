"""Which disk is at a path is looked up again and again, and a new one is taken as it is."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.material import NO_FLOOR, create
from tests.conformance.store.subjects import eventually, in_a_loop

from tandem.node.agent import volumes as module
from tandem.node.agent.volumes import Volumes
from tandem.node.settings import VolumeSettings
from tandem.recording.orders import VolumeOrder

OLD, NEW, PINNED = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


class Watch:
    """How often it was told that something changed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@asynccontextmanager
async def following(
    *paths: Path, changed: Callable[[], None] = lambda: None
) -> AsyncGenerator[Volumes, None]:
    volumes = Volumes([VolumeSettings(path, None, NO_FLOOR) for path in paths], changed)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(volumes.run())
        try:
            yield volumes
        finally:
            running.cancel()


def found(volumes: Volumes) -> list[tuple[str, UUID]]:
    return [(order.path.name, order.volume_id) for order in volumes.orders]


async def until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    holding: Callable[[], Awaitable[bool]] = holds
    await eventually(holding)


@in_a_loop
async def test_a_volume_is_known_as_soon_as_it_is_there(tmp_path: Path) -> None:
    watch = Watch()
    async with following(tmp_path / "a", changed=watch) as volumes:
        await until(lambda: bool(volumes.problems))
        assert "is not a directory" in volumes.problems[0]
        assert volumes.orders == ()
        create(tmp_path / "a", OLD)
        await until(lambda: found(volumes) == [("a", OLD)])
        assert volumes.problems == ()
        assert watch.times >= 2


@in_a_loop
async def test_a_new_disk_at_a_known_path_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    root = tmp_path / "a"
    create(root, OLD)
    watch = Watch()
    async with following(root, changed=watch) as volumes:
        await until(lambda: found(volumes) == [("a", OLD)])
        root.rename(tmp_path / "away")
        root.mkdir()
        await until(lambda: watch.times == 2)
        assert found(volumes) == [("a", OLD)], "its recorders tell that it is gone"
        assert volumes.problems == ()
        create(root, NEW)
        await until(lambda: found(volumes) == [("a", NEW)])
        assert watch.times == 3


@in_a_loop
async def test_a_disk_that_moved_to_another_path_is_recorded_to_there(tmp_path: Path) -> None:
    for name, volume_id in (("a", OLD), ("b", NEW)):
        create(tmp_path / name, volume_id)
    async with following(tmp_path / "a", tmp_path / "b") as volumes:
        await until(lambda: found(volumes) == [("a", OLD), ("b", NEW)])
        (tmp_path / "b").rename(tmp_path / "away")
        (tmp_path / "a").rename(tmp_path / "b")
        await until(lambda: found(volumes) == [("b", OLD)])
        assert volumes.problems == ()


@in_a_loop
async def test_one_disk_at_two_paths_is_recorded_to_once_and_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        create(tmp_path / name, OLD)
    async with following(tmp_path / "a", tmp_path / "b") as volumes:
        await until(lambda: bool(volumes.problems))
        assert found(volumes) == [("a", OLD)]
        assert f"{tmp_path / 'b'} and {tmp_path / 'a'} are both volume {OLD}" in volumes.problems[0]


@in_a_loop
async def test_a_disk_that_hangs_is_told_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 0.01)
    create(tmp_path / "b", NEW)
    released = threading.Event()
    asked: list[str] = []
    identify = module._identify

    def hang(one: VolumeSettings) -> VolumeOrder:
        asked.append(one.path.name)
        if one.path.name == "a":
            released.wait()
            return VolumeOrder(one.path, OLD, NO_FLOOR)
        return identify(one)

    monkeypatch.setattr(module, "_identify", hang)
    async with following(tmp_path / "a", tmp_path / "b") as volumes:
        await until(lambda: asked.count("b") > 3)
        assert found(volumes) == [("b", NEW)]
        assert "does not answer" in volumes.problems[0]
        assert asked.count("a") == 1
        released.set()
        await until(lambda: found(volumes) == [("a", OLD), ("b", NEW)])
        assert volumes.problems == ()


@in_a_loop
async def test_a_volume_that_is_named_by_its_id_needs_no_look(tmp_path: Path) -> None:
    volumes = Volumes([VolumeSettings(tmp_path / "a", PINNED, NO_FLOOR)], lambda: None)
    await volumes.run()
    assert found(volumes) == [("a", PINNED)]
