"""A lab of somebody who is not root, in a user namespace, run through the command line."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tandem

pytestmark = pytest.mark.lab

_NOBODY = 65534
_SOURCE = Path(tandem.__path__[0]).parent
_SYSTEM_PYTHON = "/usr/bin/python3"  # the environment's own may be where only root can read


class Somebody:
    """Runs `python -m tandem.lab.hosts` as a user without privileges."""

    def __init__(self, directory: Path) -> None:
        self.lab = directory / "lab"
        self._become = []
        if os.geteuid() == 0:
            os.chown(directory, _NOBODY, _NOBODY)
            self._become = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]

    def can(self, *argv: str) -> bool:
        return self._run(*argv).returncode == 0

    def does(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        python = _SYSTEM_PYTHON if self._become else sys.executable
        return self._run(python, "-m", "tandem.lab.hosts", str(self.lab), *arguments)

    def status(self) -> Any:
        return json.loads(self.does("status").stdout)

    def _run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._become, *argv],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(_SOURCE)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def somebody() -> Iterator[Somebody]:
    with tempfile.TemporaryDirectory() as directory:
        somebody = Somebody(Path(directory))
        if not somebody.can("unshare", "--user", "--map-root-user", "true"):
            pytest.skip("users may not make user namespaces here")
        if not somebody.can("test", "-r", str(_SOURCE / "tandem/__init__.py")):
            pytest.skip(f"{_SOURCE} can be read by root alone")
        made = somebody.does("up", "--nodes", "2")
        assert (made.returncode, made.stderr) == (0, "")
        yield somebody
        assert somebody.does("down").returncode == 0
        assert somebody.does("down").returncode == 0
        assert not somebody.lab.exists()


def test_a_lab_without_root_has_hosts_and_networks(somebody: Somebody) -> None:
    code = "import socket; socket.create_server(('10.77.2.1', 7000)); print(socket.gethostname())"
    assert somebody.does("exec", "node1", "--", "python3", "-c", code).stdout == "node1\n"
    assert somebody.does("exec", "node1", "--", "sh", "-c", "exit 3").returncode == 3
    seen = somebody.does("exec", "node2", "--", "sh", "-c", "echo /proc/[0-9]*").stdout.split()
    assert len(seen) == 2  # its init, and the shell


def test_a_lab_without_root_says_that_unsynced_data_stays(somebody: Somebody) -> None:
    assert somebody.status()["keeps_unsynced_why"] == "the lab does not run as root"
    write = ["exec", "node1", "--", "sh", "-c", "echo x | tee /mnt/v1/here /var/lib/tandem/here"]
    assert somebody.does(*write).stderr == ""
    assert somebody.does("kill", "node1").returncode == 0
    assert somebody.status()["hosts"]["node1"]["power"] == "off"
    assert somebody.does("start", "node1").returncode == 0
    read = ["exec", "node1", "--", "cat", "/mnt/v1/here", "/var/lib/tandem/here"]
    assert somebody.does(*read).stdout == "x\nx\n"
    journal = (somebody.lab / "journal.jsonl").read_text().splitlines()
    assert json.loads(journal[1])["unsynced_data"] == "kept"


@pytest.mark.lab("nftables")
def test_a_lab_without_root_cuts_and_heals(somebody: Somebody) -> None:
    assert somebody.does("cut", "node1", "--link", "a", "--direction", "out").returncode == 0
    assert somebody.status()["hosts"]["node1"]["cuts"] == {"link-a": ["out"]}
    assert somebody.does("heal", "node1").returncode == 0
    assert somebody.status()["hosts"]["node1"]["cuts"] == {}


def test_what_a_lab_without_root_cannot_do_is_refused_in_a_sentence(somebody: Somebody) -> None:
    refused = somebody.does("break", "node1", "v1", "full")
    assert refused.returncode == 1
    assert refused.stderr == (
        "A volume fault needs disks of the hosts' own, and the lab does not run as root. "
        "Run the lab as root.\n"
    )
    if not somebody.status()["can_freeze"]:
        frozen = somebody.does("freeze", "node1")
        assert frozen.stderr.startswith("Freezing needs a control group that this lab may make")
