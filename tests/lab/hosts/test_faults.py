"""Cuts and freezes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.lab.hosts.conftest import SMALL
from tests.lab.hosts.talking import Client, Listener, greet, say, serve

from tandem.lab.hosts import Direction, Lab, LabError, Power
from tandem.lab.hosts.commands import wait_until
from tandem.lab.hosts.freezer import HIERARCHIES, Group, make_group

pytestmark = pytest.mark.lab("nftables")


def test_a_cut_stops_both_ways_on_its_link_alone(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    ears = Listener(one), Listener(two)
    greet(one, two, "a")
    lab.cut("node1", "a")
    for here, there, ear in ((one, two, ears[1]), (two, one, ears[0])):
        say(here, there.address("a"), "while-cut")
        say(here, there.address("b"), "on-b")
        ear.wait_for("on-b")
    lab.heal("node1")
    for here, there, ear in ((one, two, ears[1]), (two, one, ears[0])):
        say(here, there.address("a"), "healed")
        ear.wait_for("healed")
        assert ear.heard() == ["listening", "greeting", "on-b", "healed"]


@pytest.mark.parametrize("direction", Direction)
def test_a_cut_of_one_way_lets_the_other_pass(lab: Lab, direction: Direction) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    ears = {"node1": Listener(one), "node2": Listener(two)}
    greet(one, two, "a")
    lab.cut("node1", "a", [direction])
    say(one, two.address("a"), "from-one")
    say(two, one.address("a"), "from-two")
    deaf, hearing = ("node1", "node2") if direction is Direction.IN else ("node2", "node1")
    ears[hearing].wait_for("from-one" if hearing == "node2" else "from-two")
    lab.heal()
    say(lab.host(hearing), lab.host(deaf).address("a"), "healed")
    ears[deaf].wait_for("healed")
    assert ears[deaf].heard() == ["listening", "greeting", "healed"]


def test_cuts_add_up_and_are_healed_one_by_one(lab: Lab) -> None:
    lab.cut("node1", "a", [Direction.IN])
    lab.cut("node1", "a", [Direction.IN])
    lab.cut("node1", "a", [Direction.OUT])
    lab.cut("node1", "users")
    lab.cut("cameras", "cameras", [Direction.OUT])
    lab.heal("node1", "users")
    cuts = {name: host.cuts for name, host in lab.status().hosts.items() if host.cuts}
    assert cuts == {"node1": {"link-a": ["in", "out"]}, "cameras": {"cameras": ["out"]}}
    lab.heal()
    lab.heal()
    assert not any(host.cuts for host in lab.status().hosts.values())


def test_a_cut_outlives_a_loss_of_power(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    ear = Listener(two)
    lab.cut("node1", "a")
    lab.kill("node1")
    lab.start("node1")
    say(one, "10.77.1.255", "while-cut")  # by broadcast, which asks nobody for an address
    say(one, "10.77.2.255", "on-b")
    ear.wait_for("on-b")
    lab.heal("node1")
    say(one, "10.77.1.255", "healed")
    ear.wait_for("healed")
    assert ear.heard() == ["listening", "on-b", "healed"]


def test_a_network_that_is_not_there_cannot_be_cut(lab: Lab) -> None:
    with pytest.raises(LabError, match="user is not connected to the network a"):
        lab.cut("user", "a")
    with pytest.raises(LabError, match=r'no network "c"\. It has: a, b, cameras, users'):
        lab.cut("node1", "c")
    assert not lab.status().hosts["user"].cuts


@pytest.mark.lab("nftables", "freezer")
def test_a_frozen_host_answers_nothing_and_goes_on_with_its_connections(lab: Lab) -> None:
    one, two = lab.host("node1"), lab.host("node2")
    serve(one)
    with Client(two, one.address("a")) as client:
        assert client.answer("before") == "before"
        lab.freeze("node1")
        lab.freeze("node1")
        assert lab.status().hosts["node1"].power is Power.FROZEN
        assert client.ask("during") == "TimeoutError"
        with pytest.raises(LabError, match=r"TimeoutError|timed out|Host is unreachable"):
            # The kernel would accept in the place of a process that stands still.
            two.run(["python3", "-c", _CONNECT, str(one.address("b"))])
        lab.thaw("node1")
        lab.thaw("node1")
        wait_until(lambda: client.read_again() == "during", "The connection is lost.")
        assert client.answer("after") == "after"
    assert lab.status().hosts["node1"].power is Power.ON


_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 7000), 0.3)"


@pytest.mark.lab("nftables", "freezer")
def test_nothing_starts_on_a_frozen_host(lab: Lab) -> None:
    lab.freeze("node1")
    with pytest.raises(LabError, match=r"node1 is frozen\. Thaw it first"):
        lab.host("node1").run(["true"])
    lab.thaw("node1")
    lab.host("node1").run(["true"])


@pytest.mark.lab("nftables", "freezer")
def test_freezing_one_host_leaves_the_others_alone(lab: Lab) -> None:
    lab.freeze("node1")
    ear = Listener(lab.host("cameras"))
    say(lab.host("node2"), lab.host("cameras").address("cameras"), "hello")
    ear.wait_for("hello")


@pytest.mark.lab("nftables", "freezer")
@pytest.mark.parametrize("hierarchy", HIERARCHIES, ids=str)
def test_a_lab_freezes_with_either_version_of_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hierarchy: Path
) -> None:
    def this_alone(name: str) -> Group | None:
        return make_group(name, [hierarchy])

    monkeypatch.setattr("tandem.lab.hosts.lifetime.make_group", this_alone)
    with Lab.up(tmp_path / "lab", SMALL) as lab:
        if not lab.status().can_freeze:
            pytest.skip(f"{hierarchy} cannot freeze")
        host = lab.host("node1")
        beat = "while read -t 0.01 _ || [ $? -gt 128 ]; do printf x; done < <(sleep 1000)"
        host.spawn(["bash", "-c", beat], "/run/beats")
        beats = host.outside("/run/beats")
        wait_until(lambda: beats.stat().st_size > 0, "The daemon does not run.")
        lab.freeze("node1")
        count = beats.stat().st_size
        with pytest.raises(LabError):
            wait_until(lambda: beats.stat().st_size > count, "It stands still.", 0.1)
        lab.thaw("node1")
        wait_until(lambda: beats.stat().st_size > count, "The daemon does not go on.")
        lab.freeze("node1")
        lab.kill("node1")
        lab.start("node1")
        lab.freeze("node1")
    assert not lab.directory.exists()


def test_two_changes_at_once_are_done_one_after_the_other(lab: Lab) -> None:
    with ThreadPoolExecutor(4) as pool:
        for link in ("a", "b", "cameras", "users"):
            pool.submit(lab.cut, "node1", link)
    assert set(lab.status().hosts["node1"].cuts) == {"link-a", "link-b", "cameras", "users"}


def test_the_journal_says_what_was_done_when_and_what_failed(lab: Lab) -> None:
    begin_us = lab.clock.utc_us()
    lab.cut("node1", "a", [Direction.OUT])
    with pytest.raises(LabError):
        lab.cut("user", "a")
    end_us = lab.clock.utc_us()
    done, failed = lab.journal()[-2:]
    assert (done.event, done.error) == ("cut", None)
    assert done.details == {"host": "node1", "link": "a", "directions": "out"}
    assert failed.error == "user is not connected to the network a."
    times = [begin_us, done.began_us, done.done_us, failed.began_us, failed.done_us, end_us]
    assert times == sorted(times)
