"""What holds for every plan, whatever is there."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.cluster.plan_text import recordings

from tandem.cluster.load import cost_of, limit_of
from tandem.cluster.model import Camera, Node, Placement, Protection
from tandem.cluster.placement import FOLLOWERS, Plan, View, plan
from tandem.cluster.why import NoSecond, Overcommitted, Shortfall, Unplaced

NAMES = [f"n{number}" for number in range(1, 7)]


def node(name: str, zone: str = "", mbps: float = 100, streams: int = 50) -> Node:
    return Node(name, (), mbps, 1000, streams, zone)


def camera(name: str, protection: Protection = Protection.HOT, mbps: float = 8) -> Camera:
    return Camera(name, name, (), protection, mbps)


nodes = st.lists(
    st.builds(
        node,
        st.sampled_from(NAMES),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from([20, 60, 100]),
        st.sampled_from([3, 50]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda found: found.node_id,
).map(tuple)
cameras = st.lists(
    st.builds(
        camera,
        st.integers(1, 30).map("c{}".format),
        st.sampled_from(Protection),
        st.sampled_from([2, 4, 6.5, 30]),
    ),
    max_size=14,
    unique_by=lambda found: found.camera_id,
)
committed = st.dictionaries(
    st.integers(1, 30).map("c{}".format),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    max_size=14,
).map(lambda found: {name: Placement(name, tuple(order), 1) for name, order in found.items()})
views = st.builds(
    View,
    nodes,
    committed,
    st.sets(st.sampled_from(NAMES), max_size=2),
    st.sets(st.sampled_from(NAMES), max_size=1),
)


def available(view: View) -> set[str]:
    """Where anything may be recorded anew: on nodes that are to be emptied only if need be."""
    living = {found.node_id for found in view.nodes} - {*view.down}
    return living - {*view.draining} or living


def loads(
    view: View, wanted: list[Camera], placements: Mapping[str, Placement]
) -> dict[str, float]:
    """Each node's load, reckoned here once more from the placements alone."""
    result = {}
    for found in view.nodes:
        costs = [
            cost_of(one)
            for one in wanted
            if one.camera_id in placements
            and found.node_id in placements[one.camera_id].nodes[: one.protection.copies]
        ]
        limit = limit_of(found)
        kbps = sum(cost.kbps for cost in costs) / limit.kbps
        result[found.node_id] = max(kbps, len(costs) / limit.streams)
    return result


@given(views, cameras)
def test_every_camera_is_placed_while_any_node_is_there(view: View, wanted: list[Camera]) -> None:
    made = plan(view, wanted)
    here = available(view)
    for one in wanted if here else []:
        placed = made.placements[one.camera_id].nodes
        copies = min(one.protection.copies, len(here))
        waits = one.protection is Protection.COLD and placed[0] in view.down
        lingering = set(placed[: one.protection.copies]) & set(view.draining) - set(view.down)
        assert waits or (set(placed) - lingering <= here and len(placed) >= copies)
        assert len(placed) <= one.protection.copies + FOLLOWERS


