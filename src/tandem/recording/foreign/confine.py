"""What a child gives up before it touches the network."""

import contextlib
import fcntl
import os
import resource
import signal
from typing import Final

from tandem.recording.orphan import signal_at_parents_death

MEMORY_LIMIT_BYTES: Final = 1 << 30
"""Of address space. A child maps 130 MB of libraries and needs a tenth of that; a camera that makes
libav allocate without bound is stopped long before the machine suffers."""

_PIPE_BYTES: Final = 256 * 1024
"""Room for a large picture, so that the child reads on from the network while it is taken."""


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process as soon as the thread that started it ends.

    Raises:
        SystemExit: it has ended already.
        OSError: the kernel refused.
    """
    signal_at_parents_death(signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit(1)


def limit_resources() -> None:
    """Bound the memory, and write no core: it would hold the camera's password."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_LIMIT_BYTES:
        hard = MEMORY_LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def claim_output() -> int:
    """Keep standard output for messages: what a library prints there goes to standard error.

    Returns:
        The file descriptor to write messages to.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    with contextlib.suppress(OSError):  # the user's share of pipe memory is spent: it stays small
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return output
