"""Whatever lies on the disks: what was recorded, by stand-ins too, and what nodes gave each other.

Where every camera has one encoding, an export has each picture once that any node has. Where it
encodes for each client, it has one encoding at a time.
"""

from collections.abc import Collection
from itertools import accumulate, groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.archive.export.material import (
    ANCHOR_US,
    BASE_US,
    FPS,
    H264,
    Film,
    MemorySource,
    complaints,
    connections_of,
    film,
    fragments_of,
    packets,
    record,
    request,
    still,
)

from tandem.archive.export.errors import NothingRecordedError
from tandem.archive.export.export import export
from tandem.archive.export.result import ExportResult
from tandem.archive.export.source import SegmentSource

LENGTH = 300
OFFSETS_US = [0, 90_000, -90_000, 400_000]
STILL_OFFSETS_US = [0, 90_000, -90_000, 200_000]
OTHER = (*H264, "-crf", "33")
FEW = settings(
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

holes = st.lists(
    st.builds(
        lambda start, length: range(start, start + length),
        st.integers(0, LENGTH),
        st.sampled_from([1, 2, 25, 30, 75, 120]),
    ),
    max_size=4,
)


def heal(
    source: MemorySource,
    lacking: Collection[int],
    camera: Film,
    kept: Collection[int],
    *,
    late_us: int = 0,
    breaks: Collection[int] = (),
) -> None:
    """File on a node what it lacks, as the fragments of another node that recorded `kept`.

    Each stretch begins with a keyframe, and is a segment; times are those of the other node.
    """
    for place, numbers in enumerate(connections_of(sorted(kept), breaks)):
        fragments = list(fragments_of(camera, numbers, late_us + place * ANCHOR_US))
        ends = [0, *accumulate(len(one.video) for one in fragments)]
        wanted = [not set(numbers[first:end]).isdisjoint(lacking) for first, end in pairwise(ends)]
        for at in reversed(range(1, len(fragments))):
            wanted[at - 1] |= wanted[at] and not fragments[at].begins_with_keyframe
        for is_wanted, stretch in groupby(zip(wanted, fragments, strict=True), lambda one: one[0]):
            if is_wanted:
                source.write([one for _, one in stretch])


def kept(data: st.DataObject, name: str) -> set[int]:
    """What a node recorded; half of what it lost was lost by the GOP."""
    lost = data.draw(holes, label=f"{name} lost")
    by_gop = data.draw(st.booleans(), label=f"{name} lost whole GOPs")
    starts = [hole.start // FPS * FPS if by_gop else hole.start for hole in lost]
    gone = [range(at, at + len(hole)) for at, hole in zip(starts, lost, strict=True)]
    return set(range(LENGTH)).difference(*gone) or {0}


def exported(target: Path, *sources: SegmentSource) -> ExportResult | None:
    """None where there is nothing that can be shown."""
    for path in target.parent.glob("gate*.mp4"):
        path.unlink()
    try:
        return export(sources, request(target, BASE_US - 10_000_000))
    except NothingRecordedError:
        return None


def check(result: ExportResult | None, camera: Film, *parts: Collection[int]) -> None:
    """Numbers of pictures, since their bytes tell nobody what went wrong.

    What ends without a keyframe behind a hole is in no file.
    """
    number_of: dict[bytes, int] = {}
    for at, one in enumerate(camera.pictures):
        number_of.setdefault(one.data, at)
    wanted = [number_of[camera.pictures[at].data] for at in sorted(set().union(*parts))]
    files = result.files if result else []
    found = [number_of[data] for file in files for data in packets(file.path)]
    assert found == wanted[: len(found)]
    assert not any(camera.pictures[at].is_keyframe for at in wanted[len(found) :])


def whole(data: st.DataObject, tmp_path: Path) -> None:
    """Two nodes record, a third stands in, and the first was given what it lacked."""
    is_still = data.draw(st.booleans(), label="still")
    camera = still(12) if is_still else film(12)
    target = tmp_path / "gate.mp4"
    offsets_us = st.sampled_from(STILL_OFFSETS_US if is_still else OFFSETS_US)
    late_us = [0, *(data.draw(offsets_us, label=name) for name in ("b late", "c late"))]
    of_a, of_b = kept(data, "a"), kept(data, "b")
    stood_in = data.draw(st.integers(0, LENGTH - 50), label="stood in from")
    of_c = set(range(stood_in, min(stood_in + 80, LENGTH)))
    a = record("a", camera, of_a)
    b = record("b", camera, of_b, late_us=late_us[1])
    c = record("c", camera, of_c, late_us=late_us[2])
    check(exported(target, a, b, c), camera, of_a, of_b, of_c)
    heal(a, of_b - of_a, camera, of_b, late_us=late_us[1])
    for sources, parts in (
        ([a], (of_a, of_b)),
        ([a, b], (of_a, of_b)),
        ([a, c], (of_a, of_b, of_c)),
        ([a, b, c], (of_a, of_b, of_c)),
    ):
        found = exported(target, *sources)
        check(found, camera, *parts)
        assert found is None or found.separate_encodings == []


@FEW
@given(data=st.data())
def test_each_picture_that_any_node_has_is_exported_once(
    data: st.DataObject, tmp_path: Path
) -> None:
    whole(data, tmp_path)


def test_the_last_pictures_of_a_fetched_piece_stand_behind_those_that_both_have(
    tmp_path: Path,
) -> None:
    camera, everything, lost = film(12), set(range(LENGTH)), {124}
    a, b = (record("a", camera, everything - lost), record("b", camera, late_us=90_000))
    heal(a, lost, camera, everything, late_us=90_000)
    for sources in ([a], [a, b]):
        check(exported(tmp_path / "gate.mp4", *sources), camera, everything)


def test_pieces_of_another_encoding_on_the_same_disk_are_not_shown_beside_its_own(
    tmp_path: Path,
) -> None:
    ours, theirs = film(30), film(30, OTHER)
    everything = set(range(750))
    a, b = record("a", ours), record("b", theirs, late_us=3_000)
    heal(a, everything, theirs, everything, late_us=3_000)
    target = tmp_path / "gate.mp4"
    for sources, groups in (([a], [["a"], ["a"]]), ([a, b], [["a"], ["a", "b"]])):
        found = exported(target, *sources)
        assert found is not None
        assert found.frames == 750
        assert sorted(map(list, found.separate_encodings)) == groups
        assert complaints(target) == ""


@pytest.mark.parametrize("late_us", [0, 90_000, 390_000])
def test_what_was_fetched_of_another_encoding_fills_the_hole_and_no_more(
    tmp_path: Path, late_us: int
) -> None:
    ours, theirs = film(30), film(30, OTHER)
    hole = set(range(310, 400))
    a = record("a", ours, set(range(750)) - hole)
    heal(a, hole, theirs, set(range(13, 750)), late_us=late_us)
    target = tmp_path / "gate.mp4"
    found = exported(target, a)
    assert found is not None
    assert list(found.separate_encodings) == [["a"], ["a"]]
    assert [complaints(file.path) for file in found.files] == ["", "", ""]
    number_of = {
        one.data: number for camera in (ours, theirs) for number, one in enumerate(camera.pictures)
    }
    told = [[number_of[data] for data in packets(file.path)] for file in found.files]
    assert [numbers[0] for numbers in told] == [0, 300, 400]
    assert all(one + 1 == other for numbers in told for one, other in pairwise(numbers))
    assert told[0][-1] <= 310
    assert told[1][-1] >= 389
    assert [one.to_us for one in found.missing][:-1] == [BASE_US]  # and what follows the film
