"""Gaps wait in bounded memory, and none of their time is forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.coverage import coverage, subtract
from tandem.archive.rows import Gap, GapCause
from tandem.recording.gap_book import MOST_OF_A_STREAM, GapBook

CAUSES = [GapCause.CAMERA_STALLED, GapCause.DISK_ERROR]


def gap(from_us: int, to_us: int, cause: GapCause = CAUSES[0], camera: str = "gate") -> Gap:
    return Gap(camera, "main", from_us, to_us, cause, "why")


def test_gaps_of_one_cause_that_touch_become_one() -> None:
    book = GapBook()
    book.add([gap(0, 10), gap(10, 20), gap(20, 30, CAUSES[1]), gap(10**9, 10**9 + 5)])
    assert book.take() == [gap(0, 20), gap(20, 30, CAUSES[1]), gap(10**9, 10**9 + 5)]
    assert book.take() == []


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**7), st.sampled_from(CAUSES))),
    st.integers(1, 10),
)
def test_however_many_gaps_wait_they_are_few_and_cover_all_that_is_missing(
    spans: list[tuple[int, int, GapCause]], repeated: int
) -> None:
    book = GapBook()
    missing = []
    for number in range(repeated):
        for start, length, cause in spans:
            at = start + number * 10**9
            missing.append((at, at + length))
            book.add([gap(at, at + length, cause)])
    taken = book.take()
    assert len(taken) <= MOST_OF_A_STREAM
    told = coverage([(one.from_us, one.to_us) for one in taken])
    assert subtract(coverage(missing), told) == []


def test_a_stream_with_many_gaps_costs_no_other_stream_its_own() -> None:
    book = GapBook()
    book.add(gap(number * 10**6, number * 10**6 + 1) for number in range(10 * MOST_OF_A_STREAM))
    book.add([gap(5, 6, camera="yard")])
    taken = book.take()
    assert len(taken) == MOST_OF_A_STREAM + 1
    assert gap(5, 6, camera="yard") in taken


def test_lost_packets_are_kept_apart_and_one_by_one() -> None:
    lost = [gap(at, at + 4, GapCause.PACKETS_LOST) for at in (0, 5, 10)]
    book = GapBook()
    book.add([lost[0], gap(2, 12), *lost[1:], gap(12, 20)])
    assert sorted(book.take()) == sorted([*lost, gap(2, 20)])


def test_lost_packets_that_go_on_are_one_gap_in_the_words_of_the_last() -> None:
    first = gap(0, 4, GapCause.PACKETS_LOST)
    book = GapBook()
    book.add([first, first._replace(to_us=9, detail="again")])
    assert book.take() == [first._replace(to_us=9, detail="again")]


def test_neither_lost_packets_nor_other_gaps_push_the_others_out() -> None:
    book = GapBook()
    for number in range(3 * MOST_OF_A_STREAM):
        at = number * 10**6
        book.add([gap(at, at + 5), gap(at + 10**5, at + 10**5 + 5, GapCause.PACKETS_LOST)])
    taken = book.take()
    assert len(taken) == 2 * MOST_OF_A_STREAM
    assert len([one for one in taken if one.cause is GapCause.PACKETS_LOST]) == MOST_OF_A_STREAM
