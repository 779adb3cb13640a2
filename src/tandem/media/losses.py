"""Which time is missing between pictures of which packets were lost. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from tandem.media.units import VIDEO_CLOCK_HZ

FIRST_GUESS_TICKS = VIDEO_CLOCK_HZ // 25
"""Duration of a picture where nothing was seen to measure one by."""


def usual_step(times: Sequence[int], follow_loss: Sequence[bool]) -> int:
    """How long pictures usually last, but for those behind which something was lost.

    Args:
        times: of pictures, in ticks, ascending.
        follow_loss: of each, as `AccessUnit.follows_loss`.
    """
    steps = sorted(
        after - before
        for (before, after), is_lossy in zip(pairwise(times), follow_loss[1:], strict=True)
        if not is_lossy
    )
    return steps[len(steps) // 2] if steps else FIRST_GUESS_TICKS


def is_late(step: int, usual: int) -> bool:
    """Whether so much more than the usual time lies between two pictures that one is missing."""
    return 2 * step >= 3 * usual


def losses_us(times: Sequence[int], follow_loss: Sequence[bool]) -> list[tuple[int, int]]:
    """When pictures are missing behind others, since packets were lost.

    Packets may be lost without a picture (those of parameter sets or SEI): then the next one comes
    no later than usual.

    Args:
        times: of pictures, in ticks of `VIDEO_CLOCK_HZ`, ascending.
        follow_loss: of each, as `AccessUnit.follows_loss`; what was lost before the first is not
            told.

    Returns:
        From and to, UTC us, ascending.
    """
    if True not in follow_loss:
        return []
    usual = usual_step(times, follow_loss)
    return [
        ((before + usual) * 100 // 9, after * 100 // 9)
        for (before, after), is_lossy in zip(pairwise(times), follow_loss[1:], strict=True)
        if is_lossy and is_late(after - before, usual)
    ]
