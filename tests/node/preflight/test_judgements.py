"""What is made of the facts of one machine: each row a machine, and what is said of it."""

import errno
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import pytest
from tests.node.preflight.material import FAIL, PASS, WARN, only

from tandem.archive.identity import VolumeIdentity
from tandem.archive.space import Limits
from tandem.clock import SystemClock
from tandem.node.preflight import (
    clocks,
    independence,
    limits,
    ports,
    store_disk,
    versions,
    volumes,
    watchdog,
)
from tandem.node.preflight.clocks import KernelClock, Sample
from tandem.node.preflight.finding import Level
from tandem.node.preflight.mounts import Mount
from tandem.node.preflight.ports import Attempt, Port
from tandem.node.settings import VolumeSettings

GIB = 1 << 30


# --- Clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "clients", "level", "why"),
    [
        (KernelClock(True, 12.0, 4_000), ["chronyd"], PASS, "kept right by chronyd, within 4 ms"),
        (KernelClock(True, 12.0, 4_000), [], PASS, "kept right, within"),
        (KernelClock(False, 0.0, 0), ["ntpd"], WARN, "ntpd runs, and the clock is not"),
        (KernelClock(False, 0.0, 0), [], WARN, "no NTP client runs"),
        (KernelClock(True, -250.0, 0), ["chronyd"], WARN, "off by -250 ppm"),
        (KernelClock(True, 199.0, 0), ["chronyd"], PASS, "kept right"),
    ],
)
def test_a_clock(kernel: KernelClock, clients: list[str], level: Level, why: str) -> None:
    only(level, why, clocks.judge(kernel, clients))


@pytest.mark.parametrize(
    ("samples", "level", "why"),
    [
        ([Sample(0, 3_000, 500)], PASS, "+3.0 ms from that of n1"),
        ([Sample(0, -150_000, 500)], WARN, "-150.0 ms"),
        ([Sample(0, 150_000, 60_000)], PASS, "within 60.0 ms"),
        ([Sample(0, 700_000, 500)], FAIL, "+700.0 ms"),
        ([Sample(0, 0, 500), Sample(5_000_000, 1_000, 500)], PASS, "from that of n1"),
        ([Sample(0, 0, 500), Sample(5_000_000, 20_000, 500)], WARN, "19.0 ms apart at least"),
        ([Sample(0, 0, 500), Sample(5_000_000, -200_000, 500)], FAIL, "apart at least within 5.0"),
        ([Sample(0, 0, 9_000), Sample(5_000_000, 20_000, 9_000)], PASS, "from that of n1"),
    ],
)
def test_the_clock_of_another_node(samples: list[Sample], level: Level, why: str) -> None:
    only(level, why, clocks.judge_others("n1", {"n2": samples}))


def test_this_machines_clock_is_asked() -> None:
    kernel = clocks.kernel_clock()
    assert abs(kernel.correction_ppm) <= 1_000
    assert kernel.error_us >= 0


# --- Links ---------------------------------------------------------------------------------------

A = independence.Facts(
    "a", "10.0.1.1", "eth1", ip_network("10.0.1.0/24"), frozenset({"eth1"}), True, "full"
)
B = replace(
    A,
    name="b",
    address="10.0.2.1",
    interface="eth2",
    subnet=ip_network("10.0.2.0/24"),
    bases=frozenset({"eth2"}),
)


@pytest.mark.parametrize(
    ("links", "level", "why"),
    [
        ([A, B], PASS, "Links a and b are apart"),
        ([A], WARN, "one link between the nodes"),
        ([A, replace(B, bases=frozenset({"eth1"}), interface="vlan7")], WARN, "go through eth1"),
        ([A, replace(B, subnet=ip_network("10.0.0.0/16"))], WARN, "one subnet"),
        ([A, replace(B, interface="", subnet=None, bases=frozenset())], FAIL, "have the address"),
        ([replace(A, has_carrier=False), B], FAIL, "eth1 has no carrier"),
        ([replace(A, duplex="half"), B], WARN, "half duplex"),
        ([replace(A, subnet=ip_network("fd00::/64")), B], PASS, "apart in this machine"),
    ],
)
def test_links(links: list[independence.Facts], level: Level, why: str) -> None:
    only(level, why, independence.judge(links, has_peers=True))


