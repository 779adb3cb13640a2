"""What is not there, why, and where it was cut out; and which segments make a run."""

from pathlib import PurePosixPath
from uuid import UUID

from tandem.archive.export.layout import Span
from tandem.archive.export.missing import find_missing
from tandem.archive.export.runs import Entry, find_runs
from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Gap, GapCause, Interval, Role, Segment

S = 1_000_000
WINDOW = Interval(0, 100 * S)


def span(start: int, end: int, at: int) -> Span:
    return Span(start * S, end * S, at * S)


def gap(start: int, end: int, cause: GapCause) -> Gap:
    return Gap("gate", "main", start * S, end * S, cause, f"{cause}!")


def test_missing_times_are_split_by_cause_and_placed_in_the_file_that_goes_on() -> None:
    files = [[span(0, 20, 0), span(40, 50, 20)], [span(60, 90, 0)]]
    gaps = [gap(18, 30, GapCause.DISK_FULL), gap(30, 41, GapCause.CAMERA_STALLED)]
    found = find_missing(WINDOW, files, gaps, [])
    assert [
        (one.from_us // S, one.to_us // S, one.cause, one.detail, one.file, one.at_us)
        for one in found
    ] == [
        (20, 30, GapCause.DISK_FULL, "disk_full!", 0, 20 * S),
        (30, 40, GapCause.CAMERA_STALLED, "camera_stalled!", 0, 20 * S),
        (50, 60, GapCause.UNKNOWN, "", 1, 0),
        (90, 100, GapCause.UNKNOWN, "", None, None),
    ]


def test_a_node_that_is_down_is_the_cause_only_where_nobody_knows_another() -> None:
    down = [
        Unreachable("b", "down", [Interval(0, 30 * S)]),
        Unreachable("c", "down"),
    ]
    gaps = [gap(10, 20, GapCause.CAMERA_UNREACHABLE)]
    found = find_missing(WINDOW, [[span(0, 10, 0), span(20, 25, 10)]], gaps, down)
    assert [(one.cause, one.unreachable_nodes) for one in found] == [
        (GapCause.CAMERA_UNREACHABLE, ("b", "c")),
        (GapCause.NODE_DOWN, ("b", "c")),
    ]


def test_a_moment_shorter_than_a_gap_is_none() -> None:
    files = [[Span(100_000, 50 * S, 0), Span(50 * S + 150_000, 100 * S - 100_000, 50 * S)]]
    assert find_missing(WINDOW, files, [], []) == []


def entry(number: int, source: int, start_us: int, end_us: int) -> Entry:
    row = Segment(
        UUID(int=number), "gate", "main", PurePosixPath("x"), Role.PRIMARY, start_us, end_us
    )
    return Entry(number, source, row)


def test_segments_that_touch_are_a_run_and_others_are_not() -> None:
    entries = [
        entry(0, 0, 0, 60 * S),
        entry(1, 1, 60 * S, 90 * S),
        entry(2, 0, 60 * S + 11, 120 * S),
        entry(3, 0, 120 * S + 1_000, 150 * S),
        entry(4, 0, 30 * S, 60 * S),
    ]
    runs = find_runs(entries)
    assert [(run.source, [one.number for one in run.entries]) for run in runs] == [
        (0, [0, 2]),
        (0, [4]),
        (1, [1]),
        (0, [3]),
    ]
