"""What a node does for the store's room and speed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.etcd.care import words
from tandem.node.etcd.care.decide import (
    Compact,
    Defragment,
    Disarm,
    EndTurn,
    HandOver,
    TakeTurn,
    alarms_of,
    decide,
)
from tandem.node.etcd.care.view import CORRUPT, NO_SPACE, MemberView, View

MIB = 1 << 20
QUOTA = 2048 * MIB
WELL = MemberView(member=1, leader=2, size_bytes=40 * MIB, in_use_bytes=30 * MIB, revision=900)
WASTEFUL = replace(WELL, size_bytes=300 * MIB)
SILENT = MemberView(silent_us=5_000_000)
ALARM = frozenset({(2, NO_SPACE)})


def view(n1: MemberView = WELL, n2: MemberView = WELL, n3: MemberView = WELL) -> View:
    members = {"n1": n1, "n2": n2, "n3": n3}
    known = {
        node: replace(it, member=number) if it.answers else it
        for number, (node, it) in enumerate(members.items(), 1)
    }
    return View("n1", known, QUOTA, is_quiet=True, turn_is_free=True)


def full(own: str, **members: MemberView) -> View:
    seen = view(**members)
    alarmed = {
        node: replace(it, alarms=ALARM) if it.answers else it for node, it in seen.members.items()
    }
    return replace(seen, own=own, members=alarmed, is_compacted=True, turn_is_free=False)


FULL = replace(WELL, size_bytes=QUOTA, in_use_bytes=20 * MIB)


def test_a_store_that_is_well_is_left_alone() -> None:
    assert decide(view()) is None


def test_a_member_with_a_large_file_takes_its_turn_first() -> None:
    assert decide(view(WASTEFUL)) == TakeTurn()
    assert decide(replace(view(WASTEFUL), has_turn=True)) == Defragment()


def test_another_members_large_file_is_that_ones_business() -> None:
    assert decide(view(n2=WASTEFUL)) is None


def test_no_turn_is_taken_in_a_busy_hour_beside_another_or_after_a_failure() -> None:
    assert decide(replace(view(WASTEFUL), is_quiet=False)) is None
    assert decide(replace(view(WASTEFUL), turn_is_free=False)) is None
    assert decide(replace(view(WASTEFUL), may_defragment=False)) is None


@pytest.mark.parametrize("other", [SILENT, replace(WELL, leader=0), replace(WELL, leader=3)])
def test_nothing_is_taken_out_of_service_while_another_member_is_unwell(other: MemberView) -> None:
    assert decide(view(WASTEFUL, n3=other)) is None
    assert decide(replace(view(WASTEFUL, n3=other), has_turn=True)) == EndTurn()


def test_a_leader_hands_over_to_the_fastest_disk_before_it_is_out_of_service() -> None:
    own, slow = replace(WASTEFUL, leader=1), replace(WELL, leader=1, fsync_p99_us=9_000)
    seen = replace(view(own, slow, replace(slow, fsync_p99_us=2_000)), has_turn=True)
    assert decide(seen) == HandOver("n3", 3, for_speed=False)


def test_a_member_alone_is_defragmented_though_it_leads() -> None:
    alone = View("n1", {"n1": replace(WASTEFUL, leader=1)}, QUOTA, has_turn=True)
    assert decide(alone) == Defragment()


def test_a_turn_ends_when_the_file_is_small() -> None:
    assert decide(replace(view(), has_turn=True)) == EndTurn()


def test_a_leader_with_a_slow_disk_hands_over_to_one_that_is_much_faster() -> None:
    slow, fast = (replace(WELL, leader=1, fsync_p99_us=it) for it in (150_000, 20_000))
    assert decide(view(slow, fast, fast)) == HandOver("n2", 2, for_speed=True)
    assert decide(replace(view(slow, fast, fast), may_hand_over=False)) is None
    assert decide(view(replace(slow, leader=2), fast, fast)) is None


@pytest.mark.parametrize(
    ("own_us", "other_us"), [(99_000, 1_000), (150_000, 80_000), (None, 1_000)]
)
def test_leadership_does_not_move_for_little(own_us: int | None, other_us: int) -> None:
    own, other = (replace(WELL, leader=1, fsync_p99_us=it) for it in (own_us, other_us))
    assert decide(view(own, other, other)) is None


def test_of_a_full_store_the_first_node_lets_the_past_go() -> None:
    seen = replace(full("n1", n1=FULL, n2=FULL, n3=FULL), is_compacted=False)
    assert decide(seen) == Compact(900)
    assert decide(replace(seen, own="n2")) is None


def test_a_full_store_is_made_small_member_by_member_by_their_names() -> None:
    members = {"n1": WELL, "n2": replace(FULL, leader=1), "n3": FULL}
    assert decide(full("n2", **members)) == Defragment()
    assert decide(full("n1", **members)) is None
    assert decide(full("n3", **members)) is None


def test_a_member_of_a_full_store_that_has_just_gone_silent_is_waited_for() -> None:
    assert decide(full("n2", n1=SILENT, n2=FULL)) is None
    down = MemberView(silent_us=31_000_000)
    assert decide(full("n2", n1=down, n2=replace(FULL, leader=3))) == Defragment()


def test_the_alarm_ends_when_every_file_is_small() -> None:
    assert decide(full("n1")) == Disarm((2,))
    assert decide(full("n2")) is None


def test_a_store_whose_keys_alone_fill_it_keeps_its_alarm_and_says_so() -> None:
    stuffed = replace(FULL, in_use_bytes=QUOTA - MIB)
    seen = full("n1", n1=stuffed)
    assert decide(seen) is None
    assert "its keys alone take 2047 of 2048 MiB" in "".join(words.problems(seen, ""))


def test_a_store_whose_members_differ_is_not_touched() -> None:
    corrupt = replace(WASTEFUL, alarms=frozenset({(1, CORRUPT)}))
    assert decide(view(corrupt)) is None
    assert "restore the store from a backup" in "".join(words.problems(view(corrupt), ""))


sizes = st.sampled_from((MIB, QUOTA * 6 // 10, QUOTA))


@given(
    st.lists(
        st.builds(
            MemberView,
            member=st.just(0),
            silent_us=st.sampled_from((0, 0, 5, 40_000_000)),
            leader=st.integers(0, 3),
            size_bytes=sizes,
            in_use_bytes=sizes,
            alarms=st.sampled_from((frozenset(), ALARM)),
        ),
        min_size=3,
        max_size=3,
    )
)
def test_of_a_full_store_never_two_members_are_defragmented_on_one_view(
    members: list[MemberView],
) -> None:
    seen = replace(view(*members), is_compacted=True)
    acting = [node for node in seen.members if decide(replace(seen, own=node)) == Defragment()]
    assert len(acting) <= 1


def test_alarms_are_read_as_etcd_writes_them() -> None:
    assert alarms_of(["memberID:33 alarm:NOSPACE ", "etcdserver: no leader"]) == {(33, NO_SPACE)}
    assert alarms_of(["memberID:34 alarm:CORRUPT "]) == {(34, CORRUPT)}


def test_a_file_at_four_fifths_of_what_it_may_take_is_told_before_it_is_full() -> None:
    assert "80%" in "".join(words.concerns(view(replace(WELL, size_bytes=QUOTA * 8 // 10 + 1)), 0))
    assert not list(words.concerns(view(replace(WELL, size_bytes=QUOTA * 7 // 10)), 0))


def test_a_slow_disk_and_a_restless_leader_are_told_with_what_to_do() -> None:
    slow = view(replace(WELL, fsync_p99_us=180_000))
    assert "takes 180 ms or more" in "".join(words.concerns(slow, 3))
    assert "changed its leader 4 times" in "".join(words.concerns(view(), 4))
    assert not list(words.concerns(view(), 3))
