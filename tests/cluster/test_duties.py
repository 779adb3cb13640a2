"""Who records: by the committed placement and by whom each node suspects itself."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.duties import duties
from tandem.cluster.model import Camera, Placement, Protection, Role

NODES = ("a", "b", "c", "d")
GATE = "gate"
PLACED = {GATE: Placement(GATE, NODES, 7)}

protections = st.sampled_from([level for level in Protection if level is not Protection.COLD])
sets_of_nodes = st.frozensets(st.sampled_from(NODES))


def camera(protection: Protection) -> Camera:
    return Camera(GATE, GATE, (), protection, 4)


def recorders(protection: Protection, beliefs: dict[str, frozenset[str]]) -> dict[str, Role]:
    """Who records, of the living, each by its own suspicions."""
    return {
        node: duty.role
        for node, suspected in beliefs.items()
        for duty in duties(node, [camera(protection)], PLACED, suspected)
    }


def agreeing(dead: str) -> dict[str, frozenset[str]]:
    return {node: frozenset(dead) for node in NODES if node not in dead}


def test_while_all_is_well_the_first_in_the_list_record() -> None:
    for protection, names in [
        (Protection.COLD, "a"),
        (Protection.FAILOVER, "a"),
        (Protection.RELAYED, "a"),
        (Protection.HOT, "ab"),
        (Protection.MIRROR, "ab"),
    ]:
        assert "".join(recorders(protection, agreeing(""))) == names


def test_a_cold_camera_never_moves() -> None:
    assert recorders(Protection.COLD, agreeing("a")) == {}


def test_a_stand_in_records_as_a_second_even_where_it_is_the_only_one() -> None:
    assert recorders(Protection.FAILOVER, agreeing("a")) == {"b": Role.SECOND}
    assert recorders(Protection.HOT, agreeing("a")) == {"b": Role.SECOND, "c": Role.SECOND}
    assert recorders(Protection.HOT, agreeing("ab")) == {"c": Role.SECOND, "d": Role.SECOND}


def test_a_primary_that_is_suspected_by_all_others_goes_on_recording() -> None:
    beliefs = {node: frozenset("a") for node in "bcd"} | {"a": frozenset()}
    assert recorders(Protection.HOT, beliefs) == {
        "a": Role.PRIMARY,
        "b": Role.SECOND,
        "c": Role.SECOND,
    }


def test_a_node_that_suspects_itself_records_all_the_same() -> None:
    (duty,) = duties("a", [camera(Protection.FAILOVER)], PLACED, frozenset("a"))
    assert duty.role is Role.PRIMARY


def test_only_who_replaces_a_suspected_node_stands_in() -> None:
    def stands_in(node: str, suspected: str) -> bool:
        (duty,) = duties(node, [camera(Protection.HOT)], PLACED, frozenset(suspected))
        assert duty.generation == 7
        return duty.stands_in

    assert not stands_in("b", "a")
    assert stands_in("c", "a")


def test_a_camera_that_is_not_placed_yet_is_nobodys_duty() -> None:
    assert duties("a", [camera(Protection.HOT)], {}, frozenset()) == []


@given(protections, sets_of_nodes)
def test_with_agreed_suspicions_as_many_of_the_living_record_as_there_should(
    protection: Protection, dead: frozenset[str]
) -> None:
    found = recorders(protection, agreeing("".join(dead)))
    wanted = 2 if protection in {Protection.HOT, Protection.MIRROR} else 1
    living = [node for node in NODES if node not in dead]
    assert list(found) == living[:wanted]


@given(
    st.sampled_from([Protection.HOT, Protection.MIRROR]),
    st.sampled_from(NODES),
)
def test_with_one_node_dead_every_protected_camera_has_two_recorders(
    protection: Protection, dead: str
) -> None:
    assert len(recorders(protection, agreeing(dead))) == 2


@given(protections, sets_of_nodes, st.fixed_dictionaries(dict.fromkeys(NODES, sets_of_nodes)))
def test_wrong_suspicions_never_take_a_recorder_away(
    protection: Protection, dead: frozenset[str], wrong: dict[str, frozenset[str]]
) -> None:
    """Each of the living suspects all the dead, and whomever else."""
    beliefs = {node: dead | wrong[node] for node in NODES if node not in dead}
    right = recorders(protection, agreeing("".join(dead)))
    assert set(right) <= set(recorders(protection, beliefs))


@given(protections, st.fixed_dictionaries(dict.fromkeys(NODES, sets_of_nodes)))
def test_only_the_first_of_the_placement_is_ever_primary(
    protection: Protection, beliefs: dict[str, frozenset[str]]
) -> None:
    found = recorders(protection, beliefs)
    assert {node for node, role in found.items() if role is Role.PRIMARY} <= {"a"}
