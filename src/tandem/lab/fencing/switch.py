"""The lab's power switch: cuts a host's power when it is asked, and says so when that is done.

It is a process, started with a lab that has fencing, and ends with the lab's ground. It holds
nothing: each request is what `tandem lab kill`, `start` and `status` do. A cut is confirmed only
after every process of the host is gone.
"""

import json
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tandem.lab.hosts import Lab, LabError

NAME: Final = "power"
MANNER: Final = "power-manner"
VERSION: Final = 1
LOOK_S: Final = 0.3
"""How soon the end of the lab is noticed."""

SLOW_S: Final = 5.0
LONGEST_S: Final = 60.0
MOST_BYTES: Final = 4096


class Manner(StrEnum):
    """How the power switch behaves."""

    WELL = "well"
    SLOW = "slow"
    """It does what it is asked after 5 s."""
    FAILS = "fails"
    """It refuses everything."""
    LIES = "lies"
    """It says that it is done, and does nothing."""
    UNREACHABLE = "unreachable"
    """It takes the question, and never answers."""


def set_manner(lab: Lab, manner: Manner) -> None:
    """Let the power switch of a lab behave so from now on."""
    draft = lab.directory / f"{MANNER}.new"
    draft.write_text(manner, "utf-8")
    draft.replace(lab.directory / MANNER)


def manner_of(lab: Lab) -> Manner:
    """How the power switch of a lab is to behave."""
    try:
        return Manner((lab.directory / MANNER).read_text("utf-8"))
    except FileNotFoundError:
        return Manner.WELL


def serve(lab: Lab, start: Callable[[str], None]) -> None:
    """Answer requests until the lab is gone.

    Args:
        lab: whose power it is.
        start: switches a host on, with what ran there.

    Raises:
        LabError: there is no lab.
    """
    ground = lab.book.load().ground
    with _listening(lab.book.management) as listening:
        while ground is not None and ground.is_alive():
            if not select.select([listening], [], [], LOOK_S)[0]:
                continue
            channel, _ = listening.accept()
            # A thread each: one that is never answered must not hold up the next.
            threading.Thread(target=_answer, args=(lab, start, channel), daemon=True).start()


def _listening(directory: Path) -> socket.socket:
    """By way of a descriptor: the path of a lab may be longer than a socket's may be."""
    listening = socket.socket(socket.AF_UNIX)
    (directory / NAME).unlink(missing_ok=True)
    at = os.open(directory, os.O_PATH)
    try:
        listening.bind(f"/proc/self/fd/{at}/{NAME}")
    finally:
        os.close(at)
    listening.listen(64)
    return listening


def _answer(lab: Lab, start: Callable[[str], None], channel: socket.socket) -> None:
    with channel, suppress(OSError):  # who asked may have been killed meanwhile
        channel.settimeout(LONGEST_S)
        asked: dict[str, Any] = json.loads(channel.recv(MOST_BYTES) or b"{}")
        manner = manner_of(lab)
        if manner is Manner.UNREACHABLE:
            channel.recv(1)  # until it hangs up
            return
        if manner is Manner.SLOW:
            threading.Event().wait(SLOW_S)
        state, said = _outcome(lab, start, str(asked.get("action")), str(asked.get("plug")), manner)
        channel.sendall(json.dumps({"version": VERSION, "state": state, "said": said}).encode())
        channel.sendall(b"\n")


def _outcome(
    lab: Lab, start: Callable[[str], None], action: str, host: str, manner: Manner
) -> tuple[str, str]:
    """What is done, and said: "on", "off", "done" or "failed", and a sentence."""
    if manner is Manner.FAILS:
        return "failed", "The lab's power switch was told to fail."
    try:
        if action == "off" and manner is not Manner.LIES:
            lab.kill(host)
        elif action == "on" and manner is not Manner.LIES:
            start(host)
        elif action == "status":
            state = "on" if lab.host(host).is_on else "off"
            return state, f"{host} is {state}."
        elif action not in {"off", "on", "monitor"}:
            return "failed", f"The lab's power switch knows no action {action!r}."
    except LabError as problem:
        return "failed", str(problem)
    return "done", f"{action} {host}: done."
