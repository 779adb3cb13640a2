"""Who gives up what it serves when a network is lost, and who does not."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.reach import BACK_AFTER, LOST_AFTER, Sight, looked, unfit

words = st.dictionaries(st.sampled_from(["n1", "n2", "n3", "n4"]), st.none() | st.booleans())


def after(looks: list[bool], sight: Sight | None = None) -> Sight:
    sight = sight or Sight()
    for is_there in looks:
        sight = looked(sight, is_there=is_there)
    return sight


def test_a_node_that_alone_lost_it_gives_up() -> None:
    assert unfit({"n1": True, "n2": False, "n3": False}) == {"n1"}


def test_where_nobody_reaches_it_nobody_gives_up() -> None:
    assert unfit({"n1": True, "n2": True, "n3": True}) == frozenset()
    assert unfit({"n1": True, "n2": True, "n3": None}) == frozenset()


@given(words)
def test_whoever_gives_up_lost_it_and_leaves_somebody_who_has_not(
    lost: dict[str, bool | None],
) -> None:
    found = unfit(lost)
    assert all(lost[node_id] is True for node_id in found)
    assert not found or any(word is False for word in lost.values())


@given(words, st.sampled_from(["n1", "n2"]))
def test_a_node_that_falls_silent_makes_nobody_else_give_up(
    lost: dict[str, bool | None], silent: str
) -> None:
    assert unfit(lost | {silent: None}) <= unfit(lost)


def test_one_lost_answer_is_no_lost_network() -> None:
    assert not after([False] * (LOST_AFTER - 1)).is_lost
    assert not after(([False] * (LOST_AFTER - 1) + [True]) * 9).is_lost
    assert after([False] * LOST_AFTER).is_lost


def test_a_network_that_comes_and_goes_stays_lost() -> None:
    lost = after([False] * LOST_AFTER)
    assert after(([True] * (BACK_AFTER - 1) + [False]) * 9, lost).is_lost
    assert after([True] * BACK_AFTER, lost) == Sight()
