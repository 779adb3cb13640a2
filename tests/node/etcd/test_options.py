"""What etcd is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from tandem.archive.layout import IDENTITY_FILE
from tandem.node.etcd.options import (
    Member,
    MemberSettings,
    Origin,
    arguments,
    volume_that_holds,
)
from tandem.node.etcd.sockets import is_present

N1 = Member("n1", ("10.0.1.1", "10.0.2.1"))
N2 = Member("n2", ("10.0.1.2", "fd00::2"))
SETTINGS = MemberSettings(
    member=N1,
    members=(N1, N2),
    cluster="17-0",
    origin=Origin.NEW,
    data=Path("/var/lib/tandem/etcd"),
    log=Path("/var/log/tandem/etcd.log"),
    authority=Path("/etc/tandem/ca.pem"),
    credentials=Path("/etc/tandem/node.pem"),
)


def told(settings: MemberSettings = SETTINGS, absent: str = "") -> dict[str, str]:
    given = arguments(settings, lambda address: address != absent)
    return {name: value for name, _, value in (argument.partition("=") for argument in given)}


def test_the_whole_of_it() -> None:
    assert told() == {
        "--name": "n1",
        "--data-dir": "/var/lib/tandem/etcd",
        "--listen-client-urls": "https://10.0.1.1:2379,https://10.0.2.1:2379",
        "--advertise-client-urls": "https://10.0.1.1:2379,https://10.0.2.1:2379",
        "--listen-peer-urls": "https://10.0.1.1:2380,https://10.0.2.1:2380",
        "--initial-advertise-peer-urls": "https://10.0.1.1:2380,https://10.0.2.1:2380",
        "--initial-cluster": "n1=https://10.0.1.1:2380,n1=https://10.0.2.1:2380,"
        "n2=https://10.0.1.2:2380,n2=https://[fd00::2]:2380",
        "--initial-cluster-token": "17-0",
        "--initial-cluster-state": "new",
        "--cert-file": "/etc/tandem/node.pem",
        "--key-file": "/etc/tandem/node.pem",
        "--trusted-ca-file": "/etc/tandem/ca.pem",
        "--client-cert-auth": "true",
        "--peer-cert-file": "/etc/tandem/node.pem",
        "--peer-key-file": "/etc/tandem/node.pem",
        "--peer-trusted-ca-file": "/etc/tandem/ca.pem",
        "--peer-client-cert-auth": "true",
        "--pre-vote": "true",
        "--heartbeat-interval": "50",
        "--election-timeout": "500",
        "--auto-compaction-mode": "periodic",
        "--auto-compaction-retention": "5m",
        "--quota-backend-bytes": "2147483648",
        "--logger": "zap",
        "--log-outputs": "stderr",
    }


def test_the_fast_preset_elects_sooner_and_nothing_else() -> None:
    fast = told(replace(SETTINGS, fast=True))
    assert fast.pop("--election-timeout") == "300"
    assert fast.items() <= told().items()


def test_only_a_member_that_joins_takes_the_cluster_for_existing() -> None:
    states = {
        origin: told(replace(SETTINGS, origin=origin))["--initial-cluster-state"]
        for origin in Origin
    }
    assert states == {Origin.NEW: "new", Origin.JOINS: "existing", Origin.HERE: "new"}


def test_a_link_that_is_down_does_not_keep_the_member_down() -> None:
    listening = told(absent="10.0.2.1")
    assert listening["--listen-client-urls"] == "https://10.0.1.1:2379"
    assert listening["--listen-peer-urls"] == "https://10.0.1.1:2380"
    assert listening["--advertise-client-urls"] == told()["--advertise-client-urls"]
    assert listening["--initial-advertise-peer-urls"] == told()["--initial-advertise-peer-urls"]


def test_a_machine_with_none_of_its_addresses_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"none of the addresses of node n1 \(10.0.1.1, 10.0.2.1"):
        arguments(SETTINGS, lambda _address: False)


def test_a_member_that_is_not_one_of_the_members_is_refused() -> None:
    with pytest.raises(ValueError, match="n1 is not among"):
        told(replace(SETTINGS, members=(N2,)))


def test_this_machine_has_loopback_and_no_address_of_a_textbook() -> None:
    assert is_present("127.0.0.1")
    assert not is_present("192.0.2.1")  # RFC 5737: for documentation, nobody's
    assert not is_present("2001:db8::1")


def test_a_volume_on_the_same_file_system_is_found_before_the_directory_exists(
    tmp_path: Path,
) -> None:
    elsewhere = Path("/proc")
    data = tmp_path / "not" / "yet"
    (tmp_path / IDENTITY_FILE).touch()
    assert volume_that_holds(data, [elsewhere, tmp_path]) == tmp_path
    assert volume_that_holds(data, [elsewhere]) is None


def test_a_disk_that_is_not_mounted_keeps_no_member_from_starting(tmp_path: Path) -> None:
    bare_mount_point = tmp_path / "video"
    bare_mount_point.mkdir()
    volumes = [bare_mount_point, tmp_path / "no-such-directory"]
    assert volume_that_holds(tmp_path / "data", volumes) is None
