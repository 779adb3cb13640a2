"""Starting an init, so that none ever runs that is not written down."""

import json
import os
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tandem.lab.hosts import init
from tandem.lab.hosts.commands import environment
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.processes import Process
from tandem.lab.hosts.rootfs import Step

_DEADLINE_S = 30.0
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_OF_A_HOST = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start.

    Attributes:
        lab: the lab's name.
        host: the host's name.
        steps: what its init does before it says that it is ready.
        log: where errors of its start go.
        inside: the lab's own init, to stand below; nothing for that one itself.
        user_namespace: whether the lab is in a user namespace.
    """

    lab: str
    host: str
    steps: list[Step]
    log: Path
    inside: Process | None
    user_namespace: bool


class Newborn:
    """An init that is ready, and ends unless it is let go. Used in a `with` statement."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self.process = process
        self._control = control

    def go(self) -> None:
        """Let it live on, now that it is written down."""
        self._control.send(b"go")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()


def launch(what: Launch) -> Newborn:
    """Start an init, and wait until its host is furnished.

    Raises:
        LabError: the kernel refused something; the sentence says what.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            # The kernel says who sent a message, by the number that the receiver knows.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.settimeout(_DEADLINE_S)
            ours.send(_spec(what))
            _start(what, theirs.fileno())
        return Newborn(_ready(what, ours), ours)
    except BaseException:
        ours.close()
        raise


def _spec(what: Launch) -> bytes:
    own_user = what.user_namespace and what.inside is None
    spec = {
        "host": what.host,
        "namespaces": _OF_A_HOST | (_NEWUSER if own_user else 0),
        "user": [os.geteuid(), os.getegid()] if own_user else None,
        "steps": what.steps,
    }
    return json.dumps(spec).encode()


def _start(what: Launch, fd: int) -> None:
    above = what.inside.enter("pid") if what.inside is not None else []
    script = [sys.executable, "-I", "-S", init.__file__, str(fd), what.lab, what.host]
    with what.log.open("ab") as log:
        starter = subprocess.Popen(
            [*above, *script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[fd],
            start_new_session=True,
            env=environment(),
        )
    try:
        starter.wait(_DEADLINE_S)
    except subprocess.TimeoutExpired:
        starter.kill()
        starter.wait()


def _ready(what: Launch, control: socket.socket) -> Process:
    try:
        said, ancillary, _, _ = control.recvmsg(
            init.MOST_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size)
        )
    except TimeoutError:
        said, ancillary = b"", []
    if said != b"ready":
        why = said.decode(errors="replace") or what.log.read_text("utf-8", "replace").strip()
        raise LabError(f"Host {what.host} could not be started: {why or 'its init ended'}")
    pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
    return Process.running(pid, user_namespace=what.user_namespace)
