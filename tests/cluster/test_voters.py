"""Which nodes hold the store: the rules, and that no change ever costs the majority."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.voters import (
    Add,
    Candidate,
    Member,
    Promote,
    Remove,
    next_step,
    voters_wanted,
)


def nodes(*names: str, zone: str = "", steady: bool = True) -> list[Candidate]:
    return [Candidate(name, zone, steady) for name in names]


def member(name: str, *, learner: bool = False, works: bool = True) -> Member:
    return Member(int(name[1:]), name, learner, works)


def members(*names: str) -> list[Member]:
    return [member(name) for name in names]


def test_a_cluster_has_one_three_or_five_members() -> None:
    assert [voters_wanted(count) for count in (1, 2, 3, 4, 5, 9)] == [1, 1, 3, 3, 5, 5]


def test_the_second_node_gets_no_member_and_with_the_third_both_do_one_after_the_other() -> None:
    assert next_step(members("n1"), nodes("n1", "n2"), ()) is None
    three = nodes("n1", "n2", "n3")
    assert next_step(members("n1"), three, ()) == Add("n2")
    learning = [*members("n1"), member("n2", learner=True)]
    assert next_step(learning, three, ()) == Promote(2, "n2")
    assert next_step(members("n1", "n2"), three, ()) == Add("n3")
    assert next_step(members("n1", "n2", "n3"), three, ()) is None


def test_a_zone_that_holds_no_member_comes_first() -> None:
    known = [Candidate("n1", "x", True), Candidate("n2", "x", True), Candidate("n3", "y", True)]
    assert next_step(members("n1"), known, ()) == Add("n3")


def test_a_node_that_comes_and_goes_gets_no_member() -> None:
    known = [*nodes("n1", "n3"), *nodes("n2", steady=False)]
    assert next_step(members("n1"), known, ()) == Add("n3")


def test_a_learner_whose_node_is_gone_makes_room_for_another() -> None:
    known = [*nodes("n1", "n3"), *nodes("n2", steady=False)]
    learning = [*members("n1"), member("n2", learner=True)]
    assert next_step(learning, known, ()) == Remove(2, "n2")


def test_a_member_that_is_down_stays_until_its_node_is_removed_and_is_then_replaced() -> None:
    held = [*members("n1", "n2"), member("n3", works=False)]
    assert next_step(held, nodes("n1", "n2", "n3", "n4"), ()) is None
    assert next_step(held, nodes("n1", "n2", "n4"), ["n3"]) == Remove(3, "n3")
    assert next_step(members("n1", "n2"), nodes("n1", "n2", "n4"), ["n3"]) == Add("n4")


def test_a_member_whose_node_has_no_entry_yet_is_left_alone() -> None:
    held = members("n1", "n2", "n3")
    assert next_step(held, nodes("n1"), ()) is None
    assert next_step(members("n1", "n2", "n3"), nodes("n1", "n2", "n3"), ()) is None


def test_nothing_is_taken_out_where_the_rest_would_be_no_majority() -> None:
    held = [*members("n1", "n2"), member("n3", works=False)]
    assert next_step(held, nodes("n1", "n3"), ["n2"]) is None


def test_when_two_nodes_are_left_one_member_is() -> None:
    assert next_step(members("n1", "n2"), nodes("n1", "n2"), ["n3"]) == Remove(2, "n2")


NAMES = [f"n{number}" for number in range(1, 8)]


@given(
    st.lists(st.sampled_from(NAMES), unique=True, min_size=1),
    st.data(),
)
def test_no_step_leaves_members_without_a_majority_that_works(
    held: list[str], data: st.DataObject
) -> None:
    found = [member(name, works=data.draw(st.booleans())) for name in held]
    known = [
        Candidate(name, data.draw(st.sampled_from(["", "x", "y"])), data.draw(st.booleans()))
        for name in data.draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]
    removed = data.draw(st.sets(st.sampled_from(NAMES))) - {it.node_id for it in known}
    step = next_step(found, known, removed)
    working = sum(it.works for it in found)
    match step:
        case Add():
            assert 2 * (working + 1) > len(found) + 1
            assert len(found) < 5
        case Remove(member_id=gone):
            rest = [it for it in found if it.member_id != gone]
            assert rest
            assert 2 * sum(it.works for it in rest) > len(rest)
            assert 2 * working > len(found)
        case _:
            assert step is None


@given(st.integers(1, 8))
def test_steps_lead_to_the_members_that_are_wanted_and_end(count: int) -> None:
    known, held = nodes(*[f"n{it}" for it in range(1, count + 1)]), members("n1")
    for _ in range(20):
        match next_step(held, known, ()):
            case Add(node_id=name):
                held.append(member(name, learner=True))
            case Promote(node_id=name):
                held = [member(it.node_id) for it in held]
            case None:
                break
    assert len(held) == voters_wanted(count)
    assert not any(it.is_learner for it in held)
