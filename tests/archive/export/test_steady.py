"""Decode times of reordered pictures, of which some are missing."""

from tandem.archive.export.steady import SteadyTimes
from tandem.media.mp4.decode_times import DecodeTimes
from tandem.media.mp4.fragment import StoredSample

FRAME = 3_600
DEPTH = 2
SENT = [0, *(at + by for at in range(0, 400, 4) for by in (4, 2, 1, 3))]
"""When each picture is shown, in the order of sending."""


def rows(numbers: list[int]) -> list[StoredSample]:
    """What a recorder stores of some pictures."""
    times = DecodeTimes(DEPTH)
    shown = [SENT[number] * FRAME for number in numbers]
    decoded = [times.push(at) for at in shown]
    ends = [*decoded[1:], decoded[-1] + FRAME]
    return [
        StoredSample(0, 1, dts, at - dts, end - dts, number % 20 == 0, bytes(16))
        for number, at, dts, end in zip(numbers, shown, decoded, ends, strict=True)
    ]


def decoded(numbers: list[int], fragment: int = 50) -> dict[int, float]:
    """When each is decoded, in pictures."""
    steady, known = SteadyTimes(), rows(numbers)
    found = [
        row for at in range(0, len(known), fragment) for row in steady.steady(known[at:][:fragment])
    ]
    assert [row.dts + row.composition_offset for row in found] == [
        SENT[number] * FRAME for number in numbers
    ]
    assert all(row.duration > 0 for row in found)
    return {number: row.dts / FRAME for number, row in zip(numbers, found, strict=True)}


def test_times_without_a_hole_stay_as_they_are() -> None:
    numbers = [*range(200)]
    assert decoded(numbers) == {number: number - DEPTH for number in numbers}


def test_what_follows_a_hole_does_not_stand_before_it() -> None:
    for first in range(60, 68):
        for hole in (5, 20, 100):
            numbers = [*range(first), *range(first + hole, 300)]
            found = decoded(numbers)
            late = [number for number in numbers if abs(found[number] - number + DEPTH) > 5]
            assert late == []
            assert sorted(found.values()) == list(found.values())


def test_pictures_that_are_shown_as_they_come_are_not_looked_at() -> None:
    known = [StoredSample(0, 1, at * FRAME, 0, FRAME, False, bytes(16)) for at in (0, 1, 90)]
    assert SteadyTimes().steady(known) is known
