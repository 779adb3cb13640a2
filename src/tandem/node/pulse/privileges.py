"""What keeps the pulse on time on a busy machine: real-time priority, and memory that stays.

Both are for this process alone: whatever it starts begins without them (SCHED_RESET_ON_FORK; locks
are never inherited).
"""

import ctypes
import os
import resource
from typing import Any, Final

PRIORITY: Final = 2
"""Low among the real-time ones: above everything that is none, below the kernel's own threads."""

_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4


def take_privileges() -> dict[str, Any]:
    """Take what this machine allows.

    Returns:
        For the status: what was taken, and in `problems` what was not, in sentences.
    """
    refused = [_real_time(), _lock_memory()]
    return {
        "pid": os.getpid(),
        "real_time": refused[0] is None,
        "memory_locked": refused[1] is None,
        "problems": [why for why in refused if why],
    }


def _real_time() -> str | None:
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except OSError as problem:
        return (
            f"The pulse has no real-time priority ({problem.strerror}): on a busy machine it may be"
            " late, and what is exclusive here stops. It takes root, or CAP_SYS_NICE."
        )
    return None


def _lock_memory() -> str | None:
    """Not where the lock is limited: every later allocation beyond it would fail."""
    why = "its memory may be swapped out, and it be late. It takes root, or CAP_IPC_LOCK."
    if os.geteuid() and resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return f"The pulse may not lock its memory (LimitMEMLOCK): {why}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"The pulse cannot lock its memory ({os.strerror(ctypes.get_errno())}): {why}"
    return None
