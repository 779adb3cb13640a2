"""What is read from the disk is believed only if all of it is what was recorded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.archive.material import create as create_volume
from tests.archive.material import mounted_at
from tests.node.archivist.material import film, spoil

from tandem.archive.rows import Role
from tandem.node.archivist.contents import read_contents, read_verified
from tandem.node.archivist.errors import UnsoundError

Damage = Callable[[Path], object]


def in_a_picture(path: Path) -> None:
    spoil(path)


def in_a_table(path: Path) -> None:
    spoil(path, path.read_bytes().rindex(b"trun") + 15)


def at_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def by_its_loss(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("is_hashed", [True, False], ids=["hash", "no hash"])
@pytest.mark.parametrize("damage", [in_a_picture, in_a_table, at_the_end, by_its_loss])
def test_what_is_damaged_is_not_believed(tmp_path: Path, damage: Damage, is_hashed: bool) -> None:
    create_volume(tmp_path / "a")
    with mounted_at(tmp_path / "a") as mounted:
        segment = film(mounted, Role.PRIMARY)
        if not is_hashed:
            segment = replace(segment, hash=None)
        whole = read_verified(mounted.volume, segment)
        assert len(whole.pictures) == segment.frames
        assert whole == read_contents(mounted.volume, segment)
        damage(mounted.volume.root / segment.path)
        with pytest.raises(UnsoundError):
            read_verified(mounted.volume, segment)


def test_a_time_that_changed_is_seen_by_the_hash(tmp_path: Path) -> None:
    create_volume(tmp_path / "a")
    with mounted_at(tmp_path / "a") as mounted:
        segment = film(mounted, Role.PRIMARY)
        path = mounted.volume.root / segment.path
        spoil(path, path.read_bytes().index(b"tfdt") + 15)
        with pytest.raises(UnsoundError, match="hash differs"):
            read_verified(mounted.volume, segment)
