"""The plan after a node's loss is found faster, and is the same."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.cluster.test_placement import NAMES, camera, cameras, node, views

from tandem.cluster import replanning
from tandem.cluster.model import Camera, Protection
from tandem.cluster.placement import View, plan
from tandem.cluster.replanning import Replanning

lost = st.sets(st.sampled_from(NAMES), min_size=1, max_size=2)


def settled(view: View, wanted: list[Camera]) -> View:
    """With what was planned written, until nothing changes."""
    return replace(view, placements=plan(view, wanted).placements)


ONE_OF_TWO_IS_TO_BE_EMPTIED = View((node("n1"), node("n2")), {}, draining={"n1"})


@given(views, cameras, lost, st.booleans())
@example(ONE_OF_TWO_IS_TO_BE_EMPTIED, [camera("c1", Protection.HOT)], {"n2"}, True)
def test_the_plan_after_a_loss_is_the_one_that_is_made_from_nothing(
    view: View, wanted: list[Camera], gone: set[str], is_roomy: bool
) -> None:
    if is_roomy:
        nodes = tuple(replace(it, capacity_mbps=5000, streams=500) for it in view.nodes)
        view = replace(view, nodes=nodes)
    before = settled(view, wanted)
    after = replace(before, down={*before.down, *gone})
    planner = Replanning()
    planner.plan(before, wanted)
    assert planner.plan(after, wanted) == plan(after, wanted)
    assert planner.plan(before, wanted) == plan(before, wanted)


def site(random: Random) -> tuple[View, list[Camera]]:
    """A site of a size that people have, with room to spare."""
    nodes = tuple(
        node(f"n{number:02}", zone=random.choice(["a", "b", "c"]), mbps=900, streams=200)
        for number in range(random.randint(5, 12))
    )
    levels = list(Protection)
    wanted = [
        camera(f"c{number}", random.choice(levels), random.uniform(1, 12)) for number in range(150)
    ]
    view = View(nodes, {})
    return settled(settled(view, wanted), wanted), wanted


@pytest.mark.parametrize("seed", range(12))
def test_the_plan_after_a_loss_is_the_same_where_room_is_short(seed: int) -> None:
    random = Random(seed)
    names = [f"n{number}" for number in range(5)]
    wanted = [
        camera(f"c{number}", random.choice(list(Protection)), random.uniform(1, 12))
        for number in range(40)
    ]
    total = sum(it.bit_rate_mbps * it.protection.copies for it in wanted)
    for part in (1.2, 1.5, 1.8, 2.1):
        nodes = tuple(node(name, zone=name, mbps=total * part / len(names)) for name in names)
        view = settled(settled(View(nodes, {}), wanted), wanted)
        for name in names:
            after = replace(view, down={name})
            planner = Replanning()
            planner.plan(view, wanted)
            assert planner.plan(after, wanted) == plan(after, wanted)


def refuse(*_args: object) -> None:
    raise AssertionError("it was planned as a whole")


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_on_a_roomy_site_is_planned_without_the_rest(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    view, wanted = site(random)
    gone = set(random.sample([it.node_id for it in view.nodes], random.randint(1, 2)))
    after = replace(view, down=gone)
    planner = Replanning()
    planner.plan(view, wanted)
    expected = plan(after, wanted)
    assert not expected.concerns, "a site that is too small shows nothing"
    monkeypatch.setattr(replanning, "placed", refuse)
    found = planner.plan(after, wanted)
    assert found == expected
    assert list(found.placements) == list(expected.placements)
    assert found.changed


def test_a_change_of_anything_else_is_planned_as_a_whole() -> None:
    view, wanted = site(Random(1))
    planner = Replanning()
    planner.plan(view, wanted)
    away = {view.nodes[0].node_id}
    for after, cameras_then in (
        (replace(view, down=away), wanted[1:]),
        (replace(view, down=away, draining={view.nodes[1].node_id}), wanted),
        (replace(view, down=away, nodes=view.nodes[:-1]), wanted),
        (replace(view, down=away, placements={}), wanted),
    ):
        assert planner.plan(after, cameras_then) == plan(after, cameras_then)
        planner.plan(view, wanted)
