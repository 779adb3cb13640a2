"""Tandem installed from its package on fresh servers with systemd, as the guide tells."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.packaging.machine import (
    Machine,
    MachineError,
    Network,
    lacking,
    make_base,
    network,
    run,
    wait_until,
)

from tandem.archive.export.result import rfc3339
from tandem.archive.space import Limits
from tandem.clock import SystemClock
from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import read_ledger
from tandem.node.provision import create_cluster, prepare_volume, provision_node, settings_text
from tandem.node.settings import LinkSettings, PeerSettings, VolumeSettings, parse_settings

TOP = Path(__file__).parents[2]
CAMERA = "10.77.0.100"
ADDRESSES = {"n1": "10.77.0.1", "n2": "10.77.0.2"}
ALONE = "10.77.0.9"
BECOME = "setpriv --reuid tandem --regid tandem --init-groups"
CLUSTER = 4711
VOLUME = Path("/srv/video1")
DATA = Path("/var/lib/tandem")
RELEASES = {"debian12": "bookworm", "debian13": "trixie", "ubuntu24.04": "noble"}
CLOCK = SystemClock()
SETTLED_US = 8_000_000
"""Newer pictures may be in memory yet: a fragment of 2 s, a sync each 2 s, and the time to ask."""

LEFT_BEHIND = (
    # What dpkg, apt, systemd and the accounts keep of anything that was ever installed.
    r"/var/(lib|log|cache)/(dpkg|apt|systemd|journal|private)\b.*|/var/log/.*|/var/tmp/.*|/var/backups/.*"
    r"|/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock|/etc/machine-id|/tmp/.*"
)

pytestmark = [
    pytest.mark.lab("root"),
    pytest.mark.real,
    pytest.mark.prove,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(lacking()), reason=lacking()),
]


@dataclass
class Site:
    """Two servers that record one camera, `hot`, and one that works alone."""

    n1: Machine
    n2: Machine
    alone: Machine
    package: Path
    ledger: Path
    before: set[str]
    began_us: int = 0

    def exported(self, machine: Machine, until_us: int) -> Comparison:
        """Count what one server exports, of all that was taken since the cluster recorded."""
        where = f"/var/tmp/{until_us}.mp4"
        span = f"--from {rfc3339(self.began_us)} --to {rfc3339(until_us)}"
        told = json.loads(machine.sh(f"tandem export Gate {span} -o {where} --json || test $? = 3"))
        files = [machine.root / each["path"].lstrip("/") for each in told["files"]]
        aside_us = 4_000_000  # an export begins and ends at keyframes
        asked = Span(None, None, self.began_us + aside_us, until_us - aside_us)
        return compare(count_frames(files), read_ledger(self.ledger), asked)


@pytest.fixture(scope="module", params=RELEASES)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    release = str(request.param)
    place = tmp_path_factory.mktemp("installed")
    with ExitStack() as ends:
        package = package_for(release)
        needed = ["systemd-sysv", "dbus", *dependencies(package)]
        base = make_base(RELEASES[release], place, needed)
        net = ends.enter_context(network(CAMERA))
        machines = [
            Machine(name, place / name, base, net, address)
            for name, address in {**ADDRESSES, "alone": ALONE}.items()
        ]
        for machine in machines:
            ends.callback(machine.cut_power)
            machine.boot()
        before = files(machines[0])
        for machine in machines:
            copy_of_package = machine.root / "var/tmp" / package.name
            copy_of_package.write_bytes(package.read_bytes())
            machine.sh(f"apt-get install --yes --no-install-recommends /var/tmp/{package.name}")
        ledger = ends.enter_context(camera(net, place))
        n1, n2, alone = machines
        yield Site(n1, n2, alone, package, ledger, before)


def package_for(release: str) -> Path:
    """The package, built now for this machine's own release, and by hand for any other."""
    own = platform.freedesktop_os_release()
    if release == f"{own['ID']}{own['VERSION_ID']}":
        if not (TOP / ".venv").exists():
            pytest.skip("The package is built from a checkout that was set up: make package")
        run([TOP / "packaging/build"], deadline_s=600)
    built = sorted((TOP / "dist").glob(f"tandem_*+{release}_*.deb"))
    if not built:
        pytest.skip(
            f"There is no package for {release} in dist/: scripts/prove-fresh-root"
            f" --suite {RELEASES[release]} --user root --keep dist make package"
        )
    return built[-1]


def dependencies(package: Path) -> list[str]:
    """What apt would fetch: the servers of this test are on no network that has it."""
    depends = run(["dpkg-deb", "--field", package, "Depends"])
    return [each.split()[0] for each in depends.strip().split(", ")]


