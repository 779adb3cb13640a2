"""What a trial needs of an engine."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from tandem.lab.hosts import Host, Lab, LabError, Plan
from tandem.lab.hosts.networks import USERS

NODES = ("node1", "node2", "node3")
STRICT_IP = str(USERS.subnet[201])
SOFT_IP = str(USERS.subnet[202])
WEB_PORT = 80
LOG = "/tmp/engine.log"


class Engine(ABC):
    """One engine on three hosts of a lab.

    Attributes:
        title: what tables call it.
        pages: what is asked for: a name, an address and a port each. Who answers for the first is
            the owner.
        daemons: the processes, by `pgrep`, that are killed.
        counts_moves: whether it holds what has moved often, until an operator moves it.
        settling_s: so long after a node is back, the engine may still move things by itself.
    """

    title: str
    pages: dict[str, tuple[str, int]]
    daemons: ClassVar[str]
    counts_moves: ClassVar[bool] = False
    settling_s: float = 2.0
    lab: Lab

    def up(self, directory: Path) -> None:
        """Make the hosts, and start the engine on all of them."""
        self.lab = Lab.up(directory, Plan(nodes=len(NODES), cameras=0, volumes=0))
        for node in NODES:
            self.start(node)

    def switch_on(self, node: str) -> None:
        """Switch a host on that is off; `start` follows."""
        self.lab.start(node)

    def define(self) -> None:  # noqa: B027 - most are told by their configuration
        """Enter what is to be kept running."""

    @abstractmethod
    def start(self, node: str) -> None:
        """Start the engine on a host where nothing of it runs."""

    @abstractmethod
    def troubles(self) -> str:
        """What is not as it is to be, with all nodes on; empty: nothing."""

    @abstractmethod
    def move(self, owner: str, target: str) -> None:
        """Move everything, as the engine's manual says; where to, is its own affair if it must."""

    def next_owner(self, owner: str, number: int) -> str:  # noqa: ARG002
        """Who is to be hurt in the trial of this number; whoever it is, unless it can be chosen."""
        return owner

    def about(self, owner: str) -> dict[str, bool]:  # noqa: ARG002
        """What else is to be kept of a trial, just before the fault."""
        return {}

    def host(self, node: str) -> Host:
        return self.lab.host(node)

    def kill(self, node: str) -> None:
        """SIGKILL to all of its daemons on a node."""
        pids = self.pids(node)
        if not pids:
            raise LabError(f"Nothing of {self.title} runs on {node}.")
        self.host(node).run(["kill", "-KILL", *pids])

    def pids(self, node: str) -> list[str]:
        return [str(pid) for pid in self.host(node).pids(self.daemons)]


def installed(program: str, package: str) -> str:
    """Where a program of the distribution is.

    Raises:
        LabError: it is not installed.
    """
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise LabError(f"{program} is not installed. As root: scripts/apt-install {package}")
    return found


def version_of(package: str) -> str:
    """The version of a package of the distribution, without epoch and revision."""
    asked = ["dpkg-query", "--show", "--showformat", "${source:Upstream-Version}", package]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout
