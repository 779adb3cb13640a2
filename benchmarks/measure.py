"""What a set of processes costs: processor time to the nanosecond, memory as proportional share."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What the processes used.

    Attributes:
        cpu_percent: of one core.
        memory_mb: proportional set size at the end: what several share is counted once.
    """

    cpu_percent: float
    memory_mb: float


def measure(pids: Sequence[int], warm_up_s: float, length_s: float) -> Cost:
    """Watch processes, their children included, for `length_s` after `warm_up_s`."""
    time.sleep(warm_up_s)
    began_s, used_s = time.monotonic(), _cpu_s(pids)
    time.sleep(length_s)
    took_s = time.monotonic() - began_s
    cpu_percent = 100 * (_cpu_s(pids) - used_s) / took_s
    return Cost(cpu_percent, sum(_pss_kb(pid) for pid in _family(pids)) / 1024)


def _family(pids: Sequence[int]) -> list[int]:
    family = list(pids)
    for pid in family:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            family += [int(child) for child in children.read_text().split()]
    return family


def _cpu_s(pids: Sequence[int]) -> float:
    return sum(time.clock_gettime(_cpu_clock(pid)) for pid in _family(pids))


def _cpu_clock(pid: int) -> int:
    """The clock of all that a process has used, ended threads included.

    As `clock_getcpuclockid(3)` makes it. /proc counts in hundredths of a second, which is two per
    cent of what the limit uses in ten.
    """
    return ~pid << 3 | 2


def _pss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
