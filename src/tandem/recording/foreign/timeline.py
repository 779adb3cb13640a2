"""Timestamps as libav has them, to a timeline that holds.

What comes in: no time at all (the first packet of most RTSP sessions), decode times that stand
still or step back, counters that begin anew at 2**33 or 2**32, and cameras that reset their clock.
What goes out: for every unit a presentation time. None is ever dropped for its time.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Final

from tandem.recording.foreign.protocol import Unit

LONGEST_STEP_BACK_S: Final = 2
"""Reordered pictures, jittered or repeated decode times stay within it; a reset clock does not."""

LONGEST_GAP_S: Final = 10
"""A source that delivers nothing for this long is taken for dead, so a gap is never longer."""

_MOST_UNTIMED: Final = 32
_USUAL_RATE_HZ: Final = 25


class Timeline:
    """Places the units of one track.

    Args:
        clock_hz: ticks a second.
        wrap_ticks: after how many ticks the container's counter begins anew, or 0 for never.
        spacing: ticks from unit to unit where they are always the same, or 0 to learn them. MPEG-TS
            gives several frames of sound one time between them.
    """

    def __init__(self, clock_hz: int, wrap_ticks: int, spacing: int = 0) -> None:
        self._wrap = wrap_ticks
        self._back = LONGEST_STEP_BACK_S * clock_hz
        self._gap = LONGEST_GAP_S * clock_hz
        self._learns = spacing == 0
        self._spacing = spacing or clock_hz // _USUAL_RATE_HZ
        self._decode: int | None = None
        self._time = 0
        self._lag = 0

    def place(self, unit: Unit, *, continues: bool = False) -> tuple[int, bool]:
        """Give a unit its time.

        Args:
            unit: the next in decode order.
            continues: it is more of the picture before it, which libav sometimes splits.

        Returns:
            Its presentation time in ticks, and whether a new timeline begins with it.
        """
        raw = unit.pts if unit.dts is None else unit.dts
        if raw is None:
            return self._time if continues else self._follow(), False
        decode, is_break = self._continue_counter(raw)
        self._learn_spacing(unit.duration, decode, is_break=is_break)
        if unit.pts is None:
            time = decode + self._lag
        else:
            time = decode + self._nearest(unit.pts - raw)
            self._lag = time - decode
        self._decode, self._time = decode, time
        return time, is_break

    def _follow(self) -> int:
        """A unit without any time comes one spacing after the one before."""
        if self._decode is None:
            self._decode = 0
        else:
            self._decode += self._spacing
            self._time += self._spacing
        return self._time

    def _continue_counter(self, raw: int) -> tuple[int, bool]:
        """Continue it over its wrap; where it jumped, begin anew from what it says."""
        if self._decode is None:
            return raw, False
        step = self._nearest(raw - self._decode)
        if -self._back <= step <= self._gap:
            return self._decode + step, False
        return raw, True

    def _nearest(self, difference: int) -> int:
        """The shortest way between two readings of a counter that wraps."""
        if not self._wrap:
            return difference
        half = self._wrap // 2
        return (difference + half) % self._wrap - half

    def _learn_spacing(self, duration: int, decode: int, *, is_break: bool) -> None:
        if not self._learns:
            return
        if duration > 0:
            self._spacing = min(duration, self._gap)
        elif self._decode is not None and decode > self._decode and not is_break:
            self._spacing = decode - self._decode


class Opening:
    """Holds the first units of a track back until they have a time.

    Nothing that follows an IDR picture is shown before it, so a first picture without a time lies
    one spacing before the earliest of its followers; with B-frames that need not be the next one.

    Args:
        depth: how many units may stand in decode order between a unit and the one shown after it.
        clock_hz: ticks a second.
    """

    def __init__(self, depth: int, clock_hz: int) -> None:
        self._depth = depth
        self._clock_hz = clock_hz
        self._held: list[tuple[Unit, bool]] = []

    def receive(self, unit: Unit, *, continues: bool = False) -> list[tuple[Unit, bool]]:
        """Take a unit.

        Returns:
            Nothing while the times of the first units cannot be told yet. Then all that is held,
            each with its `continues` and its time.
        """
        self._held.append((unit, continues))
        timed = [(_stamp(held), more) for held, more in self._held if _stamp(held) is not None]
        is_told = bool(timed) and (len(timed) > self._depth or timed[0][1])
        is_first_timed = _stamp(self._held[0][0]) is not None
        if is_told or is_first_timed or len(self._held) == _MOST_UNTIMED:
            return self.flush()
        return []

    def flush(self) -> list[tuple[Unit, bool]]:
        """The stream ends here: hand over what is held, with the best times there are."""
        held, self._held = self._held, []
        first = next((i for i, (unit, _) in enumerate(held) if _stamp(unit) is not None), None)
        if first is None:
            return held  # nothing says when: the timeline spaces them out from zero
        time = min(stamp for unit, _ in held[first:] if (stamp := _stamp(unit)) is not None)
        spacing = self._spacing([unit for unit, _ in held[first:]])
        for i in range(first - 1, -1, -1):
            if not held[i + 1][1]:
                time -= spacing
            held[i] = (replace(held[i][0], pts=time), held[i][1])
        return held

    def _spacing(self, units: list[Unit]) -> int:
        times = sorted(stamp for unit in units if (stamp := _stamp(unit)) is not None)
        steps = [unit.duration for unit in units] + [
            later - earlier for earlier, later in pairwise(times)
        ]
        return next((step for step in steps if step > 0), self._clock_hz // _USUAL_RATE_HZ)


def _stamp(unit: Unit) -> int | None:
    return unit.dts if unit.pts is None else unit.pts
