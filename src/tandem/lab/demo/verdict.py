"""What became of every picture: the cameras' ledgers against the exports, and the table of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tandem.lab.cluster.mix import camera_id, kind_of
from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import CountError, count_frames
from tandem.lab.counting.ledger import Ledger, LedgerError, read_ledger
from tandem.lab.demo.exports import Exported
from tandem.lab.hosts import LabError

_HEADING = f"  {'camera':<11}{'':<26}{'delivered':>11}{'exported':>10}{'lost':>7}{'doubled':>9}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the pictures of one camera.

    Attributes:
        found: as counted.
        lost_when: UTC, of the first and last picture of each run that was lost, in microseconds.
        missing: what the product itself said is missing.
    """

    found: Comparison
    lost_when: list[tuple[int, int]]
    missing: list[str]


def judge(exported: Exported, ledger: Path, span: Span, since_us: int) -> Verdict:
    """Count the pictures of an export against what the camera delivered.

    Args:
        exported: the export.
        ledger: of the camera.
        span: which pictures matter.
        since_us: when recording began, UTC: before the first keyframe since then nothing can be
            decoded.

    Raises:
        LabError: a file cannot be read.
    """
    try:
        known = read_ledger(ledger)
        first_us = max(span.from_us or 0, _first_keyframe_us(known, since_us))
        found = compare(count_frames(exported.files), known, replace(span, from_us=first_us))
    except (CountError, LedgerError) as error:
        raise LabError(f"The pictures cannot be counted: {error}") from error
    when = [(known.frames[first].utc_us, known.frames[last].utc_us) for first, last in found.lost]
    return Verdict(found, when, exported.missing)


def table(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """The lines of the table; whatever is wrong with a camera follows its line."""
    every = [verdict.found for verdict in verdicts]
    yield _HEADING
    for verdict in verdicts:
        found = verdict.found
        yield _row(camera_id(found.camera), kind_of(found.camera).name, [found])
        yield from _complaints(verdict)
    yield _row("all", "", every)


def _row(name: str, kind: str, found: list[Comparison]) -> str:
    delivered = sum(one.sent for one in found)
    exported = sum(one.found for one in found)
    lost, doubled = sum(one.lost_frames for one in found), sum(len(one.doubled) for one in found)
    return f"  {name:<11}{kind:<26}{delivered:>11}{exported:>10}{lost:>7}{doubled:>9}"


def _complaints(verdict: Verdict) -> Iterator[str]:
    found = verdict.found
    for (first, last), (from_us, to_us) in zip(found.lost, verdict.lost_when, strict=True):
        yield f"      lost: pictures {first}-{last}, taken {moment(from_us)} - {moment(to_us)}"
    if found.doubled:
        yield f"      doubled: pictures {found.doubled[0]}-{found.doubled[-1]}"
    others = {
        "out of order": len(found.out_of_order),
        "of another camera": found.wrong_camera,
        "without a number": found.unmarked,
        "never taken": len(found.unknown),
    }
    yield from (f"      {number} pictures {what}" for what, number in others.items() if number)
    if not found.exact:
        yield from (f"      tandem says that it misses {sentence}" for sentence in verdict.missing)


def _first_keyframe_us(ledger: Ledger, since_us: int) -> int:
    keyframes = (frame.utc_us for frame in ledger.frames.values() if frame.is_keyframe)
    return min((utc_us for utc_us in keyframes if utc_us >= since_us), default=since_us)


def moment(utc_us: int) -> str:
    """A time of day, UTC, to the millisecond."""
    return datetime.fromtimestamp(utc_us / 1e6, UTC).strftime("%H:%M:%S.%f")[:-3]
