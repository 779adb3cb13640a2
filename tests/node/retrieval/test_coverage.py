"""What each copy has, what all of them lack, and why."""

from dataclasses import replace

from tests.archive.export.material import MemorySource
from tests.archive.material import row

from tandem.archive.coverage import Missing
from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Gap, GapCause, Interval, Segment, State
from tandem.node.retrieval.coverage import Coverage, Held, ask_holdings, compare

S = 1_000_000
BASE = 1_795_000_000 * S
WANTED = Interval(BASE, BASE + 100 * S)


def file(start_s: float, end_s: float, state: State = State.CLOSED) -> Segment:
    start_us, end_us = BASE + round(start_s * S), BASE + round(end_s * S)
    return replace(row(1), start_us=start_us, end_us=end_us, state=state, frames=25)


def gap(start_s: float, end_s: float, cause: GapCause) -> Gap:
    return Gap("gate", "main", BASE + round(start_s * S), BASE + round(end_s * S), cause, "Why.")


def held(node: str, files: list[Segment], *gaps: Gap, unreachable: str | None = None) -> Held:
    return Held(node, files, gaps, unreachable)


def told(*copies: Held) -> Coverage:
    return compare("gate", "main", WANTED, copies)


def seconds(intervals: object) -> list[tuple[float, float]]:
    assert isinstance(intervals, list)
    return [((one[0] - BASE) / S, (one[1] - BASE) / S) for one in intervals]


def test_intervals_are_those_of_the_files_cut_to_what_was_asked_for() -> None:
    found = told(held("n1", [file(-5, 20), file(20, 40), file(60, 130)]))
    (copy,) = found.copies
    assert seconds(copy.intervals) == [(0, 40), (60, 100)]
    assert (copy.segments, copy.frames) == (3, 75)
    assert copy.gaps == [Missing(BASE + 40 * S, BASE + 60 * S, GapCause.UNKNOWN, "")]


def test_files_that_are_a_fifth_of_a_second_apart_are_one_interval() -> None:
    found = told(held("n1", [file(0, 20), file(20.2, 50), file(50.201, 100)]))
    assert seconds(found.copies[0].intervals) == [(0, 50), (50.201, 100)]
    assert seconds(found.copies[0].gaps) == [(50, 50.201)]
    assert seconds(found.intervals) == [(0, 50), (50.201, 100)]


def test_what_one_copy_lacks_the_other_fills() -> None:
    found = told(
        held("n1", [file(0, 40), file(60, 100)], gap(40, 60, GapCause.DISK_FULL)),
        held("n2", [file(0, 70)], gap(70, 100, GapCause.CAMERA_STALLED)),
    )
    assert [copy.gaps[0].cause for copy in found.copies] == [
        GapCause.DISK_FULL,
        GapCause.CAMERA_STALLED,
    ]
    assert seconds(found.intervals) == [(0, 100)]
    assert found.missing == []


def test_what_all_lack_has_a_cause_and_the_nodes_that_may_have_it() -> None:
    found = told(
        held("n1", [file(0, 40), file(60, 100)], gap(40, 50, GapCause.DISK_FULL)),
        held("n2", [], unreachable="It is off."),
    )
    assert found.missing == [
        (Missing(BASE + 40 * S, BASE + 50 * S, GapCause.DISK_FULL, "Why."), ("n2",)),
        (Missing(BASE + 50 * S, BASE + 60 * S, GapCause.NODE_DOWN, ""), ("n2",)),
    ]
    assert found.copies[1].gaps == []
    assert found.copies[1].unreachable == "It is off."


def test_a_copy_that_is_being_written_ends_where_its_disk_has_it() -> None:
    found = told(
        held("n1", [file(0, 100)]),
        held("n2", [file(0, 60), file(60, 96, State.OPEN)]),
        held("n3", [file(0, 96)]),
        held("n4", [file(0, 80, State.OPEN)]),
    )
    assert [seconds(copy.gaps) for copy in found.copies] == [[], [], [(96, 100)], [(80, 100)]]


def test_a_node_that_fails_when_it_is_asked_is_listed_with_those_that_failed_before() -> None:
    sources = [MemorySource("n2", down="It broke off."), MemorySource("n1", [file(0, 100)])]
    before = [Unreachable("n3", "It is off."), Unreachable("n1", "Its volume /srv/video2 failed.")]
    found = ask_holdings(sources, before, "gate", "main", WANTED)
    assert [(one.node_id, len(one.segments), one.unreachable) for one in found] == [
        ("n1", 1, "Its volume /srv/video2 failed."),
        ("n2", 0, "It broke off."),
        ("n3", 0, "It is off."),
    ]


