"""Doing something no later than an instant, even if this process is stopped in its midst.

Whoever looks at the clock and then acts may be frozen between the two, and acts when it is thawed,
seconds too late. So a timer of the kernel stands behind the act: from that instant on this process
is as good as dead, and what was not done by then never is.

SIGALRM with its default action does that with what Python itself brings. In a process that is
stopped or frozen it waits, and the kernel looks for signals before it lets a process run on: so the
process dies of it before its next instruction (`get_signal` in kernel/signal.c).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tandem.clock import Clock

_LATE_US = 1_000
"""By how much the kernel's timer may be late: it is set relative to the reading of a clock."""


def prepare() -> None:
    """Make sure that the timer kills: a parent may have had its signal ignored or blocked."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


@contextmanager
def before(instant_us: int, clock: Clock) -> Iterator[bool]:
    """Let the body act only before an instant; this process dies if the body is still at it then.

    Args:
        instant_us: CLOCK_BOOTTIME.
        clock: that clock.

    Yields:
        Whether there is time; if not, the body must not act.
    """
    while True:
        asked_us = clock.boot_us()
        if asked_us >= instant_us:
            yield False
            return
        signal.setitimer(signal.ITIMER_REAL, (instant_us - asked_us) / 1e6)
        # Stopped between the two, it would be set too late.
        if clock.boot_us() - asked_us < _LATE_US:
            break
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
