"""Which camera is meant, and up to when anything can be said of it."""

from dataclasses import replace

import pytest
from tests.archive.material import BASE_US, row

from tandem.archive.rows import Segment
from tandem.node.retrieval.finding import CameraUnknownError, Named, find_camera, settled_end_us

CAMERAS = [Named("cam1", "Gate"), Named("cam2", "Yard"), Named("cam3", "yard")]
SECOND_US = 1_000_000


def ending(end_us: int) -> Segment:
    return replace(row(1), start_us=end_us - SECOND_US, end_us=end_us)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("cam1", "cam1"), ("Gate", "cam1"), ("gATE", "cam1"), ("removed", "removed")],
)
def test_a_camera_is_found_by_its_id_or_its_only_name(said: str, meant: str) -> None:
    assert find_camera(said, CAMERAS, {"cam2", "removed"}, ["n1"]) == meant


def test_an_id_comes_before_a_name() -> None:
    cameras = [*CAMERAS, Named("cam4", "cam1")]
    assert find_camera("cam1", cameras, (), ["n1"]) == "cam1"


def test_a_name_of_two_cameras_is_refused_with_their_ids() -> None:
    with pytest.raises(CameraUnknownError, match="cam2, cam3"):
        find_camera("YARD", CAMERAS, (), ["n1"])


def test_a_camera_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(CameraUnknownError, match=r"n1, n2 told .* cam1, cam2, cam3, old") as known:
        find_camera("dock", CAMERAS, {"old"}, ["n1", "n2"])
    assert "agent" not in str(known.value)
    with pytest.raises(CameraUnknownError, match=r"no node told .* agent .* known: none"):
        find_camera("dock", None, (), [])


def test_what_is_on_its_way_to_a_disk_is_not_waited_for() -> None:
    now_us = BASE_US
    newest = [ending(now_us - 4 * SECOND_US), ending(now_us - 6 * SECOND_US)]
    assert settled_end_us(now_us, now_us, newest) == now_us - 4 * SECOND_US
    assert settled_end_us(now_us + 60 * SECOND_US, now_us, newest) == now_us - 4 * SECOND_US


def test_an_end_that_is_on_a_disk_stays_as_it_was_asked_for() -> None:
    now_us = BASE_US
    newest = [ending(now_us - 4 * SECOND_US)]
    assert settled_end_us(now_us - 5 * SECOND_US, now_us, newest) == now_us - 5 * SECOND_US


def test_a_camera_that_has_not_recorded_for_long_lacks_its_last_seconds() -> None:
    now_us = BASE_US
    assert settled_end_us(now_us, now_us, [ending(now_us - 11 * SECOND_US)]) == now_us
    assert settled_end_us(now_us, now_us, []) == now_us
