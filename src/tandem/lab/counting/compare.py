"""Holding a recording against what the camera knows it delivered."""

from collections.abc import Iterable
from dataclasses import dataclass

from tandem.lab.counting.count import FrameCount
from tandem.lab.counting.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Span:
    """Which pictures matter; all, unless bounded. Both ends belong to it.

    Attributes:
        first: lowest frame number.
        last: highest frame number.
        from_us: earliest capture time, UTC.
        until_us: latest capture time, UTC.
    """

    first: int | None = None
    last: int | None = None
    from_us: int | None = None
    until_us: int | None = None

    def numbers(self, ledger: Ledger) -> set[int]:
        """Return the numbers of the pictures in the ledger that matter."""
        return {
            number
            for number, frame in ledger.frames.items()
            if _within(number, self.first, self.last)
            and _within(frame.utc_us, self.from_us, self.until_us)
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the pictures of one camera in one span.

    Attributes:
        camera: camera number.
        captured: pictures the camera took.
        sent: of these, the ones it delivered to at least one client.
        found: different pictures of the span in the files.
        lost: first and last number of each run that was sent and not found.
        doubled: numbers found more than once.
        out_of_order: numbers found after a higher one, other than by doubling.
        wrong_camera: pictures of other cameras.
        unmarked: pictures without a mark.
        unknown: numbers found that the ledger does not know.
    """

    camera: int
    captured: int
    sent: int
    found: int
    lost: tuple[tuple[int, int], ...]
    doubled: tuple[int, ...]
    out_of_order: tuple[int, ...]
    wrong_camera: int
    unmarked: int
    unknown: tuple[int, ...]

    @property
    def lost_frames(self) -> int:
        """How many pictures were lost."""
        return sum(last - first + 1 for first, last in self.lost)

    @property
    def exact(self) -> bool:
        """Whether every picture that was sent is there once, in order, and nothing else is."""
        misplaced = self.lost, self.doubled, self.out_of_order
        foreign = self.wrong_camera, self.unmarked, self.unknown
        return not any((*misplaced, *foreign))


def compare(count: FrameCount, ledger: Ledger, span: Span | None = None) -> Comparison:
    """Compare what was recorded with what was sent.

    A picture that the camera took while nobody listened is owed by nobody. One that was found
    although the ledger does not say it was delivered (it may have been on its way when the
    connection broke) is no fault.

    Args:
        count: what is in the recordings.
        ledger: what the camera took and sent.
        span: which pictures matter.

    Returns:
        What became of them.
    """
    matter = (span or Span()).numbers(ledger)
    sent = ledger.delivered() & matter
    seen: set[int] = set()
    doubled: set[int] = set()
    late: list[int] = []
    unknown: set[int] = set()
    highest = -1
    for number in count.numbers.get(ledger.camera, ()):
        if number not in ledger.frames:
            unknown.add(number)
        elif number in seen:
            doubled.add(number)
        elif number in matter:
            if number < highest:
                late.append(number)
            highest = max(highest, number)
            seen.add(number)
    others = sum(len(found) for camera, found in count.numbers.items() if camera != ledger.camera)
    return Comparison(
        camera=ledger.camera,
        captured=len(matter),
        sent=len(sent),
        found=len(seen),
        lost=_runs(sorted(sent - seen)),
        doubled=tuple(sorted(doubled)),
        out_of_order=tuple(late),
        wrong_camera=others,
        unmarked=count.unmarked,
        unknown=tuple(sorted(unknown)),
    )


def _within(value: int, lowest: int | None, highest: int | None) -> bool:
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)


def _runs(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return tuple(runs)
