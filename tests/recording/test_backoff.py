"""When a camera is tried again."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tandem.recording.backoff import (
    CROWDED_RETRIES,
    CROWDED_RETRY_MS,
    LONGEST_RETRY_MS,
    REFUSED_RETRY_MS,
    STEADY_MS,
    Backoff,
)


@given(st.integers())
def test_the_first_retry_comes_within_half_a_second(seed: int) -> None:
    assert 0 < Backoff(Random(seed)).failed(lived_ms=0) <= 500


@given(st.integers(), st.lists(st.booleans(), max_size=40))
def test_no_delay_exceeds_its_cap(seed: int, refusals: list[bool]) -> None:
    backoff = Backoff(Random(seed))
    for refused in refusals:
        cap = REFUSED_RETRY_MS if refused else LONGEST_RETRY_MS
        assert 0 < backoff.failed(0, refused=refused) <= cap


@given(st.integers())
def test_an_unreachable_camera_is_tried_ever_less_often_up_to_the_cap(seed: int) -> None:
    backoff = Backoff(Random(seed))
    delays = [backoff.failed(0) for _ in range(10)]
    assert all(delay >= LONGEST_RETRY_MS // 2 for delay in delays[5:])


@given(st.integers())
def test_after_a_good_connection_the_next_retry_is_quick_again(seed: int) -> None:
    backoff = Backoff(Random(seed))
    for _ in range(10):
        backoff.failed(0)
    assert backoff.failed(lived_ms=STEADY_MS) <= 500


@given(st.integers())
def test_a_refused_password_is_not_hammered(seed: int) -> None:
    backoff = Backoff(Random(seed))
    backoff.failed(0, refused=True)
    assert all(backoff.failed(0, refused=True) >= REFUSED_RETRY_MS // 2 for _ in range(5))


@given(st.integers())
def test_a_camera_without_a_session_left_is_asked_each_second_for_more_than_a_minute(
    seed: int,
) -> None:
    backoff = Backoff(Random(seed))
    for _ in range(10):
        backoff.failed(0)
    delays = [backoff.failed(0, crowded=True) for _ in range(CROWDED_RETRIES)]
    assert max(delays) <= CROWDED_RETRY_MS
    assert sum(delays) >= CROWDED_RETRIES * CROWDED_RETRY_MS // 2
    assert backoff.failed(0, crowded=True) >= LONGEST_RETRY_MS // 2, "it is somebody else's"
    assert backoff.failed(0) >= LONGEST_RETRY_MS // 2
    assert backoff.failed(0, crowded=True) <= CROWDED_RETRY_MS


def test_two_cameras_do_not_return_in_step() -> None:
    assert len({Backoff(Random(seed)).failed(0) for seed in range(50)}) > 10
