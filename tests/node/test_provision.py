"""A node out of nothing: complete, the same after a repetition, and never mixed with another's."""

import stat
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from tandem.archive.errors import VolumeNotEmptyError
from tandem.archive.space import Limits
from tandem.node.authority import NODE_DAYS, needs_renewal
from tandem.node.home import Home
from tandem.node.provision import (
    ProvisionError,
    create_cluster,
    keep_cluster,
    prepare_volume,
    provision_node,
    settings_text,
)
from tandem.node.settings import (
    LinkSettings,
    NodeSettings,
    PeerSettings,
    VolumeSettings,
    parse_settings,
)
from tandem.node.tls import client_context, server_context

DAY_US = 86_400 * 1_000_000
LINKS = (LinkSettings("a", "10.0.1.1"), LinkSettings("b", "10.0.2.1", "eth1"))
PEERS = (PeerSettings("n2", {"a": "10.0.1.2", "b": "10.0.2.2"}),)


@dataclass
class Clock:
    now_us: int = 1_800_000_000_000_000

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us


def settings(data: Path, links: tuple[LinkSettings, ...] = LINKS) -> NodeSettings:
    return parse_settings(settings_text("n1", 7, data, links, (), ()))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_settings_are_read_as_they_were_written() -> None:
    data = Path('/srv/a "b" \\ ü')
    volumes = (
        VolumeSettings(Path("/mnt/v1"), UUID(int=1), Limits(3 << 30, 1 << 29)),
        VolumeSettings(Path("/mnt/v2"), None, Limits()),
    )
    found = parse_settings(settings_text("n1", 7, data, LINKS, PEERS, volumes))
    assert (found.node_id, found.cluster, found.data) == ("n1", 7, data)
    assert (found.links, found.peers, found.volumes) == (LINKS, PEERS, volumes)
    assert found.store_is_embedded


def test_a_node_gets_keys_that_work_and_that_nobody_else_can_read(tmp_path: Path) -> None:
    clock, data = Clock(), tmp_path / "data"
    provision_node(settings(data), create_cluster(7, clock), clock)
    home = Home(data)
    server_context(home.authority, home.credentials)
    client_context(home.authority, home.credentials)
    assert len(home.cluster_key.read_bytes()) == 32
    assert {stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()} == {0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert not home.authority_key.exists()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    cluster = create_cluster(7, clock)
    provision_node(settings(tmp_path), cluster, clock)
    before = contents(tmp_path)
    provision_node(settings(tmp_path), cluster, clock)
    assert contents(tmp_path) == before


def test_a_node_of_another_cluster_is_refused_and_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    provision_node(settings(tmp_path), create_cluster(7, clock), clock)
    before = contents(tmp_path)
    with pytest.raises(ProvisionError, match="another cluster"):
        provision_node(settings(tmp_path), create_cluster(7, clock), clock)
    assert contents(tmp_path) == before


def test_a_certificate_is_renewed_when_it_ends_soon_or_the_addresses_change(
    tmp_path: Path,
) -> None:
    clock = Clock()
    cluster = create_cluster(7, clock)
    certificate = Home(tmp_path).credentials
    provision_node(settings(tmp_path), cluster, clock)
    clock.now_us += (NODE_DAYS - 1) * DAY_US
    before = certificate.read_bytes()
    provision_node(settings(tmp_path), cluster, clock)
    assert certificate.read_bytes() != before
    moved = (LinkSettings("a", "10.0.1.9"),)
    provision_node(settings(tmp_path, moved), cluster, clock)
    assert not needs_renewal(certificate.read_bytes(), ("10.0.1.9",), clock)


def test_a_cluster_of_one_node_keeps_its_secrets(tmp_path: Path) -> None:
    clock, data = Clock(), tmp_path / "new" / "data"
    made = keep_cluster(data, 7, clock)
    provision_node(settings(data), made, clock)
    before = contents(data)
    assert keep_cluster(data, 7, clock) == made
    assert contents(data) == before


def test_a_beginning_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    clock = Clock()
    keep_cluster(tmp_path, 7, clock)
    Home(tmp_path).authority.unlink()
    provision_node(settings(tmp_path), keep_cluster(tmp_path, 7, clock), clock)
    client_context(Home(tmp_path).authority, Home(tmp_path).credentials)


def test_a_certificate_that_was_lost_is_issued_anew_and_costs_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    made = keep_cluster(tmp_path, 7, clock)
    provision_node(settings(tmp_path), made, clock)
    Home(tmp_path).credentials.unlink()
    assert keep_cluster(tmp_path, 7, clock) == made
    provision_node(settings(tmp_path), made, clock)
    client_context(Home(tmp_path).authority, Home(tmp_path).credentials)


def test_secrets_of_a_node_that_has_run_are_never_made_anew(tmp_path: Path) -> None:
    clock = Clock()
    keep_cluster(tmp_path, 7, clock)
    Home(tmp_path).etcd_has_begun.touch()
    Home(tmp_path).cluster_key.unlink()
    with pytest.raises(ProvisionError, match=r"cluster\.key is missing"):
        keep_cluster(tmp_path, 7, clock)


def test_a_node_whose_authority_is_elsewhere_does_not_become_one(tmp_path: Path) -> None:
    clock = Clock()
    provision_node(settings(tmp_path), create_cluster(7, clock), clock)
    with pytest.raises(ProvisionError, match=r"authority\.key is missing"):
        keep_cluster(tmp_path, 7, clock)


def test_a_volume_is_made_once(tmp_path: Path) -> None:
    made = prepare_volume(tmp_path / "v", 7, "n1", Clock())
    assert prepare_volume(tmp_path / "v", 7, "n1", Clock()) == made


def test_a_directory_with_other_files_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(VolumeNotEmptyError):
        prepare_volume(tmp_path, 7, "n1", Clock())
