"""When to try a camera again: at once after a hiccup, patiently where it said no."""

from random import Random

FIRST_RETRY_MS = (50, 400)
"""The first retry is quick, since most connections fail by a camera's or switch's short restart,
and each millisecond is video; the spread keeps a hundred cameras from returning in step."""

LONGEST_RETRY_MS = 5_000
"""Cap while a camera is unreachable: what its return may cost, against a packet in five seconds."""

REFUSED_RETRY_MS = 30_000
"""Where the camera refused our password: many lock an account after a few tries a minute."""

CROWDED_RETRY_MS = 1_000
"""Where the camera has no session left: one ends soon, since another node makes room, or the camera
finds out that whoever had it is dead; each second until then is video."""

CROWDED_RETRIES = 100
"""More than a minute: most cameras have forgotten a dead session by then, if it was one."""

STEADY_MS = 10_000
"""A connection that lived this long was a good one: the next failure starts from the beginning."""


class Backoff:
    """Delays between attempts to reach one camera, doubling, with full jitter above the first.

    Args:
        random: source of the jitter.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        self._crowded = 0

    def failed(self, lived_ms: int, *, refused: bool = False, crowded: bool = False) -> int:
        """An attempt or a connection ended; returns the delay before the next, in ms.

        Args:
            lived_ms: how long the connection delivered video, 0 if it never did.
            refused: the camera answered, and will not have us (wrong password, wrong path).
            crowded: the camera answered, and has no session left.
        """
        if lived_ms >= STEADY_MS:
            self._failures = 0
        self._failures += 1
        self._crowded = self._crowded + 1 if crowded else 0
        if refused and self._failures > 1:
            return self._random.randint(REFUSED_RETRY_MS // 2, REFUSED_RETRY_MS)
        if self._failures == 1:
            return self._random.randint(*FIRST_RETRY_MS)
        if 0 < self._crowded <= CROWDED_RETRIES:
            return self._random.randint(CROWDED_RETRY_MS // 2, CROWDED_RETRY_MS)
        ceiling = min(LONGEST_RETRY_MS, FIRST_RETRY_MS[1] << (self._failures - 1))
        return self._random.randint(ceiling // 2, ceiling)
