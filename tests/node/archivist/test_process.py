"""The archivist as a process: told by its agent, heals from another one, ends with its agent."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.archive.material import Writing
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import film
from tests.node.archivist.running import (
    MINUTE_US,
    mounted_of,
    now_us,
    orders_of,
    pictures_of,
    running,
)
from tests.node.test_tls import Files

from tandem.archive.mount import Mounted
from tandem.archive.rows import Role

pytestmark = pytest.mark.real

SECOND_US = 1_000_000


@contextmanager
def volume(directory: Path, name: str) -> Iterator[Mounted]:
    mounted = mounted_of(directory, name)
    try:
        yield mounted
    finally:
        mounted.close()


def record(mounted: Mounted, number: int, start_us: int, seconds: int) -> Writing:
    """An open segment, durable up to its last second."""
    writing = Writing(mounted, number, start_us)
    writing.append(seconds)
    writing.sync()
    return writing


@in_a_loop
async def test_a_window_is_made_whole_from_closed_and_open_segments(tmp_path: Path) -> None:
    files = Files(tmp_path, "ours")
    with volume(tmp_path, "n1") as first, volume(tmp_path, "n3") as third:
        now = now_us()
        film(first, Role.PRIMARY, start_us=now - 2 * MINUTE_US, fragments=60)
        theirs = record(first, 1, now - MINUTE_US, 60)
        async with (
            running(orders_of(tmp_path, files, "n1")) as one,
            running(orders_of(tmp_path, files, "n3")) as three,
        ):
            await one.listens()
            three.heal({"n1": one})
            await three.until(
                lambda: len(pictures_of(third)) >= (60 + 50) * 25, "the window is there"
            )
            theirs.append(2)
            theirs.sync()
            # From here on this node records the same pictures itself.
            ours = Writing(third, 1, now - MINUTE_US)
            ours.append(62)
            await three.is_whole()
            assert set(pictures_of(third)) == set(pictures_of(first))
            theirs.file.abandon()
            ours.file.abandon()
