"""How often a volume is tried again."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tandem.recording.reopening import LONGEST_RETRY_S, RETRY_S, STEADY_S, Reopening


@given(st.randoms(use_true_random=False), st.integers(1, 10_000))
def test_a_volume_that_flaps_is_tried_ever_more_slowly_but_for_ever(
    random: Random, failures: int
) -> None:
    reopening = Reopening(random)
    delays = [reopening.failed(0) for _ in range(failures)]
    assert delays[0] <= RETRY_S
    assert all(delay <= LONGEST_RETRY_S for delay in delays)
    assert all(delay >= 0.8 * LONGEST_RETRY_S for delay in delays[8:])


@given(st.randoms(use_true_random=False))
def test_a_volume_that_is_only_not_there_is_looked_for_every_few_seconds(random: Random) -> None:
    reopening = Reopening(random)
    for _ in range(20):
        assert 0.5 * RETRY_S < reopening.absent() < 1.5 * RETRY_S


def test_a_volume_that_served_long_begins_from_the_beginning() -> None:
    reopening = Reopening(Random(1))
    for _ in range(10):
        reopening.failed(0)
    assert reopening.failed(STEADY_S) <= RETRY_S
