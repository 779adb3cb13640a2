"""Which pictures of a camera are in an export, by their numbers, and which are not."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import Ledger, read_ledger
from tandem.lab.demo.exports import Exported

UNSURE_US: Final = 4_500_000
"""What one copy may lose to a loss of power: a fragment of 2 s, and 2 s between syncs."""

STAND_IN_US: Final = 2_000_000
"""Until the next node records a camera that one node alone recorded; then a keyframe must come."""

GOP_US: Final = {1: 2_000_000, 2: 2_000_000}
"""Of those cameras that one node alone records."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the pictures of one camera.

    Attributes:
        compared: with what it delivered to at least one node.
        gaps: first and last moment, UTC, of each run of pictures that it took, whether delivered
            or not, and that are nowhere.
        said: what the product itself said is missing.
    """

    compared: Comparison
    gaps: list[tuple[int, int]]
    said: list[str]

    @property
    def misplaced(self) -> tuple[object, ...]:
        """All that must never be, whatever was lost."""
        it = self.compared
        return it.doubled, it.out_of_order, it.unknown, it.unmarked, it.wrong_camera

    def assert_whole(self) -> None:
        """No picture that the camera took is lost or doubled, delivered or not."""
        it = self.compared
        assert it.found > 0, f"nothing of camera {it.camera} is there"
        assert it.exact, f"camera {it.camera}: {it}; said: {self.said}"
        assert self.gaps == [], f"camera {it.camera}: {it}; gaps: {self.gaps}; said: {self.said}"

    def assert_lost_only(self, from_us: int, to_us: int) -> None:
        """Pictures of that time may be lost, and none doubled."""
        it = self.compared
        assert not any(self.misplaced), f"camera {it.camera}: {it}"
        outside = [
            ((first_us - from_us) / 1e6, (last_us - from_us) / 1e6)
            for first_us, last_us in self.gaps
            if first_us < from_us or last_us > to_us
        ]
        allowed_s = (to_us - from_us) / 1e6
        assert not outside, (
            f"camera {it.camera} lacks what was taken {outside} s after the earliest that it may "
            f"lack, which are {allowed_s} s; said: {self.said}"
        )

    def assert_stood_in_for(self, lost_us: int, sure_us: int, told_us: int) -> None:
        """As after its only node lost its power: a stand-in, a keyframe; what no disk had yet.

        Args:
            lost_us: when the power was lost, UTC.
            sure_us: up to when that node had said that all is on its disks.
            told_us: when the others said that they record it, on a machine that is slow.
        """
        latest_us = max(lost_us + STAND_IN_US + GOP_US[self.compared.camera], told_us)
        self.assert_lost_only(min(lost_us - UNSURE_US, sure_us), latest_us)


def found_in(
    exports: Iterable[Exported],
    ledgers: Mapping[int, Path],
    since_us: Mapping[int, int],
    from_us: int,
    until_us: int,
) -> dict[int, Found]:
    """Hold exports against what the cameras took in a time, both ends of which belong to it.

    Of each camera from its first keyframe after `since_us`: what came before cannot be decoded.
    """
    found = {}
    for one in exports:
        counted, known = count_frames(one.files), read_ledger(ledgers[one.camera])
        taken = [it.utc_us for it in known.frames.values() if it.is_keyframe]
        began_us = since_us[one.camera]
        first_us = min((utc_us for utc_us in taken if utc_us >= began_us), default=began_us)
        span = Span(from_us=max(from_us, first_us), until_us=until_us)
        there = set(counted.numbers.get(one.camera, ()))
        gaps = _gaps(known, sorted(span.numbers(known) - there))
        found[one.camera] = Found(compare(counted, known, span), gaps, one.missing)
    return found


def _gaps(known: Ledger, numbers: list[int]) -> list[tuple[int, int]]:
    """The times of each run of numbers."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        taken_us = known.frames[number].utc_us
        if runs and number - 1 in known.frames and known.frames[number - 1].utc_us == runs[-1][1]:
            runs[-1] = runs[-1][0], taken_us
        else:
            runs.append((taken_us, taken_us))
    return runs


def tell(what: str, found: Mapping[int, Found] | None = None, **figures: float) -> None:
    """Say what was measured; shown by `pytest -s`."""
    words = [f"{name} {value:.2f}" for name, value in figures.items()]
    for number, it in (found or {}).items():
        lengths = [f"{(last_us - first_us) / 1e6:.2f} s" for first_us, last_us in it.gaps]
        words += [f"camera {number} lacks {', '.join(lengths)}"] if lengths else []
    sys.stdout.write(f"\n  {what}: {'; '.join(words) or 'nothing lost'}\n")
