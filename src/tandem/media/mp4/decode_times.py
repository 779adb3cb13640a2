"""From presentation times in decode order to decode times.

RTP carries presentation times only (RFC 6184 section 5.1, RFC 7798 section 4.1). With reorder depth
d (`max_num_reorder_frames`, ITU-T H.264 section E.2.1; `sps_max_num_reorder_pics`, ITU-T H.265
section 7.4.3.2), at most d pictures are decoded before a picture and shown after it. So picture i
is decoded in time when its decode time is the (i - d)th smallest presentation time, which is known
when it arrives: no smaller one can follow. It depends on the last d pictures alone, so recorders
that began at different keyframes agree.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

DEEPEST_REORDERING = 16
"""No stream may reorder deeper: the largest decoded picture buffer of H.264 and H.265."""

ASSUMED_FRAME_TICKS = 3_600
"""Spacing of decode times before the first presentation time: 25 pictures a second. Nothing is
known of the stream then, and any spacing is valid."""

RELEARN_AFTER = 512
"""Pictures after which a learned depth follows what was needed since: a camera's clock that stepped
back once must not set this recorder's timeline apart from the others' for ever."""


class DecodeTimes:
    """Gives each picture of one timeline its decode time, strictly increasing.

    Where the depth is known and the stream keeps it, no decode time is later than its presentation
    time. Where it is not known it is learned: after a presentation time goes back, decode times may
    exceed presentation times for a few pictures, then fall in with those of other recorders. `trun`
    version 1 can express that, but libav shifts all presentation times of such a file, so whoever
    holds several pictures lets it `foresee` them. The same goes for pictures that lead the very
    first keyframe. A new timeline (the capture clock was anchored anew) needs a new object.

    Args:
        reorder_depth: how many pictures may precede another in decoding and follow it in output;
            None where the stream does not say.

    Attributes:
        reorder_depth: as given, or as learned so far.
        irregular: how many presentation times were repeated, or went back further than reordering
            explains: faults of the camera's clock. Such pictures are kept all the same.
    """

    def __init__(self, reorder_depth: int | None) -> None:
        self._is_learning = reorder_depth is None
        self.reorder_depth = reorder_depth or 0
        self.irregular = 0
        self._latest: list[int] = []
        self._kept = 1 + (DEEPEST_REORDERING if self._is_learning else self.reorder_depth)
        self._earliest: int | None = None
        self._last_dts: int | None = None
        self._learned_from = 0
        self._deepest = 0

    def foresee(self, coming: Sequence[int]) -> None:
        """Look at pictures before they are pushed, so that the first of them fit the rest.

        Args:
            coming: presentation times in ticks of the pictures to be pushed next, in decode order.
        """
        if not self._latest:
            self._earliest = min(coming, default=None)
        if not self._is_learning:
            return
        latest = self._latest.copy()
        for pts in coming:
            overtaken = len(latest) - bisect_right(latest, pts)
            if overtaken <= DEEPEST_REORDERING:
                self.reorder_depth = max(self.reorder_depth, overtaken)
            self._insert(latest, pts)

    def push(self, pts: int) -> int:
        """Take the next picture in decode order.

        Args:
            pts: its presentation time in ticks.

        Returns:
            Its decode time in ticks, greater than every one before.
        """
        latest = self._latest
        if len(latest) == self._kept and latest[-1] < pts and not self._is_learning:
            # In output order, as nearly all pictures are.
            latest.append(pts)
            del latest[0]
            dts = latest[0]
        else:
            dts = self._push_any(pts)
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
        self._last_dts = dts
        return dts

    def _push_any(self, pts: int) -> int:
        """Take any picture; `push` has dealt with the commonest kind."""
        latest = self._latest
        behind = bisect_right(latest, pts)
        self._judge(len(latest) - behind, is_repeated=bisect_left(latest, pts) != behind)
        self._insert(latest, pts)
        missing = self.reorder_depth + 1 - len(latest)
        if missing > 0:
            earliest = latest[0] if self._earliest is None else self._earliest
            return earliest - missing * ASSUMED_FRAME_TICKS
        return latest[-1 - self.reorder_depth]

    def _insert(self, latest: list[int], pts: int) -> None:
        insort(latest, pts)
        if len(latest) > self._kept:
            del latest[0]

    def _judge(self, overtaken: int, *, is_repeated: bool) -> None:
        """Learn from how many later pictures were decoded before this one, or count the fault."""
        learnable = self._is_learning and overtaken <= DEEPEST_REORDERING
        if is_repeated or (overtaken > self.reorder_depth and not learnable):
            self.irregular += 1
        if not learnable:
            return
        self._deepest = max(self._deepest, overtaken)
        self._learned_from += 1
        if self._learned_from % RELEARN_AFTER == 0:
            self.reorder_depth, self._deepest = self._deepest, 0
        self.reorder_depth = max(self.reorder_depth, self._deepest)
