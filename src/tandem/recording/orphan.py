"""A child ends with its parent, in good order, whatever happens to the parent.

Its standard input ends when the parent does, and so it closes its files and goes. Two kinds of
child would never read that, and stay, with a volume open:

- One that is stopped (SIGSTOP, a debugger). The kernel wakes it: its signal for the parent's death
  (`PR_SET_PDEATHSIG`) is SIGCONT. SIGTERM would wait as well until somebody wakes the child, and
  SIGKILL would cost each healthy recorder the pictures that it has in memory; SIGCONT means nothing
  to a process that runs.
- One whose event loop hangs. The thread that reads its orders sets an alarm when they end, and the
  kernel carries that out (SIGALRM, which nobody catches).

The signal comes when the *thread* that started the child ends: an agent starts its children in its
main thread. If that ended before it was asked for, standard input is at its end already.
"""

import ctypes
import signal
from typing import Final

LAST_S: Final = 15
"""How long a child may take to end after its orders have: as long as an agent waits that lives."""

_PR_SET_PDEATHSIG: Final = 1


def signal_at_parents_death(number: signal.Signals) -> None:
    """Have the kernel signal this process when the thread that started it ends.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def end_without_parent() -> None:
    """Make sure that this process can read the end of its orders, even if it is stopped by then.

    Raises:
        OSError: the kernel refused.
    """
    signal_at_parents_death(signal.SIGCONT)


def end_soon() -> None:
    """The orders have ended: whoever has not ended by itself in `LAST_S` is ended by the kernel."""
    signal.alarm(LAST_S)
