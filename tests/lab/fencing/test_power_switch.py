"""The lab's power switch, asked by its fence agent as stock agents are: from a host of the lab."""

import asyncio
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.clock import SystemClock
from tandem.lab.fencing import setup
from tandem.lab.fencing.switch import Manner, set_manner
from tandem.lab.hosts import Lab, Plan
from tandem.lab.hosts.commands import wait_until
from tandem.node.fencing.definition import Device
from tandem.node.fencing.device import NotConfirmedError, OpenDevice, switch_off
from tandem.node.fencing.metadata import check, metadata_of

pytestmark = [pytest.mark.lab("nftables"), pytest.mark.timeout(120)]

ASK = """
import subprocess, sys
told = "".join(f"{line}\\n" for line in sys.argv[2:])
done = subprocess.run([sys.argv[1]], input=told, text=True, capture_output=True, timeout=20)
print(done.returncode, done.stderr.strip())
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.up(tmp_path / "lab", Plan(nodes=2, cameras=0, volume_mib=64)) as lab:
        setup.start_switch(lab)
        setup.install_agent(lab.host("node1"))
        yield lab


def ask(lab: Lab, action: str, plug: str = "node2", host: str = "node1") -> tuple[int, str]:
    """Ask by the agent that is on a host."""
    agent = "/etc/tandem/fence-agents/fence_lab"
    argv = [sys.executable, "-c", ASK, agent, f"plug={plug}", f"action={action}"]
    status, _, said = lab.host(host).run(argv, deadline_s=30).partition(" ")
    return int(status), said.strip()


def test_it_cuts_a_hosts_power_and_confirms_when_nothing_of_it_is_left(lab: Lab) -> None:
    pid = lab.status().hosts["node2"].pid
    assert ask(lab, "status") == (0, "node2 is on.")
    assert ask(lab, "off")[0] == 0
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()
    assert ask(lab, "status") == (2, "node2 is off.")
    assert ask(lab, "off")[0] == 0
    assert lab.host("node1").is_on


def test_a_host_without_any_network_reaches_it(lab: Lab) -> None:
    for link in ("a", "b", "users", "cameras"):
        lab.cut("node1", link)
    assert ask(lab, "off")[0] == 0


def test_a_frozen_host_is_on_until_it_is_cut(lab: Lab) -> None:
    if not lab.status().can_freeze:
        pytest.skip("this machine has no freezer")
    lab.freeze("node2")
    assert ask(lab, "status") == (0, "node2 is on.")
    assert ask(lab, "off")[0] == 0
    assert ask(lab, "status") == (2, "node2 is off.")


def test_a_host_that_is_none_is_refused(lab: Lab) -> None:
    status, said = ask(lab, "off", plug="node9")
    assert status == 1
    assert "node9" in said


def test_it_ends_with_the_lab_and_leaves_nothing(tmp_path: Path) -> None:
    def running() -> bool:
        mark = str(tmp_path).encode()
        return any(
            b"tandem.lab.fencing" in line and mark in line
            for line in (_read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
        )

    with Lab.up(tmp_path / "lab", Plan(nodes=1, cameras=0, volume_mib=64)) as lab:
        setup.start_switch(lab)
        assert running()
    wait_until(lambda: not running(), "the power switch ends")
    assert not (tmp_path / "lab").exists()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


# --- By the product's own code, from outside ------------------------------------------------------


def fence(lab: Lab, timeout_s: int = 2) -> None:
    device = Device(
        "fence_lab",
        {"plug": "node2", "socket": str(lab.book.management / "power")},
        timeout_s=timeout_s,
    )
    agents = lab.directory / "agents"
    agents.mkdir()
    program = lab.host("node1").outside("/etc/tandem/fence-agents/fence_lab.py")
    script = agents / "fence_lab"
    command = shlex.join([sys.executable, "-I", "-S", str(program)])
    script.write_text(f"#!/bin/sh\nexec {command}\n")
    script.chmod(0o755)
    options = asyncio.run(metadata_of("fence_lab", (agents,)))
    check(options, device.options, "off")
    asyncio.run(switch_off([OpenDevice(device, {})], (agents,), SystemClock()))


def test_what_it_confirms_the_product_takes_for_confirmed(lab: Lab) -> None:
    fence(lab, timeout_s=20)
    assert not lab.host("node2").is_on


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (Manner.FAILS, "told to fail"),
        (Manner.LIES, "the node is on"),
        (Manner.UNREACHABLE, "did not end within 2 s"),
        (Manner.SLOW, "did not end within 2 s"),
    ],
)
def test_a_power_switch_that_misbehaves_confirms_nothing(
    lab: Lab, manner: Manner, said: str
) -> None:
    set_manner(lab, manner)
    with pytest.raises(NotConfirmedError, match=said):
        fence(lab)
