"""A seed decides everything that is drawn, and no kind of fault is left out."""

from tests.lab.cluster.faults.sequence import LONGEST_S, SHORTEST_S, Kind, sequence

MANY = 500


def test_a_seed_gives_the_same_faults_again() -> None:
    assert list(sequence(7, 25, 3)) == list(sequence(7, 25, 3))
    assert list(sequence(7, 25, 3)) != list(sequence(8, 25, 3))


def test_a_longer_sequence_begins_with_the_shorter_one() -> None:
    assert list(sequence(7, 25, 3))[:10] == list(sequence(7, 10, 3))


def test_all_kinds_happen_to_the_owner_and_to_others() -> None:
    found = list(sequence(1, MANY, 3))
    assert {(it.kind, it.to_owner) for it in found} == {
        (kind, to_owner) for kind in Kind for to_owner in (True, False)
    }


def test_faults_are_shorter_and_longer_than_the_guarantee() -> None:
    lengths_s = [it.for_s for it in sequence(1, MANY, 3)]
    assert min(lengths_s) < 1.0
    assert max(lengths_s) > 4.0
    assert all(SHORTEST_S <= it <= LONGEST_S for it in lengths_s)
