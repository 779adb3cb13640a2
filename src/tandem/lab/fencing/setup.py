"""Giving a lab its power switch, and its nodes the agent that asks it."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from tandem.lab.fencing import fence_lab
from tandem.lab.fencing.switch import NAME
from tandem.lab.hosts import Host, Lab
from tandem.lab.hosts.commands import environment, wait_until
from tandem.node.fencing.agent import DIRECTORIES

AGENT: Final = "fence_lab"
_DEADLINE_S: Final = 20.0


def start_switch(lab: Lab) -> None:
    """Start the power switch of a lab; it ends with the lab.

    Raises:
        LabError: it does not begin to listen.
    """
    log = lab.directory / "power-switch.log"
    detached = ["setsid", "--fork", sys.executable, "-m", "tandem.lab.fencing", str(lab.directory)]
    with log.open("ab") as output:
        subprocess.run(
            detached,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=_DEADLINE_S,
            check=True,
            env=environment(),
        )
    wait_until(
        (lab.book.management / NAME).is_socket,
        f"The lab's power switch does not begin to listen: see {log}.",
        _DEADLINE_S,
    )


def install_agent(host: Host) -> None:
    """Put the agent where an administrator puts one of his own.

    Raises:
        LabError: the host is off.
    """
    path = host.outside(DIRECTORIES[0] / AGENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A copy, since Tandem may be where the host has something of its own.
    program = path.with_name(f"{AGENT}.py")
    program.write_bytes(Path(fence_lab.__file__).read_bytes())
    inside = DIRECTORIES[0] / program.name
    path.write_text(
        f"#!/bin/sh\nexec {shlex.join([sys.executable, '-I', '-S', str(inside)])}\n", "utf-8"
    )
    path.chmod(0o755)


def enter(asked: Host, name: str) -> None:
    """Enter how a node is fenced, by the command that people use.

    Args:
        asked: a node that runs.
        name: the node that is switched off.

    Raises:
        LabError: it was not entered.
    """
    command = [str(Path(sys.executable).with_name("tandem")), "fence", "add", name]
    asked.run([*command, "--agent", AGENT, "--option", f"plug={name}"], deadline_s=_DEADLINE_S)
