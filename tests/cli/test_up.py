"""`tandem up`, on a host of its own, where the store's ports are free."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.material import desk_with_agent

from tandem.cli.main import main
from tandem.cli.up import _first_settings
from tandem.lab.cluster.nodes import provide_etcd
from tandem.lab.hosts import Host, Lab, Plan
from tandem.lab.hosts.commands import wait_until
from tandem.node.home import Home
from tandem.node.settings import default_directory, default_path, read_settings

_TANDEM = str(Path(sys.executable).with_name("tandem"))
_PLACE = "/mnt/v1/here"
_LOG = "/run/up.log"


class UpOnHost:
    """`tandem up` on a host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.pid = 0

    def start(self) -> str:
        """Start it, and wait until it says how to go on; returns what it said."""
        self.host.outside(_LOG).unlink(missing_ok=True)
        etcd = f"TANDEM_ETCD={provide_etcd(self.host)}"
        argv = ["env", etcd, _TANDEM, "up", "--directory", _PLACE]
        self.pid = self.host.spawn(argv, _LOG)
        wait_until(lambda: "Ctrl-C ends it" in self.said, "It did not come up.", 60)
        return self.said

    @property
    def said(self) -> str:
        return self.host.outside(_LOG).read_text()

    def end(self, signal: str) -> None:
        """Ask it to end, and wait until nothing runs any more but the host's init and `ps`."""
        self.host.run(["kill", f"-{signal}", str(self.pid)])
        wait_until(lambda: len(self.running()) <= 2, "Something still runs.", 30)

    def running(self) -> list[str]:
        return self.host.run(["ps", "-e", "-o", "args="]).splitlines()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[UpOnHost]:
    with Lab.up(tmp_path / "lab", Plan(nodes=1, cameras=0, volume_mib=8192)) as lab:
        yield UpOnHost(lab.host("node1"))


@pytest.mark.real
@pytest.mark.lab("loop")
@pytest.mark.parametrize("signal", ["INT", "TERM", "HUP"])
def test_a_machine_records_alone_ends_in_order_and_goes_on(one: UpOnHost, signal: str) -> None:
    said = one.start()
    assert f"tandem camera add NAME rtsp://… --settings {_PLACE}/node.toml" in said
    one.host.run([_TANDEM, "camera", "list", "--settings", f"{_PLACE}/node.toml"])
    settings = one.host.outside(f"{_PLACE}/node.toml").read_text()
    certificate = Home(one.host.outside(f"{_PLACE}/data")).credentials.read_bytes()
    one.end(signal)
    assert "ends, as it was asked to" in one.said

    one.start()
    assert one.host.outside(f"{_PLACE}/node.toml").read_text() == settings
    assert Home(one.host.outside(f"{_PLACE}/data")).credentials.read_bytes() == certificate
    one.end("TERM")


def test_commands_find_the_settings_of_tandem_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "etc" / "node.toml"
    monkeypatch.setattr("tandem.node.settings.PATH", installed)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_path() == installed
    own = default_directory() / "node.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    assert default_path() == own == tmp_path / "share" / "tandem" / "node.toml"
    installed.parent.mkdir()
    installed.touch()
    assert default_path() == installed


def test_a_second_start_in_the_same_place_is_refused(tmp_path: Path) -> None:
    with desk_with_agent(tmp_path) as desk:
        result = CliRunner().invoke(main, ["up", "--directory", str(desk.directory)])
    assert result.exit_code == 1
    assert f"A node runs already in {tmp_path}." in result.output


def test_a_name_that_cannot_be_used_leaves_no_settings(tmp_path: Path) -> None:
    arguments = ["up", "--directory", str(tmp_path / "here"), "--name", "no name"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "'no name' is no name" in result.output) == (1, True)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_place_that_cannot_be_made_is_told() -> None:
    result = CliRunner().invoke(main, ["up", "--directory", "/proc/no-such-place"])
    assert (result.exit_code, result.output) == (
        1,
        "Error: /proc/no-such-place: No such file or directory.\n",
    )


def test_first_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(_first_settings(tmp_path, "mine"))
    found = read_settings(path)
    assert (found.node_id, found.store_is_embedded) == ("mine", True)
    assert [link.address for link in found.links] == ["127.0.0.1"]
    assert found.volumes[0].limits.max_bytes is not None