def test_a_node_that_is_alone_needs_no_second_link() -> None:
    only(PASS, "10.0.1.1 is on eth1", independence.judge([A], has_peers=False))


def test_two_vlans_of_a_bond_end_at_the_same_cards(tmp_path: Path) -> None:
    for name, lower in (("vlan7", ["bond0"]), ("bond0", ["eth0", "eth1"]), ("eth0", [])):
        (tmp_path / name).mkdir()
        for each in lower:
            (tmp_path / name / f"lower_{each}").mkdir()
    assert independence.bases("vlan7", tmp_path) == {"eth0", "eth1"}
    assert independence.bases("eth0", tmp_path) == {"eth0"}


# --- The disk of the store -----------------------------------------------------------------------

DISK = store_disk.Facts(
    Path("/var/lib/tandem"),
    Mount(Path("/"), "8:1", "ext4", "/dev/sda1", frozenset({"rw"})),
    (),
    50 * GIB,
    (2_000,) * 100,
)


def kind(name: str) -> Mount:
    return Mount(Path("/"), "8:1", name, "x", frozenset({"rw"}))


@pytest.mark.parametrize(
    ("facts", "level", "why"),
    [
        (DISK, PASS, "99 % within 2.0 ms"),
        (replace(DISK, sync_us=(2_000,) * 99 + (90_000,)), PASS, "99 % within 2.0 ms"),
        (replace(DISK, sync_us=(2_000,) * 98 + (11_000,) * 2), WARN, "99 % within 11.0 ms"),
        (replace(DISK, sync_us=(200_000,)), FAIL, "99 % within 200.0 ms"),
        (replace(DISK, mount=kind("tmpfs")), FAIL, "gone after a restart"),
        (replace(DISK, mount=kind("nfs4")), FAIL, "network file system (nfs4)"),
        (replace(DISK, volumes=(Path("/srv/v1"),)), WARN, "same file system as the volume /srv/v1"),
        (replace(DISK, free_bytes=3 * GIB), WARN, "3.2 GB free"),
        (replace(DISK, mount=None), PASS, "unknown"),
    ],
)
def test_the_disk_of_the_store(facts: store_disk.Facts, level: Level, why: str) -> None:
    only(level, why, store_disk.judge(facts))


def test_writes_are_measured_and_nothing_stays_behind(tmp_path: Path) -> None:
    assert len(store_disk.measure(tmp_path, SystemClock(), writes=5)) == 5
    assert list(tmp_path.iterdir()) == []


# --- Software ------------------------------------------------------------------------------------

SOFTWARE = versions.Facts(
    (3, 11, 2), "6.1.0", dict.fromkeys(versions.FEATURES, True), (3, 4, 23), ""
)


@pytest.mark.parametrize(
    ("facts", "level", "why"),
    [
        (SOFTWARE, PASS, "etcd is 3.4.23"),
        (replace(SOFTWARE, python=(3, 10, 9)), FAIL, "Python is 3.10.9"),
        (replace(SOFTWARE, etcd=(3, 3, 27)), FAIL, "etcd is 3.3.27"),
        (replace(SOFTWARE, etcd=None), PASS, "Python is"),
        (replace(SOFTWARE, etcd_problem="etcd is not installed."), FAIL, "not installed"),
        (
            replace(SOFTWARE, features={**SOFTWARE.features, "PID namespaces": False}),
            WARN,
            "no PID namespaces",
        ),
    ],
)
def test_software(facts: versions.Facts, level: Level, why: str) -> None:
    only(level, why, versions.judge(facts))


def test_etcd_tells_its_version() -> None:
    assert versions.parse_etcd("etcd Version: 3.5.16\nGit SHA: f20bbad\n") == (3, 5, 16)
    assert versions.parse_etcd("no such thing") is None


def test_nodes_of_different_releases_are_told() -> None:
    only(PASS, "All nodes run Tandem 1.0", [versions.judge_releases({"n1": "1.0", "n2": "1.0"})])
    only(WARN, "n1 1.0, n2 1.1", [versions.judge_releases({"n2": "1.1", "n1": "1.0"})])


# --- Ports ---------------------------------------------------------------------------------------

AGENTS, BEATS = Port(2377, "TCP", "agents"), Port(2378, "UDP", "heartbeats")