class camera:  # noqa: N801 - a context
    """A simulated camera on the servers' network, and its ledger."""

    def __init__(self, net: Network, place: Path) -> None:
        config = {
            "version": 1,
            "cameras": [
                {
                    "number": 1,
                    "address": CAMERA,
                    "port": 554,
                    "unique_pictures": True,
                    "send_buffer_bytes": 16 << 10,
                    "profile": {"width_px": 320, "height_px": 192, "bit_rate_kbps": 256},
                }
            ],
        }
        (place / "cameras.json").write_text(json.dumps(config))
        self._ledgers = place / "ledgers"
        self._ledgers.mkdir()
        options: list[str | Path] = ["--config", place / "cameras.json", "--cache", place / "cache"]
        options += ["--ledgers", self._ledgers]
        self._command = net.command(sys.executable, "-m", "tandem.lab.camera", *options)

    def __enter__(self) -> Path:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout
        assert b"rtsp://" in self._process.stdout.readline()
        wait_until("the ledger", lambda: list(self._ledgers.iterdir()))
        return next(self._ledgers.iterdir())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


def files(machine: Machine) -> set[str]:
    found = machine.sh("find / -xdev -not -path '/proc/*' | sort")
    return {line for line in found.splitlines() if not re.fullmatch(LEFT_BEHIND, line)}


def make_cluster(site: Site) -> None:
    """Make both servers nodes of one cluster, as root would, and give them to the service."""
    made = create_cluster(CLUSTER, CLOCK)
    for machine in (site.n1, site.n2):
        peers = [PeerSettings(n, {"a": it}) for n, it in ADDRESSES.items() if n != machine.name]
        links = [LinkSettings("a", machine.address)]
        volumes = [VolumeSettings(VOLUME, None, Limits())]
        text = settings_text(machine.name, CLUSTER, DATA, links, peers, volumes)
        outside = machine.root / str(DATA).lstrip("/")
        provision_node(parse_settings(text), made, CLOCK, outside)
        prepare_volume(machine.root / str(VOLUME).lstrip("/"), CLUSTER, machine.name, CLOCK)
        (machine.root / "etc/tandem/node.toml").write_text(text)
        machine.sh(f"chown -R tandem: {VOLUME} {DATA}; ls -ld {DATA}")


def status(machine: Machine) -> Any:
    return json.loads(machine.sh("tandem status --json || test $? -ge 3"))


def is_recorded_by_both(machine: Machine) -> bool:
    return bool(status(machine)["verdict"] == "well")


def may_raise_limits(machine: Machine) -> bool:
    """Not without CAP_SYS_RESOURCE, nor from an idle priority, which only root can leave."""
    answer = machine.sh("prlimit --rtprio=50 --memlock=unlimited true && echo yes || true")
    return "yes" in answer and os.sched_getscheduler(0) == os.SCHED_OTHER


def main_pid(machine: Machine) -> str:
    return machine.sh("systemctl show --property=MainPID --value tandem").strip()


def recorded(site: Site) -> None:
    wait_until("both record", lambda: is_recorded_by_both(site.n1) and is_recorded_by_both(site.n2))


def assert_nothing_was_lost(site: Site, machine: Machine) -> None:
    until_us = CLOCK.utc_us()
    wait_until("it is on the disks", lambda: CLOCK.utc_us() > until_us + SETTLED_US)
    found = site.exported(machine, until_us)
    assert found.found > 0
    assert found.exact, found


def installing_enables_the_service_and_starts_nothing_before_there_is_a_node(
    site: Site,
) -> None:
    assert site.n1.sh("systemctl is-enabled tandem").strip() == "enabled"
    assert "inactive" in site.n1.sh("systemctl is-active tandem || true")
    assert "etcd" not in site.n1.sh("systemctl list-unit-files --no-legend")
    assert "tandem" not in site.n1.sh("systemctl --failed --no-legend")
    assert site.n1.sh("tandem --version").startswith("Tandem ")
    assert site.n1.sh("systemd-analyze verify tandem.service 2>&1").strip() == ""


def one_server_is_made_a_node_as_the_guide_tells(site: Site) -> None:
    guide = (TOP / "docs/guide/installing.md").read_text(encoding="utf-8")
    steps = guide.split("<!-- steps -->")[1].replace("sudo -u tandem", BECOME).replace("sudo ", "")
    commands = [line.removeprefix("$ ") for line in steps.splitlines() if line.startswith("$ ")]
    alone = site.alone
    for command in commands:
        if " up " in command:
            # The guide says: Ctrl-C as soon as it is up.
            alone.sh(f"timeout --signal=INT 20 {command} >/var/tmp/up.log 2>&1 || test $? = 124")
            assert "is up, and records" in alone.sh("cat /var/tmp/up.log")
        else:
            alone.sh(command)
    wait_until("it is well", lambda: status(alone)["verdict"] == "well")
    alone.sh(f"tandem camera add Gate rtsp://{CAMERA}/camera/1 --protection cold")
    alone.cut_power()
    alone.boot()
    wait_until("it is well again", lambda: status(alone)["verdict"] == "well")
    assert len(status(alone)["cameras"]) == 1
    alone.cut_power()


