"""What goes first, what goes last, and what never goes."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.archive.material import row, segment_uuid

from tandem.archive.deletion import (
    EARLIEST_US,
    GAPS_KEPT_US,
    Deletion,
    Policy,
    Reason,
    Retention,
    Stock,
    forgettable_us,
    plan_deletion,
)
from tandem.archive.rows import Role, Segment, State
from tandem.archive.space import Limits, Space

NOW = 1000
ROOMY = Space(10_000, 10_000, 0, Limits(min_free_bytes=0))


def made(number: int, start: int, size: int = 10, **changes: Any) -> Segment:
    """A segment of ten microseconds; times are counted from the earliest that is believed."""
    start_us = EARLIEST_US + start
    segment = replace(
        row(number, start_us=start_us),
        end_us=start_us + 10,
        durable_bytes=size,
        state=State.CLOSED,
    )
    return replace(segment, **changes)


def short(by: int) -> Space:
    return Space(10_000, 100 - by, 0, Limits(min_free_bytes=100))


Told = tuple[int, Reason, bool]


def plan(
    segments: list[Segment], space: Space = ROOMY, now: int | None = NOW, **policy: Any
) -> list[Told]:
    (told,) = plan_all([Stock(segments, space)], now, **policy)
    return told


def plan_all(stocks: list[Stock], now: int | None = NOW, **policy: Any) -> list[list[Told]]:
    held: dict[str, int] = {}
    for stock in stocks:
        for segment in stock.segments:
            held[segment.camera_id] = held.get(segment.camera_id, 0) + segment.durable_bytes
    settings = {"retention": {}, "held_bytes": held} | policy
    return [
        [(one.segment.segment_id.int & 0xFFFF, one.reason, one.is_loss) for one in found]
        for found in plan_deletion(stocks, at(now), Policy(**settings))
    ]


def at(now: int | None) -> int | None:
    return None if now is None else EARLIEST_US + now


HOT = {"gate": Retention(max_age_us=900, window_us=100)}
MIRROR = {"gate": Retention(max_age_us=900, window_us=None)}


def test_a_second_copy_goes_when_its_window_is_over_and_its_primary_promised_afresh() -> None:
    second = made(1, 500, role=Role.SECOND)
    assert plan([second], retention=HOT, confirmed={segment_uuid(1)}) == [
        (1, Reason.SECOND_COPY, False)
    ]


def test_no_answer_no_deletion() -> None:
    assert plan([made(1, 500, role=Role.SECOND)], retention=HOT) == []


def test_within_its_window_a_confirmed_second_copy_stays() -> None:
    second = made(1, 900, role=Role.SECOND)
    assert plan([second], retention=HOT, confirmed={segment_uuid(1)}) == []


def test_who_promised_a_frame_never_drops_it_as_a_second() -> None:
    once_second = made(1, 500, role=Role.SECOND, promised_us=600)
    assert plan([once_second], retention=HOT, confirmed={segment_uuid(1)}) == []
    assert plan([once_second], short(10), retention=HOT) == [(1, Reason.SPACE, True)]


def test_a_mirror_keeps_its_second_copy_as_long_as_the_first() -> None:
    second = made(1, 500, role=Role.SECOND)
    assert plan([second], retention=MIRROR, confirmed={segment_uuid(1)}) == []
    assert plan([second], retention=MIRROR, now=2000) == [(1, Reason.AGE, False)]


def test_on_a_full_disk_both_copies_of_a_mirror_go_by_their_age_alone() -> None:
    """Else each node would keep only what it holds as a second, and no frame would be on two."""
    segments = [made(n, 500 + n, role=Role.SECOND if n % 2 else Role.PRIMARY) for n in range(6)]
    expected = [(n, Reason.SPACE, True) for n in range(4)]
    assert plan(segments, short(40), retention=MIRROR) == expected


def test_a_mirrors_second_counts_for_its_share_and_is_taken_for_it() -> None:
    share = {"gate": Retention(max_bytes=25)}
    segments = [made(n, n, role=Role.SECOND) for n in (1, 2, 3, 4)]
    segments.append(made(5, 5))  # by a node that has become the primary
    assert plan(segments, retention=share) == [(n, Reason.SIZE, False) for n in (1, 2, 3)]


def test_the_seconds_of_a_camera_that_nobody_speaks_of_outlive_nothing_newer() -> None:
    segments = [made(1, 100, role=Role.SECOND, camera_id="gone"), made(2, 300)]
    assert plan(segments, short(10), retention=HOT) == [(1, Reason.SPACE, False)]


def test_what_is_older_than_its_retention_goes_whoever_has_promised_what() -> None:
    old = [made(1, 0), made(2, 1, role=Role.SECOND), made(3, 2, promised_us=5), made(4, 300)]
    assert plan(old, retention=HOT) == [(n, Reason.AGE, False) for n in (1, 2, 3)]


def test_a_camera_without_a_retention_of_its_own_has_the_common_one() -> None:
    assert plan([made(1, 0)], otherwise=Retention(max_age_us=100)) == [(1, Reason.AGE, False)]


def test_a_node_that_does_not_trust_its_clock_deletes_nothing_for_its_age() -> None:
    segments = [made(1, 0), made(2, 1, role=Role.SECOND)]
    confirmed = {segment_uuid(2)}
    assert plan(segments, now=None, retention=HOT, confirmed=confirmed) == []
    assert plan(segments, short(5), now=None, retention=HOT) == [(1, Reason.SPACE, True)]


def test_what_a_wrong_clock_dated_goes_for_want_of_space_alone() -> None:
    segments = [made(1, -1), made(2, -EARLIEST_US), made(3, 0)]
    assert plan(segments, now=5000, retention=HOT) == [(3, Reason.AGE, False)]
    assert [number for number, _, _ in plan(segments, short(20), now=None, retention=HOT)] == [2, 1]


def test_a_clock_that_steps_back_deletes_nothing_for_its_age() -> None:
    assert plan([made(1, 500)], now=0, retention=HOT) == []


def test_the_oldest_beyond_a_cameras_share_go_and_no_more() -> None:
    segments = [made(number, number, 10) for number in range(1, 6)]
    share = {"gate": Retention(max_bytes=25)}
    assert plan(segments, retention=share) == [(n, Reason.SIZE, False) for n in (1, 2, 3)]


def test_a_cameras_share_counts_what_it_has_on_other_volumes() -> None:
    share = {"gate": Retention(max_bytes=25)}
    assert plan([made(1, 1)], retention=share, held_bytes={"gate": 26}) == [(1, Reason.SIZE, False)]


def test_gaps_are_kept_as_long_as_recordings_of_their_time_would_be() -> None:
    day_us = GAPS_KEPT_US // 30
    now_us = EARLIEST_US + 400 * day_us

    def at_day(number: int, day: int, camera_id: str) -> Segment:
        return replace(made(number, 0), camera_id=camera_id, start_us=EARLIEST_US + day * day_us)

    retention = {"aged": Retention(max_age_us=7 * day_us), "ring": Retention(), "new": Retention()}
    segments = [
        at_day(1, 10, "aged"),
        at_day(2, 200, "ring"),
        at_day(3, 100, "ring"),
        at_day(4, -1, "ring"),  # by a clock that was wrong
        at_day(5, 399, "new"),
    ]
    stocks = [Stock(segments[:2], ROOMY), Stock(segments[2:], ROOMY)]
    assert forgettable_us(stocks, now_us, Policy(retention)) == {
        "aged": now_us - 7 * day_us,
        "ring": EARLIEST_US + 100 * day_us,
        "new": now_us - GAPS_KEPT_US,
    }


def test_a_cameras_share_does_not_take_a_copy_held_for_another_node() -> None:
    segments = [made(1, 1, role=Role.SECOND), made(2, 2)]
    share = {"gate": Retention(max_bytes=5, window_us=100)}
    assert plan(segments, retention=share) == [(2, Reason.SIZE, False)]


def test_of_a_cameras_share_the_oldest_of_the_node_go_on_whichever_volume_they_are() -> None:
    one, two = [made(n, n) for n in (4, 6)], [made(n, n) for n in (1, 2, 3, 5)]
    share = {"gate": Retention(max_bytes=25)}
    found = plan_all([Stock(one, ROOMY), Stock(two, ROOMY)], retention=share)
    assert found == [
        [(4, Reason.SIZE, False)],
        [(n, Reason.SIZE, False) for n in (1, 2, 3)],
    ]


def test_a_volume_makes_room_for_itself_alone() -> None:
    stocks = [Stock([made(2, 2)], short(5)), Stock([made(1, 1)], ROOMY)]
    assert plan_all(stocks) == [[(2, Reason.SPACE, False)], []]


def test_when_space_is_short_the_oldest_go_and_sole_copies_last() -> None:
    segments = [made(1, 100, role=Role.SECOND), made(2, 300), made(3, 200), made(4, 400)]
    assert [number for number, _, _ in plan(segments, short(15), retention=HOT)] == [3, 2]
    assert plan(segments, short(35), retention=HOT) == [
        (3, Reason.SPACE, True),
        (2, Reason.SPACE, True),
        (4, Reason.SPACE, True),
        (1, Reason.SOLE_COPY, True),
    ]


def test_a_ring_that_is_as_long_as_the_disk_loses_nothing_by_turning() -> None:
    assert plan([made(1, 1)], short(5)) == [(1, Reason.SPACE, False)]


def test_a_copy_whose_primary_holds_it_is_no_loss() -> None:
    second = made(1, 950, role=Role.SECOND)
    assert plan([second], short(5), retention=HOT, confirmed={segment_uuid(1)}) == [
        (1, Reason.SPACE, False)
    ]


def test_space_that_retention_frees_is_not_freed_twice() -> None:
    assert plan([made(1, 0, 10), made(2, 500, 10)], short(10), retention=HOT) == [
        (1, Reason.AGE, False)
    ]


def test_room_may_be_asked_for_ahead() -> None:
    assert plan_all([Stock([made(1, 0)], ROOMY, 10_001)]) == [[(1, Reason.SPACE, False)]]


segments_strategy = st.lists(
    st.builds(
        lambda start, size, role, state, locked, promised, camera: {
            "start": start,
            "size": size,
            "role": role,
            "state": state,
            "locked": locked,
            "promised_us": promised,
            "camera_id": camera,
        },
        st.integers(-100, NOW),
        st.integers(0, 50),
        st.sampled_from(Role),
        st.sampled_from(State),
        st.booleans(),
        st.sampled_from([None, 3]),
        st.sampled_from(["gate", "yard"]),
    ),
    max_size=15,
).map(lambda drawn: [made(number, **kw) for number, kw in enumerate(drawn)])
retentions = st.builds(
    Retention,
    st.sampled_from([None, 100, 500]),
    st.sampled_from([None, 0, 60]),
    st.sampled_from([None, 50, 200]),
)
ORDER = [*Reason]


@given(
    segments=segments_strategy,
    retention=st.fixed_dictionaries({"gate": retentions, "yard": retentions}),
    confirmed=st.sets(st.integers(0, 14).map(segment_uuid)),
    lacking=st.integers(-200, 400),
    now=st.sampled_from([None, NOW, 0, 5000]),
    seed=st.integers(),
)
def test_whatever_there_is_the_rules_hold(
    segments: list[Segment],
    retention: dict[str, Retention],
    confirmed: set[Any],
    lacking: int,
    now: int | None,
    seed: int,
) -> None:
    held: dict[str, int] = {}
    for segment in segments:
        held[segment.camera_id] = held.get(segment.camera_id, 0) + segment.durable_bytes
    policy = Policy(retention, confirmed=confirmed, held_bytes=held)
    space = short(lacking)
    (made_plan,) = plan_deletion([Stock(segments, space)], at(now), policy)

    chosen = [deletion.segment for deletion in made_plan]
    ids = [segment.segment_id for segment in chosen]
    assert len(set(ids)) == len(ids)
    assert not any(segment.locked for segment in chosen)
    assert all(segment.state in {State.CLOSED, State.SUSPECT} for segment in chosen)

    reasons = [ORDER.index(deletion.reason) for deletion in made_plan]
    assert reasons == sorted(reasons)
    for one in Reason:
        starts = [made.segment.start_us for made in made_plan if made.reason is one]
        assert starts == sorted(starts)

    for deletion in made_plan:
        assert_allowed(deletion, at(now), policy)

    freed = sum(segment.durable_bytes for segment in chosen)
    deletable = [
        segment
        for segment in segments
        if not segment.locked and segment.state in {State.CLOSED, State.SUSPECT}
    ]
    assert freed >= lacking or len(chosen) == len(deletable)
    for_space = [made for made in made_plan if made.reason in {Reason.SPACE, Reason.SOLE_COPY}]
    if for_space:
        assert freed - for_space[-1].segment.durable_bytes < lacking

    shuffled = segments.copy()
    Random(seed).shuffle(shuffled)
    assert plan_deletion([Stock(shuffled, space)], at(now), policy) == [made_plan]


def assert_allowed(deletion: Deletion, now: int | None, policy: Policy) -> None:
    segment = deletion.segment
    retention = policy.of(segment)
    is_unpromised = segment.role is Role.SECOND and segment.promised_us is None
    is_held_for_another = is_unpromised and retention.window_us is not None
    if deletion.reason is Reason.SECOND_COPY:
        assert is_held_for_another
        assert segment.segment_id in policy.confirmed
        assert now is not None
        assert retention.window_us is not None
        assert segment.end_us + retention.window_us < now
    elif deletion.reason is Reason.AGE:
        assert now is not None
        assert retention.max_age_us is not None
        assert segment.start_us >= EARLIEST_US
        assert segment.end_us + retention.max_age_us < now
    elif deletion.reason is Reason.SIZE:
        assert not is_held_for_another
        assert retention.max_bytes is not None
    else:
        is_sole = is_held_for_another and segment.segment_id not in policy.confirmed
        assert is_sole == (deletion.reason is Reason.SOLE_COPY)
        assert not is_sole or deletion.is_loss


@given(segments_strategy, st.integers(0, 400), st.integers(-(10**15), 10**15))
def test_what_goes_for_space_depends_on_no_clock(
    segments: list[Segment], lacking: int, shift: int
) -> None:
    """Neither on this node's now, nor on where in time the recordings as a whole lie."""
    policy = Policy({})
    (first,) = plan_deletion([Stock(segments, short(lacking))], at(NOW), policy)
    moved = [
        replace(segment, start_us=segment.start_us + shift, end_us=segment.end_us + shift)
        for segment in segments
    ]
    (second,) = plan_deletion([Stock(moved, short(lacking))], 5, policy)
    assert [one.segment.segment_id for one in first] == [one.segment.segment_id for one in second]