def test_a_port_that_is_taken_is_named_with_what_it_is_for() -> None:
    free = Attempt(AGENTS, "10.0.1.1", "", 0)
    absent = Attempt(AGENTS, "10.0.2.1", "", errno.EADDRNOTAVAIL)
    only(PASS, "Free: TCP port 2377 (agents)", ports.judge_free([free, absent]))
    taken = Attempt(BEATS, "10.0.1.1", "", errno.EADDRINUSE)
    only(FAIL, "UDP port 2378 (heartbeats) is taken", ports.judge_free([free, taken]))


@pytest.mark.parametrize(
    ("error", "level", "why"),
    [
        (0, PASS, "n2 is reached at TCP 2377"),
        (errno.ECONNREFUSED, FAIL, "n2, 10.0.1.2: TCP port 2377 (agents) refuses"),
        (errno.ETIMEDOUT, FAIL, "does not answer within 3 s"),
        (errno.EHOSTUNREACH, FAIL, "is not reached"),
    ],
)
def test_a_port_of_another_node(error: int, level: Level, why: str) -> None:
    only(level, why, ports.judge_reached([Attempt(AGENTS, "10.0.1.2", "n2", error)]))


def test_a_port_that_is_open_at_times_is_reached_where_it_refuses() -> None:
    relays = Port(2381, "TCP", "relays", is_always_open=False)
    refused = Attempt(relays, "10.0.1.2", "n2", errno.ECONNREFUSED)
    only(PASS, "n2 is reached at TCP 2381", ports.judge_reached([refused]))
    silent = Attempt(relays, "10.0.1.2", "n2", errno.ETIMEDOUT)
    only(FAIL, "does not answer", ports.judge_reached([silent]))


# --- Watchdog ------------------------------------------------------------------------------------

WATCHDOG = watchdog.Facts("watchdog0", "iTCO_wdt", 30, True, "systemd")


@pytest.mark.parametrize(
    ("devices", "level", "why"),
    [
        ([], WARN, "no watchdog"),
        ([WATCHDOG], PASS, "watchdog0 (iTCO_wdt, 30 s) is fed by systemd"),
        ([replace(WATCHDOG, is_active=False)], PASS, "nobody feeds it yet"),
        ([replace(WATCHDOG, timeout_s=600)], WARN, "600 s"),
        ([replace(WATCHDOG, timeout_s=None, holder="")], PASS, "is fed."),
    ],
)
def test_a_watchdog(devices: list[watchdog.Facts], level: Level, why: str) -> None:
    only(level, why, watchdog.judge(devices))


def test_who_feeds_a_watchdog_is_found_by_its_open_files(tmp_path: Path) -> None:
    device, process = tmp_path / "class" / "watchdog0", tmp_path / "proc" / "42"
    device.mkdir(parents=True)
    for name, text in (("identity", "softdog\n"), ("timeout", "20\n"), ("state", "active\n")):
        (device / name).write_text(text)
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("watchdogd\n")
    (process / "fd" / "3").symlink_to("/dev/watchdog")
    found = watchdog.look(tmp_path / "class", tmp_path / "proc")
    only(PASS, "watchdog0 (softdog, 20 s) is fed by watchdogd", found)


# --- Volumes -------------------------------------------------------------------------------------

PATH = Path("/srv/video1")
ONE, OTHER = UUID(int=1), UUID(int=2)
WANTED = VolumeSettings(PATH, ONE, Limits())
MOUNT = Mount(PATH, "8:17", "ext4", "/dev/sdb1", frozenset({"rw", "relatime"}))
VOLUME = volumes.Facts(
    WANTED, 7, MOUNT, VolumeIdentity(ONE, 7, "n1", 0), total_bytes=1000 * GIB, smart=True
)


