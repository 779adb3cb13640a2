"""When a child that ended is started again. Pure.

At once after a single crash, since each moment may be video of many cameras; less and less often
the more there were, so that one which crashes on every start does not keep the machine busy. It is
never given up: whatever is wrong, a mount or a full memory may be put right.
"""

from collections.abc import Iterable
from typing import Final

BUDGET_US: Final = 600_000_000
"""How long an end is remembered. Lived time alone would forgive a crash every minute for ever."""

FIRST_MS: Final = 100
LONGEST_MS: Final = 30_000


def recent(ends_us: Iterable[int], now_us: int) -> tuple[int, ...]:
    """Those ends that still count.

    Args:
        ends_us: when the process ended unasked, CLOCK_BOOTTIME.
        now_us: CLOCK_BOOTTIME.
    """
    return tuple(end_us for end_us in ends_us if now_us - end_us < BUDGET_US)


def delay_ms(ends: int, jitter: float) -> float:
    """How long to wait before the next start: doubled with each end, 30 s at most.

    Args:
        ends: how many there were of late, this one included; 0 starts at once.
        jitter: from 0 to 1, drawn anew; the delay is between its half and its whole.
    """
    if ends == 0:
        return 0.0
    ceiling = min(LONGEST_MS, FIRST_MS << min(ends - 1, 16))
    return ceiling * (1 + jitter) / 2
