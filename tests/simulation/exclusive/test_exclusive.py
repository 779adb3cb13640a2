"""No strict resource ever runs twice, and all that is wanted runs again: docs/design/simulation.md.

A failing seed is printed with what happened; `python -m tests.simulation.exclusive.explain SEED`
shows it again.
"""

from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from tests.simulation.exclusive import systematic
from tests.simulation.exclusive.bugs import BUGS, CUT_OFF, Bug
from tests.simulation.exclusive.chance import random_plan
from tests.simulation.exclusive.changing import joining_plan, removing_plan
from tests.simulation.exclusive.explain import explain
from tests.simulation.exclusive.oracle import ViolationError
from tests.simulation.exclusive.schedule import Fault, Plan, Setting
from tests.simulation.exclusive.shrink import shrink
from tests.simulation.exclusive.world import World

BLOCKS = 10
SEEDS_OF_A_BLOCK = 200
BLOCKS_TO_PROVE = 50
SEEDS_OF_A_BLOCK_TO_PROVE = 2_000
BLOCKS_OF_CHANGES_TO_PROVE = 10
SEEDS_TO_FIND_A_BUG = 300


def run(plan: Plan) -> World:
    world = World(plan)
    try:
        world.run()
    except ViolationError as violation:
        pytest.fail(explain(plan, violation), pytrace=False)
    return world


def run_all(plans: Iterable[Plan]) -> Counter[str]:
    """What happened in them, added up."""
    happened: Counter[str] = Counter()
    for plan in plans:
        happened += run(plan).oracle.happened
    return happened


@pytest.mark.parametrize("block", range(BLOCKS))
def test_nothing_runs_twice_and_all_runs_again(block: int) -> None:
    first = block * SEEDS_OF_A_BLOCK
    happened = run_all(random_plan(seed) for seed in range(first, first + SEEDS_OF_A_BLOCK))
    # What does not happen here is not shown.
    rare = {what for what in COMMON if happened[what] < SEEDS_OF_A_BLOCK // 100}
    assert not rare


COMMON = ["starts", "takes", "early starts", "evicted", "off", "held by promises"]


@pytest.mark.prove
@pytest.mark.parametrize("block", range(BLOCKS_TO_PROVE))
def test_nothing_runs_twice_in_many_runs(
    block: int, record_property: Callable[[str, object], None]
) -> None:
    """In blocks, so that the proof goes on where it was interrupted."""
    first = BLOCKS * SEEDS_OF_A_BLOCK + block * SEEDS_OF_A_BLOCK_TO_PROVE
    seeds = range(first, first + SEEDS_OF_A_BLOCK_TO_PROVE)
    record_property("seeds", f"{seeds[0]}..{seeds[-1]}")
    run_all(random_plan(seed) for seed in seeds)


def test_each_single_isolation_before_during_and_after_a_failover_is_survived() -> None:
    run_all(systematic.isolations(nodes=3, seeds=1))


@pytest.mark.prove
def test_each_single_isolation_is_survived_with_many_delays(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("seeds", "20 for each, with 3 and with 4 nodes")
    run_all(systematic.isolations(nodes=3, seeds=20))
    run_all(systematic.isolations(nodes=4, seeds=20))


def test_a_whole_site_starts_from_cold_with_one_node_missing() -> None:
    run_all(systematic.cold_starts(seeds=10))


def test_a_node_begins_anew_while_another_is_dead() -> None:
    run_all(systematic.a_dead_node_and_restarts(seeds=2))


def test_nodes_join_whatever_else_goes_wrong() -> None:
    run_all(joining_plan(seed) for seed in range(SEEDS_OF_A_BLOCK))


def test_nodes_that_are_lost_are_removed_whatever_else_goes_wrong() -> None:
    happened = run_all(removing_plan(seed) for seed in range(SEEDS_OF_A_BLOCK))
    assert happened["removed"] > SEEDS_OF_A_BLOCK // 4


def test_nodes_join_while_a_holder_is_cut_off_from_the_store() -> None:
    run_all(joining_plan(seed, CUT_OFF) for seed in range(SEEDS_OF_A_BLOCK))


@pytest.mark.prove
@pytest.mark.parametrize("block", range(BLOCKS_OF_CHANGES_TO_PROVE))
def test_nodes_join_and_are_removed_in_many_runs(
    block: int, record_property: Callable[[str, object], None]
) -> None:
    """In each block as many where anything goes wrong as where a holder is cut off."""
    first = SEEDS_OF_A_BLOCK + block * SEEDS_OF_A_BLOCK_TO_PROVE // 4
    seeds = range(first, first + SEEDS_OF_A_BLOCK_TO_PROVE // 4)
    record_property("seeds", f"{seeds[0]}..{seeds[-1]} of each of four kinds")
    for makers in ((), CUT_OFF):
        run_all(joining_plan(seed, makers) for seed in seeds)
        run_all(removing_plan(seed, makers) for seed in seeds)


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_relaxed_rule_is_found(bug: Bug) -> None:
    with bug.made():
        for seed in range(SEEDS_TO_FIND_A_BUG):
            try:
                World(bug.plan(seed), frozenset({bug.breaks}), bug.store).run()
            except ViolationError as violation:
                print(f"{bug}: seed {seed}: {violation}")  # noqa: T201 - the seed is told
                return
    pytest.fail(f"{SEEDS_TO_FIND_A_BUG} seeds have not found {bug}")


def test_a_run_is_decided_by_its_seed() -> None:
    def story(seed: int) -> str:
        world = World(random_plan(seed), is_traced=True)
        world.run()
        return world.story()

    assert story(5) == story(5)
    assert story(5) != story(6)


def test_a_plan_is_made_smaller_as_long_as_it_breaks_the_same() -> None:
    faults = tuple(Fault(at_us, 8_000_000, kind) for at_us, kind in enumerate("xaybz"))
    small = shrink(
        Plan(Setting(seed=1, nodes=3), faults),
        lambda plan: {"a", "b"} <= {fault.kind for fault in plan.faults},
    )
    assert [fault.kind for fault in small.faults] == ["a", "b"]
    assert all(fault.lasts_us <= 100_000 for fault in small.faults)
