"""`tandem volume init`: a new disk becomes a volume, and nothing else does."""

import json
import os
from pathlib import Path
from uuid import UUID

import pytest
from tests.cli.material import Desk, desk_at

from tandem.archive.volume import Access, Volume


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_at(tmp_path)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that the machine takes for a mounted file system."""
    path = tmp_path / "disk"
    path.mkdir()
    is_mount = os.path.ismount
    monkeypatch.setattr(os.path, "ismount", lambda it: Path(it) == path or is_mount(it))
    return path


def identity(path: Path, volume_id: str) -> None:
    """A recorder opens it as what the command said that it is."""
    Volume.open(path, UUID(volume_id), 4711, access=Access.READ_ONLY).close()


def test_a_new_disk_becomes_a_volume_of_the_nodes_cluster(desk: Desk, disk: Path) -> None:
    result = desk.run("volume", "init", str(disk), "--json")
    document = json.loads(result.output)
    assert (result.exit_code, document["cluster_number"], document["in_settings"]) == (
        0,
        4711,
        False,
    )
    identity(disk, document["volume_id"])


def test_what_to_write_into_the_settings_is_told(desk: Desk, disk: Path) -> None:
    result = desk.run("volume", "init", str(disk))
    assert f'[[volumes]]\npath = "{disk}"\nid = "' in result.output


def test_a_volume_that_the_settings_name_gets_the_id_from_there(desk: Desk, disk: Path) -> None:
    wanted = "0b51c4fe-2f0c-4b4e-9d6a-6a0c1c8e54f1"
    with desk.settings.open("a") as settings:
        settings.write(f'[[volumes]]\npath = "{disk}"\nid = "{wanted}"\n')
    result = desk.run("volume", "init", str(disk))
    assert result.output == f"{disk} is volume {wanted} of cluster 4711 now.\n"
    identity(disk, wanted)


def test_a_fresh_file_system_is_empty_though_it_has_a_lost_and_found(
    desk: Desk, disk: Path
) -> None:
    (disk / "lost+found").mkdir()
    assert desk.run("volume", "init", str(disk)).exit_code == 0


def test_a_directory_is_taken_only_if_that_is_said(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "directory"
    path.mkdir()
    result = desk.run("volume", "init", str(path))
    assert (result.exit_code, list(path.iterdir())) == (1, [])
    assert "Nothing is mounted at" in result.output
    assert desk.run("volume", "init", str(path), "--directory").exit_code == 0


def test_files_of_others_are_left_alone(desk: Desk, disk: Path) -> None:
    (disk / "letter").write_text("mine")
    result = desk.run("volume", "init", str(disk))
    assert (result.exit_code, [it.name for it in disk.iterdir()]) == (1, ["letter"])
    assert "'letter' among them" in " ".join(result.output.split())


def test_a_volume_is_not_made_again(desk: Desk, disk: Path) -> None:
    desk.run("volume", "init", str(disk))
    before = (disk / "tandem-volume.json").read_bytes()
    result = desk.run("volume", "init", str(disk))
    assert result.exit_code == 1
    assert "is a volume already" in result.output
    assert (disk / "tandem-volume.json").read_bytes() == before


def test_a_path_that_is_not_there_is_told(desk: Desk, tmp_path: Path) -> None:
    result = desk.run("volume", "init", str(tmp_path / "nothing"), "--json")
    assert result.exit_code == 1
    assert str(tmp_path / "nothing") in json.loads(result.output)["problem"]
