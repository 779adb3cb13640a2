"""Whether a child process is well, by how old its last word is. Pure.

A child says each second how it is. One that is silent hangs, even if its process lives: on a
disk, in a loop, or stopped. But whoever looks too seldom finds everybody silent: time during which
this process itself did not look counts as nobody's silence.
"""

import enum
from dataclasses import dataclass, replace
from typing import Final

TICK_US: Final = 500_000
"""How often verdicts are passed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a child may be silent.

    Attributes:
        hung_us: then it is reported; five words are missing.
        lost_us: then it is replaced. A recorder's kernel buffers lose pictures long before, yet a
            restart costs those of its cameras that were well, so a disk's worst pause is waited
            for.
        start_us: for its first word. It comes when the volumes are open, and to check the files
            that a power cut left open takes a while on a slow disk: a start that is cut short
            would only begin again.
        end_us: to close its files when it is to end.
    """

    hung_us: int = 5_000_000
    lost_us: int = 15_000_000
    start_us: int = 300_000_000
    end_us: int = 15_000_000


PATIENCE: Final = Patience()


class Condition(enum.StrEnum):
    """How a child process is."""

    WAITING = "waiting"
    """There is none: it ended, and is started again in a moment."""
    STARTING = "starting"
    RUNNING = "running"
    HUNG = "hung"
    LOST = "lost"
    """It has hung for too long, and is to be replaced."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a process that runs. Times are CLOCK_BOOTTIME.

    Attributes:
        last_us: its last word, or its start.
        looked_us: when this was last looked at.
        has_spoken: whether there was any word yet.
    """

    last_us: int
    looked_us: int
    has_spoken: bool = False


def heard(signs: Signs, now_us: int) -> Signs:
    """The process has said how it is."""
    return replace(signs, last_us=now_us, has_spoken=True)


def looked(signs: Signs, now_us: int) -> Signs:
    """A tick; to be called each `TICK_US`, and what is late by that much is forgiven."""
    late_us = now_us - signs.looked_us - TICK_US
    forgiven_us = late_us if late_us >= TICK_US else 0
    return replace(signs, last_us=min(signs.last_us + forgiven_us, now_us), looked_us=now_us)


def condition(signs: Signs, now_us: int, patience: Patience) -> Condition:
    """The verdict."""
    silence_us = now_us - signs.last_us
    if not signs.has_spoken:
        return Condition.LOST if silence_us > patience.start_us else Condition.STARTING
    if silence_us > patience.lost_us:
        return Condition.LOST
    return Condition.HUNG if silence_us > patience.hung_us else Condition.RUNNING
