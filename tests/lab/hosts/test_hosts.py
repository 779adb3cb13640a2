"""What a host has for itself, and whom it reaches."""

import os
import signal
from pathlib import Path

import pytest
from tests.lab.hosts.conftest import SMALL
from tests.lab.hosts.talking import Listener, say

from tandem.lab.hosts import Lab, LabError, Power, camera_address
from tandem.lab.hosts.commands import wait_until

pytestmark = pytest.mark.lab

_PRIVATE = ("/tmp", "/run", "/var/lib/tandem", "/etc/tandem", "/etc", "/dev/shm", "/mnt/v1")


def test_hosts_reach_each_other_on_each_network(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    ear = Listener(two)
    for link in ("a", "b", "cameras", "users"):
        say(one, two.address(link), f"by-{link}")
        ear.wait_for(f"by-{link}")


def test_every_camera_and_the_user_are_reached(lab: Lab) -> None:
    node, cameras, user = lab.host("node1"), lab.host("cameras"), lab.host("user")
    ears = Listener(cameras), Listener(user)
    for number in (1, 2, 3):
        say(node, camera_address(number), f"camera{number}")
        ears[0].wait_for(f"camera{number}")
    say(node, user.address("users"), "hello")
    ears[1].wait_for("hello")


def test_the_user_does_not_reach_the_links(lab: Lab) -> None:
    with pytest.raises(LabError, match="Network is unreachable"):
        say(lab.host("user"), lab.host("node1").address("a"), "hello")


def test_two_labs_have_the_same_addresses_and_never_meet(lab: Lab, tmp_path: Path) -> None:
    with Lab.up(tmp_path / "other", SMALL) as other:
        ears = Listener(lab.host("node2")), Listener(other.host("node2"))
        say(lab.host("node1"), "10.77.1.2", "first")
        say(other.host("node1"), "10.77.1.2", "second")
        ears[0].wait_for("first")
        ears[1].wait_for("second")
        assert [ear.heard() for ear in ears] == [["listening", "first"], ["listening", "second"]]


def test_the_machine_has_no_network_of_the_lab(lab: Lab) -> None:
    assert "10.77.1.1" not in Path("/proc/net/fib_trie").read_text()
    assert not any("node1" in name.name for name in Path("/sys/class/net").iterdir())


def test_a_host_sees_its_own_processes_and_no_others(lab: Lab) -> None:
    lab.host("node2").spawn(["sleep", "1000"], "/run/log")
    script = "for each in /proc/[0-9]*; do tr '\\0' ' ' <$each/cmdline; echo; done"
    seen = [line for line in lab.host("node1").run(["sh", "-c", script]).split("\n") if line]
    assert len(seen) == 2  # init, and the shell; tr is not there yet when the names are read
    assert "init.py" in seen[0]


def test_hosts_have_names_of_their_own(lab: Lab) -> None:
    before = os.uname().nodename
    assert [lab.host(name).run(["hostname"]).strip() for name in ("node1", "cameras")] == [
        "node1",
        "cameras",
    ]
    assert os.uname().nodename == before


@pytest.mark.parametrize("directory", _PRIVATE)
def test_what_a_host_writes_is_seen_by_nobody_else(lab: Lab, directory: str) -> None:
    trace = f"{directory}/tandem-lab-was-here"
    lab.host("node1").run(["touch", trace])
    assert lab.host("node1").outside(trace).exists()
    assert not lab.host("node2").outside(trace).exists()
    assert not Path(trace).exists()


def test_orphans_are_reaped(lab: Lab) -> None:
    host = lab.host("node1")
    host.run(["sh", "-c", "sh -c 'exit 3' & exec true"])
    states = ["sh", "-c", "cat /proc/[0-9]*/stat | cut -d' ' -f2,3"]
    wait_until(lambda: " Z" not in host.run(states), "A zombie stays.")


def test_a_host_that_is_asked_to_end_lets_its_processes_end_well(lab: Lab) -> None:
    host = lab.host("node1")
    script = "trap 'echo asked; exit' TERM; echo ready; while :; do read -t 0.02 _; done"
    host.spawn(["bash", "-c", script], "/run/log")
    log = host.outside("/run/log")
    wait_until(lambda: "ready" in log.read_text(), "The daemon does not start.")
    with log.open() as said:
        pid = lab.status().hosts["node1"].pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not host.is_on, "The host does not end.")
        assert said.read() == "ready\nasked\n"


def test_a_command_that_takes_too_long_is_ended_on_the_host_as_well(lab: Lab) -> None:
    host = lab.host("node1")
    with pytest.raises(LabError, match=r"did not end within 0\.2 s"):
        host.run(["sleep", "4321"], deadline_s=0.2)
    everything = ["sh", "-c", "cat /proc/[0-9]*/comm"]
    wait_until(lambda: "sleep" not in host.run(everything).split(), "It still runs.")


def test_a_command_fails_with_what_it_said(lab: Lab) -> None:
    with pytest.raises(LabError, match="no such thing"):
        lab.host("node1").run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_a_host_that_is_off_says_so(lab: Lab) -> None:
    lab.kill("node1")
    assert lab.status().hosts["node1"].power is Power.OFF
    with pytest.raises(LabError, match="node1 is switched off"):
        lab.host("node1").run(["true"])
    with pytest.raises(LabError, match="node1 is switched off"):
        lab.freeze("node1")


def test_a_host_that_does_not_exist_is_named_with_those_that_do(lab: Lab) -> None:
    with pytest.raises(LabError, match=r'no host "node9"\. It has: node1, node2, cameras, user'):
        lab.kill("node9")
