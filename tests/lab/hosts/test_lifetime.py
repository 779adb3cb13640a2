"""How a lab begins and ends, above all when whoever made it is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.hosts.conftest import SMALL

from tandem.lab.hosts import Lab, LabError, Plan, VolumeFault
from tandem.lab.hosts.commands import run, wait_until
from tandem.lab.hosts.freezer import Group, groups_called, make_group
from tandem.lab.hosts.launch import Launch, launch
from tandem.lab.hosts.processes import Process

pytestmark = pytest.mark.lab

_MOMENTS_S = (0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4)
_UP = [sys.executable, "-m", "tandem.lab.hosts"]

# Makes a lab in every state that is hard to end, and is killed before it can end anything.
_MAKE = """
import os, signal, sys
from pathlib import Path
from tandem.lab.hosts import Lab, Plan, VolumeFault
lab = Lab.up(Path(sys.argv[1]), Plan(nodes=2, volume_mib=64))
for name in ("node1", "node2"):
    lab.host(name).spawn(["sleep", "1000"], "/run/log")
for act in (lab.freeze, lab.kill):
    try:
        act("node1" if act == lab.freeze else "cameras")
        lab.cut("node2", "a")
        lab.break_volume("node2", "v1", VolumeFault.HUNG)
        lab.host("node2").spawn(["touch", "/mnt/v1/waits-for-ever"], "/run/log")
    except Exception as error:
        print(error, file=sys.stderr)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Traces:
    """What of a lab can be found on this machine, by its name and its directory."""

    def __init__(self, lab: Lab) -> None:
        self._directory = lab.directory
        self._name = lab.book.name
        inside = {each for pid in self.processes() for each in namespaces(pid)}
        # By number as well: the kernel soon gives a namespace's to one of another lab.
        self._inhabitants = {pid: inside & namespaces(pid) for pid in pids()}

    def processes(self) -> list[int]:
        return [pid for pid in pids() if self._name in command_line(pid)]

    def all(self) -> list[str]:
        """Everything that is left."""
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return [
            *(f"process {pid}: {command_line(pid)}" for pid in self.processes()),
            *(
                f"process {pid} is in a namespace of the lab: {command_line(pid)}"
                for pid, inside in self._inhabitants.items()
                if inside & namespaces(pid)
            ),
            *(f"mount {line}" for line in mounts if str(self._directory) in line),
            *(line for line in run(["losetup"]).splitlines() if str(self._directory) in line),
            *(f"group {group.path}" for group in groups_called(self._name)),
            *(str(path) for path in self._directory.parent.glob(f"{self._directory.name}*")),
        ]

    def are_gone(self) -> bool:
        """Whether nothing is left, soon: an init whose maker was killed ends by itself."""
        try:
            wait_until(lambda: not self.all(), "", 5)
        except LabError:
            pytest.fail(f"Left behind: {self.all()}")
        return True


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def namespaces(pid: int) -> frozenset[Path]:
    kinds = ("net", "pid", "mnt", "uts", "ipc")
    try:
        found = {Path(f"/proc/{pid}/ns/{kind}").readlink() for kind in kinds}
        return frozenset(found - {Path(f"/proc/self/ns/{kind}").readlink() for kind in kinds})
    except OSError:
        return frozenset()


def test_down_leaves_nothing_behind(tmp_path: Path) -> None:
    lab = Lab.up(tmp_path / "lab", SMALL)
    traces = Traces(lab)
    assert len(traces.processes()) == 5  # the ground, two nodes, the cameras' and the user's host
    lab.down()
    assert not traces.all()


def test_down_again_finds_nothing_to_do(tmp_path: Path) -> None:
    lab = Lab.up(tmp_path / "lab", SMALL)
    lab.down()
    lab.down()
    with pytest.raises(LabError, match="There is no lab in"):
        lab.kill("node1")
    assert not lab.directory.exists()


