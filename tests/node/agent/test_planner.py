"""When a node plans, and what becomes of a plan in the store."""

import asyncio
from random import Random

from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock, camera, enter, node

from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.intent import Intent
from tandem.cluster.model import Placement, Session
from tandem.cluster.placement import Plan
from tandem.cluster.plan.planner import Plan as ResourcePlan
from tandem.cluster.plan.render import render_cameras
from tandem.cluster.plan.saved import Input
from tandem.cluster.plan.view import Service
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.planner import Planner
from tandem.node.agent.planning import BATCH
from tandem.node.agent.presence import DOWN_AFTER_US
from tandem.node.store.errors import StoreRefusedError
from tandem.node.store.fake import FakeStore, Fault, scripted
from tandem.node.store.model import Put, Snapshot, Transaction


class Bench:
    """A node that plans, on a store in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.clock = FakeClock()
        self.suspected: frozenset[str] = frozenset()
        self.noted: list[tuple[Input, Plan | ResourcePlan]] = []
        self.is_fresh = True
        self.coordinates: int | None = 0  # as if nobody had ever taken the seat
        self.catalogue = Catalogue(self.store, Random(0), lambda: None)
        self.planner = Planner(
            self.store,
            self.catalogue,
            lambda: self.suspected,
            self,
            self.clock,
            lambda made_from, plan: self.noted.append((made_from, plan)),
        )

    async def plan(self) -> None:
        """Plan by what stands in the store now."""
        for shelf in (
            self.catalogue.cameras,
            self.catalogue.placements,
            self.catalogue.nodes,
            self.catalogue.sessions,
            self.catalogue.intents,
        ):
            shelf.take((await self.store.range(shelf.prefix)).entries)
        await self.planner.look()

    def placed(self, name: str = "gate") -> Placement | None:
        found = self.store.keys.get(keys.PLACEMENTS + name)
        return Placement.decode(name, found.value) if found else None


@in_a_loop
async def test_a_camera_gets_a_primary_a_second_and_a_follower() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), node("n3"), camera())
    await bench.plan()
    placed = bench.placed()
    assert placed is not None
    assert sorted(placed.nodes) == ["n1", "n2", "n3"]
    before = bench.store.keys.revision
    await bench.plan()
    assert bench.store.keys.revision == before, "nothing is written twice"


@in_a_loop
async def test_what_a_plan_was_made_from_is_kept_and_gives_the_same_plan() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    await bench.plan()
    [(made_from, made)] = bench.noted
    assert isinstance(made, Plan)
    assert made_from.outcome() == render_cameras(made)
    assert made.placements == {"gate": bench.placed()}


@in_a_loop
async def test_who_does_not_plan_writes_nothing() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    bench.coordinates = None
    await bench.plan()
    assert bench.placed() is None
    bench.coordinates = 0
    await bench.plan()
    assert bench.placed() is not None


@in_a_loop
async def test_a_witness_gets_no_camera() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2", streams=0), node("n3"), camera())
    await bench.plan()
    placed = bench.placed()
    assert placed is not None
    assert "n2" not in placed.nodes


@in_a_loop
async def test_a_dead_node_keeps_its_cameras_for_a_minute_and_then_loses_them() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), node("n3"), camera())
    await enter(bench.store, ("n2", Session(1, 1, "x")))
    await enter(bench.store, Placement("gate", ("n2", "n1", "n3"), 1))
    bench.suspected = frozenset({"n2"})
    await bench.plan()
    bench.clock.now_us += DOWN_AFTER_US - 1
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n2", "n1", "n3"), 1)
    bench.clock.now_us += 1
    await bench.plan()
    placed = bench.placed()
    assert placed is not None
    assert placed.nodes[:2] == ("n1", "n3"), "who has recorded already becomes primary"
    assert placed.generation == 2


@in_a_loop
async def test_a_drained_node_gives_its_cameras_away_and_takes_none_until_it_is_resumed() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), node("n3"), camera())
    await enter(bench.store, Placement("gate", ("n2", "n1", "n3"), 1))
    await bench.plan()
    await enter(bench.store, ("n2", Intent(Service.DRAINING, 0)))
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n1", "n3"), 2)
    await enter(bench.store, ("n2", Intent(Service.NORMAL, 0)))
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n1", "n3", "n2"), 3), "it follows again"


@in_a_loop
async def test_a_removed_camera_loses_its_placement() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), camera(removed=True), Placement("gate", ("n1",), 1))
    await bench.plan()
    assert bench.placed() is None


@in_a_loop
async def test_what_another_planner_wrote_meanwhile_is_not_overwritten() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    theirs = Placement("gate", ("n2", "n1"), 1)
    for shelf in (bench.catalogue.cameras, bench.catalogue.nodes):
        shelf.take((await bench.store.range(shelf.prefix)).entries)
    await enter(bench.store, theirs)
    await bench.planner.look()
    assert bench.placed() == theirs


@in_a_loop
async def test_a_plan_that_the_store_did_not_take_is_made_again() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    bench.store.faults = scripted(*[None] * 5, Fault.UNAVAILABLE)
    await bench.plan()
    assert bench.placed() is None
    bench.store.faults = scripted()
    await bench.plan()
    assert bench.placed() is not None


@in_a_loop
async def test_more_cameras_than_a_transaction_takes_are_all_placed() -> None:
    bench = Bench()
    names = [f"c{number}" for number in range(BATCH + 1)]
    await enter(bench.store, node("n1"), node("n2"), *map(camera, names))
    await bench.plan()
    assert all(bench.placed(name) for name in names)


@in_a_loop
async def test_the_catalogue_is_current_when_all_of_it_was_listed() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), camera())
    following = asyncio.create_task(bench.catalogue.run())
    while not bench.catalogue.is_current:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert bench.catalogue.cameras.values == {"gate": camera()}
    assert set(bench.catalogue.worth_remembering) == {keys.CAMERAS + "gate", keys.NODES + "n1"}
    following.cancel()


@in_a_loop
async def test_following_ends_when_it_is_asked_to_though_the_store_refuses_at_that_moment() -> None:
    bench = Bench()
    asked = asyncio.Event()

    async def refuse_when_cancelled(_prefix: str) -> Snapshot:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise StoreRefusedError("no")
        raise AssertionError

    bench.store.range = refuse_when_cancelled  # type: ignore[method-assign, assignment]
    following = asyncio.create_task(bench.catalogue.run())
    await asked.wait()
    following.cancel()
    done, _ = await asyncio.wait([following], timeout=60)
    assert done


@in_a_loop
async def test_who_is_cut_off_plans_nothing_and_blames_nobody_afterwards() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    await enter(bench.store, Placement("gate", ("n2", "n1"), 1))
    bench.suspected = frozenset({"n2"})
    await bench.plan()
    bench.is_fresh = False
    bench.clock.now_us += 10 * DOWN_AFTER_US
    await bench.plan()
    bench.is_fresh = True
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n2", "n1"), 1)


@in_a_loop
async def test_a_plan_of_who_coordinates_no_more_is_not_written() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), node("n2"), camera())
    taken = Put(keys.OWNERS + COORDINATOR, b"by another node")
    bench.store.keys.transact(Transaction(success=(taken,)))
    await bench.plan()
    assert bench.placed() is None, "the seat was free when this node took it"
    bench.coordinates = bench.store.keys.revision
    await bench.plan()
    assert bench.placed() is not None


@in_a_loop
async def test_a_camera_that_this_release_cannot_read_keeps_its_placement() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), Placement("gate", ("n1",), 1))
    put = Put(keys.CAMERAS + "gate", b'{"version": 2}')
    bench.store.keys.transact(Transaction(success=(put,)))
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n1",), 1)


@in_a_loop
async def test_while_a_node_cannot_be_read_nothing_moves() -> None:
    bench = Bench()
    await enter(bench.store, node("n1"), camera(), Placement("gate", ("n2", "n1"), 1))
    put = Put(keys.NODES + "n2", b'{"version": 2}')
    bench.store.keys.transact(Transaction(success=(put,)))
    await bench.plan()
    assert bench.placed() == Placement("gate", ("n2", "n1"), 1)
    assert "n2" in bench.planner.concerns[0]
