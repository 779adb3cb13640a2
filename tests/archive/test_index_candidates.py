"""What an index names of what may be deleted, and that nothing in it hides anything else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.archive.material import BASE_US, row, segment_uuid

from tandem.archive import schema
from tandem.archive.index import Index
from tandem.archive.rows import Role, Segment, State

MINUTE_US = 60_000_000


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index.open(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def closed(number: int, **changes: Any) -> Segment:
    start_us = BASE_US + number * MINUTE_US
    times: dict[str, Any] = {"start_us": start_us, "end_us": start_us + MINUTE_US}
    return replace(row(number), **(times | {"state": State.CLOSED} | changes))


def ids(*numbers: int) -> list[object]:
    return [segment_uuid(number) for number in numbers]


def test_candidates_are_the_oldest_of_all_of_each_copy_and_of_the_seconds(index: Index) -> None:
    for number in range(10):
        index.begin(closed(number))
    index.begin(closed(20, camera_id="yard"))
    index.begin(closed(30, role=Role.SECOND))
    for number in (25, 26, 27):
        index.begin(closed(number, role=Role.SECOND, promised_us=1))
    found = {segment.segment_id for segment in index.deletable(3, of_each=2)}
    assert found == {*ids(0, 1, 2, 20, 25, 26, 30)}


def test_what_a_wrong_clock_dated_hides_nothing_that_goes_for_its_age(index: Index) -> None:
    for number in range(4):
        index.begin(closed(number, start_us=number, end_us=number + 1))
    index.begin(closed(5))
    found = {segment.segment_id for segment in index.deletable(1, of_each=2)}
    assert found == {*ids(0, 1, 5)}


def test_evidence_does_not_count_for_its_cameras_share(index: Index) -> None:
    for number in (1, 2):
        index.begin(closed(number, durable_bytes=10))
    index.begin(closed(3, camera_id="yard", durable_bytes=7))
    index.set_locked([segment_uuid(2), segment_uuid(3)], locked=True)
    assert index.share_bytes() == {"gate": 10, "yard": 0}
    assert index.held_bytes() == {"gate": 20, "yard": 7}
    index.set_locked([segment_uuid(2)], locked=False)
    assert index.share_bytes()["gate"] == 20


OTHERS: tuple[dict[str, Any], ...] = (
    {"role": Role.PRIMARY},
    {"promised_us": 1},
    {"locked": True},
    {"state": State.SUSPECT},
    {"state": State.OPEN},
    {"camera_id": "yard"},
)


def test_of_a_camera_all_is_listed_that_its_primary_may_be_asked_about_and_nothing_else(
    index: Index,
) -> None:
    for number in range(6):
        index.begin(closed(number, role=Role.SECOND))
    for number, changes in enumerate(OTHERS, start=10):
        path = PurePosixPath(str(number))
        second: dict[str, Any] = {"start_us": BASE_US, "role": Role.SECOND, "path": path}
        index.begin(closed(number, **(second | changes)))
    before_us = BASE_US + 4 * MINUTE_US
    first = index.unpromised("gate", before_us, None, 2)
    assert [one.segment_id for one in first] == ids(0, 1)
    rest = index.unpromised("gate", before_us, first[-1], 9)
    assert [one.segment_id for one in rest] == ids(2)


def test_an_index_of_the_first_version_is_brought_to_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.sqlite"
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old = Index.open(path)
        old.begin(closed(1, role=Role.SECOND))
        old.close()
    new = Index.open(path)
    assert [it.segment_id for it in new.unpromised("gate", 1 << 60, None, 9)] == ids(1)
    new.close()