@pytest.mark.lab("loop", "freezer", "nftables")
def test_down_leaves_nothing_behind_of_a_lab_whose_maker_was_killed(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", _MAKE, str(tmp_path / "lab")],
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert (made.returncode, made.stderr) == (-signal.SIGKILL, b"")
    lab = Lab.open(tmp_path / "lab")
    traces = Traces(lab)
    assert len(traces.processes()) == 4  # all but the camera server, which was switched off
    lab.down()
    assert not traces.all()


@pytest.mark.parametrize("moment_s", _MOMENTS_S)
def test_down_leaves_nothing_behind_of_a_lab_that_was_half_made(
    tmp_path: Path, moment_s: float
) -> None:
    lab = Lab(tmp_path / "lab")
    with subprocess.Popen([*_UP, str(lab.directory), "up"]) as maker:
        try:
            maker.wait(moment_s)
        except subprocess.TimeoutExpired:
            maker.kill()
    traces = Traces(lab)
    lab.down()
    assert traces.are_gone()


@pytest.mark.lab("freezer")
def test_a_lab_whose_directory_was_lost_is_found_by_its_control_group(tmp_path: Path) -> None:
    lab = Lab.up(tmp_path / "lab", SMALL)
    traces = Traces(lab)
    shutil.rmtree(lab.directory)
    with pytest.raises(LabError, match="still runs"):
        Lab.up(lab.directory, SMALL)
    lab.down()
    assert traces.are_gone()


@pytest.mark.lab("freezer")
def test_empty_control_groups_of_a_lab_that_was_killed_are_in_nobodys_way(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    left = make_group(lab.book.name)
    assert left is not None
    Group(left.path / "node1").create()
    try:
        Lab.up(lab.directory, SMALL)
        traces = Traces(lab)
    finally:
        lab.down()  # where this fails, too: nobody else would look for groups of this name
    assert traces.are_gone()


def test_a_lab_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "without-ip"
    missing.mkdir()
    for program in ("nsenter", "mkfs.ext4", "e2fsck", "mount", "losetup", "sh"):
        if where := shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            (missing / program).symlink_to(where)
    lab = Lab(tmp_path / "lab")
    with monkeypatch.context() as poor:
        poor.setattr("tandem.lab.hosts.commands.environment", lambda: {"PATH": str(missing)})
        with pytest.raises(LabError, match="ip"):
            Lab.up(lab.directory, SMALL)
    assert Traces(lab).are_gone()


def test_an_init_ends_if_nobody_writes_it_down(tmp_path: Path) -> None:
    what = Launch("tandem-lab-test", "ground", [], tmp_path / "log", None, os.geteuid() != 0)
    with launch(what) as newborn:
        assert newborn.process.is_alive()
    wait_until(lambda: not newborn.process.is_alive(), "It lives on, and nobody knows of it.")


def test_a_lab_ends_with_its_ground(tmp_path: Path) -> None:
    with Lab.up(tmp_path / "lab", SMALL) as lab:
        traces = Traces(lab)
        ground = lab.book.load().ground
        assert ground is not None
        os.kill(ground.pid, signal.SIGKILL)
        wait_until(lambda: not lab.status().is_running, "The ground does not end.")
        wait_until(lambda: not traces.processes(), "Hosts outlive their ground.")
        with pytest.raises(LabError, match="Take it down, and up again"):
            lab.start("node1")


def test_what_has_the_number_of_a_dead_init_is_left_alone(tmp_path: Path) -> None:
    with Lab.up(tmp_path / "lab", SMALL) as lab:
        state = lab.book.load()
        lab.kill("node1")
        with subprocess.Popen(["sleep", "1000"]) as bystander:
            old = state.hosts["node1"].process
            assert old is not None
            impostor = Process(bystander.pid, old.started_ticks, old.boot_id, user_namespace=False)
            assert not impostor.is_alive()
            with impostor.end() as ending:
                ending.wait(1)
            assert bystander.poll() is None
            bystander.kill()


def test_a_directory_that_is_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(LabError, match="is not empty"):
        Lab.up(tmp_path, SMALL)
    with pytest.raises(LabError, match="something else"):
        Lab(tmp_path).down()
    assert (tmp_path / "precious").read_text() == "data"


def test_a_second_lab_in_a_directory_is_refused_and_the_first_goes_on(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"There is a lab in .* already"):
        Lab.up(lab.directory, SMALL)
    lab.host("node1").run(["true"])


def test_a_lab_of_another_version_is_left_to_that_version(lab: Lab) -> None:
    file = lab.directory / "lab.json"
    text = file.read_text()
    file.write_text(json.dumps(json.loads(text) | {"version": 99}))
    with pytest.raises(LabError, match=r"lab\.json version 99, not 1"):
        lab.down()
    file.write_text(text)


@pytest.mark.parametrize("plan", [{"nodes": 0}, {"nodes": 201}, {"cameras": 10_001}])
def test_a_lab_that_would_have_no_addresses_is_refused(plan: dict[str, int]) -> None:
    with pytest.raises(LabError, match="A lab has"):
        Plan(**plan)


def test_what_is_saved_is_what_is_loaded(lab: Lab) -> None:
    state = lab.book.load()
    state.hosts["node1"].volumes["v1"] = VolumeFault.HUNG
    lab.book.save(state)
    assert lab.book.load() == state
    state.hosts["node1"].volumes["v1"] = None
    lab.book.save(state)
