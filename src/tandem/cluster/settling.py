"""From "is heard" to a verdict: down at once, up again only when it has settled.

Whoever comes and goes would make others start and stop for it each time. So after going down it
must be heard without a pause for

    hold_us = SETTLE_US x 2^min(flaps, MOST_FLAPS)

where `flaps` counts how often it went down without a calm of `CALM_US` in between: 0.3 s after the
first time, 19 s after many. Down for too long costs one superfluous recorder; it loses nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

SETTLE_US: Final = 300_000
"""Three beats in a row: one alone may have been on its way since before."""

MOST_FLAPS: Final = 6

CALM_US: Final = 60_000_000
"""After this long without going down, earlier times are forgotten: longer than the longest hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is down, and what that depends on.

    Attributes:
        is_down: the verdict.
        flaps: how often it went down before this time, without a calm between.
        changed_us: when the verdict last changed.
        heard_since_us: since when it has been heard without a pause, while it is down.
    """

    is_down: bool = False
    flaps: int = 0
    changed_us: int | None = None
    heard_since_us: int | None = None


def judge(verdict: Verdict, now_us: int, *, is_heard: bool) -> Verdict:
    """The verdict as it is now; to be asked at every tick."""
    if not verdict.is_down:
        return verdict if is_heard else _down(verdict, now_us)
    if not is_heard:
        return replace(verdict, heard_since_us=None)
    if verdict.heard_since_us is None:
        return replace(verdict, heard_since_us=now_us)
    if now_us - verdict.heard_since_us < hold_us(verdict.flaps):
        return verdict
    return Verdict(flaps=verdict.flaps, changed_us=now_us)


def hold_us(flaps: int) -> int:
    """For how long it must be heard before it counts as up."""
    return SETTLE_US << min(flaps, MOST_FLAPS)


def _down(verdict: Verdict, now_us: int) -> Verdict:
    flaps = 0
    if verdict.changed_us is not None and now_us - verdict.changed_us < CALM_US:
        flaps = verdict.flaps + 1
    return Verdict(is_down=True, flaps=flaps, changed_us=now_us)
