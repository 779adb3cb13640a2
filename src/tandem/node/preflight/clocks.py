"""Whether this machine's clock is kept right, and how far the nodes' clocks are apart."""

import ctypes
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.node.control.troubles import NODE_CLOCK_US
from tandem.node.preflight.finding import Finding, failed, passed, warned

CHECK: Final = "clock"

CLIENTS: Final = ("chronyd", "systemd-timesyn", "ntpd", "ntpsec", "openntpd", "ptp4l", "phc2sys")
"""Names of processes, as /proc/<pid>/comm has them: 15 characters at most."""

FAR_US: Final = 100_000
"""NTP keeps clocks of one network within a few milliseconds."""

LARGE_PPM: Final = 200.0
"""A sound quartz is within 100; the kernel corrects 500 at most."""

FAST_PPM: Final = 1_000.0
"""Twice what the kernel corrects: more is a clock that somebody sets, or a broken one."""

BROKEN_PPM: Final = 20_000.0
"""The guarantee of exclusive resources bears 5 % between two clocks; this is well within it."""

_STA_UNSYNC: Final = 0x0040
_FREQUENCY_UNIT: Final = 65_536
_NTP: Final = "Install chrony (`apt install chrony`), and name the same time servers on all nodes."


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel says of its clock: adjtimex(2).

    Attributes:
        is_synchronised: somebody keeps it right.
        correction_ppm: by how much it is made faster.
        error_us: how far off it may be.
    """

    is_synchronised: bool
    correction_ppm: float
    error_us: int


@dataclass(frozen=True, slots=True)
class Sample:
    """How far another node's clock is ahead of the one that asks.

    Attributes:
        at_us: when it was asked, CLOCK_BOOTTIME of the asking node.
        offset_us: how far.
        within_us: how far that may be off: half of the time that asking took.
    """

    at_us: int
    offset_us: int
    within_us: int


def judge(kernel: KernelClock, clients: Sequence[str]) -> Iterator[Finding]:
    """Say whether this machine's clock is kept right."""
    by = f" by {clients[0]}" if clients else ""
    if kernel.is_synchronised:
        yield passed(
            CHECK, f"The clock is kept right{by}, within {max(1, kernel.error_us // 1000)} ms."
        )
    elif clients:
        yield warned(
            CHECK,
            f"{clients[0]} runs, and the clock is not synchronised.",
            "See `chronyc sources`, or `timedatectl timesync-status`: its servers may not answer.",
        )
    else:
        yield warned(
            CHECK,
            "Nobody keeps the clock right: no NTP client runs.",
            f"{_NTP} Recordings of two nodes are else joined at wrong times.",
        )
    if abs(kernel.correction_ppm) > LARGE_PPM:
        yield warned(
            CHECK,
            f"The clock of this machine is off by {kernel.correction_ppm:+.0f} ppm by itself.",
            "Its quartz or its hypervisor is bad. See `chronyc tracking`, and the hypervisor's"
            " advice on clocks.",
        )


def judge_others(asked: str, samples: Mapping[str, Sequence[Sample]]) -> Iterator[Finding]:
    """Say how far other nodes' clocks are off, and whether they run at another rate.

    Args:
        asked: the node that asked.
        samples: of each other one, two or more, the earliest first.
    """
    for node_id, found in sorted(samples.items()):
        if not found:
            continue
        last = min(found, key=lambda it: it.within_us)
        yield _judge_offset(asked, node_id, last)
        if len(found) > 1:
            yield from _judge_rate(asked, node_id, found[0], found[-1])


def _judge_offset(asked: str, node_id: str, sample: Sample) -> Finding:
    evidence = (
        f"The clock of {node_id} is {sample.offset_us / 1000:+.1f} ms from that of {asked}"
        f" (measured within {sample.within_us / 1000:.1f} ms)."
    )
    surely_us = abs(sample.offset_us) - sample.within_us
    if surely_us > NODE_CLOCK_US:
        return failed(CHECK, evidence, _NTP)
    if surely_us > FAR_US:
        return warned(CHECK, evidence, f"NTP keeps clocks within milliseconds. {_NTP}")
    return passed(CHECK, evidence)


def _judge_rate(asked: str, node_id: str, first: Sample, last: Sample) -> Iterator[Finding]:
    apart_us = last.at_us - first.at_us
    if apart_us <= 0:
        return
    drift_us = abs(last.offset_us - first.offset_us) - first.within_us - last.within_us
    drift_ppm = drift_us / apart_us * 1e6
    evidence = (
        f"The clocks of {asked} and {node_id} went {drift_us / 1000:.1f} ms apart at least within"
        f" {apart_us / 1e6:.1f} s."
    )
    if drift_ppm > BROKEN_PPM:
        yield failed(
            CHECK,
            evidence,
            "One of the two runs at a wrong rate, or was set just now: the guarantee that nothing"
            " exclusive runs twice bears 5 %. If it persists, replace that machine, or set its"
            " hypervisor's clock right.",
        )
    elif drift_ppm > FAST_PPM:
        yield warned(CHECK, evidence, "Check again in a minute: one of them may just be set.")


def look(processes: Path = Path("/proc")) -> Iterator[Finding]:
    """Look at this machine's clock.

    Raises:
        OSError: the kernel does not tell.
    """
    running = set()
    for entry in processes.glob("[0-9]*/comm"):
        try:
            running.add(entry.read_text().strip())
        except OSError:
            continue  # it has ended meanwhile
    return judge(kernel_clock(), [name for name in CLIENTS if name in running])


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, on 64-bit Linux."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_clock() -> KernelClock:
    """Ask the kernel: adjtimex(2), which changes nothing when asked like this.

    Raises:
        OSError: it does not tell.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    told = _Timex()
    if libc.adjtimex(ctypes.byref(told)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"adjtimex: {os.strerror(number)}")
    return KernelClock(
        not told.status & _STA_UNSYNC, told.freq / _FREQUENCY_UNIT, int(told.maxerror)
    )
