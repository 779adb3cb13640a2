"""The most memory that a process had.

`ru_maxrss` does not tell it: what a process had before `execve` counts there too, which is what its
parent has had, since it is begun on the parent's memory (see `exec_mmap` in Linux's fs/exec.c).
"""

import re
from pathlib import Path

COMMAND = (
    "import atexit, pathlib, sys; "
    "target = pathlib.Path(sys.argv.pop(1)); "
    "own = pathlib.Path('/proc/self/status'); "
    "atexit.register(lambda: target.write_text(own.read_text())); "
)
"""Begins a program for `python -c` that leaves its status at the path of its first argument."""


def most_kb(status: Path = Path("/proc/self/status")) -> int:
    """The most memory that a process had in RAM, in KiB; this one, or one that left its status."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1])