def a_node_starts_at_boot_and_records(site: Site) -> None:
    make_cluster(site)
    for machine in (site.n1, site.n2):
        machine.cut_power()
        machine.boot()
    wait_until("the agent answers", lambda: status(site.n1))
    wait_until(
        "the camera is entered",
        lambda: site.n1.sh(f"tandem camera add Gate rtsp://{CAMERA}/camera/1 --protection hot"),
    )
    recorded(site)
    site.began_us = CLOCK.utc_us()
    owner = site.n1.sh(f"stat -c %U {VOLUME}/* | sort -u").split()
    assert owner == ["tandem"]
    assert site.n1.sh(f"stat -c %U /proc/{main_pid(site.n1)}").strip() == "tandem"
    site.n1.sh("tandem store backup")
    assert site.n1.sh(f"stat -c %U {DATA}/backups {DATA}/backups/*").split() == ["tandem"] * 2
    if may_raise_limits(site.n1):
        pulse = status(site.n1)["nodes"]["n1"]["status"]["pulse"]
        assert (pulse["real_time"], pulse["memory_locked"], pulse["problems"]) == (True, True, [])


def members_of_the_group_may_ask_and_nobody_else(site: Site) -> None:
    site.n1.sh("useradd anna; useradd --groups tandem bert")
    asks = "setpriv --reuid {0} --regid {0} --init-groups tandem node list"
    assert "n2" in site.n1.sh(asks.format("bert"))
    with pytest.raises(MachineError, match="group tandem"):
        site.n1.sh(asks.format("anna"))
    with pytest.raises(MachineError):
        site.n1.sh(f"setpriv --reuid bert --regid bert --init-groups cat {DATA}/cluster.key")


def a_restart_of_the_service_loses_no_frame(site: Site) -> None:
    before = main_pid(site.n1)
    site.n1.sh("systemctl restart tandem")
    assert main_pid(site.n1) != before
    recorded(site)
    assert_nothing_was_lost(site, site.n2)
    assert "SIGKILL" not in site.n1.sh("journalctl --unit tandem --output cat")


def an_upgrade_of_the_package_restarts_in_order_and_loses_no_frame(site: Site) -> None:
    before = main_pid(site.n1)
    site.n1.sh(f"apt-get install --yes --reinstall /var/tmp/{site.package.name}")
    assert main_pid(site.n1) != before
    recorded(site)
    assert_nothing_was_lost(site, site.n2)


def after_a_power_cut_it_starts_again_and_no_frame_is_lost(site: Site) -> None:
    site.n1.cut_power()
    wait_until("it is missed", lambda: status(site.n2)["verdict"] != "well")
    site.n1.boot()
    recorded(site)
    assert_nothing_was_lost(site, site.n2)


def an_agent_that_is_killed_is_started_again_and_finds_its_store(site: Site) -> None:
    etcd = "grep --files-with-matches --line-regexp etcd /proc/[0-9]*/comm"
    before, store = main_pid(site.n1), site.n1.sh(etcd)
    site.n1.sh(f"kill -KILL {before}")
    wait_until("another agent", lambda: main_pid(site.n1) not in {before, "0"})
    recorded(site)
    assert site.n1.sh(etcd) == store
    assert_nothing_was_lost(site, site.n2)


def a_removed_package_leaves_its_data_and_nothing_else(site: Site) -> None:
    site.n1.sh("apt-get remove --yes tandem")
    running = site.n1.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "/usr/lib/tandem" not in running
    assert "tandem" not in site.n1.sh("ls /run /sys/fs/cgroup/system.slice")
    left = {it for it in files(site.n1) - site.before if not it.startswith("/var/lib/tandem")}
    assert left <= {"/etc/tandem", "/etc/tandem/node.toml"}, left
    assert site.n1.sh(f"find {VOLUME} -name '*.mp4' | head -1")
    assert site.n2.sh("systemctl is-active tandem").strip() == "active"


def a_purge_takes_settings_and_keys_and_no_recording(site: Site) -> None:
    site.n1.sh(f"mkdir {DATA}/video; touch {DATA}/video/tandem-volume.json {DATA}/video/1.mp4")
    recordings = site.n1.sh(f"find {VOLUME} -name '*.mp4' | wc -l")
    site.n1.sh("apt-get purge --yes tandem")
    assert site.n1.sh(f"find {VOLUME} -name '*.mp4' | wc -l") == recordings
    assert files(site.n1) - site.before == {
        "/var/lib/tandem",
        "/var/lib/tandem/video",
        "/var/lib/tandem/video/1.mp4",
        "/var/lib/tandem/video/tandem-volume.json",
    }


STEPS = (
    installing_enables_the_service_and_starts_nothing_before_there_is_a_node,
    one_server_is_made_a_node_as_the_guide_tells,
    a_node_starts_at_boot_and_records,
    members_of_the_group_may_ask_and_nobody_else,
    a_restart_of_the_service_loses_no_frame,
    an_upgrade_of_the_package_restarts_in_order_and_loses_no_frame,
    after_a_power_cut_it_starts_again_and_no_frame_is_lost,
    an_agent_that_is_killed_is_started_again_and_finds_its_store,
    a_removed_package_leaves_its_data_and_nothing_else,
    a_purge_takes_settings_and_keys_and_no_recording,
)


def test_it_is_installed_records_through_all_that_happens_and_is_removed(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    """One test, since each step begins where the last one ended."""
    for step in STEPS:
        step(site)
        record_property(step.__name__, "passed")
