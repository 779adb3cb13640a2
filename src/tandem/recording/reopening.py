"""When to try a volume again: soon where it is only not there, ever more slowly where it fails."""

from random import Random

RETRY_S = 5.0
"""Between two looks for a volume that is not there; each costs the opening of one file."""

LONGEST_RETRY_S = 300.0
"""A disk that dies whenever it is used costs its cameras a few seconds each time."""

STEADY_S = 600.0
"""A volume that served this long was repaired: its next failure starts from the beginning."""


class Reopening:
    """Delays between the attempts to bring one volume into service, with jitter.

    Args:
        random: source of the jitter: recorders of a node take turns at a volume.
        retry_s: the shortest delay.
    """

    def __init__(self, random: Random, retry_s: float = RETRY_S) -> None:
        self._random = random
        self._retry_s = retry_s
        self._failures = 0

    def absent(self) -> float:
        """The volume is not there, or not to be written; returns the delay in seconds."""
        return self._random.uniform(0.8, 1.2) * self._retry_s

    def failed(self, served_s: float) -> float:
        """Its disk failed; returns the delay before the next attempt in seconds.

        Args:
            served_s: how long it was in service, 0 if it could not even be opened.
        """
        if served_s >= STEADY_S:
            self._failures = 0
        self._failures += 1
        doublings = min(self._failures - 1, 30)
        ceiling_s = min(LONGEST_RETRY_S, self._retry_s * (1 << doublings))
        return self._random.uniform(0.8, 1.0) * ceiling_s