def test_the_document_is_as_it_is_described() -> None:
    down = held("n2", [], unreachable="It is off.")
    document = told(held("n1", [file(0, 40)], gap(40, 100, GapCause.DISABLED)), down).to_json()
    begin, end = "2026-11-18T11:06:40.000000Z", "2026-11-18T11:08:20.000000Z"
    ended = "2026-11-18T11:07:20.000000Z"
    lacking = {"from": ended, "to": end, "cause": "disabled", "detail": "Why."}
    assert document == {
        "version": 1,
        "camera_id": "gate",
        "stream": "main",
        "from": begin,
        "to": end,
        "copies": [
            {
                "node_id": "n1",
                "intervals": [{"from": begin, "to": ended}],
                "gaps": [lacking],
                "segments": 1,
                "frames": 25,
                "unreachable": None,
            },
            {
                "node_id": "n2",
                "intervals": [],
                "gaps": [],
                "segments": 0,
                "frames": 0,
                "unreachable": "It is off.",
            },
        ],
        "union": {
            "intervals": [{"from": begin, "to": ended}],
            "missing": [lacking | {"unreachable_nodes": ["n2"]}],
        },
    }


def test_a_picture_that_was_lost_is_missing_however_short_it_stood() -> None:
    coverage = told(held("n1", [file(0, 100)], gap(40, 40.04, GapCause.PACKETS_LOST)))
    (copy,) = coverage.copies
    assert seconds(copy.intervals) == [(0, 40), (40.04, 100)]
    lost = Missing(BASE + 40 * S, BASE + 40_040_000, GapCause.PACKETS_LOST, "Why.")
    assert copy.gaps == [lost]
    assert seconds(coverage.intervals) == [(0, 40), (40.04, 100)]
    assert coverage.missing == [(lost, ())]


def test_what_one_copy_lost_and_another_has_is_missing_from_one_alone() -> None:
    coverage = told(
        held("n1", [file(0, 100)], gap(40, 41, GapCause.PACKETS_LOST)),
        held("n2", [file(0, 100)], gap(40.8, 42, GapCause.PACKETS_LOST)),
    )
    assert [len(copy.gaps) for copy in coverage.copies] == [1, 1]
    ((lost, nodes),) = coverage.missing
    assert ((lost.from_us - BASE) / S, (lost.to_us - BASE) / S, nodes) == (40.8, 41, ())
    assert seconds(coverage.intervals) == [(0, 40.8), (41, 100)]


def test_what_was_fetched_over_a_loss_fills_it() -> None:
    loss = gap(40, 41, GapCause.PACKETS_LOST)
    coverage = told(held("n1", [file(0, 100), file(38, 44)], loss))
    assert (coverage.copies[0].gaps, coverage.missing) == ([], [])


def test_what_was_fetched_has_losses_of_its_own() -> None:
    losses = [gap(40, 41, GapCause.PACKETS_LOST), gap(40.5, 42, GapCause.PACKETS_LOST)]
    coverage = told(held("n1", [file(0, 100), file(38, 44)], *losses))
    assert seconds(coverage.intervals) == [(0, 40.5), (41, 100)]


def test_a_loss_that_two_volumes_know_of_counts_once() -> None:
    loss = gap(40, 41, GapCause.PACKETS_LOST)
    grown = loss._replace(to_us=BASE + 42 * S)
    coverage = told(held("n1", [file(0, 100), file(38, 44)], loss, grown))
    assert coverage.missing == []


def test_of_a_time_without_any_file_lost_packets_say_nothing() -> None:
    losses = [gap(at, at + 0.04, GapCause.PACKETS_LOST) for at in range(10, 90, 7)]
    coverage = told(
        held("n1", [file(0, 10), file(90, 100)], *losses, gap(10, 90, GapCause.DISK_FULL))
    )
    assert coverage.copies[0].gaps == [
        Missing(BASE + 10 * S, BASE + 90 * S, GapCause.DISK_FULL, "Why.")
    ]
    assert [lost.cause for lost, _ in coverage.missing] == [GapCause.DISK_FULL]