@given(views, cameras, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_changes_nothing(
    view: View, wanted: list[Camera], random: Random
) -> None:
    shuffled = list(wanted)
    random.shuffle(shuffled)
    other = replace(view, nodes=tuple(random.sample(view.nodes, len(view.nodes))))
    assert plan(other, shuffled) == plan(view, wanted)


@given(views, cameras)
def test_a_plan_planned_again_does_not_change(view: View, wanted: list[Camera]) -> None:
    first = plan(view, wanted)
    again = plan(replace(view, placements=first.placements), wanted)
    assert again.changed == ()
    assert again.removed == ()
    assert again.concerns == first.concerns


@given(views, cameras)
def test_only_what_changed_gets_a_new_generation(view: View, wanted: list[Camera]) -> None:
    made = plan(view, wanted)
    for name, placed in made.placements.items():
        before = view.placements.get(name)
        grown = placed.generation - (before.generation if before else 0)
        assert grown == (before is None or before.nodes != placed.nodes)
        assert (placed in made.changed) == (grown == 1)


@given(views, cameras, st.sampled_from(NAMES))
def test_losing_a_node_moves_only_its_own_copies_where_the_others_have_room(
    view: View, wanted: list[Camera], lost: str
) -> None:
    roomy = tuple(replace(found, capacity_mbps=5000, streams=500) for found in view.nodes)
    view = replace(view, nodes=roomy)
    before = plan(view, wanted)
    after = plan(replace(view, placements=before.placements, down={*view.down, lost}), wanted)
    for one in wanted if available(view) else []:
        kept = recorders(before, one) - {lost}
        assert kept <= recorders(after, one)


@given(views, cameras, st.sampled_from(NAMES))
def test_emptying_a_node_costs_no_camera_a_copy(
    view: View, wanted: list[Camera], drained: str
) -> None:
    before = plan(view, wanted)
    after = plan(
        replace(view, placements=before.placements, draining={*view.draining, drained}), wanted
    )
    for one in wanted if available(view) else []:
        had = recorders(before, one) - set(view.down)
        assert len(recorders(after, one) - set(view.down)) >= len(had)


def recorders(made: Plan, one: Camera) -> set[str]:
    return set(made.placements[one.camera_id].nodes[: one.protection.copies])


@given(nodes, cameras, st.sampled_from(["", "a", "b"]))
@example((node("n1"), node("n2")), [camera("c1"), camera("c2")], "")
def test_a_new_node_takes_nothing_where_nobody_lacks_room_or_a_zone(
    there: tuple[Node, ...], wanted: list[Camera], zone: str
) -> None:
    before = plan(View(there, {}), wanted)
    more = (*there, node("n9", zone))
    after = plan(View(more, before.placements), wanted)
    in_need = {
        name
        for concern in before.concerns
        if isinstance(concern, NoSecond | Unplaced)
        for name in concern.cameras
    }
    load = loads(View(there, {}), wanted, before.placements)
    zones = {found.node_id: found.zone or found.node_id for found in there}
    for one in wanted:
        was, now = recorders(before, one), recorders(after, one)
        shares = len({zones[name] for name in was}) < len(was)
        if one.camera_id not in in_need and not shares and all(load[name] <= 1 for name in was):
            assert now == was


@given(views, cameras)
def test_a_node_is_overcommitted_only_if_the_plan_says_so(view: View, wanted: list[Camera]) -> None:
    made = plan(view, wanted)
    full = {
        name: share
        for name, share in loads(view, wanted, made.placements).items()
        if share > 1 and name in available(view)
    }
    said = {c.node_id: c.load for c in made.concerns if isinstance(c, Overcommitted)}
    assert said == full


@given(views, cameras)
def test_a_death_that_asks_too_much_is_foretold(view: View, wanted: list[Camera]) -> None:
    made = plan(view, wanted)
    here = available(view)
    now = loads(view, wanted, made.placements)
    said = {(c.dead, c.node_id) for c in made.concerns if isinstance(c, Shortfall)}
    for dead in here:
        left = {
            name: Placement(name, tuple(n for n in placed.nodes if n != dead) or ("none",), 1)
            for name, placed in made.placements.items()
        }
        # A cold camera does not move.
        moving = [one for one in wanted if one.protection is not Protection.COLD]
        fixed = [one for one in wanted if one.protection is Protection.COLD]
        after, still = loads(view, moving, left), loads(view, fixed, made.placements)
        for name in here - {dead}:
            # Both parts are at least what the whole is made of, so their sum bounds it.
            if now[name] <= 1 and after[name] > 1:
                assert (dead, name) in said
            if after[name] + still[name] <= 1:
                assert (dead, name) not in said


@given(views, cameras)
def test_every_seat_has_a_reason(view: View, wanted: list[Camera]) -> None:
    made = plan(view, wanted)
    for name, placed in made.placements.items():
        assert tuple(choice.node_id for choice in made.why[name]) == placed.nodes
        assert all(str(choice) for choice in made.why[name])
    assert all(str(concern).endswith((".", "pictures.")) for concern in made.concerns)


@settings(max_examples=20)
@given(st.integers(3, 8), st.integers(20, 60))
def test_a_fresh_plan_is_balanced_to_a_camera_or_two(count: int, many: int) -> None:
    wanted = [camera(f"c{number}", mbps=2) for number in range(many)]
    view = View(tuple(node(f"n{number}") for number in range(count)), {})
    made = plan(view, wanted)
    copies = recordings(made, wanted)
    assert max(copies.values()) - min(copies.values()) <= 1
    primaries = [sum(p.primary == name for p in made.placements.values()) for name in copies]
    assert max(primaries) - min(primaries) <= 1 + many // count // 3


def placed_on(order: Mapping[str, tuple[str, ...]]) -> dict[str, Placement]:
    return {name: Placement(name, nodes, 1) for name, nodes in order.items()}


def test_who_is_to_stand_in_and_is_full_moves_nothing_to_make_room() -> None:
    large, small = camera("large", Protection.FAILOVER, 80), camera("small", Protection.FAILOVER)
    view = View(
        (node("n1"), node("n2", mbps=85), node("n3")),
        placed_on({"large": ("n2", "n3", "n1"), "small": ("n1", "n2", "n3")}),
        down={"n1"},
    )
    made = plan(view, [large, small])
    assert made.placements["large"].primary == "n2"
    assert made.placements["small"].primary == "n3"


def test_to_make_room_no_two_copies_are_brought_into_one_zone() -> None:
    gate = camera("gate", mbps=80)
    view = View(
        (node("n1", "a"), node("n2", "b", mbps=60), node("n3", "a")),
        placed_on({"gate": ("n1", "n2", "n3")}),
    )
    made = plan(view, [gate])
    assert made.placements["gate"].nodes[:2] == ("n1", "n2")
    assert [found.node_id for found in made.concerns if isinstance(found, Overcommitted)] == ["n2"]
