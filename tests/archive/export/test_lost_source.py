"""A node that is lost in the middle of an export: the others go on, and what it had is told."""

from pathlib import Path

import pytest
from tests.archive.export.material import (
    ANCHOR_US,
    BASE_US,
    FRAME_US,
    MemorySource,
    film,
    packets,
    record,
    request,
)

from tandem.archive.export.errors import NothingRecordedError, SourceLostError
from tandem.archive.export.export import Phase, Progress, export
from tandem.archive.rows import GapCause

pytestmark = pytest.mark.real

END_US = BASE_US + 300 * FRAME_US


class DyingSource(MemorySource):
    """A node that answers until it is said to be dead."""

    is_dead = False

    def reading(self, length: int) -> None:
        if self.is_dead:
            raise SourceLostError(self.node_id, "b answers on no link.")


def dying(kept: range) -> DyingSource:
    recorded = record("b", film(12), set(kept), late_us=300_000)
    return DyingSource("b", recorded.rows, recorded.contents)


@pytest.mark.parametrize("phase", Phase)
def test_what_the_others_have_is_exported_all_the_same(tmp_path: Path, phase: Phase) -> None:
    source = dying(range(300))

    def kill(progress: Progress) -> None:
        source.is_dead |= progress.phase is phase

    others = record("a", film(12), set(range(300)) - set(range(80, 120)))
    last = record("c", film(12), set(range(70, 130)))
    result = export([others, source, last], request(tmp_path / "x.mp4", BASE_US, END_US), kill)
    assert packets(tmp_path / "x.mp4") == [one.data for one in film(12).pictures]
    assert result.missing == []
    assert result.unsound_frames == 0
    assert [(copy.node_id, copy.reason) for copy in result.unreachable] == [
        ("b", "b answers on no link.")
    ]
    assert [copy.node_id for copy in result.copies] == ["a", "c"]


def test_what_it_alone_had_is_missing_and_it_is_named(tmp_path: Path) -> None:
    source = dying(range(300))

    def kill(progress: Progress) -> None:
        source.is_dead |= progress.phase is Phase.COPYING

    kept = set(range(300)) - set(range(100, 150))
    result = export(
        [record("a", film(12), kept), source], request(tmp_path / "x.mp4", BASE_US, END_US), kill
    )
    assert result.frames == 250
    (missing,) = result.missing
    assert missing.cause is GapCause.NODE_DOWN
    assert missing.unreachable_nodes == ("b",)
    again_us = BASE_US + 150 * FRAME_US + ANCHOR_US
    assert (missing.from_us, missing.to_us) == (BASE_US + 100 * FRAME_US, again_us)


def test_it_is_not_blamed_for_a_time_that_it_had_not_recorded(tmp_path: Path) -> None:
    source = dying(range(100))

    def kill(progress: Progress) -> None:
        source.is_dead |= progress.phase is Phase.COPYING

    kept = set(range(25, 150))
    result = export(
        [record("a", film(12), kept), source], request(tmp_path / "x.mp4", BASE_US, END_US), kill
    )
    assert [(one.cause, one.unreachable_nodes) for one in result.missing] == [
        (GapCause.NODE_DOWN, ("b",)),
        (GapCause.UNKNOWN, ()),
    ]


def test_the_last_node_that_is_lost_leaves_nothing_behind(tmp_path: Path) -> None:
    source = dying(range(300))

    def kill(progress: Progress) -> None:
        source.is_dead |= progress.phase is Phase.COPYING

    with pytest.raises(NothingRecordedError, match=r"Node b cannot be read: b answers on no link"):
        export([source], request(tmp_path / "x.mp4", BASE_US, END_US), kill)
    assert list(tmp_path.iterdir()) == []