@pytest.mark.parametrize(
    ("facts", "level", "why"),
    [
        (VOLUME, PASS, "/srv/video1 is mounted (ext4), the right volume"),
        (replace(VOLUME, mount=None), FAIL, "/srv/video1 is not there"),
        (replace(VOLUME, mount=replace(MOUNT, point=Path("/"))), WARN, "is no mount point"),
        (replace(VOLUME, mount=replace(MOUNT, kind="tmpfs")), FAIL, "in memory"),
        (replace(VOLUME, mount=replace(MOUNT, kind="cifs")), WARN, "network file system (cifs)"),
        (replace(VOLUME, mount=replace(MOUNT, kind="vfat")), WARN, "on vfat"),
        (
            replace(
                VOLUME, mount=replace(MOUNT, options=frozenset({"ro"})), write_problem="Read-only"
            ),
            FAIL,
            "mounted read-only",
        ),
        (
            replace(VOLUME, mount=replace(MOUNT, options=frozenset({"strictatime"}))),
            WARN,
            "strictatime",
        ),
        (replace(VOLUME, starts_without=False), WARN, "without `nofail`"),
        (replace(VOLUME, starts_without=True), PASS, "is mounted"),
        (
            replace(VOLUME, identity=None, identity_problem="/srv/video1 is empty."),
            FAIL,
            "is empty",
        ),
        (replace(VOLUME, cluster=8), FAIL, "a volume of cluster 7; this is 8"),
        (replace(VOLUME, wanted=replace(WANTED, volume_id=OTHER)), FAIL, "wanted is 00000000"),
        (replace(VOLUME, wanted=replace(WANTED, volume_id=None)), PASS, "the right volume"),
        (replace(VOLUME, write_problem="Permission denied"), FAIL, "cannot be written: Permission"),
        (replace(VOLUME, mode=0o777), WARN, "Anybody on this machine"),
        (replace(VOLUME, total_bytes=5 * GIB), WARN, "5.4 GB, of which 1.1 GB"),
        (replace(VOLUME, free_bytes=GIB), PASS, "is mounted"),
        (replace(VOLUME, free_bytes=GIB // 4), WARN, "0.3 GB free; 1.1 GB are to stay"),
        (replace(VOLUME, free_files=0.01), WARN, "1% of its inodes"),
        (replace(VOLUME, smart=False), FAIL, "it is failing (SMART)"),
    ],
)
def test_a_volume(facts: volumes.Facts, level: Level, why: str) -> None:
    found = volumes.judge(facts)
    only(level, why, found)
    assert len(found) == 1


def test_fstab_says_whether_a_machine_starts_without_a_disk() -> None:
    table = "# /srv/video1\nUUID=1 /srv/video1 ext4 noatime,nofail 0 2\nUUID=2 /srv/v2 xfs rw 0 2\n"
    assert volumes.starts_without(PATH, table) is True
    assert volumes.starts_without(Path("/srv/v2"), table) is False
    assert volumes.starts_without(Path("/srv/v3"), table) is None


def test_a_directory_that_is_no_volume_is_found(tmp_path: Path) -> None:
    found = volumes.look(VolumeSettings(tmp_path, None, Limits()), 7)
    assert [it for it in found if it.level is FAIL and "is empty" in it.evidence]
    assert list(tmp_path.iterdir()) == []
    gone = volumes.look(VolumeSettings(tmp_path / "gone", None, Limits()), 7)
    only(FAIL, "is not there", gone)


# --- Limits --------------------------------------------------------------------------------------

AMPLE = limits.Facts(100, 65_536, 8 * GIB)


@pytest.mark.parametrize(
    ("facts", "level", "why"),
    [
        (AMPLE, PASS, "65536 files"),
        (replace(AMPLE, files=1_024), WARN, "1024 files open; 100 streams on one take up to 1112"),
        (replace(AMPLE, memory_bytes=GIB), WARN, "This machine has 1.0 GiB of memory; 100 streams"),
        (
            replace(AMPLE, memory_bytes=GIB, bounded_by="Its control group"),
            WARN,
            "Its control group allows",
        ),
        (limits.Facts(0, 1_024, GIB), PASS, "1024 files"),
    ],
)
def test_limits(facts: limits.Facts, level: Level, why: str) -> None:
    only(level, why, limits.judge(facts))


def test_the_smallest_limit_of_all_control_groups_above_counts(tmp_path: Path) -> None:
    group = tmp_path / "system.slice" / "tandem.service"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group.parent / "memory.max").write_text("1073741824\n")
    (tmp_path / "memory.max").write_text("4294967296\n")
    groups = "1:name=systemd:/x\n0::/system.slice/tandem.service\n"
    assert limits.limit_of_group(groups, tmp_path) == GIB
    assert limits.limit_of_group("0::/gone\n", tmp_path / "elsewhere") is None


def test_the_memory_is_read_as_the_kernel_tells_it() -> None:
    assert limits.total_of("MemTotal:       2048 kB\nMemFree: 1 kB\n") == 2 << 20
    with pytest.raises(OSError, match="does not say"):
        limits.total_of("")
