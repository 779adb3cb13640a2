"""Whose pictures are shown when, where copies are encodings of their own. Pure.

Such copies share no picture, so they are joined in time: one is shown as long as it has pictures,
and where it has none the other, from keyframe to keyframe.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tandem.archive.coverage import clip, subtract
from tandem.archive.export.units import GAP_US
from tandem.archive.rows import Interval

Keyframes = Callable[[int, Interval], Sequence[int]]
"""When a family has keyframes in an interval (decode times, UTC us, ascending)."""

NEAR_US = 60_000_000
"""How far to look for a keyframe to change at."""


class Turn(NamedTuple):
    """A stretch of time in which one family is shown.

    Attributes:
        family: its number.
        from_us: first decode time, UTC.
        to_us: the first one after it.
    """

    family: int
    from_us: int
    to_us: int


def plan_turns(
    coverages: Sequence[Sequence[Interval]], window: Interval, keyframes: Keyframes
) -> list[Turn]:
    """Decide who is shown when.

    Args:
        coverages: when each family has pictures, the preferred one first.
        window: what is wanted.
        keyframes: where to change.

    Returns:
        Turns without overlap, ascending.
    """
    free = [window]
    turns: list[Turn] = []
    for family, coverage in enumerate(coverages):
        taken: list[Interval] = []
        for stretch in free:
            for start, end in clip(coverage, stretch):
                if end - start > GAP_US:
                    taken.append(Interval(start, end))
        turns += [Turn(family, start, end) for start, end in taken]
        free = subtract(free, taken)
    turns.sort(key=lambda turn: turn.from_us)
    return _change_at_keyframes(turns, keyframes)


def _change_at_keyframes(turns: list[Turn], keyframes: Keyframes) -> list[Turn]:
    """Move each change to a keyframe of the family that comes on."""
    for at, (before, after) in enumerate(pairwise(turns)):
        if before.family == after.family or after.from_us - before.to_us > GAP_US:
            continue
        change_us = _change(before, after, keyframes)
        turns[at] = turns[at]._replace(to_us=change_us)
        turns[at + 1] = after._replace(from_us=change_us)
    return [turn for turn in turns if turn.to_us > turn.from_us]


def _change(before: Turn, after: Turn, keyframes: Keyframes) -> int:
    """When to change: no time is lost where who comes on has a keyframe before it is needed."""
    at_us = after.from_us
    near = keyframes(after.family, Interval(at_us - NEAR_US, at_us + NEAR_US))
    earlier = bisect_right(near, at_us) - 1
    if after.family > before.family and earlier >= 0 and near[earlier] > before.from_us:
        return near[earlier]
    later = bisect_left(near, at_us)
    return near[later] if later < len(near) and near[later] < after.to_us else at_us
