"""Which time is missing between pictures of which packets were lost. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from tandem.media.mp4.decode_times import DEEPEST_REORDERING
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


class ReorderedLosses:
    """The same for one connection's pictures that are not shown in the order of their decoding.

    Decode times tell nothing here: behind a loss they are derived from what came before it. What
    was lost before a picture was to be shown before some that came earlier, or behind some that
    come later. So it is told by the times at which those around it are shown, as soon as none can
    come any more that is shown between them: none is shown before it is decoded.
    """

    def __init__(self) -> None:
        self._known: list[tuple[int, bool]] = []
        self._until: int | None = None

    def push(
        self, shown: Sequence[int], follow_loss: Sequence[bool], until: int | None
    ) -> list[tuple[int, int]]:
        """Take the next pictures, in the order of their decoding.

        Args:
            shown: when each is presented, in ticks of `VIDEO_CLOCK_HZ`.
            follow_loss: of each; what was lost before the very first is not told.
            until: the decode time of the last, which is pushed again as the first of the next time;
                None where no more will come.

        Returns:
            From and to, UTC us, ascending; also of what was pushed before.
        """
        is_first = self._until is None
        known = [*self._known, *zip(shown, follow_loss, strict=True)]
        if is_first and known:
            known[0] = (known[0][0], False)
        times = [time for time, _ in known]
        gaps = [
            gap
            for at, (_, is_lossy) in enumerate(known)
            if is_lossy
            for gap in _gaps_around(at, times)
        ]
        found = {gap for gap in gaps if self._is_new(gap[1], until)}
        self._until = until
        self._known = known[-2 * DEEPEST_REORDERING - 1 : -1]
        return [(from_ * 100 // 9, to * 100 // 9) for from_, to in sorted(found)]

    def _is_new(self, end: int, until: int | None) -> bool:
        """Whether it was not told yet, and nothing can come any more that is shown before."""
        return (self._until is None or end > self._until) and (until is None or end <= until)


def late_gaps(shown: Sequence[int], nearest: Sequence[int], usual: int) -> list[tuple[int, int]]:
    """When no picture is shown though one usually would be, near a loss.

    Args:
        shown: when pictures around the loss are presented, ascending.
        nearest: the same of those next to it: only what lies between them was lost there.
        usual: how long pictures usually last.

    Returns:
        From and to, in the unit of what was given, ascending.
    """
    return [
        (before + usual, after)
        for before, after in pairwise(shown)
        if is_late(after - before, usual) and nearest[0] <= before and after <= nearest[-1]
    ]


def _gaps_around(at: int, shown: Sequence[int]) -> list[tuple[int, int]]:
    """Those near the picture with that place, of pictures in the order of their decoding."""

    def near(pictures: int) -> list[int]:
        return sorted(shown[max(0, at - pictures) : at + pictures])

    around = near(2 * DEEPEST_REORDERING)
    steps = sorted(after - before for before, after in pairwise(around))
    usual = steps[len(steps) // 4] if steps else 1  # most may be longer, where much is lost
    return late_gaps(around, near(DEEPEST_REORDERING), usual)
