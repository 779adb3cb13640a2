"""A clock is believed by the others', and by the year."""

import pytest

from tandem.node.agent.clocks import TOLERANCE_US, is_believable

NOW_US = 1_795_000_000_000_000
MONTH_US = 30 * 86_400_000_000


def test_a_node_alone_believes_its_clock() -> None:
    assert is_believable(NOW_US, [])


def test_a_clock_of_1970_is_not_believed() -> None:
    assert not is_believable(1_000_000, [])


@pytest.mark.parametrize("offset_us", [-MONTH_US, -2 * TOLERANCE_US - 2, MONTH_US])
def test_a_clock_far_from_the_others_is_not_believed(offset_us: int) -> None:
    assert not is_believable(NOW_US, [offset_us, offset_us])


def test_one_wrong_clock_does_not_make_the_right_ones_doubt() -> None:
    assert is_believable(NOW_US, [MONTH_US, 300_000])
    assert is_believable(NOW_US, [1_000, -1_000])
