"""How far this node can trust its own ears (after Lifeguard, Dadgar et al. 2018).

A node that is starved finds everyone else silent. So it watches its own ticks: each that comes late
raises a score, a second of punctual ones lowers it, and every timeout is stretched by it:

    stretch = 1 + score,   score at most 3

And the time during which it did not run counts as nobody's silence: the beats of that time may
still wait in the socket, or have been thrown away.
"""

from dataclasses import dataclass
from typing import Final

TICK_US: Final = 50_000
"""How often verdicts are passed: an eighth of the base timeout, so it adds little to it."""

LATE_US: Final = TICK_US
"""A tick that comes this much too late is one that was lost; a busy Python process makes 10 ms."""

FORGIVING_TICKS: Final = 20
WORST_SCORE: Final = 3
"""Four times 400 ms: a node that is always starved still notices a death, later than others."""


@dataclass(frozen=True, slots=True)
class LocalHealth:
    """The score, and since when there is nothing to reproach oneself with.

    Attributes:
        ticked_us: the last tick, CLOCK_BOOTTIME.
        listening_us: silence is counted from here at the earliest.
        score: from 0, well, to `WORST_SCORE`.
        punctual: ticks in time since the score last changed.
    """

    ticked_us: int
    listening_us: int
    score: int = 0
    punctual: int = 0

    @property
    def stretch(self) -> int:
        """By what every timeout is multiplied."""
        return 1 + self.score


def tick(health: LocalHealth, now_us: int) -> LocalHealth:
    """Take note of a tick that is due every `TICK_US`."""
    late_us = now_us - health.ticked_us - TICK_US
    if late_us >= LATE_US:
        return LocalHealth(now_us, now_us, min(health.score + 1, WORST_SCORE))
    punctual = health.punctual + 1
    if punctual >= FORGIVING_TICKS:
        return LocalHealth(now_us, health.listening_us, max(health.score - 1, 0))
    return LocalHealth(now_us, health.listening_us, health.score, punctual)
