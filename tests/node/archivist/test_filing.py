"""Which fragments of a fetched segment are kept: what lacks, and what it takes to decode it."""

from tests.archive.material import CLUSTER, VIDEO

from tandem.archive.export.tables import Placed
from tandem.media.mp4.fragment import FragmentTable, StoredSample
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import InitSegment
from tandem.node.archivist.contents import Contents, Picture
from tandem.node.archivist.filing import stretches

HEADER = SegmentHeader(CLUSTER, "n1", "gate", "main", "", 0)


def contents(kinds: str) -> Contents:
    """A file of fragments: K begins with a keyframe, p does not, s has only sound."""
    parts: list[Placed] = []
    pictures: list[Picture] = []
    for number, kind in enumerate(kinds):
        row = StoredSample(0, 1, number, 0, 1, kind == "K", bytes([number]))
        video, audio = ([], [row]) if kind == "s" else ([row], [])
        parts.append(Placed(number, FragmentTable(number + 1, 1, 1, video, audio)))
        if video:
            pictures.append(Picture(bytes([number]), number, number))
    return Contents(InitSegment(0, HEADER, VIDEO, None), parts, pictures)


def kept(kinds: str, missing: list[int]) -> list[list[int]]:
    """The numbers of the fragments in each stretch."""
    found = stretches(contents(kinds), missing)
    return [[part.table.sequence_number - 1 for part in stretch] for stretch in found]


def test_nothing_is_kept_where_nothing_lacks() -> None:
    assert kept("KKK", []) == []


def test_what_lies_between_two_stretches_is_claimed_by_neither() -> None:
    assert kept("KKKK", [0, 2, 3]) == [[0], [2, 3]]


def test_a_fragment_within_a_group_of_pictures_is_kept_from_the_keyframe_on() -> None:
    assert kept("KppKpp", [2, 4]) == [[0, 1, 2, 3, 4]]
    assert kept("KKppK", [2]) == [[1, 2]]


def test_without_a_keyframe_before_it_all_before_it_is_kept() -> None:
    assert kept("ppK", [1]) == [[0, 1]]


def test_sound_stays_with_the_pictures_before_it() -> None:
    assert kept("KssKs", [0]) == [[0, 1, 2]]
    assert kept("KssKs", [1]) == [[3, 4]]
