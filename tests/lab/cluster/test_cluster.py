"""A cluster in a lab, by the command line that people use."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.clock import SystemClock
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.commands import wait_until
from tandem.lab.hosts.freezer import groups_called

pytestmark = [pytest.mark.lab("loop", "nftables"), pytest.mark.real, pytest.mark.timeout(480)]

_TANDEM = str(Path(sys.executable).with_name("tandem"))


class Commands:
    """`tandem lab` on one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self, command: str, *arguments: str) -> "subprocess.Popen[str]":
        where = ["--directory", str(self.directory)]
        return subprocess.Popen(
            [_TANDEM, "lab", command, *where, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *arguments: str) -> tuple[int, str, str]:
        with self.start(command, *arguments) as running:
            out, err = running.communicate(timeout=200)
        return running.returncode, out, err

    def does(self, command: str, *arguments: str) -> str:
        status, out, err = self.run(command, *arguments)
        assert status == 0, out + err
        return out

    @property
    def is_gone(self) -> bool:
        book = Book(self.directory, SystemClock())
        return not self.directory.exists() and not groups_called(book.name)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path / "lab")
    yield commands
    commands.does("down")
    assert commands.is_gone


def test_a_cluster_comes_up_is_hurt_and_comes_back(lab: Commands) -> None:
    said = lab.does("up", "--cameras", "2", "--window", "5m")
    assert "records" in said
    assert "every camera is on the disks of 2 nodes" in said
    state = json.loads(lab.does("status", "--json"))
    assert (state["version"], state["is_running"]) == (1, True)

    asked = lab.does("exec", "node1", "--", "tandem", "status", "--json")
    cameras = json.loads(asked)["cameras"]
    assert [camera["recorded"] for camera in cameras] == [True, True]

    lab.does("kill", "node2")
    assert json.loads(lab.does("status", "--json"))["hosts"]["node2"]["power"] == "off"
    status, _, err = lab.run("exec", "node2", "--", "true")
    assert (status, "switched off" in err) == (1, True)
    lab.does("start", "node2")
    wait_until(lambda: agent_answers(lab, "node2"), "The agent did not start again.", 60)

    lab.does("cut", "node3", "--link", "a", "--one-way", "out")
    assert "link-a cut (out)" in lab.does("status")
    lab.does("heal")
    assert "cut" not in lab.does("status")

    lab.does("break", "node3", "v1", "destroyed")
    assert "volume v1 is destroyed" in lab.does("status")
    lab.does("repair", "node3", "v1")
    assert "tandem-volume.json" in lab.does("exec", "node3", "--", "ls", "/mnt/v1")


def agent_answers(lab: Commands, node: str) -> bool:
    status, out, _ = lab.run("exec", node, "--", "tandem", "status", "--json")
    return status != 1 and json.loads(out)["nodes"][node]["problem"] is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_beginning_leaves_nothing(lab: Commands, how: signal.Signals) -> None:
    with lab.start("up", "--cameras", "1") as running:
        wait_until((lab.directory / "cluster.json").exists, "It did not begin.", 60)
        running.send_signal(how)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "The lab was taken down" in err
    assert lab.is_gone


def test_a_beginning_that_fails_says_why_and_leaves_nothing(
    lab: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_ETCD", "/nowhere/etcd")
    status, _, err = lab.run("up", "--cameras", "1")
    assert status == 1
    assert "TANDEM_ETCD is /nowhere/etcd" in err
    assert lab.is_gone


def test_what_a_killed_beginning_left_is_taken_down(lab: Commands) -> None:
    with lab.start("up", "--cameras", "1") as running:
        wait_until((lab.directory / "cluster.json").exists, "It did not begin.", 60)
        running.kill()
        running.communicate(timeout=60)
    assert not lab.is_gone
    lab.does("down")
    assert lab.is_gone


def test_where_there_is_no_lab_the_way_to_one_is_told(lab: Commands) -> None:
    for command in (["status"], ["kill", "node1"], ["exec", "node1", "--", "true"]):
        status, _, err = lab.run(*command)
        assert status == 1
        assert "tandem lab up" in err
