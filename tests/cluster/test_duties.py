"""Who records: by the committed placement and by whom each node suspects itself."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.duties import Beliefs, Duty, Word, duties, silent
from tandem.cluster.model import Camera, Placement, Protection, Role, Stream

NODES = ("a", "b", "c", "d")
GATE = "gate"
PLACED = {GATE: Placement(GATE, NODES, 7)}
MAIN = Stream("main", "rtsp://10.0.0.8/main")
SUB = Stream("sub", "rtsp://10.0.0.8/sub")
UNABLE = Word(frozenset({(GATE, "main")}))
HOLDS = Word(holds={GATE: {"main": 2381}})
HOLDS_AND_CANNOT_KEEP = Word(UNABLE.unable, HOLDS.holds)

protections = st.sampled_from([level for level in Protection if level is not Protection.COLD])
sets_of_nodes = st.frozensets(st.sampled_from(NODES))


def camera(protection: Protection, *streams: Stream) -> Camera:
    return Camera(GATE, GATE, streams or (MAIN,), protection, 4)


def found_by(node: str, protection: Protection, beliefs: Beliefs) -> Duty | None:
    return next(iter(duties(node, [camera(protection)], PLACED, beliefs)), None)


def recorders(protection: Protection, beliefs: dict[str, frozenset[str]]) -> dict[str, Role]:
    """Who records, of the living, each by its own suspicions."""
    found = {node: found_by(node, protection, Beliefs(them)) for node, them in beliefs.items()}
    return {node: duty.role for node, duty in found.items() if duty}


def sources(
    protection: Protection, words: Mapping[str, Word], dead: Iterable[str] = ""
) -> dict[str, str]:
    """Of whoever is there and records, where its pictures come from, if all believe the same."""
    beliefs = Beliefs(frozenset(dead), words)
    found = {node: found_by(node, protection, beliefs) for node in NODES if node not in dead}
    return {node: duty.relayed_from or "camera" for node, duty in found.items() if duty}


def agreeing(dead: str) -> dict[str, frozenset[str]]:
    return {node: frozenset(dead) for node in NODES if node not in dead}


def test_while_all_is_well_the_first_in_the_list_record() -> None:
    for protection, names in [
        (Protection.COLD, "a"),
        (Protection.FAILOVER, "a"),
        (Protection.RELAYED, "ab"),
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
    (duty,) = duties("a", [camera(Protection.FAILOVER)], PLACED, Beliefs(frozenset("a")))
    assert duty.role is Role.PRIMARY


def test_only_who_replaces_a_suspected_node_stands_in() -> None:
    def stands_in(node: str, suspected: str) -> bool:
        (duty,) = duties(node, [camera(Protection.HOT)], PLACED, Beliefs(frozenset(suspected)))
        assert duty.generation == 7
        return duty.stands_in

    assert not stands_in("b", "a")
    assert stands_in("c", "a")


def test_a_camera_that_is_not_placed_yet_is_nobodys_duty() -> None:
    assert duties("a", [camera(Protection.HOT)], {}, Beliefs()) == []


@given(protections, sets_of_nodes)
def test_with_agreed_suspicions_as_many_of_the_living_record_as_there_should(
    protection: Protection, dead: frozenset[str]
) -> None:
    found = recorders(protection, agreeing("".join(dead)))
    wanted = 1 if protection is Protection.FAILOVER else 2
    living = [node for node in NODES if node not in dead]
    assert list(found) == living[:wanted]


@given(
    st.sampled_from([Protection.RELAYED, Protection.HOT, Protection.MIRROR]),
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


# --- Nodes that are there, and cannot record ------------------------------------------------------


def test_who_cannot_record_is_stood_in_for_and_goes_on_trying() -> None:
    assert list(sources(Protection.FAILOVER, {"a": UNABLE})) == ["a", "b"]
    assert list(sources(Protection.HOT, {"a": UNABLE})) == ["a", "b", "c"]
    assert list(sources(Protection.MIRROR, {"b": UNABLE})) == ["a", "b", "c"]
    assert list(sources(Protection.HOT, {"a": UNABLE}, dead="b")) == ["a", "c", "d"]


def test_a_cold_camera_is_stood_in_for_by_nobody_whoever_cannot_record_it() -> None:
    assert list(sources(Protection.COLD, {"a": UNABLE})) == ["a"]


def test_what_a_follower_cannot_do_changes_nothing_for_those_before_it() -> None:
    assert list(sources(Protection.HOT, {"c": UNABLE, "d": UNABLE})) == ["a", "b"]


def test_a_camera_that_nobody_can_record_is_tried_by_its_whole_list() -> None:
    for protection in (Protection.FAILOVER, Protection.HOT, Protection.RELAYED):
        assert sources(protection, dict.fromkeys(NODES, UNABLE)) == dict.fromkeys(NODES, "camera")


def test_who_is_in_no_list_records_nothing() -> None:
    assert found_by("z", Protection.HOT, Beliefs(frozenset("abcd"))) is None
    assert found_by("z", Protection.RELAYED, Beliefs(words={"z": HOLDS})) is None


words = st.sampled_from([Word(), UNABLE, HOLDS, HOLDS_AND_CANNOT_KEEP])
said = st.fixed_dictionaries(dict.fromkeys(NODES, words))


@given(
    protections,
    sets_of_nodes,
    said,
    st.fixed_dictionaries(dict.fromkeys(NODES, sets_of_nodes)),
)
def test_whatever_is_believed_somebody_who_can_records_from_the_camera(
    protection: Protection,
    dead: frozenset[str],
    words: dict[str, Word],
    wrong: dict[str, frozenset[str]],
) -> None:
    """Each of the living suspects all the dead, and whomever else; what is said is heard by all."""
    living = [node for node in NODES if node not in dead]
    found = {
        node: found_by(node, protection, Beliefs((dead | wrong[node]) - {node}, words))
        for node in living
    }
    from_camera = [node for node, duty in found.items() if duty and duty.relayed_from is None]
    able = [node for node in living if not words[node].unable]
    holding = [node for node in living if words[node].holds]
    if able:
        assert {*able, *holding} & set(from_camera)


# --- Cameras of which two streams are recorded ----------------------------------------------------


def of_streams(protection: Protection, words: Mapping[str, Word]) -> dict[str, dict[str, str]]:
    """By stream, who records it and from where, if all believe the same."""
    both: dict[str, dict[str, str]] = {}
    for node in NODES:
        for duty in duties(node, [camera(protection, MAIN, SUB)], PLACED, Beliefs(words=words)):
            both.setdefault(duty.stream.name, {})[node] = duty.relayed_from or "camera"
    return both


def test_a_stream_that_nobody_can_record_brings_no_further_node_to_the_other_one() -> None:
    no_sub = dict.fromkeys(NODES, Word(frozenset({(GATE, "sub")})))
    assert of_streams(Protection.HOT, no_sub) == {
        "main": {"a": "camera", "b": "camera"},
        "sub": dict.fromkeys(NODES, "camera"),
    }


def test_each_stream_of_a_relayed_camera_has_a_session_and_a_holder_of_its_own() -> None:
    words = {
        "a": Word(frozenset({(GATE, "sub")}), {GATE: {"main": 2381}}),
        "b": Word(holds={GATE: {"sub": 2382}}),
    }
    assert of_streams(Protection.RELAYED, words) == {
        "main": {"a": "camera", "b": "a"},
        "sub": {"a": "b", "b": "camera", "c": "b"},
    }


def test_a_stream_that_is_live_only_is_nobodys_duty() -> None:
    one = camera(Protection.HOT, MAIN, replace(SUB, recorded=False))
    assert [duty.stream for duty in duties("a", [one], PLACED, Beliefs())] == [MAIN]


# --- Nodes that are there, and say nothing --------------------------------------------------------


def test_a_silent_node_is_stood_in_for_as_one_that_cannot_record() -> None:
    for protection, names in ((Protection.FAILOVER, "ab"), (Protection.HOT, "abc")):
        beliefs = Beliefs(silent=frozenset("a"))
        found = [node for node in NODES if found_by(node, protection, beliefs)]
        assert "".join(found) == names
    assert found_by("b", Protection.COLD, Beliefs(silent=frozenset("a"))) is None


def test_the_session_of_a_silent_node_is_asked_for_unless_it_is_seen_to_have_it() -> None:
    def source(words: Mapping[str, Word]) -> str | None:
        duty = found_by("b", Protection.RELAYED, Beliefs(words=words, silent=frozenset("a")))
        assert duty is not None
        return duty.relayed_from

    assert source({}) is None
    assert source({"a": HOLDS}) == "a"


def test_silence_counts_while_at_least_half_of_those_that_are_there_are_heard() -> None:
    assert silent("b", "b") == {"b"}
    assert silent("b", "bc") == {"b"}
    assert silent("bc", "bc") == frozenset()
    assert silent("bc", "bcd") == {"b", "c"}
    assert silent("bcd", "bcd") == frozenset()


def test_who_cannot_answer_is_not_blamed_and_not_counted() -> None:
    assert silent("bc", "b") == {"b"}
    assert silent("c", "b") == frozenset()


# --- A camera that allows one session ------------------------------------------------------------


def test_of_a_relayed_camera_the_primary_has_the_session_and_the_second_awaits_it() -> None:
    assert sources(Protection.RELAYED, {}) == {"a": "camera", "b": "a"}
    assert sources(Protection.RELAYED, {"a": HOLDS}) == {"a": "camera", "b": "a"}


def test_when_the_holder_of_the_session_dies_the_next_one_takes_it_and_a_third_the_copy() -> None:
    assert sources(Protection.RELAYED, {}, dead="a") == {"b": "camera", "c": "b"}


def test_a_node_that_returns_takes_no_session_back() -> None:
    found = sources(Protection.RELAYED, {"b": HOLDS})
    assert found == {"a": "b", "b": "camera"}


def test_a_third_node_with_the_session_keeps_it_and_passes_on_to_both() -> None:
    assert sources(Protection.RELAYED, {"c": HOLDS}) == {"a": "c", "b": "c", "c": "camera"}


def test_of_two_sessions_that_of_the_later_node_ends() -> None:
    assert sources(Protection.RELAYED, {"a": HOLDS, "b": HOLDS}) == {"a": "camera", "b": "a"}


def test_who_has_the_session_and_no_disk_passes_on_to_two_others() -> None:
    assert sources(Protection.RELAYED, {"a": HOLDS_AND_CANNOT_KEEP}) == {
        "a": "camera",
        "b": "a",
        "c": "a",
    }


def test_a_second_that_cannot_keep_what_it_is_passed_is_stood_in_for() -> None:
    found = sources(Protection.RELAYED, {"a": HOLDS, "b": UNABLE})
    assert found == {"a": "camera", "b": "a", "c": "a"}


def test_a_holder_that_is_suspected_is_no_holder() -> None:
    beliefs = Beliefs(frozenset("a"), {"a": HOLDS})
    duty = found_by("b", Protection.RELAYED, beliefs)
    assert duty is not None
    assert duty.relayed_from is None


def test_who_begins_takes_no_session_before_it_has_heard_whether_another_has_it() -> None:
    assert found_by("a", Protection.RELAYED, Beliefs(unheard=frozenset("c"))) is None
    assert found_by("a", Protection.HOT, Beliefs(unheard=frozenset("c"))) is not None
    duty = found_by("a", Protection.RELAYED, Beliefs(unheard=frozenset("z")))
    assert duty is not None
