"""The power goes at the moment of the answer: what was promised or healed is there. Needs root."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from blake3 import blake3
from tests.archive.file_systems import Ext4, ext4
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import inquiry, sites

from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Role
from tandem.node.archivist import healing
from tandem.node.archivist.filing import Filed, Looked

pytestmark = pytest.mark.lab("loop")


def node_on(disk: Ext4, directory: Path, name: str) -> None:
    (disk.root / "lost+found").rmdir()
    (directory / name).symlink_to(disk.root)


def left_by(disk: Ext4) -> list[tuple[str, int, int | None]]:
    """State, pictures, promise of each row whose file has its hash; read with nothing of ours."""
    with closing(sqlite3.connect(disk.root / INDEX_FILE)) as index:
        found = index.execute("SELECT path, hash, state, frames, promised_us FROM segment")
        rows = found.fetchall()
    return [
        (state, frames, promised_us)
        for path, hash_, state, frames, promised_us in rows
        if blake3((disk.root / path).read_bytes()).digest() == hash_
    ]


@in_a_loop
async def test_a_promise_outlives_the_power_that_went_as_it_was_given(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        node_on(disk, tmp_path, "n1")
        async with sites(tmp_path, "n1", "n2") as (first, second):
            first.film()
            answer = await second.peers.ask("n1", inquiry(second, second.film(Role.SECOND)))
            disk.cut_power()
            assert answer.promised
        disk.come_up()
        ((state, frames, promised_us),) = left_by(disk)
        assert (state, frames) == ("closed", 100)
        assert promised_us


@in_a_loop
async def test_what_was_healed_outlives_the_power(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        node_on(disk, tmp_path, "n1")
        async with sites(tmp_path, "n1", "n2") as (first, second):
            filed = await first.healer.heal_segment("n2", second.film(Role.SECOND))
            disk.cut_power()
            assert len(filed) == 1
        disk.come_up()
        assert left_by(disk) == [("closed", 100, None)]


@in_a_loop
async def test_a_power_cut_in_the_middle_of_fetching_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ext4(tmp_path) as disk:
        node_on(disk, tmp_path, "n1")
        async with sites(tmp_path, "n1", "n2") as (first, second):
            copy = second.film(Role.SECOND)

            def cut(*_asked: object) -> Filed:
                disk.cut_power()
                return Filed([], Looked(0, 0, 0))

            monkeypatch.setattr(healing, "file_lacking", cut)
            await first.healer.heal_segment("n2", copy)
        disk.come_up()
        assert left_by(disk) == []
        assert list(disk.root.rglob("*.mp4")) == []
