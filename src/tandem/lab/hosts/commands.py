"""Other programs, each with a deadline, and waiting for the kernel to get there."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Collection, Sequence
from time import sleep

from tandem.clock import SystemClock
from tandem.lab.hosts.errors import LabError

DEADLINE_S = 10.0

_PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "mkfs.ext4": "e2fsprogs",
    "e2fsck": "e2fsprogs",
}
_FEWEST_S, _MOST_S = 0.001, 0.02


def run(
    argv: Sequence[str],
    *,
    given: str | None = None,
    deadline_s: float = DEADLINE_S,
    fine: Collection[int] = (0,),
    called: str | None = None,
) -> str:
    """Run a program to its end.

    Args:
        argv: program and arguments; looked for in the sbin directories as well.
        given: its standard input; empty unless given.
        deadline_s: when it is killed.
        fine: exit statuses that are no failure.
        called: what messages call it; its command line unless given.

    Returns:
        Its standard output.

    Raises:
        LabError: it is not installed, took too long, or failed.
    """
    shown = called or f'"{shlex.join(argv)}"'
    try:
        running = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env=environment(),
        )
    except FileNotFoundError:
        package = _PACKAGES.get(argv[0], "util-linux")
        raise LabError(f"{argv[0]} is not installed (package {package}). Install it.") from None
    with running:
        try:
            out, err = running.communicate(given or "", deadline_s)
        except subprocess.TimeoutExpired:
            # The whole group: nsenter would die alone, and leave its child on the host.
            os.killpg(running.pid, signal.SIGKILL)
            raise LabError(f"{shown} did not end within {deadline_s:g} s.") from None
    if running.returncode not in fine:
        said = (err or out).strip() or f"exit status {running.returncode}"
        raise LabError(f"{shown} failed: {said}")
    return out


def environment() -> dict[str, str]:
    """This process's environment, with the sbin directories, which a user's PATH often lacks."""
    return os.environ | {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"}


def wait_until(
    condition: Callable[[], bool], otherwise: str, deadline_s: float = DEADLINE_S
) -> None:
    """Ask again and again, for what the kernel does in its own time and tells nobody.

    Args:
        condition: what is waited for.
        otherwise: the sentence of the error.
        deadline_s: when waiting ends.

    Raises:
        LabError: the condition did not come true in time.
    """
    clock = SystemClock()
    end_us = clock.boot_us() + round(deadline_s * 1e6)
    pause_s = _FEWEST_S
    while not condition():
        if clock.boot_us() >= end_us:
            raise LabError(otherwise)
        sleep(pause_s)
        pause_s = min(pause_s * 2, _MOST_S)
