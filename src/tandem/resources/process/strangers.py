"""The same command, started by somebody else: at boot, by hand, by another manager."""

import os
from collections.abc import Sequence
from pathlib import Path

_PROC = Path("/proc")


def strangers(command: Sequence[str]) -> list[int]:
    """Find processes that run a command, and that no keeper keeps.

    A process is a stranger if it has the same program and the very same arguments, in the PID and
    network namespaces of this process: what runs in a container, or under a keeper, is in others.
    It may block on a process that waits for a disk, so it belongs into a thread of its own.

    Args:
        command: the program's path, and its arguments.

    Returns:
        Their process ids.

    Raises:
        PermissionError: this process may not look at one that has these arguments.
    """
    program = os.path.realpath(command[0])
    is_script = _is_script(program)
    spaces = _namespaces(_PROC / "self")
    found = []
    for process in _PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if not is_script and not _may_be(process, program):
                continue
            if _runs(process, command, is_script=is_script) and _namespaces(process) == spaces:
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended, or is a thread of the kernel
    return sorted(found)


def _may_be(process: Path, program: str) -> bool:
    """Whether a process may run a program: looked at without touching its memory."""
    try:
        return str((process / "exe").readlink()) == program
    except PermissionError:
        return True


def _runs(process: Path, command: Sequence[str], *, is_script: bool) -> bool:
    arguments = (process / "cmdline").read_bytes().split(b"\0")[:-1]
    wanted = [os.fsencode(word) for word in command]
    if is_script:  # the interpreter, perhaps an argument for it, then the script
        return arguments[-len(wanted) :] == wanted and len(arguments) > len(wanted)
    return arguments[1:] == wanted[1:]


def _is_script(program: str) -> bool:
    try:
        with open(program, "rb") as file:  # noqa: PTH123
            return file.read(2) == b"#!"
    except OSError:
        return False  # a program that cannot be read does not run either


def _namespaces(process: Path) -> tuple[Path, Path]:
    return (process / "ns/pid").readlink(), (process / "ns/net").readlink()
