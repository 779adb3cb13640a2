"""The init of a host: makes the host's namespaces and its view of the disks, then reaps.

Runs alone, as `python -I -S init.py FD LAB HOST`, so it imports nothing of Tandem. FD is a
SOCK_SEQPACKET socket: a JSON object comes in that says what to make, `ready` or an error goes out,
and `go` comes in. Without `go`, since whoever started it has died, it ends: no init runs that is
not written down. LAB and HOST are there for whoever lists the processes of the machine.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 16
_COMMAND_DEADLINE_S = 20.0

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Become the init of a host; never returns but to end."""
    control = socket.socket(fileno=int(sys.argv[1]))
    spec = json.loads(control.recv(MOST_BYTES))
    try:
        _separate(spec["namespaces"], spec["user"])
    except OSError as error:
        control.send(
            f"its namespaces were refused by the kernel: {error.strerror or error}".encode()
        )
        return
    if os.fork():
        os._exit(0)  # only a child of the one who asked for a PID namespace is in it
    os.setsid()
    try:
        _furnish(spec)
        os.chdir("/")
    except (OSError, subprocess.SubprocessError) as error:
        control.send(str(error).encode())
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    control.send(b"ready")
    if control.recv(MOST_BYTES) == b"go":
        control.close()
        _reap()


def _separate(flags: int, user: list[int] | None) -> None:
    if _libc.unshare(ctypes.c_int(flags)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if user is not None:
        uid, gid = user
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")


def _furnish(spec: dict[str, Any]) -> None:
    socket.sethostname(spec["host"])
    for verb, *arguments in spec["steps"]:
        if verb == "make":
            Path(arguments[0]).mkdir(parents=True, exist_ok=True)
        elif verb == "enter":
            os.chdir(arguments[0])
        elif verb == "mount":
            _mount(*arguments)
        else:
            _run(arguments)


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    done = _libc.mount(
        *(text.encode() for text in (source, target, kind)), ctypes.c_ulong(flags), data.encode()
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{source} cannot be mounted on {target}: {os.strerror(number)}")


def _run(argv: list[str]) -> None:
    ended = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=_COMMAND_DEADLINE_S
    )
    if ended.returncode:
        raise OSError(f"{' '.join(argv)} failed: {ended.stderr.strip()}")


# --- Being process 1 ---------------------------------------------------------------------------

_FORWARDED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_SIGNALS = {signal.SIGCHLD, *_FORWARDED}


def _reap() -> None:
    """Reap what nobody else waits for, and pass signals on, until one asks for the end."""
    ending = False
    while not (ending and _is_alone()):
        number = signal.sigwait(_SIGNALS)
        if number in _FORWARDED:
            ending = ending or number != signal.SIGHUP
            _forward(number)
        _is_alone()


def _forward(number: int) -> None:
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        return  # there is nobody else


def _is_alone() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


if __name__ == "__main__":
    main()
